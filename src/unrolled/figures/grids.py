"""A small table as colours, with its numbers in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from unrolled.colours import Palette, scale_for
from unrolled.errors import SettingsError
from unrolled.figures.cells import grounds_of, inks_of
from unrolled.figures.style import WIDTH, entitle, styled

MOST = 40
"""Rows or columns whose numbers can be read."""


@styled()
def grid(
    values: npt.ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str = "",
    x_name: str = "",
    y_name: str = "",
    bounds: tuple[float, float] | None = None,
    palette: Palette = "classic",
) -> Figure:
    """A table `(rows, columns)` as coloured cells with the numbers in them; NaN is grey and has none.

    Args:
        values: `(rows, columns)`, 40 each way at most.
        rows, columns: their names.
        title, x_name, y_name: what is shown, and what columns and rows are.
        bounds: of the values, such as 0 and 1; by default the largest absolute value is as far as the colours reach.
            Where no value can be negative, colours run from light to dark, else from hue to hue about zero.

    Raises:
        SettingsError: names and values do not fit, or there are too many.
    """
    table = np.asarray(values, np.float64)
    if table.shape != (len(rows), len(columns)) or not table.size or max(table.shape) > MOST:
        raise SettingsError(
            f"The table has the shape {table.shape} and {len(rows)} × {len(columns)} names; "
            f"1 to {MOST} rows and columns, each with a name, fit."
        )
    finite = table[np.isfinite(table)]
    largest = float(np.abs(finite).max()) if finite.size else None
    lowest = None if finite.size and finite.min() < 0 else 0.0
    scale = scale_for(bounds or (lowest, None), largest=largest, palette=palette)
    flat = table.ravel()
    decimals = 2 if scale.high < 10 else 1 if scale.high < 100 else 0
    size = 10 if len(columns) <= 12 else 10 * 12 / len(columns)

    figure = Figure(figsize=(WIDTH, 1.2 + 0.36 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(grounds_of(scale, flat).reshape(*table.shape, 4), aspect="auto")
    centred = {"ha": "center", "va": "center_baseline", "fontsize": size}
    for index, (value, ink) in enumerate(zip(flat.tolist(), inks_of(scale, flat), strict=True)):
        if np.isfinite(value):
            row, column = divmod(index, len(columns))
            shown = f"{value:.{decimals}f}".replace("-", "−")
            axes.text(column, row, shown, centred, color=ink)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=x_name, ylabel=y_name)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    entitle(figure, title)
    return figure
