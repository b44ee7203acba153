"""Strings and comments of Java and Python, also in code that is broken.

A string or comment that is opened and never closed goes on to the end: of the line, or of the text where it may hold
lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from unrolled.neurons.hypotheses.marking import Label, mark_spans

Language: TypeAlias = Literal["java", "python"]
Kind: TypeAlias = Literal["comment", "string"]


def _long(mark: str) -> str:
    """A string that may hold lines."""
    return rf"{mark}(?:\\[\s\S]|[^\\])*?(?:{mark}|\Z)"


def _short(mark: str) -> str:
    """A string that ends with its line at the latest, but for a backslash at the line's end."""
    return rf"{mark}(?:\\[\s\S]|[^{mark}\\\n])*(?:{mark}|(?=\n)|\\?\Z)"


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


def tokens(text: str, language: Language) -> Iterator[Token]:
    """The comments and strings of a text, in their order; a comment to the end of its line counts as closed."""
    for match in _PATTERNS[language].finditer(text):
        found = match[0]
        opener = next(mark for mark in _MARKS if found.startswith(mark))
        closer = _CLOSERS.get(opener, opener)
        closed = len(found) >= len(opener) + len(closer) and found.endswith(closer)
        kind: Kind = "comment" if match["comment"] is not None else "string"
        yield Token(kind, *match.span(), opener, closed)


def inside(text: str, language: Language, kind: Kind) -> Label:
    """True from the end of the mark that opens a comment or string to the end of the mark that closes it, left out."""
    return mark_spans(len(text), (_known(token) for token in tokens(text, language) if token.kind == kind))


def _known(token: Token) -> tuple[int, int]:
    ends_by_mark = token.closed and token.opener not in ("//", "#")
    return token.start + len(token.opener) - 1, token.stop - ends_by_mark


def java_comment(text: str) -> Label:
    """Inside a comment of Java.

    >>> "".join(".#"[each] for each in java_comment("a /* b */ // c").astype(int))
    '...#####...###'
    """
    return inside(text, "java", "comment")


def java_string(text: str) -> Label:
    """Inside a string or character literal of Java.

    >>> "".join(".#"[each] for each in java_string('f("a", b)').astype(int))
    '..##.....'
    """
    return inside(text, "java", "string")


def python_comment(text: str) -> Label:
    """Inside a comment of Python.

    >>> "".join(".#"[each] for each in python_comment("a # b").astype(int))
    '..###'
    """
    return inside(text, "python", "comment")


def python_string(text: str) -> Label:
    """Inside a string of Python, a documentation string too.

    >>> "".join(".#"[each] for each in python_string("f('a', b)").astype(int))
    '..##.....'
    """
    return inside(text, "python", "string")
