"""Contestants that take turns, so that what else the machine does falls upon all alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter

from unrolled.progress import Progress, silent

TURN = 0.01
"""Seconds that a turn has at least: what takes less is called several times in a row."""
LEAST, MOST = 3, 2000
"""Rounds."""


@dataclass(frozen=True)
class Times:
    """Seconds of one call, from each round, the first round first."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    def ratio(self, base: Times) -> float:
        """Median ÷ median of another that ran in the same rounds."""
        return self.median / base.median

    def spread(self, base: Times) -> tuple[float, float]:
        """Lower and upper quartile of the ratios of the single rounds."""
        ratios = [own / other for own, other in zip(self.seconds, base.seconds, strict=True)]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return low, high


def race(
    contestants: Mapping[str, Callable[[], object]],
    *,
    seconds: float,
    most: int = MOST,
    progress: Progress = silent,
) -> dict[str, Times]:
    """Lets the contestants take turns, A B A B …, for about so many seconds, and at least `LEAST` rounds.

    Each is called before the clock starts, until its memory and its code are warm.

    Args:
        seconds: of all rounds together.
        most: rounds at most, at least `LEAST`.
        progress: told the rounds done, of those that the time will allow.
    """
    calls = {name: _calls_a_turn(contestant) for name, contestant in contestants.items()}
    found: dict[str, list[float]] = {name: [] for name in contestants}
    began, done = perf_counter(), 0
    while done < LEAST or (done < most and perf_counter() - began < seconds):
        for name, contestant in contestants.items():
            start = perf_counter()
            for _ in range(calls[name]):
                contestant()
            found[name].append((perf_counter() - start) / calls[name])
        done += 1
        a_round = (perf_counter() - began) / done
        progress(done, max(done, LEAST, min(most, math.ceil(seconds / a_round))))
    return {name: Times(tuple(times)) for name, times in found.items()}


def _calls_a_turn(contestant: Callable[[], object]) -> int:
    contestant()
    start = perf_counter()
    contestant()
    return max(1, math.ceil(TURN / max(1e-9, perf_counter() - start)))
