"""Our own marks, spelled in letters that every encoding has."""

from __future__ import annotations

STAND_INS = {
    **{"✓": "+", "✗": "x", "–": "-", "−": "-", "×": "x", "·": ".", "…": "...", "→": "->"},
    **{"⏎": "$", "␍": "^", "█": "#"},
    **{"₋": "_-", "₁": "1", "ᴺ": "^N"},
}


def spelled(line: str, encoding: str | None) -> str:
    """A line for people, with stand-ins for those marks that the encoding of an output lacks.

    What else it lacks (letters of a text, of a path) is left to the stream, which writes it as Python does: `\\u8a66`.
    """
    return "".join(letter if _has(encoding, letter) else STAND_INS.get(letter, letter) for letter in line)


def _has(encoding: str | None, letter: str) -> bool:
    try:
        letter.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
