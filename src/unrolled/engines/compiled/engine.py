"""The compiled engine: our own kernels, on the processor, in float32."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from unrolled.engines.compiled.autograd import run_differentiably
from unrolled.engines.compiled.dropout import dropout
from unrolled.engines.compiled.kernels import Kernels, find_kernels
from unrolled.engines.compiled.layer import CELLS, PackedLayer, Pass, pad
from unrolled.engines.engine import BLOCK, Edit, Engine, Recording, Result, Sink, check_request, reverse
from unrolled.engines.stack import Stack
from unrolled.errors import ModelError

NEAR = 1 << 19
"""Floats of gates that a block has where none are kept: they stay in the processor's cache."""


class CompiledEngine(Engine):
    """RNN, GRU, LSTM and peephole LSTM; every signal is recorded in the pass that computes it."""

    name: ClassVar[str] = "compiled"

    def __init__(self, kernels: Kernels | None = None) -> None:
        """`kernels`: others than the fastest that this processor can run."""
        self._kernels = kernels or find_kernels()

    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        if isinstance(self._kernels, str):
            return self._kernels
        if editing:
            return "its kernels cannot be edited while they run"
        if stack.cell.name not in CELLS:
            return f"it has no kernel for the {stack.cell.title} cell"
        if stack.projection:
            return "its kernels know no projection"
        weights = [tensor for layer in stack.layers for tensor in layer.parameters.values()]
        if any(tensor.device.type != "cpu" for tensor in weights):
            return "its kernels run on the processor alone"
        if any(tensor.dtype != torch.float32 for tensor in weights) or torch.is_autocast_enabled("cpu"):
            return "its kernels compute in float32 alone"
        return None

    def run(
        self,
        stack: Stack,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        record: Collection[str] = (),
        edits: Sequence[Edit] = (),
        sink: Sink | None = None,
        training: bool = False,
    ) -> Result:
        check_request(stack, inputs, state, lengths, record, edits)
        if why_not := self.why_not(stack, recording=bool(record), editing=bool(edits)):
            raise ModelError(
                f"The engine 'compiled' cannot run this: {why_not}.", "Let choose_engine take one that can."
            )
        assert isinstance(self._kernels, Kernels)
        run = _Run(self._kernels, stack, training)
        lengths = lengths.to(torch.int64).contiguous() if lengths is not None else None
        if torch.is_grad_enabled() and not record:
            return run.differentiably(inputs, state, lengths)
        with torch.no_grad():
            if stack.bidirectional:
                return run.in_both_directions(inputs, state, lengths, record, Recording(sink))
            return run.block_by_block(inputs, state, lengths, record, Recording(sink), streaming=sink is not None)


