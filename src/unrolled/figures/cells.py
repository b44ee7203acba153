"""Symbols in cells that are coloured by a neuron: the picture that coloured text is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array

from unrolled.colours import DARK_INK, LIGHT_INK, Array, Scale
from unrolled.figures.layout import Layout
from unrolled.figures.letters import cells_of, write
from unrolled.figures.sheet import paint
from unrolled.figures.style import BLANK, MUTED
from unrolled.traces.passage import Passage

BASELINE = 0.73
"""Where letters stand, as a share of a row's height."""


def shown(passage: Passage, columns: int) -> list[str]:
    """What to write at each step, cut to a line; of a network that read numbers an empty cell, as on the page."""
    if passage.kind == "none":
        return [""] * len(passage.labels)
    return [symbol[:columns] for symbol in passage.drawn]


def paint_text(
    axes: Axes,
    scale: Scale,
    values: Array,
    symbols: Sequence[str],
    layout: Layout,
    spot: tuple[float, float],
    cell: tuple[float, float],
    *,
    letters: bool,
) -> None:
    """Symbols on the colours of values; what is no finite number is grey and crossed out.

    Args:
        axes: in points, y downwards.
        values: `(steps,)`.
        symbols: as they are drawn, `(steps,)`.
        spot: left and top of the grid, in points.
        cell: width and height of a cell, in points.
    """
    (left, top), (width, height) = spot, cell
    widths = np.array([cells_of(symbol) for symbol in symbols])
    picture = np.zeros((layout.height, layout.width, 4), np.uint8)
    step = np.repeat(np.arange(len(symbols)), widths)
    within = np.arange(len(step)) - np.repeat(np.cumsum(widths) - widths, widths)
    picture[layout.rows[step], layout.columns[step] + within] = grounds_of(scale, values)[step]
    paint(axes, picture, left, top, layout.width * width, layout.height * height)

    places = np.stack([left + layout.columns * width, top + layout.rows * height], 1)
    if letters:
        write(axes, symbols, (places + np.array([0, BASELINE * height])).tolist(), inks_of(scale, values), cell=width)
    blank = ~np.isfinite(values)
    starts = places[blank] + np.array([0, height / 2])
    strokes = np.stack([starts, starts + widths[blank, None] * np.array([width, 0])], 1)
    axes.add_collection(LineCollection(list(strokes), colors=MUTED, linewidths=0.8), autolim=False)


def grounds_of(scale: Scale, values: Array) -> Array:
    """`(steps, 4)` bytes: red, green, blue and opacity."""
    shades = scale.shades(values)[:, None]
    opaque = np.insert(scale.colours, 3, 255, axis=1)
    return np.where(shades < 0, (to_rgba_array(BLANK)[0] * 255).round().astype(np.uint8), opaque[shades[:, 0]])


def inks_of(scale: Scale, values: Array) -> list[str]:
    """The colour of letters at each step."""
    inks = ["#{:02x}{:02x}{:02x}".format(*(LIGHT_INK if light else DARK_INK)) for light in scale.light.tolist()]
    return [inks[shade] if shade >= 0 else MUTED for shade in scale.shades(values).tolist()]
