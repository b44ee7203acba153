"""`unrolled evidence`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from unrolled.cli.marks import spelled
from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import ProgressBar, print_json, print_table, stdout

if TYPE_CHECKING:
    from unrolled.neurons.contexts import Place
    from unrolled.neurons.effects import Changes
    from unrolled.neurons.evidence import Evidence
    from unrolled.neurons.roles import Fit
    from unrolled.traces.trace import Trace

BARS, WIDTH = 16, 40
"""Bars of the histogram, and letters of the longest."""
BEFORE, AFTER = 30, 15
"""Steps shown around a peak."""


def evidence(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    neuron: Annotated[str, typer.Argument(help="Such as rnn.l0.7 (its cell or hidden state) or rnn.l0.hidden.7.")],
    run: Annotated[
        Path | None, typer.Option("--run", help="The run that it is of: tell the neuron's effect on the odds too.")
    ] = None,
    other: Annotated[
        list[Path] | None,
        typer.Option("--other", help="Another trace of the same text: its neuron for this role; may be repeated."),
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Show what one neuron does: where it fires, its histogram, gates, role and effect, and the neurons like it."""
    from unrolled.neurons.evidence import gather, load_trained
    from unrolled.traces.trace import Trace

    opened = Trace.open(trace)
    others = [Trace.open(path) for path in other or ()]
    trained = None if run is None else load_trained(opened, run)
    with ProgressBar("comparing", "steps") as progress:
        found = gather(opened, neuron, trained=trained, others=others, progress=progress)
    if as_json:
        print_json(found.to_json())
        return 0
    print_table(f"{found.neuron} over {found.steps:,} steps", _facts(found))
    for title, places in (("highest", found.highest), ("lowest", found.lowest)):
        if places:
            _print_lines(title, _peaks(opened, found.neuron, places))
    _print_lines("values", _bars(found))
    examples = [(f"{each.quantile:.0%}", each.examples) for each in found.quantiles]
    _print_lines(
        "examples by quantile", [_row(share, _around(place)) for share, places in examples for place in places]
    )
    return 0


def _facts(found: Evidence) -> dict[str, object]:
    """What fits a line each."""
    rows: dict[str, object] = {"values": {**vars(found.statistics)}, "role": found.role or "none that holds"}
    rows |= {fit.role: _fit(fit) for fit in found.fits}
    if found.training_steps is not None:
        rows["training"] = f"looked {found.training_steps} steps back"
    if found.half_life is not None:
        rows["half-life"] = f"{found.half_life:,.3g} steps"
    for gate in found.gates:
        rows[gate.signal] = f"mean {gate.mean:.2f}, shut {gate.shut:.0%}, open {gate.open:.0%}"
    if found.effect is not None:
        if found.effect.weights is not None:
            rows["weights"] = _changes(found.effect.weights)
        measured = found.effect.measured
        rows["held"] = f"{_changes(measured)} (from {measured.low:.3g} to {measured.high:.3g})"
    rows["neurons like it"] = ", ".join(f"{each.name} {each.correlation:+.2f}" for each in found.neighbours)
    for each in found.others:
        rows[f"in {each.title or each.trace}"] = f"{each.name} {each.correlation:+.2f}"
    return rows


def _fit(fit: Fit) -> str:
    score = "too few steps to tell" if fit.score is None else f"{fit.score:.2f}"
    over = ", ".join(f"{hold.steps} steps {hold.score:.2f}" for hold in fit.holds)
    return f"{score} ({over})" if over else score


def _changes(changes: Changes) -> str:
    from unrolled.traces.symbols import draw

    raised = " ".join(f"{draw(each.symbol)} {each.change:+.2f}" for each in changes.raises[:5])
    lowered = " ".join(f"{draw(each.symbol)} {each.change:+.2f}" for each in changes.lowers[:5])
    return f"raises {raised or 'none'}, lowers {lowered or 'none'}"


def _peaks(trace: Trace, neuron: str, places: Sequence[Place]) -> list[Text]:
    """Each peak in its text, every symbol on the colour of the neuron's value there."""
    from unrolled.neurons.contexts import Surroundings
    from unrolled.traces.names import parse_neuron
    from unrolled.traces.passage import read_passage
    from unrolled.traces.show import fitted, style_of

    colour = stdout.color_system is not None and not stdout.no_color
    symbols = Surroundings(trace, parse_neuron(neuron, trace.info.sites).site)
    lines: list[Text] = []
    for place in places:
        sequence = symbols.sequence_at(place.step)
        start, stop = max(place.step - BEFORE, sequence.start), min(place.step + AFTER, sequence.stop)
        passage = read_passage(trace, neuron, start=start, limit=stop - start)
        line = Text(" " * (BEFORE - (place.step - start)))
        for step, symbol, shade in zip(
            range(start, stop), passage.drawn, passage.scale.shades(passage.values).tolist(), strict=True
        ):
            mark = symbol if colour or step != place.step else f"[{symbol}]"
            line.append(mark, style_of(passage.scale, shade) if colour else "")
        lines.append(_row(f"{place.step:,}", f"{place.value:+.4g}", fitted(line, sys.stdout.encoding)))
    return lines


def _bars(found: Evidence) -> list[Text]:
    """The histogram, lying on its side."""
    counts, edges = found.histogram.counts, found.histogram.edges
    together = len(counts) // BARS
    sums = [sum(counts[first : first + together]) for first in range(0, len(counts), together)]
    shown = [f"{'█' * round(WIDTH * count / max(sums))} {count:,}" for count in sums]
    return [_row(f"{edges[at * together]:+.3g}", bar) for at, bar in enumerate(shown)]


def _around(place: Place) -> str:
    from unrolled.traces.symbols import draw

    return f"{draw(place.before[-BEFORE:]):>{BEFORE}}[{draw(place.symbol)}]{draw(place.after[:AFTER])}"


def _row(head: str, *parts: str | Text) -> Text:
    line = Text(f"{head:>10}  ", "dim")
    for part in parts:
        line.append_text(part if isinstance(part, Text) else Text(f"{part}  ", "default"))
    return Text("  ").append_text(line)


def _print_lines(title: str, lines: Sequence[Text]) -> None:
    stdout.print(f"\n{title}", style="cyan")
    for line in lines:
        line.plain = spelled(line.plain, stdout.encoding)
        stdout.print(line, soft_wrap=True)
