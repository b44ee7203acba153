"""One layer as the kernels want it: matrices packed, everything padded to whole vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.cell import Cell
from unrolled.cells.rnn import RNN
from unrolled.engines.compiled.kernels import Kernels, LayerCall, layer_call
from unrolled.engines.compiled.memory import empty

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
    """

    x: Tensor
    gates: Tensor
    states: Tensor | None
    hidden: Tensor
    first: dict[str, Tensor]
    lengths: Tensor | None


class PackedLayer:
    """A layer of one of `CELLS`, with its matrices packed for the forward pass.

    Args:
        parameters: float32, on the CPU; a missing bias counts as zero.
        by_symbol: whether inputs come as symbols.
    """

    def __init__(
        self, kernels: Kernels, cell: Cell, parameters: Mapping[str, Tensor], *, reverse: bool, by_symbol: bool
    ) -> None:
        self.kernels, self.cell, self.parameters = kernels, cell, parameters
        self.reverse, self.by_symbol = reverse, by_symbol
        self._packed = {"panels": self._pack(parameters["weight_hh"], back=False)}
        bias_ih, bias_hh = self._bias("bias_ih"), self._bias("bias_hh")
        if cell.name == "gru":  # the reset gate acts on what h gives the candidate, its bias included
            self._packed["extra"] = bias_hh[2].contiguous()
            bias_hh = torch.cat([bias_hh[:2], torch.zeros_like(bias_hh[2:])])
        elif cell.name == "peephole":
            self._packed["extra"] = pad(parameters["weight_ch"].reshape(3, self.neurons), self.places)
        bias = bias_ih + bias_hh
        if by_symbol:
            self._packed["table"] = self._table(bias)
        else:
            self._packed |= {"bias": bias, "x_panels": self._pack(parameters["weight_ih"], back=False)}

    def _table(self, bias: Tensor) -> Tensor:
        """What each symbol gives every gate: `(symbols, blocks, places)`."""
        table = empty((self.inputs, self.cell.blocks, self.places))
        given = self.parameters["weight_ih"].t().reshape(self.inputs, self.cell.blocks, self.neurons)
        torch.add(given, bias[:, : self.neurons], out=table[..., : self.neurons])
        table[..., self.neurons :] = 0
        return table

    @property
    def neurons(self) -> int:
        return self.parameters["weight_hh"].shape[1]

    @property
    def inputs(self) -> int:
        return self.parameters["weight_ih"].shape[1]

    @property
    def places(self) -> int:
        return self.kernels.padded(self.neurons)

    def _bias(self, name: str) -> Tensor:
        blocks, bias = self.cell.blocks, self.parameters.get(name)
        if bias is None:
            return self.parameters["weight_hh"].new_zeros(blocks, self.places)
        return pad(bias.reshape(blocks, self.neurons), self.places)

    def _pack(self, weights: Tensor, *, back: bool) -> Tensor:
        cell, inputs = CELLS[self.cell.name], weights.shape[1]
        packed = empty((self.kernels.packed_size(cell, inputs, self.places, back=back),))
        pack = getattr(self.kernels.functions, f"unrolled_pack_{'back' if back else 'forward'}")
        weights = weights.contiguous()
        pack(cell, inputs, self.neurons, self.places, weights.data_ptr(), packed.data_ptr())
        return packed

    def _numbers(self, x: Tensor) -> dict[str, int]:
        return {
            "cell": CELLS[self.cell.name],
            "activation": ACTIVATIONS[self.cell.activation] if isinstance(self.cell, RNN) else 0,
            "steps": x.shape[0],
            "batch": x.shape[1],
            "inputs": self.inputs,
            "x_stride": 0 if self.by_symbol else x.stride(1),
            "neurons": self.neurons,
            "padded": self.places,
            "direction": -1 if self.reverse else 1,
        }

    def new_pass(self, x: Tensor, first: Mapping[str, Tensor], lengths: Tensor | None, *, training: bool) -> Pass:
        """Room for a pass over x.

        Args:
            first: the carried signals before the first step, `(batch, neurons)`.
            lengths: `(batch,)` of int64; a reverse layer takes none.
            training: whether a pass back may follow.
        """
        steps, batch = x.shape[:2]
        if not self.by_symbol and (x.stride(2) != 1 or x.stride(0) != batch * x.stride(1)):
            x = x.contiguous()
        gates = empty((steps, batch, self.cell.blocks, self.places))
        rnn, keeps = self.cell.name == "rnn", "cell" in self.cell.state or (training and self.cell.name == "gru")
        return Pass(
            x=x.contiguous() if self.by_symbol else x,
            gates=gates,
            states=empty((steps, batch, self.places)) if keeps else None,
            hidden=gates[:, :, 0] if rnn else empty((steps, batch, self.places)),
            first={name: pad(value, self.places) for name, value in first.items()},
            lengths=lengths,
        )

    def forward(self, room: Pass) -> Pass:
        """Fills a pass."""
        self.kernels.call("forward", self._numbers(room.x), self._arrays(room))
        return room

    def _arrays(self, room: Pass) -> dict[str, Tensor | None]:
        given = {"symbols": room.x} if self.by_symbol else {"x": room.x}
        arrays = {"gates": room.gates, "states": room.states, "hidden": room.hidden, "lengths": room.lengths}
        return {**arrays, **given, **self._first(room), **self._packed}

    def forward_call(self, room: Pass) -> LayerCall:
        """What `forward` gives the kernel, for kernels that run layers themselves; lives while the pass and this do."""
        return layer_call(self._numbers(room.x), self._arrays(room))

    def _first(self, done: Pass) -> dict[str, Tensor]:
        return {f"first_{name}": value for name, value in done.first.items()}

    def signals(self, done: Pass) -> dict[str, Tensor]:
        """Every signal `(steps, batch, neurons)`, views of the pass."""
        signals = {name: done.gates[:, :, at, : self.neurons] for at, name in enumerate(BLOCKS[self.cell.name])}
        if "cell" in self.cell.state and done.states is not None:
            signals["cell"] = done.states[..., : self.neurons]
        signals["hidden"] = done.hidden[..., : self.neurons]
        return signals

    def last(self, done: Pass) -> dict[str, Tensor]:
        """The carried signals after each sequence's last step, `(batch, neurons)`."""
        signals = self.signals(done)
        at = 0 if self.reverse else -1
        if done.lengths is None:
            return {name: signals[name][at].clone() for name in self.cell.state}
        index = (done.lengths - 1)[None, :, None].expand(1, -1, self.neurons)
        return {name: signals[name].gather(0, index)[0] for name in self.cell.state}

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
        arrays = {
            "gates": done.gates,
            "states": done.states,
            "hidden": done.hidden,
            "lengths": done.lengths,
            "from_outputs": pad(from_outputs, self.places),
            "from_hidden": pad(from_last["hidden"], self.places),
            "from_gates": from_gates,
            "panels": self._pack(self.parameters["weight_hh"], back=True),
            "extra": self._packed.get("extra"),
        }
        carried = torch.zeros(batch, self.places)
        if "cell" in from_last:
            carried[:, : self.neurons] = from_last["cell"]
        arrays["from_cell" if "cell" in from_last else "from_first"] = carried
        self.kernels.call("back", self._numbers(done.x), {**arrays, **self._first(done)})
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
