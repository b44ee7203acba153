"""The text of a trace for the terminal, each symbol on a ground coloured by a neuron."""

from __future__ import annotations

import unicodedata
from typing import TypeAlias

import numpy as np
from rich.style import Style
from rich.text import Text

from unrolled.errors import TraceError
from unrolled.traces.chunks import Array
from unrolled.traces.names import Name, parse_neuron
from unrolled.traces.trace import Trace, nothing_recorded

Colour: TypeAlias = tuple[int, int, int]

SIGNED: tuple[Colour, ...] = ((103, 0, 13), (214, 96, 77), (247, 247, 247), (67, 147, 195), (5, 48, 97))
"""Dark red (−1) over near-white (0) to dark blue (+1)."""
GATE: tuple[Colour, ...] = ((224, 243, 219), (123, 204, 196), (8, 64, 129))
"""Light green (0) to dark blue (1)."""
SPACES = {" ": "·", "\t": "→", "\n": "⏎", "\r": "␍"}
STAND_INS = {"·": ".", "→": ">", "⏎": "$", "␍": "^"}
"""For marks that an output's encoding lacks; what else it lacks is a question mark."""
LEGEND = 9
"""Patches of colour in the legend."""


def show(trace: Trace, neuron: str, *, start: int = 0, limit: int | None = 2000, colour: bool = True) -> Text:
    """The text from step `start` on, each symbol on the colour of the neuron's value there, under a legend.

    Args:
        trace: whose symbols and values.
        neuron: such as `rnn.l0.7` (its main signal) or `rnn.l0.forget_gate.7`.
        start: the first step, counted over all sequences.
        limit: steps at most; None for all.
        colour: False where the output has no colours: then there is one line a step, with its value.

    Returns:
        For rich to print. Whitespace is drawn (· → ⏎), and a line ends after each ⏎ and each sequence.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: the steps are not there.
    """
    name = parse_neuron(neuron, trace.info.sites)
    steps = trace.steps_of(name.site)
    if not steps:
        raise nothing_recorded(trace)
    if not 0 <= start < steps or (limit is not None and limit < 1):
        raise TraceError(
            f"The trace has the steps 0 to {steps - 1}; from {start}, {limit} were asked for.",
            "Change --start or --limit.",
        )
    stop = steps if limit is None else min(steps, start + limit)
    values = trace.read(name.site, name.signal, start, stop, name.neuron).astype(np.float64)
    labels = _labels(trace, name, start, stop)
    ends = {span.stop - 1 for span in trace.sequences_of(name.site)}
    if not colour:
        return Text("".join(_line(start + row, labels[row], values[row]) for row in range(len(labels))))
    low, high = scale(trace, name)
    text = _legend(name, low, high)
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        text.append(draw(label), style_of(value, low, high))
        if trace.info.symbols.kind not in ("characters", "bytes"):
            text.append(" ")
        if label == "\n" or start + row in ends:
            text.append("\n")
    if not text.plain.endswith("\n"):
        text.append("\n")
    if stop < steps:
        text.append(f"steps {stop:,} to {steps - 1:,} follow: --start {stop}\n", Style(dim=True))
    return text


def scale(trace: Trace, name: Name) -> tuple[float, float]:
    """The values that have the outermost colours: the signal's bounds, or the neuron's own largest absolute value."""
    low, high = trace.info.site(name.site).signal(name.signal).range
    if low is not None and high is not None:
        return low, high
    largest = float(trace.statistics(f"{name.site}.{name.signal}").largest[name.neuron or 0])
    largest = largest if np.isfinite(largest) and largest > 0 else 1.0
    return (0.0 if low == 0 else -largest), largest


def colour_of(value: float, low: float, high: float) -> Colour:
    """The colour of a value on a scale; what lies outside has the outermost colour."""
    stops = GATE if low >= 0 else SIGNED
    place = float(np.clip((value - low) / (high - low), 0, 1)) * (len(stops) - 1)
    first = min(int(place), len(stops) - 2)
    share = place - first
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(stops[first], stops[first + 1], strict=True))
    return red, green, blue


def style_of(value: float, low: float, high: float) -> Style:
    """A value as a ground, with letters that can be read on it; NaN and infinity are crossed out."""
    if not np.isfinite(value):
        return Style(strike=True)
    red, green, blue = colour_of(value, low, high)
    # Lightness as the eye sees it (ITU-R BT.709), near enough for black or white letters.
    light = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
    return Style(color="black" if light > 0.45 else "white", bgcolor=f"rgb({red},{green},{blue})")


def draw(label: str) -> str:
    """A symbol as it can be seen: whitespace drawn, and nothing that moves the cursor or joins its neighbour."""
    return "".join(SPACES.get(character) or _visible(character) for character in label)


def fitted(text: Text, encoding: str | None) -> Text:
    """The text with one letter that the encoding has (None: every letter) in the place of each that it has not."""
    fitting = text.copy()
    fitting.plain = "".join(_encodable(letter, encoding or "utf-8") for letter in text.plain)
    return fitting


def _encodable(letter: str, encoding: str) -> str:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return STAND_INS.get(letter, "?")
    return letter


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    if kind.startswith("M"):
        return f"◌{character}"  # a mark on its own, on a circle instead of on the letter of another step
    if kind in ("Zs", "Zl", "Zp"):
        return "·"
    return "�" if kind.startswith("C") else character


def _labels(trace: Trace, name: Name, start: int, stop: int) -> list[str]:
    """What stands at the steps of a site; their numbers where it ran over other steps than the symbols."""
    if trace.sequences_of(name.site) == trace.sequences:
        return trace.labels(start, stop)
    return [str(step) for step in range(start, stop)]


def _line(step: int, label: str, value: float) -> str:
    return f"{step}\t{draw(label)}\t{value:.6g}\n"


def _legend(name: Name, low: float, high: float) -> Text:
    """`rnn.l0.cell.7  −2.31 ▒▒▒▒▒ +2.31`."""
    text = Text(f"{name}  {low:.3g} ")
    patches: Array = np.linspace(low, high, LEGEND)
    for value in patches.tolist():
        text.append("  ", style_of(value, low, high))
    return text.append(f" {high:.3g}\n\n")
