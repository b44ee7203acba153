"""The text of a trace for the terminal, each symbol on a ground coloured by a neuron."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rich.style import Style
from rich.text import Text

from unrolled.colours import DARK_INK, LIGHT_INK, SHADES, Scale
from unrolled.traces.passage import Passage

STAND_INS = {"·": ".", "→": ">", "⏎": "$", "␍": "^"}
"""For marks that an output's encoding lacks; what else it lacks is a question mark."""
LEGEND = 9
"""Patches of colour in the legend."""


def show(passage: Passage, *, colour: bool = True) -> Text:
    """A passage for rich to print: each symbol on the colour of the neuron's value there, under a legend.

    Whitespace is drawn (· → ⏎), and a line ends after each ⏎ and each sequence. Where the output has no colours
    (`colour=False`) there is one line a step, with its value.
    """
    drawn = passage.drawn
    if not colour:
        lines = zip(range(passage.start, passage.stop), drawn, passage.values.tolist(), strict=True)
        return Text("".join(f"{step}\t{symbol}\t{value:.6g}\n" for step, symbol, value in lines))
    text = _legend(passage)
    between = "" if passage.kind in ("characters", "bytes") else " "
    shades = passage.scale.shades(passage.values).tolist()
    for symbol, shade, ends in zip(drawn, shades, passage.ends.tolist(), strict=True):
        text.append(symbol, style_of(passage.scale, shade))
        text.append(between + "\n" * ends)
    if not text.plain.endswith("\n"):
        text.append("\n")
    if passage.stop < passage.steps:
        rest = f"steps {passage.stop:,} to {passage.steps - 1:,} follow: --start {passage.stop}\n"
        text.append(rest, Style(dim=True))
    return text


@cache
def style_of(scale: Scale, shade: int) -> Style:
    """A shade as a ground, with letters that can be read on it; NaN and infinity (−1) are crossed out."""
    if shade < 0:
        return Style(strike=True)
    ink = LIGHT_INK if scale.light[shade] else DARK_INK
    return Style(color=_css(ink), bgcolor=_css(scale.colours[shade].tolist()))


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


def _css(colour: Sequence[int]) -> str:
    return "rgb({},{},{})".format(*colour)


def _legend(passage: Passage) -> Text:
    """`rnn.l0.cell.7  −2.31 ▒▒▒▒▒ +2.31`."""
    scale = passage.scale
    text = Text(f"{passage.name}  {scale.low:.3g} ")
    for patch in range(LEGEND):
        text.append("  ", style_of(scale, patch * (SHADES - 1) // (LEGEND - 1)))
    return text.append(f" {scale.high:.3g}\n\n")
