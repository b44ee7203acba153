"""Symbols as they can be seen: whitespace drawn, and nothing that moves a cursor or joins its neighbour."""

from __future__ import annotations

import unicodedata

from unrolled.traces.format import SymbolKind

SPACES = {" ": "·", "\t": "→", "\n": "⏎", "\r": "␍"}


def character(label: str, kind: SymbolKind) -> str:
    """A symbol by its letters: of a byte such as `0x0A` the control character, or else its two digits."""
    if kind != "bytes" or len(label) != 4:
        return label
    number = int(label, 16)
    return chr(number) if number < 0x20 or number == 0x7F else label[2:].lower()


def draw(label: str) -> str:
    """A symbol as it can be seen."""
    return "".join(SPACES.get(letter) or _visible(letter) for letter in label)


def _visible(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind.startswith("M"):
        return f"◌{letter}"  # a mark on its own, on a circle instead of on the letter of another step
    if kind in ("Zs", "Zl", "Zp"):
        return "·"
    return "�" if kind.startswith("C") else letter
