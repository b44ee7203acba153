"""Figures of a trace, by the kind that was asked for, into a file or a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from matplotlib.figure import Figure

from unrolled.colours import Palette
from unrolled.errors import OutputExistsError, SettingsError
from unrolled.figures.memories import cell_against_hidden
from unrolled.figures.prefixes import by_prefix, values_by_prefix
from unrolled.figures.saving import SUFFIXES, save
from unrolled.figures.strips import coloured_strips
from unrolled.figures.text import coloured_text
from unrolled.files import check_adding
from unrolled.traces.names import Name, parse_neuron
from unrolled.traces.passage import read_passages
from unrolled.traces.trace import Trace

Kind: TypeAlias = Literal["text", "strips", "by-prefix", "cell-against-hidden"]
KINDS: tuple[Kind, ...] = ("text", "strips", "by-prefix", "cell-against-hidden")
LIMITS: dict[Kind, int] = {"text": 2000, "strips": 50}
"""Steps that are shown where nothing is said; the other kinds take all of them."""


@dataclass(frozen=True)
class Wanted:
    """What to draw.

    Attributes:
        neurons: their names; by default the one that the trace is known by in the gallery.
        limit: steps at most; None for what is usual for the kind.
        at: for `by-prefix`, the symbol at which the values are taken.
    """

    kind: Kind = "text"
    neurons: Sequence[str] = ()
    start: int = 0
    limit: int | None = None
    at: str = ""
    palette: Palette = "classic"


def export_figures(trace: Trace, out: Path, wanted: Wanted, *, overwrite: bool = False) -> list[Path]:
    """Draws what is wanted, and writes it.

    Args:
        out: a file .svg or .png for one figure; or a folder, which gets each figure as both.

    Returns:
        The files.

    Raises:
        OutputExistsError: a file, or a folder that is not empty, is there, and `overwrite` was not said; or the folder
            is a run or a trace.
        SettingsError: several figures for one file, another suffix, or a figure that the trace does not have.
    """
    is_folder = out.is_dir() or not out.suffix
    if not is_folder and out.suffix.lower() not in SUFFIXES:
        raise SettingsError(f"Figures are files {' or '.join(SUFFIXES)}, or a folder, not {out.name!r}.", "Name one.")
    taken = any(out.iterdir()) if out.is_dir() else out.exists() or out.is_symlink()
    if taken and not overwrite:
        raise OutputExistsError(f"{out} exists already.", "Choose another --out, or replace it with --overwrite.")
    check_adding(out)
    names = _named(trace, wanted.neurons)
    if is_folder:
        figures = list(_figures(trace, names, wanted))  # all are drawn before the first is written
        return [save(figure, out / f"{stem}{suffix}") for stem, figure in figures for suffix in SUFFIXES]
    if len(names) > 1 and wanted.kind in ("text", "cell-against-hidden"):
        raise SettingsError(
            f"{wanted.kind} has one figure a neuron, and {out.name} holds one of {len(names)}.",
            "Name a folder, or one neuron.",
        )
    return [save(figure, out) for _, figure in _figures(trace, names, wanted)]


def _named(trace: Trace, given: Sequence[str]) -> list[Name]:
    """The neurons that were asked for, each once."""
    if given:
        return list(dict.fromkeys(parse_neuron(neuron, trace.info.sites) for neuron in given))
    telling, first = trace.info.telling, trace.info.sites[0]
    if telling is None:
        return [Name(first.name, first.main_signal, 0)]
    return [parse_neuron(f"{telling.site}.{telling.signal}.{telling.neuron}", trace.info.sites)]


def _figures(trace: Trace, names: Sequence[Name], wanted: Wanted) -> Iterator[tuple[str, Figure]]:
    """What each figure's file is called, and the figure."""
    neurons = list(map(str, names))
    start, palette = wanted.start, wanted.palette
    limit = LIMITS.get(wanted.kind) if wanted.limit is None else wanted.limit
    match wanted.kind:
        case "text":
            for neuron in neurons:
                yield f"text-{neuron}", coloured_text(trace, neuron, start=start, limit=limit, palette=palette)
        case "strips":
            yield "strips", coloured_strips(trace, neurons, start=start, limit=limit, palette=palette)
        case "by-prefix":
            if not wanted.at:
                raise SettingsError("Values by prefix are taken where a symbol stands.", "Say which: --at X.")
            prefixes, values = values_by_prefix(trace, neurons, wanted.at, start=start, limit=limit)
            yield "by-prefix", by_prefix(prefixes, values, neurons, y_name=f"value at {wanted.at}", palette=palette)
        case "cell-against-hidden":
            for name in names:
                yield f"cell-against-hidden-{name.site}.{name.neuron}", _memories(trace, name, start, limit, palette)


def _memories(trace: Trace, name: Name, start: int, limit: int | None, palette: Palette) -> Figure:
    site = trace.info.site(name.site)
    neurons = {signal.name: signal.neurons for signal in site.signals}
    if neurons.get("cell") is None or neurons.get("cell") != neurons.get("hidden"):
        raise SettingsError(
            f"{name.site} has no cell state with a hidden state of its own: {', '.join(neurons)} were recorded.",
            "Take another kind of figure.",
        )
    pair = [f"{name.site}.{signal}.{name.neuron}" for signal in ("cell", "hidden")]
    cell, hidden = read_passages(trace, pair, start=start, limit=limit)
    return cell_against_hidden(cell.values, hidden.values, title=f"{name.site}.{name.neuron}", palette=palette)
