"""A plain loop over time: the numbers that every other engine must give."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from unrolled.cells.cell import Edit
from unrolled.engines.blocks import layer_by_layer
from unrolled.engines.edit import Hold, make_holds
from unrolled.engines.engine import BLOCK, Engine, Recording, Request, Result, past_end
from unrolled.engines.stack import Layer, Stack


class ReferenceEngine(Engine):
    """Any cell, any device, float32 and float64, with gradients and edits; slow, for it is a Python loop."""

    name: ClassVar[str] = "reference"

    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        return None

    def run_request(self, request: Request) -> Result:
        stack, record, recording = request.stack, request.record, Recording(request.sink)
        x, before, lengths = request.as_vectors()

        def run_layer(layer: Layer, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            holds = make_holds(request.edits, layer, x.shape[0])
            return self._run_layer(stack, layer, x, state, lengths, record, holds, recording)

        with torch.set_grad_enabled(torch.is_grad_enabled() and not record):
            result = layer_by_layer(stack, x, before, run_layer, training=request.training)
        return replace(result, signals=recording.signals())

    def _run_layer(
        self,
        stack: Stack,
        layer: Layer,
        x: Tensor,
        state: dict[str, Tensor],
        lengths: Tensor | None,
        record: Collection[str],
        holds: Sequence[Hold],
        recording: Recording,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        steps = x.shape[0]
        ended = past_end(steps, lengths) if lengths is not None else None
        outputs: list[Tensor | None] = [None] * steps
        kept: dict[str, list[Tensor]] = {name: [] for name in record}
        order = range(steps - 1, -1, -1) if layer.reverse else range(steps)
        for t in order:
            signals = stack.cell.step(layer.parameters, x[t], state, _edit_at(holds, t))
            if ended is None:
                outputs[t] = signals["hidden"]
                state = {name: signals[name] for name in stack.cell.state}
            else:
                over = ended[t][:, None]
                outputs[t] = signals["hidden"].masked_fill(over, 0.0)
                state = {name: torch.where(over, state[name], signals[name]) for name in stack.cell.state}
            for name, values in kept.items():
                value = signals[name]
                values.append(value.masked_fill(ended[t][:, None], 0.0) if ended is not None else value)
            whole = t % BLOCK == 0 if layer.reverse else (t + 1) % BLOCK == 0 or t + 1 == steps
            if record and whole:
                block = {name: torch.stack(values[::-1] if layer.reverse else values) for name, values in kept.items()}
                recording.add(layer, t - t % BLOCK, block)
                kept = {name: [] for name in record}
        return torch.stack([output for output in outputs if output is not None]), state


def _edit_at(holds: Sequence[Hold], t: int) -> Edit:
    """What holds at step t, as a function of a signal's name and value."""

    def apply(name: str, value: Tensor) -> Tensor:
        for hold in holds:
            if hold.signal == name:
                value = hold.applied(t, value)
        return value

    return apply
