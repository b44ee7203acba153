"""Pictures for articles, docs and reports: matplotlib figures in one style, saved as SVG or PNG.

    from unrolled.figures import coloured_text, save
    save(coloured_text(trace, "rnn.l0.7"), "neuron.svg")

Whoever draws the same thing twice gets the same bytes. Needs the extra `figures`.
"""

from importlib.util import find_spec

from unrolled.errors import MissingPartError

if find_spec("matplotlib") is None:
    raise MissingPartError("Figures need matplotlib.", "Install it: pip install 'unrolled[figures]'")

from unrolled.figures.grids import grid
from unrolled.figures.memories import cell_against_hidden
from unrolled.figures.plots import bars, lines
from unrolled.figures.prefixes import by_prefix, values_by_prefix
from unrolled.figures.saving import save
from unrolled.figures.strips import coloured_strips
from unrolled.figures.text import coloured_text

__all__ = [
    "bars",
    "by_prefix",
    "cell_against_hidden",
    "coloured_strips",
    "coloured_text",
    "grid",
    "lines",
    "save",
    "values_by_prefix",
]
