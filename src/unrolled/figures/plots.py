"""Plain plots for reports: lines over numbers, bars over names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from unrolled.colours import Array
from unrolled.errors import SettingsError
from unrolled.figures.sheet import number
from unrolled.figures.style import INK, MARKERS, MUTED, SERIES, WIDTH, entitle, styled

HEIGHT = 3.9
"""Inches of a plot."""
BAND, WHISKER = 0.16, 1.2
"""How opaque a band is, and how many points wide a line from lowest to highest."""
TICKS = 12
"""Points of a logarithmic axis that are each named on it."""
BARS_SHARE = 0.8
"""Of the room between two names, what their bars fill."""


@styled()
def lines(
    x: npt.ArrayLike,
    series: Mapping[str, npt.ArrayLike],
    *,
    title: str = "",
    x_name: str = "",
    y_name: str = "",
    y_range: tuple[float | None, float | None] = (None, None),
    logarithmic: bool = False,
    marks: bool = True,
) -> Figure:
    """Lines over one axis, each with a band from its lowest to its highest seed where it has several.

    Args:
        x: `(points,)`.
        series: name → `(points,)`, or `(seeds, points)`: the line is the mean, NaN left out. Seven at most.
        title, x_name, y_name: what is shown, and what the axes are, with their units.
        y_range: lowest and highest value of the axis; None where the values say.
        logarithmic: whether x is.
        marks: whether each point has a mark; for many points better not.

    Raises:
        SettingsError: no series or too many, or one that does not fit `x`.
    """
    places = np.asarray(x, np.float64)
    figure, axes = _plot(title, x_name, y_name)
    found = _checked(series, len(places))
    for (name, values), colour, marker in zip(found.items(), SERIES, MARKERS, strict=False):
        mean, low, high = spread(values)
        if len(values) > 1:
            axes.fill_between(places, low, high, color=colour, alpha=BAND, linewidth=0)
        axes.plot(places, mean, color=colour, marker=marker if marks else "", label=name)
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        if len(places) <= TICKS:
            axes.set_xticks(places, minor=False)
            axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*y_range)
    axes.margins(x=0.02)
    _legend(axes, Patch(color=MUTED, alpha=BAND, linewidth=0), list(found.values()))
    return figure


@styled()
def bars(
    names: Sequence[str],
    series: Mapping[str, npt.ArrayLike] | npt.ArrayLike,
    *,
    title: str = "",
    x_name: str = "",
    y_name: str = "",
    y_range: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Bars over names, each with its value, and with a line from the lowest to the highest seed where it has several.

    Args:
        names: of the places, `(places,)`.
        series: `(places,)` or `(seeds, places)`; or several such by name, side by side. Seven at most.
        title, x_name, y_name, y_range: as for `lines`.

    Raises:
        SettingsError: no series or too many, or one that does not fit `names`.
    """
    named: Mapping[str, npt.ArrayLike] = series if isinstance(series, Mapping) else {"": series}
    figure, axes = _plot(title, x_name, y_name)
    found = _checked(named, len(names))
    width, crowd = BARS_SHARE / len(found), len(found) * len(names)
    places = np.arange(len(names)) - BARS_SHARE / 2 + width / 2
    for index, (name, values) in enumerate(found.items()):
        mean, low, high = spread(values)
        at = places + index * width
        axes.bar(at, mean, width * 0.94, color=SERIES[index], label=name)
        if len(values) > 1:
            axes.vlines(at, low, high, color=INK, linewidth=WHISKER)
        for place, value, bottom, top in zip(at, mean, low, high, strict=True):
            if np.isfinite(value):
                _name_bar(axes, value, place, bottom if value < 0 else top, 8.5 if crowd <= 16 else 6.5)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0)
    axes.margins(y=0.09)
    axes.set_ylim(*y_range)
    _legend(axes, Line2D([], [], color=INK, linewidth=WHISKER), list(found.values()))
    return figure


def spread(values: Array) -> tuple[Array, Array, Array]:
    """Mean, lowest and highest over the seeds of `(seeds, points)`; NaN where no seed has a value."""
    there = ~np.isnan(values)
    count = there.sum(0)
    known = np.where(count > 0, 1.0, np.nan)
    mean = np.where(there, values, 0).sum(0) / np.maximum(count, 1) * known
    return mean, np.where(there, values, np.inf).min(0) * known, np.where(there, values, -np.inf).max(0) * known


def _name_bar(axes: Axes, value: float, place: float, end: float, size: float) -> None:
    """A bar's value beyond its end, which is above or below zero."""
    away, align = (-3, "top") if value < 0 else (3, "bottom")
    text = axes.annotate(number(value), (place, end), xytext=(0, away), textcoords="offset points")
    text.set(ha="center", va=align, color=MUTED, fontsize=size)


def _checked(series: Mapping[str, npt.ArrayLike], points: int) -> dict[str, Array]:
    """Each series as `(seeds, points)`."""
    if not 1 <= len(series) <= len(SERIES):
        raise SettingsError(f"A plot has 1 to {len(SERIES)} series, not {len(series)}.", "Draw several plots.")
    found = {name: np.atleast_2d(np.asarray(values, np.float64)) for name, values in series.items()}
    for name, values in found.items():
        if values.ndim != 2 or values.shape[1] != points or not values.size:
            raise SettingsError(
                f"The series {name!r} has the shape {np.shape(series[name])}; ({points},) or (seeds, {points}) fits."
            )
    return found


def _plot(title: str, x_name: str, y_name: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x_name, ylabel=y_name)
    entitle(figure, title)
    return figure, axes


def _legend(axes: Axes, spreads: Artist, series: Sequence[Array]) -> None:
    """Above the plot: the series where there are several, and what `spreads` shows where there are several seeds."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) == 1:
        handles, labels = [], []
    if max(map(len, series)) > 1:
        handles, labels = [*handles, spreads], [*labels, "lowest to highest seed"]
    if handles:
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0, 1.01), ncols=min(len(handles), 4))
