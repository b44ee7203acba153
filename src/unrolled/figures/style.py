"""How every figure looks: dark ink on white (which is right on light and dark pages alike), and lines for all eyes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

INK, MUTED, RULE, BLANK = "#131a26", "#5b6575", "#dde1e8", "#e6e9ee"
"""Words, what is beside them, thin lines, and cells without a value."""

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Colours of lines and bars that all eyes can tell apart (Okabe and Ito, 2008; their yellow is too pale)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Each line has a shape of its own too, for print without colours."""

WIDTH = 7.0
"""Inches of a plot; letters of 10 points are then read easily where it is shown 700 pixels wide."""
DOTS_PER_POINT = 2
"""Of a PNG: sharp on dense screens, and a cell of whole points has whole pixels."""
MARGIN = 14
"""Points of white around coloured text."""

MONO = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
MONO_ADVANCE = 1233 / 2048
"""Width of each of its letters, as a share of the font's size."""

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "figure.dpi": 72 * DOTS_PER_POINT,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "image.interpolation": "none",
    "legend.borderaxespad": 0,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "savefig.dpi": 72 * DOTS_PER_POINT,
    "svg.fonttype": "path",
    "svg.hashsalt": "unrolled",
    "text.color": INK,
    "text.hinting": "none",  # letters have the same widths in both formats
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9.5,
}


@contextmanager
def styled() -> Generator[None]:
    """The style while a figure is made or saved, whatever the user's own settings are. Also decorates functions."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        cast(dict[str, Any], matplotlib.rcParams).update(STYLE)
        yield


def entitle(figure: Figure, title: str) -> None:
    """What a plot shows, at its upper left."""
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")


def mono(size: float, *, bold: bool = False) -> FontProperties:
    """The font of coloured text, in points; the file that matplotlib carries, not what the system has by that name."""
    return FontProperties(fname=str(MONO.with_stem(f"{MONO.stem}-Bold") if bold else MONO), size=size)
