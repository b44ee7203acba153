"""From a pattern to a label of every character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Label: TypeAlias = npt.NDArray[Any]
"""`(characters,)`: bool, or float64 with NaN where it says nothing; about what is known once a character was read."""

Span: TypeAlias = tuple[int, int]
"""Where something starts, and where it has ended."""


def mark_spans(length: int, spans: Iterable[Span]) -> Label:
    """True inside any of the spans, `(length,)`."""
    bounds = np.array([(start, stop) for start, stop in spans if start < stop], np.int64).reshape(-1, 2)
    steps = np.zeros(length + 1, np.int64)
    np.add.at(steps, bounds[:, 0], 1)
    np.add.at(steps, bounds[:, 1], -1)
    return np.cumsum(steps[:-1]) > 0


def mark(text: str, pattern: re.Pattern[str], group: int | str = 0, told_after: int = 1) -> Label:
    """True on what a pattern matches.

    Args:
        group: the part of the match that is meant.
        told_after: characters that it takes to tell; it is true from the last of them on.
    """
    found = (match.span(group) for match in pattern.finditer(text))
    return mark_spans(len(text), ((start + told_after - 1, stop) for start, stop in found))


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """`(characters,)`, each character's number."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
