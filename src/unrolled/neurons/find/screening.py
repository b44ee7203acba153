"""The first part of the text: every neuron against every hypothesis, by moments; and a sample to set bins by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.engines.compiled.linear import product
from unrolled.neurons.find.labels import Question
from unrolled.neurons.find.shifts import DIGITS
from unrolled.neurons.find.stream import Stretch

Array: TypeAlias = npt.NDArray[Any]

AT_ONCE = 256
"""Steps that are multiplied at a time: about as many as a processor's cache holds of a thousand neurons and more."""
SAMPLED, RARE = 2048, 48
"""Steps drawn at random to set bins by, and more of them at which an answer is yes, or is no, for those that rarely
are."""


class Screening:
    """Sums over the steps: of each hypothesis its correlation with every neuron, or the share of a neuron's variance
    that its classes explain, in one product of matrices a stretch."""

    def __init__(self, questions: Sequence[Question], neurons: int, part: range, seed: int) -> None:
        """
        Args:
            neurons: of all signals together.
            part: its steps.
            seed: of the sample.

        Attributes:
            at_random: `(rows,)` of bool: the rows of the sample that were drawn without a look at the labels.
        """
        self._questions = questions
        self._part = part
        self._masked = [at for at, question in enumerate(questions) if not question.always]
        widths = [question.columns(slice(part.start, part.start + 1)).shape[1] for question in questions]
        ends = np.cumsum(widths).tolist()
        self._columns = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self._products = np.zeros((ends[-1] if ends else 0, neurons))
        self._sums = np.zeros((1 + len(self._masked), neurons))
        self._squares = np.zeros((1 + len(self._masked), neurons))
        self._about: Array | None = None
        self._drawn, self.at_random = _draw(questions, part, np.random.default_rng(seed))
        self.sample = np.empty((len(self._drawn), neurons), np.float32)
        """`(rows, neurons)`, the values at some steps."""

    def add(self, stretch: Stretch) -> None:
        """Takes a stretch that lies within the part."""
        first, last = np.searchsorted(self._drawn, [stretch.start, stretch.stop])
        self.sample[first:last] = stretch.values[self._drawn[first:last] - stretch.start]
        if self._about is None:
            self._about = stretch.values.mean(axis=0, dtype=np.float64).astype(np.float32)
        for first in range(0, len(stretch.values), AT_ONCE):
            self._add(stretch.start + first, stretch.values[first : first + AT_ONCE])

    def _add(self, start: int, given: Array) -> None:
        steps = slice(start, start + len(given))
        values = torch.from_numpy(given - self._about)  # what is far from zero would lose its digits
        masks = [np.ones(len(given), np.float32), *(self._questions[at].said(steps) for at in self._masked)]
        asked = np.column_stack([*(question.columns(steps) for question in self._questions), *masks])
        products = product(torch.from_numpy(asked).t(), values).numpy()
        self._products += products[: len(self._products)]
        self._sums += products[len(self._products) :]
        self._squares += product(torch.from_numpy(asked[:, len(self._products) :]).t(), values.square_()).numpy()

    def best(self, count: int) -> list[Array]:
        """Of each hypothesis the neurons that it goes with most, best first; those alone that vary and go with it."""
        return [self._best(at, count) for at in range(len(self._questions))]

    def strengths(self, at: int) -> Array:
        """How much each neuron goes with a hypothesis, `(neurons,)`, 0 to 1: |correlation|, or √η² of classes."""
        question, steps = self._questions[at], slice(self._part.start, self._part.stop)
        row = 0 if question.always else 1 + self._masked.index(at)
        said = len(self._part) if question.always else int(question.said(steps).sum())
        sums, squares = self._sums[row], self._squares[row]
        spread = squares - sums**2 / max(said, 1)
        spread[spread <= DIGITS * squares] = np.inf  # it does not vary
        products = self._products[self._columns[at]]
        if question.kind == "class":
            counts = np.bincount(question.codes[steps].astype(np.int64) + 1, minlength=question.groups + 1)[1:]
            means = products**2 / np.maximum(counts, 1)[:, None]
            return np.sqrt(np.clip((means.sum(axis=0) - sums**2 / max(said, 1)) / spread, 0, 1))
        asked = question.columns(steps).astype(np.float64)[:, 0]
        variance = np.square(asked).sum() - asked.sum() ** 2 / max(said, 1)
        if variance <= 0:
            return np.zeros(len(sums))
        return np.clip(np.abs(products[0] - asked.sum() * sums / said) / np.sqrt(variance * spread), 0, 1)

    def _best(self, at: int, count: int) -> Array:
        strengths = self.strengths(at)
        order = np.argsort(-strengths, kind="stable")[:count]
        return order[strengths[order] > 0]


def _draw(questions: Sequence[Question], part: range, generator: np.random.Generator) -> tuple[Array, Array]:
    """Steps of a part in their order; and which of them were drawn without a look at the labels, of bool."""
    blind = generator.choice(len(part), min(SAMPLED, len(part)), replace=False)
    drawn = [blind]
    for question in questions:
        if question.kind == "answer":
            yes = question.codes[part.start : part.stop] == 1
            for few in (np.flatnonzero(yes), np.flatnonzero(~yes)):
                if len(few) < len(part) / 20:
                    drawn.append(generator.choice(few, min(RARE, len(few)), replace=False))
    steps = np.unique(np.concatenate(drawn))
    return steps + part.start, np.isin(steps, blind)
