"""A short text as several neurons or signals see it, under each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unrolled.colours import Palette, Scale
from unrolled.errors import SettingsError
from unrolled.figures.cells import paint_text, shown
from unrolled.figures.layout import Layout, arrange, refuse_tall
from unrolled.figures.letters import cells_of
from unrolled.figures.sheet import CELL, RAMP, number, paint_ramp, say, sheet, write_line
from unrolled.figures.style import MARGIN, MUTED, styled
from unrolled.traces.passage import Passage, read_passages
from unrolled.traces.trace import Trace

WIDE = 8
"""Points that a letter is wide: few steps may have large ones."""
ROW, GAP = 17, 3
"""Points that a strip is high, and between two."""
BETWEEN = 14
"""Points between the strips of one line and those of the next."""
LEGEND = 20
"""Points that one line of the legend is high."""
MOST = 200
"""Strips of a figure."""
NARROWEST = 430
"""Points that the legend needs."""


@styled()
def coloured_strips(
    trace: Trace,
    neurons: Sequence[str],
    *,
    start: int = 0,
    limit: int | None = 50,
    columns: int = 50,
    letters: bool = True,
    palette: Palette = "classic",
) -> Figure:
    """One short text, once for each neuron or signal, aligned by step; bounds of the colours stand at the right.

    Args:
        neurons: such as `rnn.l0.7` or `rnn.l0.forget_gate.7`, from the top; 200 at most.
        start, limit, columns, letters: as for `coloured_text`.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: the steps are not there, or not the same for all neurons.
        SettingsError: no neuron, too many, or more rows than a picture can have.
    """
    if not 1 <= len(neurons) <= MOST:
        raise SettingsError(f"Strips are of 1 to {MOST} neurons, not {len(neurons)}.")
    passages = read_passages(trace, neurons, start=start, limit=limit, palette=palette)
    first = passages[0]
    symbols = shown(first, columns)
    layout = arrange([cells_of(symbol) for symbol in symbols], [False] * len(symbols), columns)
    refuse_tall(layout.height * len(passages))

    scales = list({passage.scale.signed: passage.scale for passage in passages}.values())
    names = MARGIN + (max(len(str(passage.name)) for passage in passages) + 2) * CELL
    bounds = names + layout.width * WIDE + 2 * CELL
    head = LEGEND * (len(scales) + 1)
    block = len(passages) * (ROW + GAP) + BETWEEN
    width = max(NARROWEST, bounds + max(len(_bounds(passage.scale)) for passage in passages) * CELL)
    figure, axes = sheet(width + MARGIN, head + layout.height * block - BETWEEN - GAP + 2 * MARGIN)
    _legend(axes, scales, first)
    for line in range(layout.height):
        steps = np.flatnonzero(layout.rows == line)
        part = slice(int(steps[0]), int(steps[-1]) + 1)
        row = Layout(np.zeros_like(steps), layout.columns[part], 1, layout.width)
        for index, passage in enumerate(passages):
            top = MARGIN + head + line * block + index * (ROW + GAP)
            write_line(axes, str(passage.name), MARGIN, top + ROW / 2)
            write_line(axes, _bounds(passage.scale), bounds, top + ROW / 2, MUTED)
            values = passage.values[part]
            paint_text(axes, passage.scale, values, symbols[part], row, (names, top), (WIDE, ROW), letters=letters)
    return figure


def _legend(axes: Axes, scales: Sequence[Scale], passage: Passage) -> None:
    """What the colours mean, one line a kind of scale; the bounds stand beside each strip."""
    for index, scale in enumerate(scales):
        middle = MARGIN + 6 + index * LEGEND
        paint_ramp(axes, scale, MARGIN, middle)
        say(axes, scale.words, MARGIN + RAMP + 2 * CELL, middle)
    middle = MARGIN + 6 + len(scales) * LEGEND
    say(axes, f"steps {passage.start:,} to {passage.stop - 1:,} of {passage.steps:,}", MARGIN, middle)


def _bounds(scale: Scale) -> str:
    """`±2.31`, or `0 to 1`."""
    return f"±{number(scale.high)}" if scale.signed else f"{number(scale.low)} to {number(scale.high)}"
