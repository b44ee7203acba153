"""Strings, comments and brackets of Java and Python, also in code that is broken.

A string or comment that is opened and never closed goes on to the end: of the line, or of the text where it may hold
lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from heapq import heappop, heappush, merge
from itertools import chain
from typing import Literal, NamedTuple, TypeAlias

from unrolled.neurons.hypotheses.layout import depth
from unrolled.neurons.hypotheses.marking import Label, Span, code_points, mark_spans

Language: TypeAlias = Literal["java", "python"]
Kind: TypeAlias = Literal["comment", "string"]


def _long(mark: str) -> str:
    """A string that may hold lines."""
    return rf"{mark}(?:[^\\{mark[0]}]+|\\[\s\S]|(?!{mark}){mark[0]})*(?:{mark}|\\?\Z)"


def _short(mark: str) -> str:
    """A string that ends with its line at the latest, but for a backslash at the line's end."""
    return rf"{mark}(?:[^{mark}\\\n]+|\\[\s\S])*(?:{mark}|(?=\n)|\\?\Z)"


def _pattern(comment: str, *strings: str) -> re.Pattern[str]:
    return re.compile(f"(?P<comment>{comment})|(?P<string>{'|'.join(strings)})")


_PATTERNS: dict[Language, re.Pattern[str]] = {
    "java": _pattern(r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)", _long('"""'), _short('"'), _short("'")),
    "python": _pattern(r"#[^\n]*", _long('"""'), _long("'''"), _short('"'), _short("'")),
}
_MARKS = ('"""', "'''", "/*", "//", '"', "'", "#")
_CLOSERS = {"/*": "*/", "//": "", "#": ""}


class Token(NamedTuple):
    """A comment or a string: where it starts and has ended, the mark that opened it, whether it was closed."""

    kind: Kind
    start: int
    stop: int
    opener: str
    closed: bool


@lru_cache(maxsize=2)  # several labels of one text, in two languages at most, are made one after the other
def tokens(text: str, language: Language) -> tuple[Token, ...]:
    """The comments and strings of a text, in their order; a comment to the end of its line counts as closed."""
    return tuple(_tokens(text, language))


def _tokens(text: str, language: Language) -> Iterator[Token]:
    for match in _PATTERNS[language].finditer(text):
        found = match[0]
        opener = next(mark for mark in _MARKS if found.startswith(mark))
        kind: Kind = "string" if match["comment"] is None else "comment"
        yield Token(kind, *match.span(), opener, _closed(found, opener, kind))


def _closed(found: str, opener: str, kind: Kind) -> bool:
    closer = _CLOSERS.get(opener, opener)
    within = found[len(opener) : len(found) - len(closer)]
    whole = len(found) >= len(opener) + len(closer) and found.endswith(closer)
    escaped = kind == "string" and (len(within) - len(within.rstrip("\\"))) % 2 == 1
    return whole and not escaped


def inside(text: str, language: Language, kind: Kind) -> Label:
    """True from the end of the mark that opens a comment or string to the end of the mark that closes it, left out.

    Of three quotation marks the first opens a string, and the second closes it, as far as anybody can know then.
    """
    return inside_those(text, (token for token in tokens(text, language) if token.kind == kind))


def inside_those(text: str, found: Iterable[Token]) -> Label:
    """As `inside`, of some comments or strings alone."""
    return mark_spans(len(text), chain.from_iterable(_known(token) for token in found))


def _known(token: Token) -> Iterator[Span]:
    ends_by_mark = token.closed and token.opener not in ("//", "#")
    yield token.start + len(token.opener) - 1, token.stop - ends_by_mark
    if len(token.opener) == 3:
        yield token.start, token.start + 1


@lru_cache(maxsize=2)
def code_alone(text: str, language: Language) -> str:
    """The text with spaces in place of what its comments and strings hold, newlines too; as long."""
    characters = code_points(text).copy()
    characters[inside(text, language, "comment") | inside(text, language, "string")] = ord(" ")
    return characters.tobytes().decode("utf-32-le", "surrogatepass")


def all_depths(code: str) -> Label:
    """Brackets of any kind that are open."""
    return depth(code, "()") + depth(code, "[]") + depth(code, "{}")


def spans_to(starts: Iterable[int], stops: Iterable[int], depths: Label) -> list[Span]:
    """From each start to the first stop behind it that is no deeper in brackets than the start; else to the end.

    Args:
        starts, stops: places in their order; none is both.
        depths: `(characters,)`, brackets that are open.
    """
    spans: list[Span] = []
    waiting: list[tuple[float, int]] = []  # the deepest first
    for place, begins in merge(((start, True) for start in starts), ((stop, False) for stop in stops)):
        depth_here = float(depths[place])
        if begins:
            heappush(waiting, (-depth_here, place))
        else:
            while waiting and -waiting[0][0] >= depth_here:
                spans.append((heappop(waiting)[1], place))
    return spans + [(start, len(depths)) for _, start in waiting]
