"""Beam search over continuations (Lowerre 1976): many side by side, of which the likeliest are kept at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from unrolled.writing.endings import Endings


@dataclass(frozen=True)
class Beam:
    """Continuations that are not over.

    symbols: `(continuations, steps)`.
    log_probability: `(continuations,)` in float64, that a text goes on so.
    in_word: `(continuations,)`, whether the last symbol is one of a word.
    """

    symbols: Tensor
    log_probability: Tensor
    in_word: Tensor

    @classmethod
    def empty(cls) -> Beam:
        """One continuation without a symbol yet."""
        return cls(torch.zeros(1, 0, dtype=torch.int64), torch.zeros(1, dtype=torch.float64), torch.tensor([False]))


@dataclass(frozen=True)
class Found:
    """A continuation that is over, or was cut: its log probability and its symbols."""

    log_probability: float
    symbols: tuple[int, ...]
    cut: bool


class Search:
    """Looks for the `top` likeliest continuations.

    Args:
        endings: where one is over.
        top: how many are looked for.
        width: unfinished ones that are kept at each step.
    """

    def __init__(self, endings: Endings, top: int, width: int) -> None:
        self._endings, self._top, self._width = endings, top, width
        self._lost = -math.inf
        self.found: list[Found] = []  # the likeliest first, at most `top`

    @property
    def exact(self) -> bool:
        """Whether nothing that the beam was too narrow to keep can be likelier than the last that was found."""
        return self._lost <= self._bar

    @property
    def _bar(self) -> float:
        """What a continuation must be likelier than to be among those looked for."""
        return self.found[-1].log_probability if len(self.found) == self._top else -math.inf

    def step(self, beam: Beam, log_odds: Tensor) -> tuple[Beam, Tensor]:
        """One more symbol.

        Args:
            beam: the continuations so far.
            log_odds: `(continuations, symbols)`, of what comes next after each.

        Returns:
            Those that are not over and can still be among the likeliest, and which of the continuations each came from.
        """
        joint = beam.log_probability[:, None] + log_odds
        before, last = self._endings.of_symbols(beam.in_word)
        over = joint.masked_fill(~before, -math.inf).logsumexp(dim=1)
        self._add(over, beam.symbols)
        rows, newest = last.nonzero(as_tuple=True)
        self._add(joint[rows, newest], torch.cat([beam.symbols[rows], newest[:, None]], dim=1))
        going_on = joint.masked_fill(before | last, -math.inf).flatten()
        values, places = going_on.topk(min(self._width + 1, len(going_on)))
        if len(values) > self._width:
            self._lost = max(self._lost, float(values[self._width]))
        kept = values[: self._width] > self._bar
        values, places = values[: self._width][kept], places[: self._width][kept]
        parents, newest = places // joint.shape[1], places % joint.shape[1]
        symbols = torch.cat([beam.symbols[parents], newest[:, None]], dim=1)
        return Beam(symbols, values, self._endings.words[newest]), parents

    def cut(self, beam: Beam) -> None:
        """Takes continuations as they are."""
        self._add(beam.log_probability, beam.symbols, cut=True)

    def _add(self, log_probability: Tensor, symbols: Tensor, *, cut: bool = False) -> None:
        values, rows = log_probability.topk(min(self._top, len(log_probability)))
        likely = zip(cast(list[float], values.tolist()), cast(list[list[int]], symbols[rows].tolist()), strict=True)
        more = [Found(value, tuple(numbers), cut) for value, numbers in likely if value > self._bar]
        self.found = sorted([*self.found, *more], key=lambda found: -found.log_probability)[: self._top]
