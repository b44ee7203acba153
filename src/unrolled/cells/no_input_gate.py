"""The LSTM that stores whatever its candidate says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from unrolled.cells.cell import Cell, Edit, Identity, Memory, Parameters, Signal, Signals, State, affine, unedited
from unrolled.cells.lstm import LSTM, LSTM_SIGNALS, SHOWN

OPEN = 60.0
"""A sum at which σ is 1 exactly, in float64 too, and its gradient nothing."""
BIASES = ("bias_ih", "bias_hh")

NO_INPUT_GATE_MEMORY = Memory(
    "c = f·c₋₁ + g",
    "cell",
    ("forget_gate", "candidate"),
    keep=lambda s: s["forget_gate"],
    write=lambda s: s["candidate"],
)


@final
@dataclass(frozen=True)
class NoInputGateLSTM(Cell):
    """LSTM without an input gate (NIG; Greff, Srivastava, Koutník, Steunebrink and Schmidhuber 2017).

        f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)      forget gate, 0 to 1
        g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)   what is stored, −1 to 1
        o = σ(W_io x + b_io + W_ho h₋₁ + b_ho)
        c = f · c₋₁ + g
        h = o · tanh(c)

    Parameters as for `LSTM`, of three row blocks in the order f, g, o.
    """

    name: ClassVar[str] = "no-input-gate"
    title: ClassVar[str] = "LSTM without input gate"
    paper: ClassVar[str] = "Greff, Srivastava, Koutník, Steunebrink and Schmidhuber 2017"
    blocks: ClassVar[int] = 3
    forget_block: ClassVar[int | None] = 0
    state: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    equations: ClassVar[tuple[str, ...]] = (
        "f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)",
        "g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)",
        "o = σ(W_io x + b_io + W_ho h₋₁ + b_ho)",
        "c = f·c₋₁ + g",
        "h = o·tanh(c)",
    )

    @property
    def signals(self) -> tuple[Signal, ...]:
        return tuple(signal for signal in LSTM_SIGNALS if signal.name != "input_gate")

    @property
    def memory(self) -> Memory:
        return NO_INPUT_GATE_MEMORY

    @property
    def identities(self) -> tuple[Identity, ...]:
        return (NO_INPUT_GATE_MEMORY.identity, SHOWN)

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        f, g, o = affine(parameters, x, state["hidden"]).chunk(3, dim=-1)
        f = edit("forget_gate", torch.sigmoid(f))
        g = edit("candidate", torch.tanh(g))
        c = edit("cell", f * state["cell"] + g)
        o = edit("output_gate", torch.sigmoid(o))
        h = edit("hidden", o * torch.tanh(c))
        return {"forget_gate": f, "candidate": g, "cell": c, "output_gate": o, "hidden": h}

    def as_known(self, parameters: Parameters) -> tuple[Cell, Parameters]:
        """An LSTM whose input gate is open whatever it reads."""

        def with_gate(name: str, value: Tensor) -> Tensor:
            rows = value.shape[0] // self.blocks
            return torch.cat([torch.full_like(value[:rows], OPEN if name == "bias_ih" else 0.0), value])

        zeros = {name: parameters["weight_hh"].new_zeros(len(parameters["weight_hh"])) for name in BIASES}
        given = {**parameters, **{name: parameters.get(name, zero) for name, zero in zeros.items()}}
        return LSTM(), {name: with_gate(name, value) for name, value in given.items()}
