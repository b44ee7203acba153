"""Letters in a grid of cells, as outlines: exact in every format, and each outline is stored once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from unicodedata import category

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.ft2font import FT2Font
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from unrolled.figures.style import MONO, MONO_ADVANCE, mono
from unrolled.traces.symbols import SPACES

MARK_OPACITY = 0.75
"""Of whitespace marks, as on the page: so quiet that words stand out."""
STAND_INS = {"␍": "↵"}
"""For marks that the font lacks; for other letters that it lacks stands an empty square."""
_MARKS = frozenset(SPACES.values())


def cells_of(symbol: str) -> int:
    """Cells that a drawn symbol takes: one a letter, none for what combines with the letter before, one at least."""
    return max(1, sum(not category(letter).startswith("M") for letter in symbol))


def write(
    axes: Axes,
    symbols: Sequence[str],
    places: Sequence[tuple[float, float]],
    inks: Sequence[str],
    *,
    cell: float,
) -> None:
    """Writes drawn symbols, one letter a cell.

    Args:
        axes: in points, y downwards.
        places: left end of each symbol's baseline, in points.
        inks: colour of each symbol.
        cell: width of a cell in points.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for symbol, (x, y), ink in zip(symbols, places, inks, strict=True):
        column = -1
        for letter in symbol:
            column += not category(letter).startswith("M")
            found[letter, ink].append((x + column * cell, y))
    size = cell / MONO_ADVANCE
    figure = axes.get_figure(root=True)
    assert figure is not None
    points = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    for (letter, ink), offsets in found.items():
        outline = _outline(letter, size)
        if outline is not None:
            axes.add_collection(
                PathCollection(
                    [outline],
                    offsets=offsets,
                    offset_transform=axes.transData,
                    transform=points,
                    facecolors=ink,
                    linewidths=0,
                    snap=False,  # or thin letters such as _ would be drawn to nothing
                    alpha=MARK_OPACITY if letter in _MARKS else None,
                ),
                autolim=False,
            )


@cache
def _outline(letter: str, size: float) -> Path | None:
    shown = STAND_INS.get(letter, letter)
    points, codes = text_to_path.get_text_path(mono(size), shown if ord(shown) in _known() else "□")
    if not len(codes):
        return None  # a blank
    return Path(np.asarray(points) * size / text_to_path.FONT_SCALE, codes)


@cache
def _known() -> frozenset[int]:
    """Code points that the font has."""
    return frozenset(FT2Font(MONO).get_charmap())
