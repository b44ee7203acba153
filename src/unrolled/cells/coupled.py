"""The LSTM whose input gate is what its forget gate leaves over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from unrolled.cells.cell import Cell, Edit, Identity, Memory, Parameters, Signal, Signals, State, affine, unedited
from unrolled.cells.lstm import LSTM, LSTM_IDENTITIES, LSTM_MEMORY, LSTM_SIGNALS

COUPLED_IDENTITIES = (Identity("i = 1 − f", "input_gate", lambda s, p: 1 - s["forget_gate"]), *LSTM_IDENTITIES)


@final
@dataclass(frozen=True)
class CoupledLSTM(Cell):
    """LSTM with coupled input and forget gate (CIFG; Greff, Srivastava, Koutník, Steunebrink and Schmidhuber 2017).

        f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)      forget gate, 0 to 1
        i = 1 − f                                   input gate: it stores where it forgets, and only there
        g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)
        o = σ(W_io x + b_io + W_ho h₋₁ + b_ho)
        c = f · c₋₁ + i · g
        h = o · tanh(c)

    Parameters as for `LSTM`, of three row blocks in the order f, g, o.
    """

    name: ClassVar[str] = "coupled"
    title: ClassVar[str] = "Coupled LSTM"
    paper: ClassVar[str] = "Greff, Srivastava, Koutník, Steunebrink and Schmidhuber 2017"
    blocks: ClassVar[int] = 3
    forget_block: ClassVar[int | None] = 0
    state: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    equations: ClassVar[tuple[str, ...]] = (
        "f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)",
        "i = 1 − f",
        "g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)",
        "o = σ(W_io x + b_io + W_ho h₋₁ + b_ho)",
        "c = f·c₋₁ + i·g",
        "h = o·tanh(c)",
    )

    @property
    def signals(self) -> tuple[Signal, ...]:
        return LSTM_SIGNALS

    @property
    def memory(self) -> Memory:
        return LSTM_MEMORY

    @property
    def identities(self) -> tuple[Identity, ...]:
        return COUPLED_IDENTITIES

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        z, g, o = affine(parameters, x, state["hidden"]).chunk(3, dim=-1)
        i = edit("input_gate", torch.sigmoid(-z))
        f = edit("forget_gate", torch.sigmoid(z))
        g = edit("candidate", torch.tanh(g))
        c = edit("cell", f * state["cell"] + i * g)
        o = edit("output_gate", torch.sigmoid(o))
        h = edit("hidden", o * torch.tanh(c))
        return {"input_gate": i, "forget_gate": f, "candidate": g, "cell": c, "output_gate": o, "hidden": h}

    def as_known(self, parameters: Parameters) -> tuple[Cell, Parameters]:
        """An LSTM whose input gate has the forget gate's weights with the other sign: σ(−z) = 1 − σ(z)."""
        rows = next(iter(parameters.values())).shape[0] // self.blocks
        return LSTM(), {name: torch.cat([-value[:rows], value]) for name, value in parameters.items()}
