"""`unrolled show`."""

from __future__ import annotations

import math
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
    from unrolled.traces.passage import read_passage
    from unrolled.traces.show import fitted
    from unrolled.traces.show import show as coloured
    from unrolled.traces.trace import Trace

    passage = read_passage(Trace.open(trace), neuron, start=start, limit=limit)
    if as_json:
        values = [value if math.isfinite(value) else str(value) for value in passage.values.tolist()]
        print_json({"neuron": str(passage.name), "start": start, "symbols": passage.labels, "values": values})
        return 0
    colour = stdout.color_system is not None and not stdout.no_color
    text = fitted(coloured(passage, colour=colour), sys.stdout.encoding)
    stdout.print(text, end="", soft_wrap=not colour)
    return 0
