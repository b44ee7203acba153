"""What a neuron keeps against what it shows: how the hidden state sharpens the cell state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from unrolled.colours import Array, Palette, Scale, scale_for
from unrolled.errors import SettingsError
from unrolled.figures.style import MUTED, entitle, styled

FEWEST, MOST = 21, 61
"""Bins a side: odd, so that zero lies within one."""


@styled()
def cell_against_hidden(
    cell: npt.ArrayLike, hidden: npt.ArrayLike, *, title: str = "", palette: Palette = "classic"
) -> Figure:
    """How often a neuron has which cell and hidden state together, and along the sides how often each alone.

    All lies between zero and the curve h = tanh(c), where the output gate is 1. A hidden state that sharpens the cell
    state gathers at zero and at the curve.

    Args:
        cell, hidden: of the same shape, whatever it is; steps where one is NaN or infinite are left out.
        title: such as the neuron's name.

    Raises:
        SettingsError: the shapes differ, or nothing finite is left.
    """
    kept, shown = np.asarray(cell, np.float64), np.asarray(hidden, np.float64)
    if kept.shape != shown.shape:
        raise SettingsError(f"Cell and hidden state have the shapes {kept.shape} and {shown.shape}, not the same.")
    finite = np.isfinite(kept) & np.isfinite(shown)
    kept, shown = kept[finite], shown[finite]
    if not kept.size:
        raise SettingsError("Not one step has a finite cell and hidden state.")
    scales = (_scale(kept, 1e-12, palette), _scale(shown, 1.0, palette))
    bins = int(np.clip(np.sqrt(kept.size), FEWEST, MOST)) // 2 * 2 + 1
    edges = [np.linspace(scale.low, scale.high, bins + 1) for scale in scales]
    counts, _, _ = np.histogram2d(kept, shown, edges)

    figure = Figure(figsize=(5.6, 5.4), layout="constrained")
    places = figure.add_gridspec(2, 2, width_ratios=(4, 1), height_ratios=(1, 4))
    joint = figure.add_subplot(places[1, 0])
    _joint(joint, counts, edges, palette)
    above = figure.add_subplot(places[0, 0], sharex=joint)
    aside = figure.add_subplot(places[1, 1], sharey=joint)
    (along, across), (first, second) = edges, scales
    above.bar(_middles(along), counts.sum(1), np.diff(along), color=_colours(first, along), ec=MUTED, lw=0.4)
    aside.barh(_middles(across), counts.sum(0), np.diff(across), color=_colours(second, across), ec=MUTED, lw=0.4)
    for axes in (above, aside):
        axes.tick_params(labelbottom=False, labelleft=False, length=0)
        axes.spines[:].set_color(MUTED)
        axes.grid(visible=False)
    entitle(figure, title)
    return figure


def _joint(axes: Axes, counts: Array, edges: list[Array], palette: Palette) -> None:
    """The number of steps by both states, from light (one) to dark (most), and the curve that bounds them."""
    ramp = ListedColormap(scale_for((0, 1), gate=True, palette=palette).colours / 255)
    norm = LogNorm(1, max(2.0, float(counts.max())))
    axes.pcolormesh(*edges, np.where(counts > 0, counts, np.nan).T, cmap=ramp, norm=norm, rasterized=True)
    curve = np.arange(-100, 101) / 100 * edges[0][-1]
    axes.plot(curve, np.tanh(curve), color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="h = tanh(c), gate open")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.grid(visible=False)
    axes.set(xlabel="cell state: what is kept", ylabel="hidden state: what is shown", xlim=edges[0][[0, -1]])
    axes.text(0.98, 0.02, "darker: more steps", transform=axes.transAxes, color=MUTED, fontsize=9, ha="right")
    axes.legend(loc="upper left", borderaxespad=0.6, frameon=True, edgecolor="none")


def _scale(values: Array, least: float, palette: Palette) -> Scale:
    return scale_for((None, None), largest=max(least, float(np.abs(values).max())), palette=palette)


def _middles(edges: Array) -> Array:
    return (edges[1:] + edges[:-1]) / 2


def _colours(scale: Scale, edges: Array) -> Array:
    return scale.colours[scale.shades(_middles(edges))] / 255
