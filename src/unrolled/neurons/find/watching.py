"""The later parts of the text: the candidates of one hypothesis, looked at closely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from unrolled.neurons.find.bins import BINS, COARSE, Bins, auc_of, count, information_of
from unrolled.neurons.find.intervals import BlockSums
from unrolled.neurons.find.labels import Question
from unrolled.neurons.find.probes import Covariances

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Looked:
    """Values of some neurons over some steps of the part that is watched.

    Attributes:
        steps: which.
        block: number of the block of the part that they lie in, 0 to `BLOCKS` − 1.
        values: `(neurons, steps)`, as they are. bins, places: of these, see `Bins`.
    """

    steps: slice
    block: int
    values: Array
    bins: Array
    places: Array

    @classmethod
    def by(cls, bins: Bins, steps: slice, block: int, values: Array) -> Looked:
        """Values with what the bins of their neurons say."""
        found = bins.of(values)
        return cls(steps, block, values, found, bins.places(found))

    def of(self, neurons: Array) -> Looked:
        """Those neurons alone."""
        return Looked(self.steps, self.block, self.values[neurons], self.bins[neurons], self.places[neurons])


class Watch:
    """Counts and sums of a hypothesis' candidates over a part."""

    def __init__(self, question: Question, candidates: int) -> None:
        self.question = question
        self._fine = BINS if question.kind == "answer" else COARSE
        self.counts = np.zeros((candidates, self._fine, question.groups), np.int64)
        """`(candidates, bins, groups)`."""
        self._blocks = BlockSums(question.kind, question.groups, candidates)
        self._correlation = BlockSums("number", 2, candidates)
        self.candidates = candidates
        self.covariances = Covariances(candidates)

    def add(self, looked: Looked, *, learn: bool = False) -> None:
        """Takes values of the candidates; `learn`: also what probes are made from."""
        question, steps = self.question, looked.steps
        said = question.said(steps)
        columns = question.columns(steps)
        answer = question.kind == "answer"
        count(looked.bins, question.codes[steps], self.counts)
        self._blocks.add(looked.block, looked.places if answer else looked.values, columns, said)
        if answer:
            self._correlation.add(looked.block, looked.values, columns, said)
        if learn and question.kind != "class":
            spoken = slice(None) if question.always else said > 0
            self.covariances.add(looked.values[:, spoken], columns[spoken, 0])

    def scores(self) -> Array:
        """`(candidates,)`: 2·AUC − 1, correlation or η²."""
        return 2 * auc_of(self.counts) - 1 if self.question.kind == "answer" else self._blocks.scores()

    def errors(self) -> Array:
        """The standard error of each."""
        return self._blocks.errors()

    def correlations(self) -> Array:
        """`(candidates,)`; of classes the square root of η²."""
        if self.question.kind == "answer":
            return self._correlation.scores()
        return np.sqrt(self._blocks.scores()) if self.question.kind == "class" else self._blocks.scores()

    def information(self) -> Array:
        """Bits that the value tells about the label, `(candidates,)`."""
        coarse = self.counts.reshape(self.candidates, COARSE, self._fine // COARSE, self.question.groups).sum(axis=2)
        return information_of(coarse)
