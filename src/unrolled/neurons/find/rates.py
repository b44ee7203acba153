"""Which of many findings to believe: the false-discovery rate over everything that was tried."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def believed(chances: Sequence[float], q: float) -> list[bool]:
    """Which are findings, if a share q at most of those may be chance (Benjamini and Hochberg 1995).

    Args:
        chances: the chance of each to be so good by chance alone.
    """
    ordered = sorted(chances)
    good = [chance for rank, chance in enumerate(ordered, 1) if chance <= q * rank / len(ordered)]
    bar = max(good, default=-1.0)
    return [chance <= bar for chance in chances]


def shifts_needed(tried: int, q: float) -> int:
    """Shifts of a label for which a single finding among so many hypotheses can be believed."""
    return ceil(tried / q)
