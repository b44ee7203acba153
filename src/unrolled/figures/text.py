"""A text as one neuron sees it: every symbol on the colour of the neuron's value there."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unrolled.colours import Palette
from unrolled.figures.cells import paint_text, shown
from unrolled.figures.layout import arrange, refuse_tall
from unrolled.figures.letters import cells_of
from unrolled.figures.sheet import CELL, RAMP, name, number, paint_ramp, say, sheet, write_line
from unrolled.figures.style import MARGIN, styled
from unrolled.traces.passage import Passage, read_passage
from unrolled.traces.trace import Trace

ROW = 13
"""Points that a row is high."""
HEAD = 52
"""Points above the text, for name and legend."""
NARROWEST = 430
"""Points that a legend needs."""


@styled()
def coloured_text(
    trace: Trace,
    neuron: str,
    *,
    start: int = 0,
    limit: int | None = 2000,
    columns: int = 80,
    letters: bool = True,
    palette: Palette = "classic",
) -> Figure:
    """The text from step `start` on, in a monospaced grid under the neuron's name and a legend.

    Whitespace is drawn (· → ⏎). A line ends after each ⏎ and each sequence, and wraps at `columns`; where all lines
    are short, several stand side by side. NaN and infinity are grey and crossed out.

    Args:
        neuron: such as `rnn.l0.7` (its main signal) or `rnn.l0.forget_gate.7`.
        limit: steps at most; None for all.
        columns: letters of a line, 1 to 500.
        letters: False for the colours alone.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: the steps are not there.
        SettingsError: more rows than a picture can have.
    """
    passage = read_passage(trace, neuron, start=start, limit=limit, palette=palette)
    symbols = shown(passage, columns)
    layout = arrange([cells_of(symbol) for symbol in symbols], passage.ends.tolist(), columns)
    refuse_tall(layout.height)
    figure, axes = sheet(max(NARROWEST, layout.width * CELL) + 2 * MARGIN, HEAD + layout.height * ROW + 2 * MARGIN)
    _head(axes, passage)
    spot = (MARGIN, MARGIN + HEAD)
    paint_text(axes, passage.scale, passage.values, symbols, layout, spot, (CELL, ROW), letters=letters)
    return figure


def _head(axes: Axes, passage: Passage) -> None:
    name(axes, str(passage.name), MARGIN, MARGIN + 6)
    low, high, middle = number(passage.scale.low), number(passage.scale.high), MARGIN + 24
    write_line(axes, low, MARGIN, middle)
    start = MARGIN + (len(low) + 1) * CELL
    paint_ramp(axes, passage.scale, start, middle)
    write_line(axes, high, start + RAMP + CELL, middle)
    say(axes, passage.scale.words, start + RAMP + (len(high) + 3) * CELL, middle)
    own = "scaled to the neuron's own largest value · " if passage.scale.own else ""
    steps = f"steps {passage.start:,} to {passage.stop - 1:,} of {passage.steps:,}"
    say(axes, own + steps, MARGIN, MARGIN + 40)
