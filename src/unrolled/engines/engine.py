"""What an engine is: a way to run a stack of cells over time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor

from unrolled.engines.stack import Layer, Stack

BLOCK = 512
"""Steps that are recorded at a time: a cell state rebuilt from gates is anchored again this often."""

Sink: TypeAlias = Callable[[str, int, Mapping[str, Tensor]], None]
"""Takes a layer's name, the first step of a block and its signals `(steps, batch, neurons)`; the tensors may be reused
after it returns. Blocks of a forward layer come in the order of time, those of a reverse layer in any order."""


@dataclass(frozen=True)
class Edit:
    """Holds a signal of some neurons at a value while the stack runs.

    Args:
        layer: the layer's name (`l0`, `l1_reverse`).
        signal: the signal's name.
        neurons: which ones; None for all.
        value: a number, or a tensor `(steps, batch, neurons)` or one that broadcasts to it.
        steps: the span of steps in which it holds; None for all.
    """

    layer: str
    signal: str
    value: float | Tensor
    neurons: Sequence[int] | None = None
    steps: range | None = None


@dataclass(frozen=True)
class Result:
    """What a run gives.

    outputs: `(steps, batch, neurons · directions)` of the last layer; zero past the end of a shorter sequence.
    state: the carried signals after each sequence's last step, `(layers · directions, batch, neurons)`.
    signals: layer name → signal name → `(steps, batch, neurons)`; empty where a sink took them.
    """

    outputs: Tensor
    state: dict[str, Tensor]
    signals: dict[str, dict[str, Tensor]] = field(default_factory=dict[str, dict[str, Tensor]])


class Engine(ABC):
    """A way to run a stack; every engine gives the numbers of `reference`."""

    name: ClassVar[str]

    @abstractmethod
    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        """Why this engine cannot run the stack so, in one clause; None where it can."""

    @abstractmethod
    def run(
        self,
        stack: Stack,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        record: Collection[str] = (),
        edits: Sequence[Edit] = (),
        sink: Sink | None = None,
        training: bool = False,
    ) -> Result:
        """Runs the stack over time.

        Args:
            stack: the cells and their parameters.
            inputs: `(steps, batch, inputs)`, at least one step.
            state: the carried signals before the first step; zeros where None.
            lengths: `(batch,)` steps of each sequence, 1 to `steps`; None where all are as long as the inputs.
            record: names of the signals to record, of every layer. Recorded values carry no gradient.
            edits: what is held while it runs.
            sink: takes the recorded signals block by block instead of the result.
            training: whether dropout acts.
        """


class Recording:
    """Gathers recorded blocks of one layer after another, or hands them on to a sink."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._blocks: dict[str, list[tuple[int, dict[str, Tensor]]]] = {}

    def add(self, layer: Layer, start: int, signals: Mapping[str, Tensor]) -> None:
        if self._sink is not None:
            self._sink(layer.name, start, signals)
        else:
            self._blocks.setdefault(layer.name, []).append((start, dict(signals)))

    def signals(self) -> dict[str, dict[str, Tensor]]:
        whole: dict[str, dict[str, Tensor]] = {}
        for layer, blocks in self._blocks.items():
            parts = [signals for _, signals in sorted(blocks, key=lambda block: block[0])]
            whole[layer] = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return whole


def past_end(steps: int, lengths: Tensor) -> Tensor:
    """`(steps, batch)`: true where a sequence has already ended."""
    return torch.arange(steps, device=lengths.device)[:, None] >= lengths[None, :]


def reverse(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Turns each sequence of `(steps, batch, …)` round within its own length; what lies past its end stays."""
    if lengths is None:
        return values.flip(0)
    steps = torch.arange(values.shape[0], device=values.device)[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return values.gather(0, index.reshape(*index.shape, *[1] * (values.dim() - 2)).expand_as(values))
