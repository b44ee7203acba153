"""A stack run layer after layer, and a layer in blocks of steps of which every signal is known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.engines.engine import BLOCK, Recording, Result, past_end, reverse
from unrolled.engines.stack import Layer, Stack

State: TypeAlias = dict[str, Tensor]
RunBlock: TypeAlias = Callable[[Layer, Tensor, State], tuple[State, State]]
"""Runs a layer over `(steps, batch, inputs)`, forward in time whatever its direction, from a state `(batch, neurons)`:
every signal `(steps, batch, neurons)`, and the state after the last step."""
RunLayer: TypeAlias = Callable[[Layer, Tensor, State], tuple[Tensor, State]]
"""Runs a layer in its own direction: outputs `(steps, batch, neurons)`, and the state at the end of each sequence."""


def layer_by_layer(
    stack: Stack,
    x: Tensor,
    before: Mapping[str, Tensor],
    run_layer: RunLayer,
    *,
    training: bool,
    drop: Callable[[Tensor, float], Tensor] = F.dropout,
) -> Result:
    """Every layer over the outputs of the one below, with dropout between them while training."""
    after: list[State] = []
    for first in range(0, len(stack.layers), stack.directions):
        if first and training and stack.dropout:
            x = drop(x, stack.dropout)
        outputs: list[Tensor] = []
        for position in range(first, first + stack.directions):
            state = {name: value[position] for name, value in before.items()}
            y, last = run_layer(stack.layers[position], x, state)
            outputs.append(y)
            after.append(last)
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
    return Result(x, {name: torch.stack([last[name] for last in after]) for name in stack.cell.state})


def in_blocks(run_block: RunBlock, lengths: Tensor | None, record: Collection[str], recording: Recording) -> RunLayer:
    """Runs a layer block after block and records it; a reverse layer runs forward over its input turned round."""

    def run_layer(layer: Layer, x: Tensor, state: State) -> tuple[Tensor, State]:
        turned = Recording(None)  # a reverse layer is turned back as a whole
        x = forward_in_time(layer, x, lengths)
        outputs: list[Tensor] = []
        for start in range(0, x.shape[0], BLOCK):
            block = x[start : start + BLOCK]
            signals, last = run_block(layer, block, state)
            if lengths is not None:
                last = _last_states(signals, state, last, lengths - start, len(block))
                ended = past_end(len(block), lengths - start)[:, :, None]
                signals = {name: value.masked_fill(ended, 0.0) for name, value in signals.items()}
            outputs.append(signals["hidden"])
            state = last
            if record:
                (turned if layer.reverse else recording).add(layer, start, {name: signals[name] for name in record})
        y = torch.cat(outputs)
        if layer.reverse:
            for name, whole in turned.signals().items():
                assert name == layer.name
                recording.add(layer, 0, {signal: reverse(value, lengths) for signal, value in whole.items()})
            y = reverse(y, lengths)
        return y, state

    return run_layer


def forward_in_time(layer: Layer, x: Tensor, lengths: Tensor | None) -> Tensor:
    """What a layer reads, in the order in which it reads it, and zero past the end of a shorter sequence."""
    x = reverse(x, lengths) if layer.reverse else x
    if lengths is None:
        return x
    # Kernels read what lies past the end: let it be harmless.
    return x.masked_fill(past_end(x.shape[0], lengths)[:, :, None], 0.0)


def _last_states(signals: State, before: State, after: State, left: Tensor, steps: int) -> State:
    """The state after the block: a sequence that ended within it or earlier keeps that of its own last step."""
    index = left.clamp(1, steps)[None, :, None] - 1
    last: State = {}
    for name, value in after.items():
        at_end = signals[name].gather(0, index.expand(1, -1, value.shape[-1]))[0]
        here = torch.where((left < steps)[:, None], at_end, value)
        last[name] = torch.where((left <= 0)[:, None], before[name], here)
    return last
