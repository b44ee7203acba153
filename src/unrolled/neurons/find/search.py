"""Finds which neurons tell which hypotheses, in one pass over a text; nothing of the signals is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.neurons.find.bins import Bins
from unrolled.neurons.find.candidates import Candidates
from unrolled.neurons.find.findings import Rival, Sought
from unrolled.neurons.find.labels import LabelStore, LateQuestion, Question
from unrolled.neurons.find.parts import Parts, blocks
from unrolled.neurons.find.screening import Screening
from unrolled.neurons.find.stream import Stretch
from unrolled.neurons.find.telling import told
from unrolled.neurons.find.watching import Looked

Array: TypeAlias = npt.NDArray[Any]

CANDIDATES, OF_CONTROLS = 50, 16
"""Neurons of each hypothesis that are looked at closely, and of each control task."""
AT_ONCE = 4096
"""Steps at which they are looked at together."""
OFTEN = 1 << 16
"""Steps after which labels that were read are let go of."""


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
        for block, steps in self._pieces(part, stretch):
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
        controls = dict(zip(self._controls, self._candidates[count:], strict=True))
        mine = self._candidates[:count]
        return told(mine, controls, self._parts.tell, self._names, q=q, about=about, untrained=untrained)

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

    @staticmethod
    def _pieces(part: range, stretch: Stretch) -> Iterator[tuple[int, range]]:
        """Steps of a stretch that are looked at together, and their block: of a small network it has very many."""
        for block, steps in blocks(part, range(stretch.start, stretch.stop)):
            for start in range(steps.start, steps.stop, AT_ONCE):
                yield block, range(start, min(start + AT_ONCE, steps.stop))

    def _choose_candidates(self) -> None:
        columns = self._screening.best(CANDIDATES)
        columns[len(self._questions) :] = [each[:OF_CONTROLS] for each in columns[len(self._questions) :]]
        self._looked_at = np.unique(np.concatenate([*columns, np.empty(0, np.int64)]).astype(np.int64))
        within = [np.searchsorted(self._looked_at, each) for each in columns]
        self._bins = bins = Bins(self._screening.sample[:, self._looked_at], self._screening.at_random)
        self._candidates = [
            Candidates(question, each, place, bins.edges[place])
            for question, each, place in zip(self._asked, columns, within, strict=True)
        ]

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
