"""Batches that can be gone on with: each loader's place is a few numbers that a checkpoint keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.errors import SourceError
from unrolled.sources.tasks.task import Task


@dataclass(frozen=True)
class Batch:
    """What one update learns from.

    inputs, targets: `(steps, batch)` of int64; the target at t is the input at t + 1.
    weights: `(steps, batch)`, 1 where the loss counts and 0 elsewhere; None where it counts everywhere.
        Where several networks learn side by side, all three have them in front.
    carries: whether the state of the update before goes on here.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None
    carries: bool


class Batches(ABC):
    """An endless stream of batches."""

    carry: ClassVar[bool]
    """Whether a batch ever goes on from the state of the one before."""

    @abstractmethod
    def next(self) -> Batch:
        """What the next update learns from."""

    def next_beside(self, others: Sequence[Batches]) -> Batch:
        """The next batches of this and of others like it, at the same place, side by side: `(networks, steps, batch)`.

        They have as many steps each here; a class where they differ fills shorter ones up with steps of weight 0.
        """
        batches = [self.next(), *(other.next() for other in others)]

        def beside(values: Sequence[Tensor]) -> Tensor:
            return torch.stack(list(values)) if others else values[0][None]

        inputs, targets = beside([each.inputs for each in batches]), beside([each.targets for each in batches])
        weights = [each.weights for each in batches if each.weights is not None]
        return Batch(inputs, targets, beside(weights) if weights else None, batches[0].carries)

    @abstractmethod
    def place(self) -> dict[str, Any]:
        """Where it stands, as JSON."""

    @abstractmethod
    def go_to(self, place: dict[str, Any]) -> None:
        """Goes on from where `place` was taken."""


class TextBatches(Batches):
    """A text cut into `batch` streams of equal length, read side by side `unroll` symbols at a time.

    The state is carried from batch to batch (truncated back-propagation through time, Williams and Peng 1990) until
    the streams end; then they begin again from a zero state. What is left over at the end of a stream is too short for
    a batch and is left out, as are fewer than `batch` symbols at the end of the text.

    Args:
        symbols: `(symbols,)`, may be a memory map: only what a batch needs is read.

    Raises:
        SourceError: the text is too short for one batch.
    """

    carry = True

    def __init__(self, symbols: NDArray[Any], batch: int, unroll: int) -> None:
        self._symbols = symbols
        self._unroll = unroll
        self._length = len(symbols) // batch
        if self._length < unroll + 1:
            raise SourceError(
                f"The training part has {len(symbols):,} symbols, too few for {batch} streams of {unroll} + 1.",
                "Give a longer text, or a smaller --batch or --unroll.",
            )
        self._starts = np.arange(batch, dtype=np.int64) * self._length
        self._position = 0

    def next(self) -> Batch:
        if self._position + self._unroll + 1 > self._length:
            self._position = 0
        places = self._starts[None, :] + (self._position + np.arange(self._unroll + 1))[:, None]
        window = torch.from_numpy(self._symbols[places].astype(np.int64))
        carries = self._position > 0
        self._position += self._unroll
        return Batch(window[:-1], window[1:], None, carries)

    def place(self) -> dict[str, Any]:
        return {"position": self._position}

    def go_to(self, place: dict[str, Any]) -> None:
        self._position = int(place["position"])


class TaskBatches(Batches):
    """Fresh examples of a task, each its own sequence from a zero state.

    Args:
        knowable: whether only symbols count that can be known from what came before.
    """

    carry = False

    def __init__(self, task: Task, batch: int, seed: int, *, knowable: bool) -> None:
        self._task = task
        self._batch = batch
        self._knowable = knowable
        self._generator = np.random.default_rng(seed)

    def next(self) -> Batch:
        several = self.next_beside([])
        assert several.weights is not None
        return Batch(several.inputs[0], several.targets[0], several.weights[0], carries=False)

    def next_beside(self, others: Sequence[Batches]) -> Batch:
        several = [self, *cast(Sequence[TaskBatches], others)]
        # Chance is each one's own; the rest is done for all at once, which takes hardly longer than for one.
        draws = zip(*(each._task.draw(each._generator, each._batch) for each in several), strict=True)
        numbers, lengths, knowable = self._task.lay_out(*map(np.concatenate, draws))
        longest = int(numbers.shape[1])
        shape = (len(several), self._batch, longest)
        counts = knowable if self._knowable else np.arange(longest) < lengths[:, None]

        def steps_first(values: NDArray[Any], kind: type[np.number[Any]]) -> Tensor:
            return torch.from_numpy(values.reshape(shape).transpose(0, 2, 1).astype(kind, order="C"))

        symbols, weights = steps_first(numbers, np.int64), steps_first(counts, np.float32)
        return Batch(symbols[:, :-1], symbols[:, 1:], weights[:, 1:], carries=False)

    def place(self) -> dict[str, Any]:
        return {"generator": self._generator.bit_generator.state}

    def go_to(self, place: dict[str, Any]) -> None:
        self._generator.bit_generator.state = place["generator"]
