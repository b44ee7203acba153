"""The neurons that screening chose for one hypothesis: which is best, what a few of them tell together, and chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from unrolled.neurons.find.bins import Bins
from unrolled.neurons.find.findings import Rival, score_of
from unrolled.neurons.find.labels import LabelStore, LateQuestion, Question
from unrolled.neurons.find.probes import Probe
from unrolled.neurons.find.shifts import Chances, Shifts, chances
from unrolled.neurons.find.watching import Looked, Watch

Array: TypeAlias = npt.NDArray[Any]

AT_ONCE = 1 << 14
"""Steps that are read back at a time, where a label was not known before the end."""


class Candidates:
    """What one hypothesis' candidates do, part by part.

    Attributes:
        columns: which of all neurons they are, best first by the first part.
        edges: `(candidates, bins − 1)`, of their bins.
    """

    def __init__(self, question: Question, columns: Array, within: Array, edges: Array) -> None:
        """`within`: their places among all neurons that are looked at closely."""
        self.question, self.columns, self.edges, self._within = question, columns, edges, within
        self.chosen = Watch(question, len(columns))
        self.told = Watch(question, len(columns))
        self._probes: list[Probe] = []
        self._probe_bins: Bins | None = None
        self._probe_watch = Watch(question, 0)
        self._shifts: Shifts | None = None
        self._late: Array | None = None
        self._store: LabelStore | None = None

    def __len__(self) -> int:
        return len(self.columns)

    def choose(self, looked: Looked) -> None:
        """Takes a piece of the part that chooses."""
        self.chosen.add(looked.of(self._within), learn=True)

    def get_ready(self, part: range, shifts: int, sample: Array, at_random: Array, store: LabelStore) -> None:
        """Settles on probes, and on what chance is asked about, before the part that tells."""
        self._probes = self.chosen.covariances.probes()
        if self._probes:
            self._probe_bins = Bins(self._of_probes(sample[:, self.columns].T).T, at_random)
            self._probe_watch = Watch(self.question, len(self._probes))
        if shifts:
            self._shifts = Shifts(self.question, len(self.columns), part, shifts, store.keep)
        if isinstance(self.question, LateQuestion):
            self._store = store
            self._late = store.room((len(self.columns), len(part)), np.float32)

    def tell(self, looked: Looked, part: range) -> None:
        """Takes a piece of the part that tells."""
        mine = looked.of(self._within)
        self.told.add(mine)
        if self._probe_bins is not None:
            self._probe_watch.add(Looked.by(self._probe_bins, mine.steps, mine.block, self._of_probes(mine.values)))
        start = mine.steps.start
        if self._late is not None:
            self._late[:, start - part.start : mine.steps.stop - part.start] = mine.places
        elif self._shifts is not None:
            self._shifts.add(start, mine.places)

    def chances(self, part: range) -> Chances | None:
        """What the shifts say; None where there were none."""
        if self._shifts is None or not self._shifts.count:
            return None
        if self._late is not None and self._store is not None:  # the label was not known before the end
            for start in range(0, len(part), AT_ONCE):
                self._shifts.add(part.start + start, self._late[:, start : start + AT_ONCE])
                self._store.let_go()
        return chances(self._shifts.strengths(), self.directions)

    @property
    def directions(self) -> Array:
        """`(candidates,)`, the sign of each where it was chosen."""
        return np.where(self.chosen.scores() < 0, -1, 1)

    @property
    def order(self) -> Array:
        """The candidates, best first where they were chosen."""
        return np.argsort(-np.abs(self.chosen.scores()), kind="stable")

    def probe_scores(self) -> list[tuple[Probe, float]]:
        scores = self._probe_watch.scores().tolist()
        return [(probe, score_of(score, self.question.kind)) for probe, score in zip(self._probes, scores, strict=True)]

    def _of_probes(self, values: Array) -> Array:
        """`(probes, steps)` from values of the candidates, `(candidates, steps)`."""
        return np.stack([probe.of(values) for probe in self._probes])

    def rival(self, names: Sequence[str]) -> Rival | None:
        """The best neuron, with no more than its score."""
        if not len(self):
            return None
        best = self.order[0]
        score = float(self.told.scores()[best] * self.directions[best])
        return Rival(names[int(self.columns[best])], score_of(score, self.question.kind))
