"""`unrolled show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import print_json, stdout


def show(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    neuron: Annotated[str, typer.Argument(help="Such as rnn.l0.7 (its cell or hidden state) or rnn.l0.forget_gate.7.")],
    start: Annotated[int, typer.Option("--start", help="The first step to show.")] = 0,
    limit: Annotated[int, typer.Option("--limit", help="Steps to show at most.")] = 2000,
    as_json: JsonFlag = False,
) -> int:
    """Print the text, coloured by one neuron; where the output has no colours, one line a step with its value."""
    from unrolled.traces.names import parse_neuron
    from unrolled.traces.show import fitted
    from unrolled.traces.show import show as coloured
    from unrolled.traces.trace import Trace

    opened = Trace.open(trace)
    colour = stdout.color_system is not None and not stdout.no_color
    text = fitted(coloured(opened, neuron, start=start, limit=limit, colour=colour), sys.stdout.encoding)
    if as_json:
        name = parse_neuron(neuron, opened.info.sites)
        stop = min(start + limit, opened.steps_of(name.site))
        values = opened.read(name.site, name.signal, start, stop, name.neuron)
        symbols = opened.labels(start, stop)
        print_json({"neuron": str(name), "start": start, "symbols": symbols, "values": values.tolist()})
    elif not colour:
        stdout.print(text, end="", soft_wrap=True)
    else:
        stdout.print(text, end="")
    return 0
