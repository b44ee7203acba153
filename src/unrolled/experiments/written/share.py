"""How many of how many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Share(NamedTuple):
    """`good` of `all`; where there are none of them, there is nothing to say."""

    good: int
    all: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Share:
        """From one answer a case."""
        known = list(answers)
        return cls(sum(known), len(known))

    @property
    def value(self) -> float | None:
        """0 to 1; None of none."""
        return self.good / self.all if self.all else None

    def __str__(self) -> str:
        if not self.all:
            return "none there"
        rounded = round(100 * self.good / self.all)
        if rounded in (0, 100) and self.good not in (0, self.all):
            return f"{100 * self.good / self.all:.1f} % of {self.all:,}"
        return f"{rounded} % of {self.all:,}"
