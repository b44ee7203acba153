"""What chance gives where neurons and labels both change slowly: the labels are moved along the text, in a circle.

Moved far enough, a label has nothing to do with what the neuron does, but it changes as slowly as before and is true as
often. That is what a score has to beat (for slow signals: Harris 2020, "Nonsense correlations in neuroscience").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.engines.compiled.kernels import find_kernels
from unrolled.engines.compiled.linear import product
from unrolled.neurons.find.labels import UNSAID, Question

Array: TypeAlias = npt.NDArray[Any]

NEAREST = 0.02
"""Share of the part by which a label is moved at least, either way."""
DIGITS = 1e-6
"""Share of a sum of squares below which a difference is nothing but rounding."""
AT_ONCE = 2048
"""Steps that are multiplied at a time."""
DRIFT_BLOCKS, SHORTEST = 20, 250
"""A part is cut into so many blocks, none shorter; of each, every neuron's mean is left out. What drifts over the whole
part goes with whatever else drifts, and no shift has so long a slope as the label as it is."""


def most_shifts(part: range) -> int:
    """By how many distances a label can be moved along a part."""
    return len(part) - 2 * _nearest(part) + 1


def _nearest(part: range) -> int:
    return min(max(1, int(NEAREST * len(part))), (len(part) - 1) // 2)


class Shifts:
    """How strongly each of several neurons goes with a label, as it is and moved by each of many distances."""

    def __init__(
        self, question: Question, neurons: int, part: range, count: int, keep: Callable[[Array], Array]
    ) -> None:
        """
        Args:
            part: the steps that the circle is made of.
            count: distances; fewer where the part has not so many steps.
            keep: puts away an array that is read again and again.
        """
        self._question, self._part, self._keep = question, part, keep
        self._nearest = _nearest(part)
        reach = most_shifts(part)
        self.count = max(0, min(count, reach))
        self._apart = reach // max(1, self.count)
        self._label = self._codes = torch.empty(0)
        """Two rounds of the circle in a row, so that what is moved over the end goes on at the start."""
        columns = 1 if question.kind != "class" else question.groups
        said = 1 + self.count if not question.always else 1
        self._sums, self._squares = np.zeros((1 + self.count, columns, neurons)), np.zeros((said, neurons))
        blocks = max(1, min(DRIFT_BLOCKS, len(part) // SHORTEST))
        self._ends = [len(part) * (block + 1) // blocks for block in range(blocks)]
        # Of the block that is being read: sums of the neurons and of the label, and steps at which it says something.
        self._values, self._labels = np.zeros((said, neurons)), np.zeros((1 + self.count, columns))
        self._steps = np.zeros((said, 1))

    def add(self, start: int, places: Array) -> None:
        """Takes values `(neurons, steps)` of float32, about 0 in the mean, from step `start` on."""
        if not len(self._label) and not len(self._codes):
            self._lay_circles()
        at, done = start - self._part.start, 0
        while done < places.shape[1]:
            stop = min(done + AT_ONCE, places.shape[1], done + self._ends[0] - at)
            self._add(at, torch.from_numpy(places[:, done:stop].T))
            at, done = at + stop - done, stop
            if at == self._ends[0]:
                self._end_block()

    def strengths(self) -> Array:
        """`(neurons, 1 + shifts)`, the label as it is first: the correlation, or √η² of classes."""
        question, part = self._question, slice(self._part.start, self._part.stop)
        counts = np.bincount(question.codes[part].astype(np.int64) + 1, minlength=question.groups + 1)[1:]
        spread = np.where(self._squares > 1e-6 * self._part.stop, self._squares, np.inf)  # else it does not vary
        if question.kind == "class":
            means = (self._sums**2 / np.maximum(counts, 1)[:, None]).sum(axis=1)
            return np.sqrt(np.clip(means / spread, 0, 1)).T
        asked = question.columns(part)[:, 0].astype(np.float64)
        variance = max(float(np.square(asked).sum() - asked.sum() ** 2 / max(1, int(counts.sum()))), 1e-9)
        return (self._sums[:, 0] / np.sqrt(variance * spread)).T

    def _lay_circles(self) -> None:
        question, part = self._question, slice(self._part.start, self._part.stop)
        if question.kind != "class":
            self._label = self._twice(question.columns(part)[:, 0])
        if question.kind == "class" or not question.always:
            self._codes = self._twice(question.codes[part])

    def _add(self, at: int, places: torch.Tensor) -> None:
        steps, neurons = places.shape
        table = torch.cat([places, torch.ones(steps, 1), places**2], dim=1)  # the ones sum the label itself
        if self._question.kind == "class":
            by_class = _by_class(self._moved(self._codes, at, steps), table, self._question.groups)
            asked, said = by_class[..., : neurons + 1], by_class.sum(axis=1)[: len(self._squares)]
        else:
            asked = _products(self._moved(self._label, at, steps), table[:, : neurons + 1])[:, None]
            speaking = [torch.ones(1, steps)]
            if not self._question.always:
                speaking = [codes != UNSAID for codes in self._moved(self._codes, at, steps)]
            said = _products(speaking, table)
        self._sums += asked[..., :neurons]
        self._labels += asked[..., neurons]
        self._values += said[:, :neurons]
        self._steps += said[:, [neurons]]
        self._squares += said[:, neurons + 1 :]

    def _end_block(self) -> None:
        """Leaves out the neurons' means over the block."""
        steps = np.maximum(self._steps, 1)
        self._sums -= self._values[:, None] * (self._labels / steps)[..., None]
        self._squares -= self._values**2 / steps
        self._ends.pop(0)
        for sums in (self._values, self._labels, self._steps):
            sums[:] = 0

    def _moved(self, circle: torch.Tensor, at: int, steps: int) -> list[torch.Tensor]:
        """What it says at the steps, `(1, steps)`, and at those so far on, `(shifts, steps)`; not copied."""
        far = circle[at + self._nearest :].as_strided((self.count, steps), (self._apart, 1))
        return [circle[None, at : at + steps], far]

    def _twice(self, values: Array) -> torch.Tensor:
        return torch.from_numpy(self._keep(np.concatenate([values, values])))


