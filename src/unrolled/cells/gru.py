"""The gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.cell import Cell, Edit, Identity, Memory, Parameters, Signal, Signals, State, unedited

GRU_SIGNALS = (
    Signal("reset_gate", "r", "gate", 0.0, 1.0, "reset gate"),
    Signal("update_gate", "z", "gate", 0.0, 1.0, "update gate"),
    Signal("candidate", "n", "candidate", -1.0, 1.0, "candidate memory"),
    Signal("hidden", "h", "state", -1.0, 1.0, "working memory"),
)

GRU_MEMORY = Memory(
    "h = (1 − z)·n + z·h₋₁",
    "hidden",
    ("update_gate", "candidate"),
    keep=lambda s: s["update_gate"],
    write=lambda s: (1 - s["update_gate"]) * s["candidate"],
)


@final
@dataclass(frozen=True)
class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014), in PyTorch's form: the reset gate acts after the product.

        r = σ(W_ir x + b_ir + W_hr h₋₁ + b_hr)          reset gate, 0 to 1
        z = σ(W_iz x + b_iz + W_hz h₋₁ + b_hz)          update gate, 0 to 1: 1 keeps, 0 replaces
        n = tanh(W_in x + b_in + r · (W_hn h₋₁ + b_hn))  candidate, −1 to 1
        h = (1 − z) · n + z · h₋₁                       hidden state, −1 to 1

    Parameters, as in `torch.nn.GRU`: `weight_ih (3·neurons, inputs)`, `weight_hh (3·neurons, neurons)`, `bias_ih` and
    `bias_hh (3·neurons,)`, row blocks in the order r, z, n.
    """

    name: ClassVar[str] = "gru"
    title: ClassVar[str] = "GRU"
    paper: ClassVar[str] = "Cho et al. 2014"
    blocks: ClassVar[int] = 3
    state: ClassVar[tuple[str, ...]] = ("hidden",)
    equations: ClassVar[tuple[str, ...]] = (
        "r = σ(W_ir x + b_ir + W_hr h₋₁ + b_hr)",
        "z = σ(W_iz x + b_iz + W_hz h₋₁ + b_hz)",
        "n = tanh(W_in x + b_in + r·(W_hn h₋₁ + b_hn))",
        "h = (1 − z)·n + z·h₋₁",
    )

    @property
    def signals(self) -> tuple[Signal, ...]:
        return GRU_SIGNALS

    @property
    def memory(self) -> Memory:
        return GRU_MEMORY

    @property
    def identities(self) -> tuple[Identity, ...]:
        return (GRU_MEMORY.identity,)

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        hidden = state["hidden"]
        from_x = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
        from_h = F.linear(hidden, parameters["weight_hh"], parameters.get("bias_hh"))
        xr, xz, xn = from_x.chunk(3, dim=-1)
        hr, hz, hn = from_h.chunk(3, dim=-1)
        r = edit("reset_gate", torch.sigmoid(xr + hr))
        z = edit("update_gate", torch.sigmoid(xz + hz))
        n = edit("candidate", torch.tanh(xn + r * hn))
        h = edit("hidden", (1 - z) * n + z * hidden)
        return {"reset_gate": r, "update_gate": z, "candidate": n, "hidden": h}
