"""A text that is open in an editor, changed as the Language Server Protocol says."""

from __future__ import annotations

import re
from dataclasses import dataclass

ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
"""What a position's characters can count → the encoding, and the bytes of one unit of it."""

_LINE_STARTS = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


@dataclass(frozen=True, order=True)
class Position:
    """A line and a place in it, in units of the encoding agreed upon; both count from 0."""

    line: int
    unit: int


class Document:
    """A text, and the places in it.

    Only `\\n`, `\\r\\n` and `\\r` end a line here, as the protocol says: `str.splitlines` would also end one at a form
    feed, of which source code has some, and take every position after it for another.

    Args:
        text: all of it.
        encoding: what positions count: `utf-8`, `utf-16` or `utf-32`.
    """

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = text
        self._encoding, self._size = ENCODINGS[encoding]

    def offset(self, position: Position) -> int:
        """How many characters of the text stand before a position; past a line's end is the line's end."""
        lines = _LINE_STARTS.split(self.text)
        if position.line >= len(lines):
            return len(self.text)
        line = lines[position.line].rstrip("\r\n").encode(self._encoding, "surrogatepass")
        before = line[: position.unit * self._size].decode(self._encoding, "ignore")
        return sum(map(len, lines[: position.line])) + len(before)

    def position(self, offset: int) -> Position:
        """Where so many characters of the text stand before."""
        *whole, last = _LINE_STARTS.split(self.text[:offset])
        return Position(len(whole), self.units(last))

    def units(self, text: str) -> int:
        """How many units a text takes."""
        return len(text.encode(self._encoding, "surrogatepass")) // self._size

    def replace(self, start: Position, stop: Position, text: str) -> None:
        """Puts a text in the place of what stands between two positions."""
        self.text = self.text[: self.offset(start)] + text + self.text[self.offset(stop) :]
