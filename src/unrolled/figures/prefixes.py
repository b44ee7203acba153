"""What neurons hold at one place of every sequence, by what they have read up to there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unrolled.colours import Array, Palette, scale_for
from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.figures.style import BLANK, INK, MUTED, WIDTH, entitle, mono, styled
from unrolled.traces.passage import read_passages
from unrolled.traces.symbols import draw
from unrolled.traces.trace import Trace

PANEL = 1.25
"""Inches that one neuron's values are high."""
MOST_PREFIXES, MOST_NEURONS = 120, 20
LONGEST = 24
"""Letters of a prefix that are shown, the last ones."""


@styled()
def by_prefix(
    prefixes: Sequence[str],
    values: npt.ArrayLike,
    neurons: Sequence[str],
    *,
    title: str = "",
    x_name: str = "read so far",
    y_name: str = "",
    palette: Palette = "classic",
) -> Figure:
    """For each neuron a row of values, one for each prefix, coloured up to the largest of the row.

    Prefixes that begin alike stand on grounds of their own.

    Args:
        prefixes: what each sequence had read, in the order in which to show them; `(sequences,)`, 120 at most.
        values: `(sequences, neurons)`; NaN is left out.
        neurons: their names, 20 at most.
        title, x_name, y_name: what is shown, and what the axes are.

    Raises:
        SettingsError: names and values do not fit, or there are too many.
    """
    table = np.asarray(values, np.float64)
    fits = table.shape == (len(prefixes), len(neurons)) and table.size > 0
    if not fits or len(prefixes) > MOST_PREFIXES or len(neurons) > MOST_NEURONS:
        raise SettingsError(
            f"The values have the shape {table.shape} for {len(prefixes)} prefixes and {len(neurons)} neurons; "
            f"1 to {MOST_PREFIXES} prefixes and 1 to {MOST_NEURONS} neurons, each with its value, fit.",
            "Show fewer steps, or fewer neurons.",
        )
    labels = [prefix if len(prefix) <= LONGEST else f"…{prefix[1 - LONGEST :]}" for prefix in prefixes]
    height = 0.9 + PANEL * len(neurons) + 0.075 * max(map(len, labels))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for index, neuron in enumerate(neurons):
        axes = figure.add_subplot(len(neurons), 1, index + 1)
        _panel(axes, table[:, index], prefixes, palette)
        axes.set_title(neuron, fontproperties=mono(10, bold=True), loc="left", pad=4)
        axes.set_xticks(range(len(labels)), [""] * len(labels))
    axes = figure.axes[-1]
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontproperties=mono(min(9, 450 / len(labels))))
    axes.set_xlabel(x_name)
    figure.supylabel(y_name, fontsize=10)
    entitle(figure, title)
    return figure


def values_by_prefix(
    trace: Trace, neurons: Sequence[str], at: str, *, start: int = 0, limit: int | None = None
) -> tuple[list[str], Array]:
    """What neurons hold where a symbol stands, by the text of its line before it.

    Args:
        neurons: such as `rnn.l0.7`.
        at: the symbol, as it is or as it is drawn (`X`, `⏎`).
        start, limit: the steps in which it is looked for.

    Returns:
        The different prefixes, from short to long, and the mean of each neuron's values after them,
        `(prefixes, neurons)`.

    Raises:
        UnknownNameError: no such neuron or symbol.
        TraceError: the symbol does not stand in these steps, or there are no symbols.
    """
    passages = read_passages(trace, neurons, start=start, limit=limit)
    first = passages[0]
    if first.kind == "none":
        raise TraceError(f"{first.name} read numbers: there is no symbol to look for.", "Take another kind of figure.")
    symbol = draw(at)
    if symbol not in {draw(label) for label in trace.vocabulary}:
        raise UnknownNameError("symbol", at, map(draw, trace.vocabulary))
    found: dict[str, list[int]] = defaultdict(list)
    before = ""
    for step, (drawn, ends) in enumerate(zip(first.drawn, first.ends.tolist(), strict=True)):
        if drawn == symbol:
            found[before].append(step)
        before = "" if ends else before + drawn
    if not found:
        raise TraceError(f"{symbol!r} does not stand in the steps {first.start} to {first.stop - 1}.", "Take more.")
    prefixes = sorted(found, key=lambda prefix: (len(prefix), prefix))
    table = np.stack([passage.values.astype(np.float64) for passage in passages], 1)
    return prefixes, np.stack([table[found[prefix]].mean(0) for prefix in prefixes])


def _panel(axes: Axes, values: Array, prefixes: Sequence[str], palette: Palette) -> None:
    """One neuron's values, each a dot on a stem from zero."""
    known = np.flatnonzero(np.isfinite(values))
    largest = float(np.abs(values[known]).max()) if len(known) else None
    scale = scale_for((None, None), largest=largest, palette=palette)
    colours = scale.colours[scale.shades(values[known])] / 255
    beginnings = [prefix[:1] for prefix in prefixes]
    groups = np.cumsum([index > 0 and beginnings[index - 1] != letter for index, letter in enumerate(beginnings)])
    if 1 < groups[-1] + 1 < len(prefixes):
        for group in range(1, int(groups[-1]) + 1, 2):
            members = np.flatnonzero(groups == group)
            axes.axvspan(members[0] - 0.5, members[-1] + 0.5, color=BLANK, alpha=0.6, linewidth=0, zorder=0)
    axes.vlines(known, 0, values[known], color=MUTED, linewidth=1, zorder=1)
    axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    axes.scatter(known, values[known], 42, colours, edgecolors=INK, linewidths=0.8, zorder=2)
    axes.set(xlim=(-0.7, len(prefixes) - 0.3), ylim=(-1.2 * scale.high, 1.2 * scale.high))
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(False)
