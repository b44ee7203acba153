"""One layer as the kernels want it: matrices packed, everything padded to whole vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.cell import Cell
from unrolled.cells.rnn import RNN
from unrolled.engines.compiled.holding import Holds
from unrolled.engines.compiled.kernels import Kernels, LayerCall, Parameters
from unrolled.engines.compiled.memory import empty
from unrolled.engines.edit import Hold

CELLS = {"rnn": 0, "gru": 1, "lstm": 2, "peephole": 3}
"""Cells that there are kernels for, by their number in kernels.c."""
ACTIVATIONS = {"tanh": 0, "relu": 1, "sigmoid": 2}

BLOCKS = {
    "rnn": ("hidden",),
    "gru": ("reset_gate", "update_gate", "candidate"),
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "peephole": ("input_gate", "forget_gate", "candidate", "output_gate"),
}
"""What each block of `Pass.gates` is."""


def pad(values: Tensor, places: int) -> Tensor:
    """Contiguous values with zeros after the last neuron."""
    more = places - values.shape[-1]
    return F.pad(values, (0, more)) if more else values.contiguous()


@dataclass(frozen=True)
class Pass:
    """A pass over time; `places` is the number of neurons, padded.

    x: `(steps, batch, inputs)`, or symbols `(steps, batch)` of int64.
    gates: `(steps, batch, blocks, places)`; an RNN's hidden states.
    states: `(steps, batch, places)`: an LSTM's c, what h gives a GRU's candidate; None where there is neither.
    hidden: `(steps, batch, places)`.
    first: the carried signals before the first step, `(batch, places)`.
    start: what the first step is counted as where something is held.
    """

    x: Tensor
    gates: Tensor
    states: Tensor | None
    hidden: Tensor
    first: dict[str, Tensor]
    lengths: Tensor | None
    start: int = 0


class PackedLayer:
    """A layer of one of `CELLS`, its parameters made ready for the pass forward.

    Args:
        parameters: float32, on the CPU; a missing bias counts as zero.
        by_symbol: whether inputs come as symbols.
        holds: what is held while it runs forward; there is no pass back then. Steps are counted in the order of the
            kernel, in which a reverse layer with lengths reads its input turned round.
    """

    def __init__(
        self,
        kernels: Kernels,
        cell: Cell,
        parameters: Mapping[str, Tensor],
        *,
        reverse: bool,
        by_symbol: bool,
        holds: Sequence[Hold] = (),
    ) -> None:
        self.kernels, self.cell = kernels, cell
        self.reverse, self.by_symbol = reverse, by_symbol
        self.parameters = {name: value.contiguous() for name, value in parameters.items()}
        self.inputs, self.neurons = parameters["weight_ih"].shape[1], parameters["weight_hh"].shape[1]
        self.places = kernels.padded(self.neurons)
        self._call = LayerCall(
            cell=CELLS[cell.name],
            activation=ACTIVATIONS[cell.activation] if isinstance(cell, RNN) else 0,
            inputs=self.inputs,
            neurons=self.neurons,
            padded=self.places,
            direction=-1 if reverse else 1,
            threads=torch.get_num_threads(),
        )
        pointers = Parameters(**{name: value.data_ptr() for name, value in self.parameters.items()})
        self._ready = kernels.make_ready(self._call, pointers, by_symbol=by_symbol)
        if holds:
            self._holds = Holds(holds, cell, self.neurons, kernels.lanes)
            self._holds.give_to(self._call)

    def new_pass(
        self, x: Tensor, first: Mapping[str, Tensor], lengths: Tensor | None, *, training: bool, start: int = 0
    ) -> Pass:
        """Room for a pass over x.

        Args:
            first: the carried signals before the first step, `(batch, neurons)` or padded.
            lengths: `(batch,)` of int64; a reverse layer takes none.
            training: whether a pass back may follow.
            start: what the first step is counted as where something is held.
        """
        steps, batch = x.shape[:2]
        if self.by_symbol or x.stride(2) != 1 or x.stride(0) != batch * x.stride(1):
            x = x.contiguous()
        gates = empty((steps, batch, self.cell.blocks, self.places))
        rnn, keeps = self.cell.name == "rnn", "cell" in self.cell.state or (training and self.cell.name == "gru")
        return Pass(
            x=x,
            gates=gates,
            states=empty((steps, batch, self.places)) if keeps else None,
            hidden=gates[:, :, 0] if rnn else empty((steps, batch, self.places)),
            first={name: pad(value, self.places) for name, value in first.items()},
            lengths=lengths,
            start=start,
        )

    def forward_call(self, room: Pass) -> LayerCall:
        """What `forward` gives the kernel, for kernels that run layers themselves; lives while the pass and this do."""
        call = self._call_over(room)
        if self.by_symbol:
            call.symbols = room.x.data_ptr()
        else:
            call.x, call.x_stride = room.x.data_ptr(), room.x.stride(1)
        return call

    def _call_over(self, room: Pass) -> LayerCall:
        call = LayerCall.from_buffer_copy(self._call)
        (call.steps, call.batch), call.first_step = room.x.shape[:2], room.start
        call.gates, call.hidden = room.gates.data_ptr(), room.hidden.data_ptr()
        call.first_hidden = room.first["hidden"].data_ptr()
        if room.states is not None:
            call.states = room.states.data_ptr()
        if "cell" in room.first:
            call.first_cell = room.first["cell"].data_ptr()
        if room.lengths is not None:
            call.lengths = room.lengths.data_ptr()
        return call

    def forward(self, room: Pass) -> Pass:
        """Fills a pass."""
        self.kernels.forward(self.forward_call(room))
        return room

    def signals(self, done: Pass) -> dict[str, Tensor]:
        """Every signal `(steps, batch, neurons)`, views of the pass."""
        signals = dict(zip(BLOCKS[self.cell.name], done.gates[..., : self.neurons].unbind(2), strict=True))
        if "cell" in self.cell.state and done.states is not None:
            signals["cell"] = done.states[..., : self.neurons]
        signals["hidden"] = done.hidden[..., : self.neurons]
        return signals

    def last(self, done: Pass) -> dict[str, Tensor]:
        """The carried signals after each sequence's last step, `(batch, places)`, perhaps views of the pass."""
        kept = {"hidden": done.hidden, "cell": done.states}
        signals = {name: signal for name in self.cell.state if (signal := kept[name]) is not None}
        if done.lengths is None:
            return {name: signal[0 if self.reverse else -1] for name, signal in signals.items()}
        index = (done.lengths - 1)[None, :, None].expand(1, -1, self.places)
        return {name: signal.gather(0, index)[0] for name, signal in signals.items()}

    def back(
        self, done: Pass, from_outputs: Tensor, from_last: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The gradients of what goes into the gates, and of the first states.

        Args:
            from_outputs: gradients of the hidden states, `(steps, batch, neurons)`.
            from_last: those of the last states, `(batch, neurons)`.

        Returns:
            `(steps, batch, blocks, places)` (a GRU's has four blocks: n as x sees it, then r, z, n as h sees them),
            and `(batch, places)` by name.
        """
        self._clean_padding(done)
        steps, batch = done.x.shape[:2]
        from_gates = empty((steps, batch, 4 if self.cell.name == "gru" else self.cell.blocks, self.places))
        panels = self.kernels.pack(CELLS[self.cell.name], self.parameters["weight_hh"], self.places, back=True)
        from_outputs, from_hidden = pad(from_outputs, self.places), pad(from_last["hidden"], self.places)
        carried = torch.zeros(batch, self.places)
        if "cell" in from_last:
            carried[:, : self.neurons] = from_last["cell"]
        call = self._call_over(done)
        call.panels, call.from_gates = panels.data_ptr(), from_gates.data_ptr()
        call.from_outputs, call.from_hidden = from_outputs.data_ptr(), from_hidden.data_ptr()
        setattr(call, "from_cell" if "cell" in from_last else "from_first", carried.data_ptr())
        self.kernels.back(call)
        depth = self.cell.blocks * self.places
        flat = from_gates.flatten(2)[:, :, -depth:]
        edge = flat[-1 if self.reverse else 0]
        from_hidden = self.multiply(edge, self._padded_rows("weight_hh"))
        first = {"hidden": pad(from_hidden, self.places)}
        if "cell" in from_last:
            first["cell"] = carried
        elif self.cell.name == "gru":
            first["hidden"] = first["hidden"] + carried
        return from_gates, first

    def _clean_padding(self, done: Pass) -> None:
        """Padding is zeros times the inputs: no number where one is infinite, and the products back would spread it."""
        if self.places == self.neurons or self.by_symbol or done.x.sum().isfinite():
            return
        for values in (done.gates, done.states, done.hidden):
            if values is not None:
                values[..., self.neurons :] = 0

    def _padded_rows(self, name: str) -> Tensor:
        weights = self.parameters[name]
        blocks, inputs = self.cell.blocks, weights.shape[1]
        if self.places == self.neurons:
            return weights.contiguous()
        whole = weights.new_zeros(blocks, self.places, inputs)
        whole[:, : self.neurons] = weights.view(blocks, self.neurons, inputs)
        return whole.view(-1, inputs)

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        return self.kernels.multiply(a, b, empty((a.shape[0], b.shape[1])))

    def from_weights(self, done: Pass, from_gates: Tensor) -> dict[str, Tensor]:
        """The gradients of the parameters: products over all steps at once."""
        steps, batch = done.x.shape[:2]
        gru = self.cell.name == "gru"
        by_row = from_gates.flatten(2).flatten(0, 1)
        depth = self.cell.blocks * self.places
        of_x, of_h = by_row[:, :depth], by_row[:, -depth:]  # a GRU's: n, r, z, and r, z, n
        width, here = self.inputs, self.places
        if self.by_symbol:
            table = self.kernels.add_by_symbol(done.x, by_row, width)  # also what it does not need of a GRU's
            weight_ih, bias_ih = table[:, :depth].t(), table[:, :depth].sum(0)
            bias_hh = table[:, -depth:].sum(0)
        else:
            rows = done.x.as_strided((steps * batch, width), (done.x.stride(1), 1))
            weight_ih = self.multiply(of_x.t(), rows)
            sums = by_row.sum(0)
            bias_ih, bias_hh = sums[:depth], sums[-depth:]
        # h before each step: the hidden states one step earlier (or later, in reverse), and the first.
        flat = done.hidden.reshape(steps, batch, here)
        weight_hh = torch.empty(depth, self.neurons)
        edge, rest, before = (-1, slice(None, -1), flat[1:]) if self.reverse else (0, slice(1, None), flat[:-1])
        steps_of = of_h.view(steps, batch, depth)
        first = done.first["hidden"][:, : self.neurons]
        self.kernels.multiply(steps_of[edge].t(), first, weight_hh)
        if steps > 1:
            inner = before.reshape(-1, here)[:, : self.neurons]
            self.kernels.multiply(steps_of[rest].flatten(0, 1).t(), inner, weight_hh, add=True)
        gradients = {"weight_hh": self._unpad(weight_hh), "bias_hh": self._unpad(bias_hh)}
        order = (1, 2, 0) if gru else None
        return {"weight_ih": self._unpad(weight_ih, order), "bias_ih": self._unpad(bias_ih, order), **gradients}

    def _unpad(self, rows: Tensor, order: tuple[int, ...] | None = None) -> Tensor:
        blocks = rows.reshape(self.cell.blocks, self.places, *rows.shape[1:])[:, : self.neurons]
        return (blocks[list(order)] if order else blocks).flatten(0, 1)

    def from_inputs(self, from_gates: Tensor) -> Tensor:
        """The gradient of x, `(steps, batch, inputs)`."""
        steps, batch = from_gates.shape[:2]
        depth = self.cell.blocks * self.places
        weights = self._padded_rows("weight_ih")
        if self.cell.name == "gru":
            r, z, n = weights.view(3, self.places, -1)
            weights = torch.cat([n, r, z])
        rows = from_gates.flatten(2).flatten(0, 1)[:, :depth]
        return self.multiply(rows, weights).view(steps, batch, self.inputs)

    def from_peepholes(self, done: Pass, from_gates: Tensor) -> Tensor:
        """The gradient of `weight_ch`."""
        assert done.states is not None
        c, first = done.states, done.first["cell"][None]
        before = torch.cat([c[1:], first]) if self.reverse else torch.cat([first, c[:-1]])
        i, f, _, o = from_gates.unbind(2)
        sums = [(gate * seen).sum((0, 1)) for gate, seen in ((i, before), (f, before), (o, c))]
        return torch.cat([each[: self.neurons] for each in sums])
