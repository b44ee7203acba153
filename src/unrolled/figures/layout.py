"""Where symbols stand in a grid of cells: lines that end and wrap, and short lines beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from unrolled.colours import Array
from unrolled.errors import SettingsError

GAP = 3
"""Empty columns between lines that stand side by side."""
FEW = 12
"""Rows that are not yet worth it."""
MOST_ROWS = 2000
"""Of a picture: a PNG of more could not be opened by many programs."""
MOST_COLUMNS = 500


class Layout(NamedTuple):
    """Each symbol's first cell, and the size of the grid. `rows` and `columns`: `(symbols,)`."""

    rows: Array
    columns: Array
    height: int
    width: int


def arrange(widths: Sequence[int], ends: Sequence[bool], columns: int) -> Layout:
    """Symbols into lines.

    Args:
        widths: cells of each symbol, `(symbols,)`; none is wider than a line.
        ends: whether a line ends after it, `(symbols,)`.
        columns: cells of a line. Where all lines are short, several stand side by side, read column by column.

    Raises:
        SettingsError: a number of columns that makes no grid.
    """
    if not 1 <= columns <= MOST_COLUMNS:
        raise SettingsError(f"A figure has 1 to {MOST_COLUMNS} columns, not {columns}.")
    rows, places = np.zeros(len(widths), np.int64), np.zeros(len(widths), np.int64)
    row = place = widest = 0
    for index, (width, ended) in enumerate(zip(widths, ends, strict=True)):
        if place + width > columns:
            row, place = row + 1, 0
        rows[index], places[index] = row, place
        place += width
        widest = max(widest, place)
        if ended:
            row, place = row + 1, 0
    height = int(rows[-1]) + 1
    beside = (columns + GAP) // (widest + GAP)
    if height > FEW and beside > 1:
        height = max(FEW, -(-height // beside))
        places += rows // height * (widest + GAP)
        widest += int(rows[-1]) // height * (widest + GAP)
        rows %= height
    return Layout(rows, places, height, widest)


def refuse_tall(rows: int) -> None:
    """SettingsError where a picture would have more rows than it can."""
    if rows > MOST_ROWS:
        raise SettingsError(
            f"The text would have {rows:,} rows; a figure has {MOST_ROWS:,} at most.", "Show fewer steps."
        )