class _Run:
    """A stack, packed, and the ways to run it."""

    def __init__(self, kernels: Kernels, stack: Stack, training: bool) -> None:
        self.kernels, self.stack, self.training = kernels, stack, training

    def _packed(self, position: int, by_symbol: bool, lengths: Tensor | None) -> PackedLayer:
        layer = self.stack.layers[position]
        backwards = layer.reverse and lengths is None  # with lengths, its input is turned round instead
        return PackedLayer(self.kernels, self.stack.cell, layer.parameters, reverse=backwards, by_symbol=by_symbol)

    def _first(self, state: Mapping[str, Tensor] | None, batch: int) -> list[Mapping[str, Tensor]]:
        """What each layer carries before the first step."""
        layers = range(len(self.stack.layers))
        if state is not None:
            return [{name: value[position] for name, value in state.items()} for position in layers]
        zeros = torch.zeros(batch, self.kernels.padded(self.stack.neurons))
        return [dict.fromkeys(self.stack.cell.state, zeros)] * len(layers)

    def _between(self, x: Tensor, first: int) -> Tensor:
        return dropout(x, self.stack.dropout) if first and self.training else x

    def _layer_after_layer(
        self, x: Tensor, lengths: Tensor | None, run: Callable[[int, PackedLayer, Tensor], Tensor]
    ) -> Tensor:
        """Whole sequences; a reverse layer reads its input turned round where the sequences have lengths.

        Args:
            run: takes a layer's position, the layer and its input; gives its hidden states.
        """
        for first in range(0, len(self.stack.layers), self.stack.directions):
            x, outputs = self._between(x, first), list[Tensor]()
            for position in range(first, first + self.stack.directions):
                turned = self._turned(position, lengths)
                packed = self._packed(position, not x.is_floating_point(), lengths)
                y = run(position, packed, reverse(x, lengths) if turned else x)
                outputs.append(reverse(y, lengths) if turned else y)
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
        return x

    def _turned(self, position: int, lengths: Tensor | None) -> bool:
        return self.stack.layers[position].reverse and lengths is not None

    def differentiably(self, x: Tensor, state: Mapping[str, Tensor] | None, lengths: Tensor | None) -> Result:
        """Through autograd."""
        like = self.stack.layers[0].parameters["weight_hh"]
        before = self.stack.zero_state(x.shape[1], like) if state is None else state
        names, after = tuple(self.stack.cell.state), list[Sequence[Tensor]]()

        def run(position: int, packed: PackedLayer, given: Tensor) -> Tensor:
            parameters = self.stack.layers[position].parameters
            rest = (*(before[name][position] for name in names), *parameters.values())
            y, *last = run_differentiably(packed, tuple(parameters), given, lengths, rest)
            after.append(last)
            return y

        outputs = self._layer_after_layer(x, lengths, run)
        return Result(
            outputs, {name: torch.stack(each) for name, each in zip(names, zip(*after, strict=True), strict=True)}
        )

    def in_both_directions(
        self,
        x: Tensor,
        state: Mapping[str, Tensor] | None,
        lengths: Tensor | None,
        record: Collection[str],
        recording: Recording,
    ) -> Result:
        before, after = self._first(state, x.shape[1]), list[Mapping[str, Tensor]]()

        def run(position: int, packed: PackedLayer, given: Tensor) -> Tensor:
            done = packed.forward(packed.new_pass(given, before[position], lengths, training=False))
            signals = packed.signals(done)
            after.append(packed.last(done))
            kept = {name: signals[name] for name in record}
            if self._turned(position, lengths):
                kept = {name: reverse(value, lengths) for name, value in kept.items()}
            if record:
                recording.add(self.stack.layers[position], 0, kept)
            return signals["hidden"]

        return self._result(self._layer_after_layer(x, lengths, run), after, recording)

    def _result(self, x: Tensor, after: Sequence[Mapping[str, Tensor]], recording: Recording) -> Result:
        neurons = self.stack.neurons
        state = {name: torch.stack([last[name][:, :neurons] for last in after]) for name in self.stack.cell.state}
        return Result(x, state, recording.signals())

    def _block(self, batch: int, record: Collection[str], streaming: bool, steps: int) -> int:
        if record:
            return BLOCK if streaming else steps
        places = self.kernels.padded(self.stack.neurons)
        return max(1, NEAR // (max(1, batch) * self.stack.cell.blocks * places))

    def block_by_block(
        self,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None,
        lengths: Tensor | None,
        record: Collection[str],
        recording: Recording,
        *,
        streaming: bool,
    ) -> Result:
        """A block of steps through all layers, then the next: no more memory for a longer sequence."""
        steps, batch = inputs.shape[:2]
        layers = [
            self._packed(position, not position and not inputs.is_floating_point(), lengths)
            for position in range(len(self.stack.layers))
        ]
        states = self._first(state, batch)
        outputs = list[Tensor]()
        block = self._block(batch, record, streaming, steps)
        for start in range(0, steps, block):
            x = inputs[start : start + block]
            left = lengths - start if lengths is not None else None
            for position, packed in enumerate(layers):
                x = self._between(x, position)
                done = packed.forward(packed.new_pass(x, states[position], left, training=False))
                states[position] = _carried(packed, done, states[position])
                signals = packed.signals(done)
                if record:
                    recording.add(self.stack.layers[position], start, {name: signals[name] for name in record})
                x = signals["hidden"]
            outputs.append(x)
        return self._result(outputs[0] if len(outputs) == 1 else torch.cat(outputs), states, recording)


def _carried(packed: PackedLayer, done: Pass, before: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The states after a block, padded: a sequence that had ended before keeps its own."""
    if done.lengths is None:
        return packed.last(done)
    steps = done.x.shape[0]
    here = done.lengths.clamp(1, steps)
    last = packed.last(Pass(done.x, done.gates, done.states, done.hidden, done.first, here))
    ended = (done.lengths <= 0)[:, None]
    return {name: torch.where(ended, pad(before[name], packed.places), value) for name, value in last.items()}
