"""The simple recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from torch import Tensor

from unrolled.cells.cell import (
    ACTIVATION_RANGES,
    ACTIVATIONS,
    Cell,
    Edit,
    Parameters,
    Signal,
    Signals,
    State,
    affine,
    unedited,
)


@final
@dataclass(frozen=True)
class RNN(Cell):
    """Simple recurrent network (Elman 1990).

        h = φ(W_ih x + b_ih + W_hh h₋₁ + b_hh)

    φ is `activation`: tanh (−1 to 1), sigmoid (0 to 1) or relu (0 and up). Parameters, as in `torch.nn.RNN`:
    `weight_ih (neurons, inputs)`, `weight_hh (neurons, neurons)`, `bias_ih` and `bias_hh (neurons,)`.
    """

    activation: Literal["tanh", "sigmoid", "relu"] = "tanh"

    name: ClassVar[str] = "rnn"
    title: ClassVar[str] = "RNN"
    paper: ClassVar[str] = "Elman 1990"
    blocks: ClassVar[int] = 1
    state: ClassVar[tuple[str, ...]] = ("hidden",)
    equations: ClassVar[tuple[str, ...]] = ("h = φ(W_ih x + b_ih + W_hh h₋₁ + b_hh)",)

    @property
    def signals(self) -> tuple[Signal, ...]:
        low, high = ACTIVATION_RANGES[self.activation]
        return (Signal("hidden", "h", "state", low, high, "working memory"),)

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        return {"hidden": edit("hidden", ACTIVATIONS[self.activation](affine(parameters, x, state["hidden"])))}
