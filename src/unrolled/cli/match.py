"""`unrolled match`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.text import Text

from unrolled.cli.marks import spelled
from unrolled.cli.options import JsonFlag, one_of, span_of
from unrolled.cli.screen import ProgressBar, print_json, stdout

if TYPE_CHECKING:
    from unrolled.neurons.matches import Matches, Span

NEXT_SHOWN, NAMES_SHOWN = 8, 12
"""Symbols that come next, and chosen neurons, that a terminal shows."""
CONTEXT = 24
"""Symbols before and after a place that a terminal shows."""


def match(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    span: Annotated[str, typer.Option("--span", help="START:STOP, the steps whose pattern is sought.")],
    signal: Annotated[
        str | None, typer.Option("--signal", help="Whose values count (default: the cell state, else the hidden one).")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", help="A layer that counts, such as rnn.l0; may be repeated.")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option("--threshold", help="From which share of its bound, or of its largest value, a neuron is on."),
    ] = 0.3,
    off: Annotated[
        str, typer.Option("--off", help="Choose neurons that are off beside the span: none, before, after or both.")
    ] = "none",
    least: Annotated[
        int | None, typer.Option("--least", help="Chosen neurons that must be on at each step (default: ¾ of them).")
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Places to show.")] = 20,
    as_json: JsonFlag = False,
) -> int:
    """Find all other places where the neurons that are on over a span are on together, and what comes next there."""
    from unrolled.neurons.matches import find_matches
    from unrolled.neurons.switches import Off
    from unrolled.traces.trace import Trace

    chosen = one_of("--off", off, get_args(Off))
    opened = Trace.open(trace)
    with ProgressBar("searching", "steps") as progress:
        found = find_matches(
            opened,
            span_of("--span", span, opened.steps),
            signal=signal,
            sites=site or (),
            threshold=threshold,
            off=chosen,
            least=least,
            top=top,
            progress=progress,
        )
    if as_json:
        print_json(found.to_json())
        return 0
    for line in _picture(found):
        stdout.print(line, soft_wrap=True)
    return 0


def _picture(found: Matches) -> list[Text]:
    names = [f"{'+' if each.sign > 0 else '−'}{each.name}" for each in found.neurons]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    lines = [
        _line(f"on all over the span ({len(names)}): {', '.join(names[:NAMES_SHOWN])}{more}", "default"),
        Text(),
        _line("     start   length   on  others", "cyan"),
        _row(found.span, f"{len(names):>4}", "span"),
    ]
    lines += [_row(each, f"{each.on:>4}", f"{each.others:>7}") for each in found.matches]
    rest = found.places - len(found.matches)
    total = f"{found.places:,} other places in {found.steps:,} steps" + (f"; {rest:,} more: --top" if rest > 0 else "")
    if not found.places:
        total = f"no other place in {found.steps:,} steps; look with another --least, --threshold or --off"
    lines += [Text(), _line(total, "bold")]
    if found.next:
        shown = [f"{_drawn(each.symbol)} {each.share:.0%}" for each in found.next[:NEXT_SHOWN]]
        lines.append(_line(f"next: {'  '.join(shown)}", "default"))
    return lines


def _row(place: Span, on: str, others: str) -> Text:
    """`start length on others …before[place]after…`, the place on a ground of its own."""
    head = _line(f"{place.start:>10,}{place.stop - place.start:>9,} {on} {others:>7}  ", "dim")
    before = f"{_drawn(place.before[-CONTEXT:]):>{CONTEXT}}"
    head.append_text(_line(before, "dim")).append_text(_line(_drawn(place.text), "black on cyan"))
    return head.append_text(_line(_drawn(place.after[:CONTEXT]), "dim"))


def _drawn(symbol: str | None) -> str:
    from unrolled.traces.symbols import draw

    return "the end" if symbol is None else draw(symbol)


def _line(text: str, style: str) -> Text:
    return Text(spelled(text, stdout.encoding), style)
