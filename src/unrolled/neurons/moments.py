"""The steps at which holding neurons changed the loss most, and the odds there before and after."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TypeAlias, cast

from torch import Tensor

from unrolled.neurons.lockstep import Slice, Text
from unrolled.sources.vocabulary import Vocabulary

MOST, LIKELIEST, CONTEXT = 10, 3, 30
"""Steps that are told; symbols whose odds are told; symbols before a step that are told."""

Odds: TypeAlias = tuple[tuple[str, float], ...]
"""Symbols and their probabilities, the likeliest first."""


@dataclass(frozen=True)
class Moment:
    """One step.

    context: what had been read of its sequence, up to this step; symbol: what came next.
    loss_before, loss_after: in nats; before, after: the likeliest next symbols and their probabilities.
    """

    step: int
    context: str
    symbol: str
    loss_before: float
    loss_after: float
    before: Odds
    after: Odds


def likeliest(log_odds: Tensor, vocabulary: Vocabulary, most: int) -> list[Odds]:
    """Of each step the likeliest symbols, from `(steps, symbols)`."""
    best, which = log_odds.exp().topk(min(most, log_odds.shape[1]), dim=1)
    return [
        tuple((vocabulary.symbols[symbol], odds) for symbol, odds in zip(symbols, row, strict=True))
        for symbols, row in zip(
            cast(list[list[int]], which.tolist()), cast(list[list[float]], best.tolist()), strict=True
        )
    ]


class WorstMoments:
    """Keeps the steps at which the loss changed most while slices pass."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, int, int, tuple[float, float], Tensor]] = []

    def add(self, read: Slice) -> None:
        losses = read.losses()[:, :2]
        changes = (losses[:, 1] - losses[:, 0]).abs().masked_fill(read.targets < 0, -1.0)
        sizes, places = changes.topk(min(MOST, len(changes)))
        ordered = zip(cast(list[float], sizes.tolist()), cast(list[int], places.tolist()), strict=True)
        for size, place in ordered:
            if size <= 0 or (len(self._kept) == MOST and size <= self._kept[0][0]):
                break
            before, after = cast(list[float], losses[place].tolist())
            new = (
                size,
                -(read.start + place),
                int(read.targets[place]),
                (before, after),
                read.log_odds[place, :2].clone(),
            )
            (heapq.heappush if len(self._kept) < MOST else heapq.heapreplace)(self._kept, new)

    def told(self, text: Text, vocabulary: Vocabulary) -> tuple[Moment, ...]:
        """The one that changed most first."""
        found: list[Moment] = []
        for _, place, symbol, (before, after), log_odds in sorted(self._kept, key=lambda kept: kept[:2], reverse=True):
            step = -place
            begin = max(start for start in text.starts if start <= step)
            context = vocabulary.decode(text.symbols[max(begin, step + 1 - CONTEXT) : step + 1])
            odds = likeliest(log_odds, vocabulary, LIKELIEST)
            found.append(Moment(step, context, vocabulary.symbols[symbol], before, after, odds[0], odds[1]))
        return tuple(found)
