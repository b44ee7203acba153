"""What a cell is: named signals, parameters in PyTorch's layout, and one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Parameters: TypeAlias = Mapping[str, Tensor]
State: TypeAlias = Mapping[str, Tensor]
Signals: TypeAlias = dict[str, Tensor]
Edit: TypeAlias = Callable[[str, Tensor], Tensor]
"""Takes a signal's name and its freshly computed value; what it returns is what the rest of the step sees."""

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
}
ACTIVATION_RANGES: Mapping[str, tuple[float | None, float | None]] = {
    "tanh": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "relu": (0.0, None),
}


@dataclass(frozen=True)
class Signal:
    """One vector that a cell computes at each step.

    `low` and `high` bound its values (None: unbounded); `article` is its name in "Exploring LSTMs" (2017).
    """

    name: str
    symbol: str
    role: Literal["gate", "candidate", "state"]
    low: float | None
    high: float | None
    article: str


@dataclass(frozen=True)
class Identity:
    """An equation between recorded signals alone, such as c = f·c₋₁ + i·g.

    `right` gets every signal at t and the states at t − 1 (keys as in `Cell.state`),
    and returns what `signal` should be.
    """

    equation: str
    signal: str
    right: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Memory:
    """How a cell remembers, each neuron by itself: state = keep · state₋₁ + write.

    `keep` and `write` are functions of the signals that `reads` names, at the same step.
    """

    equation: str
    signal: str
    reads: tuple[str, ...]
    keep: Callable[[Mapping[str, Tensor]], Tensor]
    write: Callable[[Mapping[str, Tensor]], Tensor]

    @property
    def identity(self) -> Identity:
        """That the state is what was kept and what was written."""
        return Identity(
            self.equation, self.signal, lambda now, before: self.keep(now) * before[self.signal] + self.write(now)
        )


def unedited(name: str, value: Tensor) -> Tensor:
    """The edit that changes nothing."""
    return value


def affine(parameters: Parameters, x: Tensor, hidden: Tensor) -> Tensor:
    """W_ih x + b_ih + W_hh h₋₁ + b_hh, `(batch, blocks · neurons)`."""
    return F.linear(x, parameters["weight_ih"], parameters.get("bias_ih")) + F.linear(
        hidden, parameters["weight_hh"], parameters.get("bias_hh")
    )


class Cell(ABC):
    """The equations of one recurrent layer.

    Subclasses are final and frozen. `blocks` counts the row blocks of `weight_ih` (4 for an LSTM), in the order the
    subclass's docstring gives.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    blocks: ClassVar[int]
    forget_block: ClassVar[int | None] = None
    """Which of them is the forget gate's; None where there is none."""
    state: ClassVar[tuple[str, ...]]
    """The signals that are carried from step to step."""
    equations: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def signals(self) -> tuple[Signal, ...]:
        """The signals that `step` returns, in the order it computes them."""

    @abstractmethod
    def step(self, parameters: Parameters, x: Tensor, state: State, edit: Edit = unedited) -> Signals:
        """One step of time.

        Args:
            parameters: tensors named and shaped as `parameter_shapes` says; a missing bias counts as zero.
            x: `(batch, inputs)`.
            state: the signals of `state` at t − 1, each `(batch, neurons)`.
            edit: may replace each signal as it is made; later signals see the replaced value.

        Returns:
            Every signal by name, each `(batch, neurons)`, in the dtype of the inputs (float32 or float64).
        """

    def parameter_shapes(self, inputs: int, neurons: int, projection: int = 0) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters of one layer, in PyTorch's layout and order."""
        rows, hidden = self.blocks * neurons, projection or neurons
        return {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, hidden),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def state_sizes(self, neurons: int, projection: int = 0) -> dict[str, int]:
        """How many numbers each carried signal has; with a projection `hidden` has `projection` of them."""
        return {name: projection if name == "hidden" and projection else neurons for name in self.state}

    @property
    def memory(self) -> Memory | None:
        """How it keeps and writes its state; None where a state is no sum of what was written."""
        return None

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Equations that hold between the recorded signals at every step."""
        return ()

    def as_known(self, parameters: Parameters) -> tuple[Cell, Parameters]:
        """A cell that every engine knows, with parameters for which it computes the same signals and, it may be, more.

        By default the cell itself. Gradients flow through to the given parameters.
        """
        return self, parameters

    @property
    def main_signal(self) -> str:
        """What a command means that names a neuron and no signal: the cell state where there is one."""
        return "cell" if "cell" in self.state else "hidden"

    def signal(self, name: str) -> Signal:
        """The signal of that name; KeyError where there is none."""
        return {signal.name: signal for signal in self.signals}[name]
