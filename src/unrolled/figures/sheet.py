"""A white sheet measured in points, and what stands on it beside coloured text: headings, legends, remarks."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from unrolled.colours import Array, Scale
from unrolled.figures.style import INK, MONO_ADVANCE, MUTED, RULE, mono

CELL = 6
"""Points that a letter is wide."""
RAMP = 84
"""Points that a legend's colours are wide."""


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many points, all of it axes: x to the right, y downwards, nothing drawn."""
    figure = Figure(figsize=(width / 72, height / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def paint(axes: Axes, colours: Array, left: float, top: float, width: float, height: float) -> None:
    """Colours `(rows, columns, 3 or 4)`, bytes, over a rectangle in points, each with sharp edges."""
    x, y = axes.get_xlim(), axes.get_ylim()
    axes.imshow(colours, extent=(left, left + width, top + height, top), aspect="auto", interpolation="none")
    axes.set(xlim=x, ylim=y)


def paint_ramp(axes: Axes, scale: Scale, left: float, middle: float) -> None:
    """The colours of a scale from low to high, about a line in points."""
    paint(axes, scale.colours[None], left, middle - 4, RAMP, 8)
    right, top, bottom = left + RAMP, middle - 4, middle + 4
    edge = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    axes.add_collection(LineCollection([edge], colors=RULE, linewidths=0.6), autolim=False)


def write_line(axes: Axes, text: str, left: float, middle: float, colour: str = INK) -> None:
    """A line in the font of coloured text."""
    axes.text(left, middle + 3.4, text, color=colour, fontproperties=mono(CELL / MONO_ADVANCE), va="baseline")


def say(axes: Axes, text: str, left: float, middle: float) -> None:
    """A remark beside."""
    axes.text(left, middle, text, color=MUTED, fontsize=9, va="center_baseline")


def name(axes: Axes, text: str, left: float, middle: float) -> None:
    """What a figure shows, as its heading."""
    axes.text(left, middle, text, fontproperties=mono(12, bold=True), va="center_baseline")


def number(value: float) -> str:
    """A number for people: three digits, and a real minus sign."""
    return f"{value:.3g}".replace("-", "−")
