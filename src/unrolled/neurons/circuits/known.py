"""The circuits: latches, counters and a memory of some steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from unrolled.neurons.circuits.circuit import ALWAYS, NEVER, Circuit, Gate, Unit
from unrolled.neurons.hypotheses import HYPOTHESES
from unrolled.neurons.hypotheses.marking import Label, code_points

COUNTED = 2.0**24
"""From here on float32 has no room for one more."""
WHITE, LINE_END = " \t", "\n"


def quote_toggle(mark: str = '"') -> Circuit:
    """Inside quotation marks that open and close by the same character, and end with the line at the latest.

    Whether a mark opens or closes hangs on what the unit holds: its input gate reads its own hidden state. In texts
    without “ and ” it is `quoted`.
    """
    latch = Unit(keep=Gate(0.5, {mark + LINE_END: -1}), write=Gate(-0.5, {mark: 1}, {0: -1}))
    return Circuit("quote toggle", "quoted", HYPOTHESES.get("quoted"), (latch,))


def quote_latch(opening: str = "“", closing: str = "”") -> Circuit:
    """Inside quotation marks of which one opens and another closes, and which end with the line at the latest.

    In texts without straight marks it is `quoted`.
    """
    latch = Unit(keep=Gate(0.5, {opening + closing + LINE_END: -1}), write=Gate(-0.5, {opening: 1}))
    return Circuit("quote latch", "quoted", HYPOTHESES.get("quoted"), (latch,))


def bracket_counter() -> Circuit:
    """Round brackets that are open; one that closes nothing does not count, for the input gate reads the depth."""
    counter = Unit(ALWAYS, write=Gate(-2, {"(": 2.5, ")": 1.5}, {0: 1}), down=")")
    return Circuit("bracket counter", "round-depth", HYPOTHESES.get("round-depth"), (counter,), COUNTED)


def line_counter() -> Circuit:
    """Characters read of the line: begins anew one step after the newline, which the first unit remembers."""
    ended = Unit(NEVER, write=Gate(-0.5, {LINE_END: 1}))
    counter = Unit(keep=Gate(0.5, units={0: -1}), write=ALWAYS)
    return Circuit("line counter", "line-position", HYPOTHESES.get("line-position"), (ended, counter), COUNTED)


def newline_counter() -> Circuit:
    """Newlines read since the text began."""
    counter = Unit(ALWAYS, write=Gate(-0.5, {LINE_END: 1}))
    return Circuit("newline counter", "newlines", newlines, (counter,), COUNTED)


def indentation_latch() -> Circuit:
    """Spaces and tabs that the line began with: counts them until the second unit says that the line's text has begun,
    and keeps the number to the line's end."""
    ended = Unit(NEVER, write=Gate(-0.5, {LINE_END: 1}))
    begun = Unit(keep=Gate(-0.5, {WHITE: 1}), write=Gate(0.5, {WHITE + LINE_END: -1}))
    counter = Unit(keep=Gate(0.5, units={0: -1}), write=Gate(-0.5, {WHITE: 1}, {1: -1}))
    units = (ended, begun, counter)
    return Circuit("indentation latch", "indentation", HYPOTHESES.get("indentation"), units, COUNTED)


def copy(steps: int = 5, characters: str = "aeiou") -> Circuit:
    """Whether one of the characters stood so many steps back: each unit takes over what the one before it held."""
    first = Unit(NEVER, write=Gate(-0.5, {characters: 1}))
    chain = [Unit(NEVER, write=Gate(-0.5, units={before: 1})) for before in range(steps)]
    return Circuit(
        f"copy of {steps}", f"{characters}-{steps}-back", lambda text: back(text, steps, characters), (first, *chain)
    )


CIRCUITS: Mapping[str, Callable[[], Circuit]] = {
    "quote toggle": quote_toggle,
    "quote latch": quote_latch,
    "bracket counter": bracket_counter,
    "line counter": line_counter,
    "newline counter": newline_counter,
    "indentation latch": indentation_latch,
    "copy": copy,
}
"""Every circuit by name, as it is made by default."""


def newlines(text: str) -> Label:
    """Newlines read so far."""
    return np.cumsum(code_points(text) == ord(LINE_END)).astype(np.float64)


def back(text: str, steps: int, characters: str) -> Label:
    """Whether one of the characters stood so many steps back."""
    wanted = np.isin(code_points(text), [ord(character) for character in characters])
    return np.concatenate([np.zeros(steps, bool), wanted])[: len(text)]
