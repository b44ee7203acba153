"""`unrolled show`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unrolled.cli.marks import spelled
from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import print_json, stdout

if TYPE_CHECKING:
    from unrolled.neurons.history import History
    from unrolled.traces.passage import Passage
    from unrolled.traces.trace import Trace

LARGEST = 3
"""Shares of a write history that are told in words."""


def show(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    neuron: Annotated[str, typer.Argument(help="Such as rnn.l0.7 (its cell or hidden state) or rnn.l0.forget_gate.7.")],
    start: Annotated[int, typer.Option("--start", help="The first step to show.")] = 0,
    limit: Annotated[int, typer.Option("--limit", help="Steps to show at most.")] = 2000,
    history: Annotated[
        int | None,
        typer.Option("--history", help="A step: colour the text by what each step wrote of the neuron's state there."),
    ] = None,
    as_json: JsonFlag = False,
) -> int:
    """Print the text, coloured by one neuron; where the output has no colours, one line a step with its value.

    With --history by what each step has written of the neuron's state at one step, read back as far as it matters.
    """
    from unrolled.traces.passage import read_passage
    from unrolled.traces.trace import Trace

    opened = Trace.open(trace)
    if history is not None:
        return _show_history(opened, neuron, history, start, limit, as_json)
    passage = read_passage(opened, neuron, start=start, limit=limit)
    if as_json:
        values = [value if math.isfinite(value) else str(value) for value in passage.values.tolist()]
        print_json({"neuron": str(passage.name), "start": start, "symbols": passage.labels, "values": values})
    else:
        _print(passage)
    return 0


def _print(passage: Passage) -> None:
    from unrolled.traces.show import fitted, show

    colour = stdout.color_system is not None and not stdout.no_color
    stdout.print(fitted(show(passage, colour=colour), sys.stdout.encoding), end="", soft_wrap=not colour)


def _show_history(trace: Trace, neuron: str, step: int, start: int, limit: int, as_json: bool) -> int:
    from unrolled.neurons.history import read_shares, write_history

    found = write_history(trace, neuron, step)
    if as_json:
        print_json(found.to_json())
        return 0
    passage = read_shares(trace, found, start=start, limit=limit)
    _print(passage)
    for line in _in_words(found, trace):
        stdout.print(spelled(line, stdout.encoding), style="dim", soft_wrap=True)
    return 0


def _in_words(history: History, trace: Trace) -> list[str]:
    """The state, the steps that wrote most of it, and what they leave open."""
    from unrolled.traces.symbols import character, draw

    order = sorted(range(len(history.shares)), key=lambda at: -abs(history.shares[at]))[:LARGEST]
    steps = [history.start + at for at in order]  # they may lie before those that are shown
    symbols = [draw(character(trace.labels(step, step + 1)[0], trace.info.symbols.kind)) for step in steps]
    most = [
        f"step {step:,} {symbol} {history.shares[at]:+.4g}"
        for step, symbol, at in zip(steps, symbols, order, strict=True)
    ]
    state = "the initial state" if history.initial else "all that came before"
    return [
        f"{history.name} at step {history.step:,} is {history.value:.6g}; most was written by {', '.join(most)}.",
        f"Read from step {history.start:,} to {history.stop - 1:,}; {state} left {history.before:.3g}.",
    ]
