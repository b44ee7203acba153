"""The compiled engine: our own kernels, on the processor, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from unrolled.engines.blocks import State, layer_by_layer
from unrolled.engines.compiled.autograd import run_differentiably
from unrolled.engines.compiled.dropout import dropout
from unrolled.engines.compiled.holding import turned
from unrolled.engines.compiled.kernels import Kernels, find_kernels
from unrolled.engines.compiled.layer import CELLS, PackedLayer, Pass, pad
from unrolled.engines.edit import make_holds
from unrolled.engines.engine import BLOCK, Engine, Recording, Request, Result, reverse
from unrolled.engines.stack import Layer, Stack

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
        if stack.cell.name not in CELLS:
            return f"it has no kernel for the {stack.cell.title} cell"
        if stack.projection:
            return "its kernels know no projection"
        weights = [tensor for layer in stack.layers for tensor in layer.parameters.values()]
        if any(tensor.device.type != "cpu" for tensor in weights):
            return "its kernels run on the processor alone"
        if any(tensor.dtype != torch.float32 for tensor in weights) or torch.is_autocast_enabled("cpu"):
            return "its kernels compute in float32 alone"
        if editing and not recording and torch.is_grad_enabled():
            return "its kernels give no gradient where signals are held; within torch.no_grad() they hold them"
        return None

    def run_request(self, request: Request) -> Result:
        assert isinstance(self._kernels, Kernels)
        given = request.lengths
        run = _Run(self._kernels, request, given.to(torch.int64).contiguous() if given is not None else None)
        if torch.is_grad_enabled() and not request.record:
            return run.differentiably()
        with torch.no_grad():
            return run.in_both_directions() if request.stack.bidirectional else run.block_by_block()


class _Run:
    """A request, and the ways to run it; `lengths` are int64."""

    def __init__(self, kernels: Kernels, request: Request, lengths: Tensor | None) -> None:
        self.kernels, self.request, self.lengths = kernels, request, lengths
        self.stack, self.recording = request.stack, Recording(request.sink)

    def _packed(self, layer: Layer, *, by_symbol: bool) -> PackedLayer:
        backwards = layer.reverse and self.lengths is None  # with lengths, its input is turned round instead
        holds = make_holds(self.request.edits, layer, len(self.request.inputs))
        if layer.reverse and self.lengths is not None:
            holds = [turned(hold, self.lengths) for hold in holds]
        return PackedLayer(
            self.kernels, self.stack.cell, layer.parameters, reverse=backwards, by_symbol=by_symbol, holds=holds
        )

    def _layer_by_layer(self, run: Callable[[Layer, PackedLayer, Tensor, State], tuple[Tensor, State]]) -> Result:
        """Whole sequences; a reverse layer reads its input turned round where the sequences have lengths.

        Args:
            run: takes a layer as it is and ready for the kernels, its input and the state before; gives the hidden
                states and the state after.
        """

        def run_layer(layer: Layer, x: Tensor, state: State) -> tuple[Tensor, State]:
            turned = self._turned(layer)
            y, last = run(layer, self._packed(layer, by_symbol=x.dim() == 2), turned(x), state)
            return turned(y), last

        x, before, training = self.request.inputs, self.request.state, self.request.training
        if before is None:
            before = self.stack.zero_state(x.shape[1], self.stack.layers[0].parameters["weight_hh"])
        return layer_by_layer(self.stack, x, before, run_layer, training=training, drop=dropout)

    def _turned(self, layer: Layer) -> Callable[[Tensor], Tensor]:
        """Turns values round where the kernel does not."""
        around = layer.reverse and self.lengths is not None
        return lambda values: reverse(values, self.lengths) if around else values

    def differentiably(self) -> Result:
        """Through autograd."""

        def run(layer: Layer, packed: PackedLayer, x: Tensor, state: State) -> tuple[Tensor, State]:
            names = self.stack.cell.state
            rest = (*(state[name] for name in names), *layer.parameters.values())
            y, *last = run_differentiably(packed, tuple(layer.parameters), x, self.lengths, rest)
            return y, dict(zip(names, last, strict=True))

        return self._layer_by_layer(run)

    def in_both_directions(self) -> Result:
        """Without gradients, recording what is asked for."""
        record = self.request.record

        def run(layer: Layer, packed: PackedLayer, x: Tensor, state: State) -> tuple[Tensor, State]:
            done = packed.forward(packed.new_pass(x, state, self.lengths, training=False))
            signals, turned = packed.signals(done), self._turned(layer)
            if record:
                self.recording.add(layer, 0, {name: turned(signals[name]) for name in record})
            last = {name: value[:, : packed.neurons] for name, value in packed.last(done).items()}
            return signals["hidden"], last

        return replace(self._layer_by_layer(run), signals=self.recording.signals())

    def _block(self, steps: int, batch: int) -> int:
        """Steps that go through all layers at a time."""
        if self.request.record:
            return steps if self.request.sink is None else BLOCK
        places = self.kernels.padded(self.stack.neurons)
        return max(1, NEAR // (max(1, batch) * self.stack.cell.blocks * places))

    def _first(self, batch: int) -> list[Mapping[str, Tensor]]:
        """What each layer carries before the first step, `(batch, neurons)` or padded."""
        state, layers = self.request.state, range(len(self.stack.layers))
        if state is not None:
            return [{name: value[position] for name, value in state.items()} for position in layers]
        zeros = torch.zeros(batch, self.kernels.padded(self.stack.neurons))
        return [dict.fromkeys(self.stack.cell.state, zeros)] * len(layers)

    def block_by_block(self) -> Result:
        """A block of steps through all layers, then the next: no more memory for a longer sequence."""
        stack, inputs, record = self.stack, self.request.inputs, self.request.record
        steps, batch = inputs.shape[:2]
        layers = [self._packed(layer, by_symbol=not layer.index and inputs.dim() == 2) for layer in stack.layers]
        states, outputs = self._first(batch), list[Tensor]()
        block = self._block(steps, batch)
        for start in range(0, steps, block):
            x = inputs[start : start + block]
            left = self.lengths - start if self.lengths is not None else None
            for position, packed in enumerate(layers):
                if position and self.request.training:
                    x = dropout(x, stack.dropout)
                done = packed.forward(packed.new_pass(x, states[position], left, training=False, start=start))
                states[position] = _carried(packed, done, states[position])
                signals = packed.signals(done)
                if record:
                    self.recording.add(stack.layers[position], start, {name: signals[name] for name in record})
                x = signals["hidden"]
            outputs.append(x)
        state = {name: torch.stack([last[name][:, : stack.neurons] for last in states]) for name in stack.cell.state}
        whole = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return Result(whole, state, self.recording.signals())


def _carried(packed: PackedLayer, done: Pass, before: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The states after a block, padded: a sequence that had ended before keeps its own."""
    if done.lengths is None:
        return packed.last(done)
    steps = done.x.shape[0]
    here = done.lengths.clamp(1, steps)
    last = packed.last(Pass(done.x, done.gates, done.states, done.hidden, done.first, here))
    ended = (done.lengths <= 0)[:, None]
    return {name: torch.where(ended, pad(before[name], packed.places), value) for name, value in last.items()}
