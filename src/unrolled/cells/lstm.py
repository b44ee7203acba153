"""The long short-term memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.cell import Cell, Edit, Identity, Memory, Parameters, Signal, Signals, State, affine, unedited

LSTM_SIGNALS = (
    Signal("input_gate", "i", "gate", 0.0, 1.0, "save gate"),
    Signal("forget_gate", "f", "gate", 0.0, 1.0, "remember gate"),
    Signal("candidate", "g", "candidate", -1.0, 1.0, "candidate long-term memory"),
    Signal("cell", "c", "state", None, None, "long-term memory"),
    Signal("output_gate", "o", "gate", 0.0, 1.0, "focus gate"),
    Signal("hidden", "h", "state", -1.0, 1.0, "working memory"),
)

LSTM_MEMORY = Memory(
    "c = f·c₋₁ + i·g",
    "cell",
    ("forget_gate", "input_gate", "candidate"),
    keep=lambda s: s["forget_gate"],
    write=lambda s: s["input_gate"] * s["candidate"],
)

SHOWN = Identity("h = o·tanh(c)", "hidden", lambda s, p: s["output_gate"] * torch.tanh(s["cell"]))

LSTM_IDENTITIES = (LSTM_MEMORY.identity, SHOWN)


@final
@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997) with a forget gate (Gers, Schmidhuber and Cummins 2000).

        i = σ(W_ii x + b_ii + W_hi h₋₁ + b_hi)      input gate, 0 to 1
        f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)      forget gate, 0 to 1: 1 keeps, 0 forgets
        g = tanh(W_ig x + b_ig + W_hg h₋₁ + b_hg)   candidate, −1 to 1
        o = σ(W_io x + b_io + W_ho h₋₁ + b_ho)      output gate, 0 to 1
        c = f · c₋₁ + i · g                         cell state, unbounded
        h = o · tanh(c)                             hidden state, −1 to 1

    Parameters, as in `torch.nn.LSTM`: `weight_ih (4·neurons, inputs)`, `weight_hh (4·neurons, neurons)`, `bias_ih`
    and `bias_hh (4·neurons,)`, row blocks in the order i, f, g, o. With a projection (Sak, Senior and Beaufays 2014)
    there is also `weight_hr (projection, neurons)`, h = W_hr (o · tanh(c)), and `weight_hh` reads that h.
    """

    name: ClassVar[str] = "lstm"
    title: ClassVar[str] = "LSTM"
    paper: ClassVar[str] = "Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000"
    blocks: ClassVar[int] = 4
    forget_block: ClassVar[int | None] = 1
    state: ClassVar[tuple[str, ...]] = ("hidden", "cell")
    equations: ClassVar[tuple[str, ...]] = (
        "i = σ(W_ii x + b_ii + W_hi h₋₁ + b_hi)",
        "f = σ(W_if x + b_if + W_hf h₋₁ + b_hf)",
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
        return LSTM_IDENTITIES

    def parameter_shapes(self, inputs: int, neurons: int, projection: int = 0) -> dict[str, tuple[int, ...]]:
        shapes = super().parameter_shapes(inputs, neurons, projection)
        return {**shapes, "weight_hr": (projection, neurons)} if projection else shapes

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        i, f, g, o = affine(parameters, x, state["hidden"]).chunk(4, dim=-1)
        i = edit("input_gate", torch.sigmoid(i))
        f = edit("forget_gate", torch.sigmoid(f))
        g = edit("candidate", torch.tanh(g))
        c = edit("cell", f * state["cell"] + i * g)
        o = edit("output_gate", torch.sigmoid(o))
        h = o * torch.tanh(c)
        if "weight_hr" in parameters:
            h = F.linear(h, parameters["weight_hr"])
        h = edit("hidden", h)
        return {"input_gate": i, "forget_gate": f, "candidate": g, "cell": c, "output_gate": o, "hidden": h}