def _products(labels: Sequence[torch.Tensor], values: torch.Tensor) -> Array:
    """`(rows, neurons)` from labels, together `(rows, steps)`, and `(steps, neurons)`."""
    return np.concatenate([product(rows.float(), values).numpy() for rows in labels])


def _by_class(codes: Sequence[torch.Tensor], values: torch.Tensor, classes: int) -> Array:
    """`(rows, classes, columns)`: sums of `(steps, columns)` over the steps at which each row has each class."""
    kernels = find_kernels()
    if isinstance(kernels, str):
        return np.stack([_products([rows == each for rows in codes], values) for each in range(classes)], axis=1)
    return np.concatenate([kernels.add_by_class(rows, values, classes).numpy() for rows in codes])


class Chances(NamedTuple):
    """How likely chance alone gives as much.

    Attributes:
        best: that the best neuron is as good.
        each: `(neurons,)`, that the best of so many neurons is as good as this one.
        null: `(neurons,)`, what each must reach to be better than the best of them is by chance in all but one case of
            twenty: a correlation or √η².
    """

    best: float
    each: Array
    null: Array


def chances(strengths: Array, directions: Array) -> Chances:
    """What the shifts say.

    A neuron's strength is told in standard deviations of what the shifts give it; of each shift the largest of all
    neurons is taken (Westfall and Young 1993). The label as it is counts among the shifts, so that no chance is ever 0.

    Args:
        strengths: `(neurons, 1 + shifts)`, see `Shifts.strengths`.
        directions: `(neurons,)`, 1 or −1: which sign was foretold.
    """
    turned = strengths * directions[:, None]
    spread: Array = np.maximum(turned.std(axis=1, keepdims=True), 1e-9)
    apart: Array = (turned - turned.mean(axis=1, keepdims=True)) / spread
    largest: Array = np.sort(apart.max(axis=0))
    each: Array = 1 - np.searchsorted(largest, apart[:, 0] - 1e-9, side="left") / len(largest)
    null = turned.mean(axis=1) + spread[:, 0] * np.quantile(largest, 0.95)
    return Chances(float(each.min()), each, null)
