"""The layer without memory, to compare the others with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import torch.nn.functional as F
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
    unedited,
)


@final
@dataclass(frozen=True)
class FeedForward(Cell):
    """A layer that sees the present step alone (Rosenblatt 1958; Rumelhart, Hinton and Williams 1986).

        h = φ(W_ih x + b_ih)

    φ is `activation`: tanh (−1 to 1), sigmoid (0 to 1) or relu (0 and up). Parameters: `weight_ih (neurons, inputs)`
    and `bias_ih (neurons,)`. It carries no state.
    """

    activation: Literal["tanh", "sigmoid", "relu"] = "tanh"

    name: ClassVar[str] = "feedforward"
    title: ClassVar[str] = "Feed-forward"
    paper: ClassVar[str] = "Rosenblatt 1958; Rumelhart, Hinton and Williams 1986"
    blocks: ClassVar[int] = 1
    state: ClassVar[tuple[str, ...]] = ()
    equations: ClassVar[tuple[str, ...]] = ("h = φ(W_ih x + b_ih)",)

    @property
    def signals(self) -> tuple[Signal, ...]:
        low, high = ACTIVATION_RANGES[self.activation]
        return (Signal("hidden", "h", "state", low, high, "working memory"),)

    def parameter_shapes(self, inputs: int, neurons: int, projection: int = 0) -> dict[str, tuple[int, ...]]:
        return {"weight_ih": (neurons, inputs), "bias_ih": (neurons,)}

    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        value = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
        return {"hidden": edit("hidden", ACTIVATIONS[self.activation](value))}
