"""What chance gives where neurons and labels both change slowly: the labels are moved along the text, in a circle.

Moved far enough, a label has nothing to do with what the neuron does, but it changes as slowly as before and is true as
often. That is what a score has to beat (for slow signals: Harris 2020, "Nonsense correlations in neuroscience").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import as_strided

from unrolled.neurons.find.labels import UNSAID, Question

Array: TypeAlias = npt.NDArray[Any]
Room: TypeAlias = Callable[[tuple[int, ...], type[np.generic]], Array]

NEAREST = 0.02
"""Share of the part by which a label is moved at least, either way."""
DIGITS = 1e-6
"""Share of a sum of squares below which a difference is nothing but rounding."""
AT_ONCE = 512
"""Steps that are multiplied at a time."""
BLOCKS, SHORTEST = 20, 250
"""A part is cut into so many blocks, none shorter; of each, every neuron's mean is left out. What drifts over the whole
part goes with whatever else drifts, and no shift has so long a slope as the label as it is."""


class Shifts:
    """How strongly each of several neurons goes with a label, as it is and moved by each of many distances."""

    def __init__(self, question: Question, neurons: int, part: range, count: int, room: Room) -> None:
        """
        Args:
            part: the steps that the circle is made of.
            count: distances; fewer where the part has not so many steps.
            room: gives an array in which the label is kept as it is moved.
        """
        self._question, self._part, self._room = question, part, room
        self._nearest = min(max(1, int(NEAREST * len(part))), (len(part) - 1) // 2)
        reach = len(part) - 2 * self._nearest + 1
        self.count = max(0, min(count, reach))
        self._apart = reach // max(1, self.count)
        self._circles: list[Array] = []
        columns = 1 if question.kind != "class" else question.groups
        said = 1 + self.count if not question.always else 1
        self._sums, self._squares = np.zeros((columns, neurons, 1 + self.count)), np.zeros((neurons, said))
        blocks = max(1, min(BLOCKS, len(part) // SHORTEST))
        self._ends = [len(part) * (block + 1) // blocks for block in range(blocks)]
        # Of the block that is being read: sums of the neurons and of the label, and steps at which it says something.
        self._values, self._labels = np.zeros((neurons, said)), np.zeros((columns, 1 + self.count))
        self._steps = np.zeros(said)

    def add(self, start: int, places: Array) -> None:
        """Takes values `(neurons, steps)` of float32, about 0 in the mean, from step `start` on."""
        if not self._circles:
            part = slice(self._part.start, self._part.stop)
            stored = [self._question.codes, *([] if self._question.numbers is None else [self._question.numbers])]
            self._circles = [self._twice(each[part]) for each in stored]
        at, done = start - self._part.start, 0
        while done < places.shape[1]:
            stop = min(done + AT_ONCE, places.shape[1], done + self._ends[0] - at)
            self._add(at, torch.from_numpy(np.ascontiguousarray(places[:, done:stop])))
            at, done = at + stop - done, stop
            if at == self._ends[0]:
                self._end_block()

    def strengths(self) -> Array:
        """`(neurons, 1 + shifts)`, the label as it is first: the correlation, or √η² of classes."""
        question, part = self._question, slice(self._part.start, self._part.stop)
        counts = np.bincount(question.codes[part].astype(np.int64) + 1, minlength=question.groups + 1)[1:]
        spread = np.where(self._squares > 1e-6 * self._part.stop, self._squares, np.inf)  # else it does not vary
        if question.kind == "class":
            means = (self._sums**2 / np.maximum(counts, 1)[:, None, None]).sum(axis=0)
            return np.sqrt(np.clip(means / spread, 0, 1))
        asked = question.columns(part)[:, 0].astype(np.float64)
        variance = max(float(np.square(asked).sum() - asked.sum() ** 2 / max(1, int(counts.sum()))), 1e-9)
        return self._sums[0] / np.sqrt(variance * spread)

    def _add(self, at: int, places: torch.Tensor) -> None:
        codes, *numbers = (self._moved(circle, at, places.shape[1]) for circle in self._circles)
        asked = numbers or ([codes == 1] if self._question.kind == "answer" else [])
        counting = torch.cat([places, torch.ones(1, places.shape[1])])  # its last row sums the label itself
        for column in range(len(self._sums)):
            products = _product(counting, asked[column] if asked else codes == column)
            self._sums[column] += products[:-1]
            self._labels[column] += products[-1]
        said = np.ones((1, places.shape[1])) if self._question.always else codes != UNSAID
        products = _product(counting, said)
        self._values += products[:-1]
        self._steps += products[-1]
        self._squares += _product(places**2, said)

    def _end_block(self) -> None:
        """Leaves out the neurons' means over the block."""
        steps = np.maximum(self._steps, 1)
        self._sums -= self._values * (self._labels / steps)[:, None, :]
        self._squares -= self._values**2 / steps
        self._ends.pop(0)
        for sums in (self._values, self._labels, self._steps):
            sums[:] = 0

    def _moved(self, circle: Array, at: int, steps: int) -> Array:
        """`(1 + shifts, steps)`, what the label says at the steps, and at those so far on."""
        size = circle.itemsize
        far = as_strided(circle[at + self._nearest :], (self.count, steps), (self._apart * size, size))
        return np.concatenate([circle[None, at : at + steps], far])

    def _twice(self, values: Array) -> Array:
        """Two rounds of the circle in a row, so that what is moved over the end goes on at the start."""
        circle = self._room((2 * len(values),), values.dtype.type)
        circle[: len(values)] = circle[len(values) :] = values
        return circle


def _product(places: torch.Tensor, labels: Array) -> Array:
    """`(neurons, shifts)` from `(neurons, steps)` and `(shifts, steps)`."""
    return (places @ torch.from_numpy(labels.astype(np.float32)).T).numpy()


class Chances(NamedTuple):
    """How likely chance alone gives as much.

    Attributes:
        best: that the best neuron is as good.
        each: `(neurons,)`, that the best of so many neurons is as good as this one.
        null: what the best of them reaches by chance in one case of twenty, a correlation or √η².
    """

    best: float
    each: Array
    null: float


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
    null = float(np.quantile(turned[:, 1:].max(axis=0), 0.95)) if turned.shape[1] > 1 else 1.0
    return Chances(float(each.min()), each, null)
