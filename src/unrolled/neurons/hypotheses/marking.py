"""What a label is, and how patterns and counts become one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unrolled.errors import UnrolledError

Array: TypeAlias = npt.NDArray[Any]

Label: TypeAlias = Array
"""`(characters,)`: bool, or float64 with NaN where it says nothing; about what is known once a character was read."""

Kind: TypeAlias = Literal["answer", "number", "class"]

Span: TypeAlias = tuple[int, int]
"""Where something starts, and where it has ended."""


class HypothesisError(UnrolledError):
    """A hypothesis that cannot be had, or does not fit its text."""

    code = "hypothesis"


MOST_CLASSES = int(np.iinfo(np.int16).max)


@dataclass(frozen=True, eq=False)
class Classes:
    """A label that tells several things apart.

    Attributes:
        codes: `(characters,)` of int16, each a place in `names`; −1 where it says nothing.
        names: what the codes mean.
    """

    codes: npt.NDArray[np.int16]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)


Labeller: TypeAlias = Callable[[str], Label | Classes]
"""A hypothesis: from a text to its label."""


def kind_of(label: Label | Classes) -> Kind:
    """`answer` (yes or no), `number` or `class`."""
    if isinstance(label, Classes):
        return "class"
    return "answer" if label.dtype == np.bool_ else "number"


def class_names(words: Iterable[str]) -> tuple[str, ...]:
    """The different words, in the order of the alphabet.

    Raises:
        ValueError: there are more than 32,767.
    """
    names = sorted(set(words))
    if len(names) > MOST_CLASSES:
        raise ValueError(f"{len(names):,} different words, of which {MOST_CLASSES:,} at most can be told apart")
    return tuple(names)


def classify(words: Sequence[str]) -> Classes:
    """One class for each word, in the order of the alphabet; an empty word says nothing.

    Raises:
        ValueError: there are more than 32,767 different words.
    """
    names = class_names(word for word in words if word)
    places = {name: place for place, name in enumerate(names)} | {"": -1}
    return Classes(np.fromiter((places[word] for word in words), np.int16, len(words)), names)


def mark_spans(length: int, spans: Iterable[Span]) -> Label:
    """True inside any of the spans, `(length,)`."""
    return count_spans(length, spans) > 0


def count_spans(length: int, spans: Iterable[Span]) -> Label:
    """In how many of the spans each place is, `(length,)` of float64."""
    bounds = np.array([(start, stop) for start, stop in spans if start < stop], np.int64).reshape(-1, 2)
    steps = np.bincount(bounds[:, 0], minlength=length + 1) - np.bincount(bounds[:, 1], minlength=length + 1)
    return np.cumsum(steps[:length]).astype(np.float64)


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


def distinct(characters: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """The numbers of the characters that occur, in their order."""
    return np.flatnonzero(np.bincount(characters, minlength=1))


def symbol_classes(characters: npt.NDArray[np.uint32], says: Label) -> Classes:
    """One class for each different character among those where something is said.

    Of more than 32,767 only the first by their numbers in Unicode are told apart.
    """
    numbers = distinct(characters[says])[:MOST_CLASSES]
    table = np.full(int(characters.max(initial=0)) + 1, -1, np.int16)
    table[numbers] = np.arange(len(numbers))
    codes = np.where(says, table[characters], -1).astype(np.int16)
    return Classes(codes, tuple(chr(number) for number in numbers.tolist()))


def where(text: str, is_so: Callable[[str], bool]) -> Label:
    """True on the characters of which something is so; each different character is asked but once."""
    characters = code_points(text)
    table = np.zeros(int(characters.max(initial=0)) + 1, bool)
    for number in distinct(characters).tolist():
        table[number] = is_so(chr(number))
    return table[characters]


def last_true(begins: Label) -> npt.NDArray[np.int32]:
    """Of each place, the last one up to it that is true; −1 before the first."""
    return np.maximum.accumulate(np.where(begins, np.arange(len(begins), dtype=np.int32), np.int32(-1)))


def count_since(begins: Label, counted: Label) -> Label:
    """How many places are counted since the last beginning, that one and the present one included; float64.

    Before the first beginning it counts from the start.
    """
    before = np.concatenate([np.zeros(1, np.int32), np.cumsum(counted, dtype=np.int32)])
    return (before[1:] - before[np.maximum(last_true(begins), 0)]).astype(np.float64)
