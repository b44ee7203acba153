"""Finds which neurons tell which hypotheses, in one pass over a text; nothing of the signals is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.neurons.find.bins import Bins, best_bin, threshold_at
from unrolled.neurons.find.findings import MEASURES, Finding, ProbeScore, Rival, Sought, score_of
from unrolled.neurons.find.intervals import interval
from unrolled.neurons.find.labels import LabelStore, LateQuestion, Question
from unrolled.neurons.find.parts import Parts, blocks
from unrolled.neurons.find.probes import Probe
from unrolled.neurons.find.rates import believed
from unrolled.neurons.find.screening import Screening
from unrolled.neurons.find.shifts import Chances, Shifts, chances
from unrolled.neurons.find.stream import Stretch
from unrolled.neurons.find.watching import Looked, Watch
from unrolled.neurons.hypotheses import Kind

Array: TypeAlias = npt.NDArray[Any]

CANDIDATES, OF_CONTROLS = 50, 16
"""Neurons of each hypothesis that are looked at closely, and of each control task."""
OFTEN = 1 << 16
"""Steps after which labels that were read are let go of."""
CHANCE: Mapping[Kind, float] = {"answer": 0.5, "number": 0.0, "class": 0.0}
"""What the interval of a score must lie above to be believed, beside the chance that the shifts give."""
PLACES_SPREAD = 12**-0.5
"""Standard deviation of places among all, −0.5 to 0.5."""


class Candidates:
    """What one hypothesis' candidates do, part by part.

    Attributes:
        columns: which of all neurons they are, best first by the first part.
    """

    def __init__(self, question: Question, columns: Array, within: Array) -> None:
        """`within`: their places among all neurons that are looked at closely."""
        self.question, self.columns, self._within = question, columns, within
        self.chosen = Watch(question, len(columns))
        self.told = Watch(question, len(columns))
        self._probes: list[Probe] = []
        self._probe_bins: Bins | None = None
        self._probe_watch = Watch(question, 0)
        self._shifts: Shifts | None = None
        self._late: Array | None = None

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
        if self._late is not None:  # the label was not known before the end
            self._shifts.add(part.start, self._late)
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


class Search:
    """Takes a text's stretches in their order; then says what was found."""

    def __init__(
        self,
        questions: Sequence[Question],
        controls: Mapping[str, Question],
        names: Sequence[str],
        parts: Parts,
        store: LabelStore,
        *,
        shifts: int,
        seed: int,
    ) -> None:
        """
        Args:
            questions: the hypotheses.
            controls: the control task of each, by the hypothesis' name; of any of them.
            names: of all neurons, such as `rnn.l0.cell.7`, in the order of the values.
            shifts: how often labels are moved along the text; 0: chance is not asked about.
        """
        self._asked = [*questions, *controls.values()]
        self._questions, self._controls, self._names = questions, controls, names
        self._parts, self._store, self._shifts = parts, store, shifts
        self._screening = Screening(self._asked, len(names), parts.screen, seed)
        self._candidates: list[Candidates] = []
        self._looked_at = np.empty(0, np.int64)
        self._bins: Bins | None = None
        self._telling = False
        self._last_loss = np.full(1, np.nan, np.float32)

    def take(self, stretch: Stretch) -> None:
        """Takes a stretch that lies within one part."""
        if stretch.stop // OFTEN > stretch.start // OFTEN:
            self._store.let_go()
        self._write_late(stretch)
        if stretch.start in self._parts.screen:
            self._screening.add(stretch)
            return
        if self._bins is None:
            self._choose_candidates()
        part = self._parts.choose if stretch.start in self._parts.choose else self._parts.tell
        if part is self._parts.tell and not self._telling:
            self._get_ready()
        for block, steps in blocks(part, range(stretch.start, stretch.stop)):
            looked = self._look(stretch, steps, block)
            for candidates in filter(len, self._candidates):
                if part is self._parts.choose:
                    candidates.choose(looked)
                else:
                    candidates.tell(looked, part)
                    if self._store.large:  # moved far and wide, every label is read from end to end
                        self._store.let_go()

    def sought(self, q: float, about: Mapping[str, str], untrained: Mapping[str, Rival]) -> list[Sought]:
        """Every hypothesis with its best neurons; what is found first, the best first. Labels must still be there.

        Args:
            q: the false-discovery rate over everything.
        """
        count = len(self._questions)
        mine = self._candidates[:count]
        said = [candidates.chances(self._parts.tell) if len(candidates) else None for candidates in mine]
        best = [1.0 if chance is None else chance.best for chance in said]
        good = believed(best, q)
        bar = q * sum(good) / max(1, count)  # within the hypotheses that are believed: Benjamini and Bogomolov 2014
        controls = dict(zip(self._controls, self._candidates[count:], strict=True))
        tested = [
            self._tested(candidates, chance, found, bar, about, untrained, controls.get(candidates.question.name))
            for candidates, chance, found in zip(mine, said, good, strict=True)
        ]
        return sorted(tested, key=lambda each: (not each.found, -_strength(each)))

    def rivals(self) -> dict[str, Rival]:
        """The best neuron of each hypothesis alone."""
        found = {candidates.question.name: candidates.rival(self._names) for candidates in self._candidates}
        return {name: rival for name, rival in found.items() if rival is not None}

    def _write_late(self, stretch: Stretch) -> None:
        """What is known only now: how surprising the symbol was that was read at each step."""
        if stretch.loss is None:
            return
        surprise = np.concatenate([self._last_loss, stretch.loss[:-1]])
        self._last_loss = stretch.loss[-1:].copy()
        for question in self._questions:
            if isinstance(question, LateQuestion):
                question.write(slice(stretch.start, stretch.stop), surprise)

    def _choose_candidates(self) -> None:
        columns = self._screening.best(CANDIDATES)
        columns[len(self._questions) :] = [each[:OF_CONTROLS] for each in columns[len(self._questions) :]]
        self._looked_at = np.unique(np.concatenate([*columns, np.empty(0, np.int64)]).astype(np.int64))
        within = [np.searchsorted(self._looked_at, each) for each in columns]
        self._candidates = [
            Candidates(question, each, place)
            for question, each, place in zip(self._asked, columns, within, strict=True)
        ]
        self._bins = Bins(self._screening.sample[:, self._looked_at], self._screening.at_random)

    def _get_ready(self) -> None:
        self._telling = True
        sample, at_random = self._screening.sample, self._screening.at_random
        for at, candidates in enumerate(self._candidates):
            shifts = self._shifts if at < len(self._questions) else 0
            candidates.get_ready(self._parts.tell, shifts, sample, at_random, self._store)

    def _look(self, stretch: Stretch, steps: range, block: int) -> Looked:
        assert self._bins is not None
        rows = slice(steps.start - stretch.start, steps.stop - stretch.start)
        # PyTorch gathers and turns in all threads, and faster.
        values = torch.from_numpy(stretch.values[rows]).index_select(1, torch.from_numpy(self._looked_at)).t()
        return Looked.by(self._bins, slice(steps.start, steps.stop), block, values.contiguous().numpy())

    def _tested(
        self,
        candidates: Candidates,
        chance: Chances | None,
        found: bool,
        bar: float,
        about: Mapping[str, str],
        untrained: Mapping[str, Rival],
        control: Candidates | None,
    ) -> Sought:
        question, tell = candidates.question, self._parts.tell
        kind = question.kind
        rival = None if control is None else control.rival(self._names)
        with_control = [] if control is None else [score for _, score in control.probe_scores()]
        probes = [
            ProbeScore(
                [self._names[int(candidates.columns[neuron])] for neuron in probe.neurons],
                score,
                with_control[at] if at < len(with_control) else None,
            )
            for at, (probe, score) in enumerate(candidates.probe_scores())
        ]
        share = question.share(slice(tell.start, tell.stop))
        findings = self._findings(candidates, chance, found, bar)
        return Sought(
            name=question.name,
            about=about.get(question.name, ""),
            kind=kind,
            share=share,
            p=None if chance is None else chance.best,
            found=any(finding.found for finding in findings),
            measure=MEASURES[kind],
            null=None if chance is None else _null_score(chance.null, question, share),
            neurons=findings,
            probes=probes,
            untrained=untrained.get(question.name),
            control=rival,
        )

    def _findings(self, candidates: Candidates, chance: Chances | None, found: bool, bar: float) -> list[Finding]:
        """What is believed first; within that the best where they were chosen."""
        if not len(candidates):
            return []
        kind = candidates.question.kind
        directions, chosen = candidates.directions, candidates.chosen.scores()
        scores, errors = candidates.told.scores(), candidates.told.errors()
        information, correlations = candidates.told.information(), candidates.told.correlations()
        listed: list[Finding] = []
        for at in candidates.order.tolist():
            sign = int(directions[at])
            score = score_of(float(scores[at] * sign), kind)
            bounds = (-1.0, 1.0) if kind == "number" else (0.0, 1.0)
            error = float(errors[at]) / (2 if kind == "answer" else 1)
            low, high = interval(score, error, *bounds)
            p = None if chance is None else float(chance.each[at])
            threshold, precision, recall = self._threshold(candidates, at, sign)
            listed.append(
                Finding(
                    name=self._names[int(candidates.columns[at])],
                    direction=sign,
                    score=score,
                    low=low,
                    high=high,
                    chosen=score_of(float(chosen[at] * sign), kind),
                    p=p,
                    found=found and p is not None and p <= bar and low > CHANCE[kind],
                    mutual_information=float(information[at]),
                    correlation=float(correlations[at]),
                    threshold=threshold,
                    precision=precision,
                    recall=recall,
                )
            )
        return sorted(listed, key=lambda each: not each.found)

    def _threshold(self, candidates: Candidates, at: int, sign: int) -> tuple[float | None, float | None, float | None]:
        if candidates.question.kind != "answer":
            return None, None, None
        assert self._bins is not None
        edges = self._bins.edges[np.searchsorted(self._looked_at, candidates.columns[at])]
        return threshold_at(candidates.told.counts[at], sign, best_bin(candidates.chosen.counts[at], sign), edges)


def _strength(tested: Sought) -> float:
    """How far the best neuron is from chance, 0 to 1, whatever the measure."""
    if tested.best is None:
        return 0.0
    score = tested.best.score
    return abs(2 * score - 1) if tested.kind == "answer" else abs(score)


def _null_score(strength: float, question: Question, share: float | None) -> float:
    """The score for which a correlation with places stands."""
    if question.kind == "answer" and share is not None:
        return min(1.0, 0.5 + strength * PLACES_SPREAD / max(share * (1 - share), 1e-12) ** 0.5)
    return strength**2 if question.kind == "class" else strength
