"""The LSTM whose gates see the cell state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from unrolled.cells.cell import Cell, Edit, Identity, Memory, Parameters, Signal, Signals, State, affine, unedited
from unrolled.cells.lstm import LSTM_IDENTITIES, LSTM_MEMORY, LSTM_SIGNALS


@final
@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """Peephole LSTM (Gers and Schmidhuber 2000): an LSTM whose gates also read the cell state, each neuron its own.

        i = σ(W_ii x + b_ii + W_hi h₋₁ + b_hi + p_i · c₋₁)
        f = σ(W_if x + b_if + W_hf h₋₁ + b_hf + p_f · c₋₁)
        g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)
        c = f · c₋₁ + i · g
        o = σ(W_io x + b_io + W_ho h₋₁ + b_ho + p_o · c)
        h = o · tanh(c)

    The input and forget gates see c₋₁, the output gate sees c. Parameters as for `LSTM`, and
    `weight_ch (3·neurons,)` holding p_i, p_f, p_o.
    """

    name: ClassVar[str] = "peephole"
    title: ClassVar[str] = "Peephole LSTM"
    paper: ClassVar[str] = "Gers and Schmidhuber 2000"
    blocks: ClassVar[int] = 4
    forget_block: ClassVar[int | None] = 1
    state: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    equations: ClassVar[tuple[str, ...]] = (
        "i = σ(W_ii x + b_ii + W_hi h₋₁ + b_hi + p_i·c₋₁)",
        "f = σ(W_if x + b_if + W_hf h₋₁ + b_hf + p_f·c₋₁)",
        "g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)",
        "c = f·c₋₁ + i·g",
        "o = σ(W_io x + b_io + W_ho h₋₁ + b_ho + p_o·c)",
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
        return LSTM_IDENTITIES

    def parameter_shapes(self, inputs: int, neurons: int, projection: int = 0) -> dict[str, tuple[int, ...]]:
        return {**super().parameter_shapes(inputs, neurons, projection), "weight_ch": (3 * neurons,)}

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        i, f, g, o = affine(parameters, x, state["hidden"]).chunk(4, dim=-1)
        peep_i, peep_f, peep_o = parameters["weight_ch"].chunk(3)
        i = edit("input_gate", torch.sigmoid(i + peep_i * state["cell"]))
        f = edit("forget_gate", torch.sigmoid(f + peep_f * state["cell"]))
        g = edit("candidate", torch.tanh(g))
        c = edit("cell", f * state["cell"] + i * g)
        o = edit("output_gate", torch.sigmoid(o + peep_o * c))
        h = edit("hidden", o * torch.tanh(c))
        return {"input_gate": i, "forget_gate": f, "candidate": g, "cell": c, "output_gate": o, "hidden": h}
