"""`unrolled show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import print_json, remark, stdout


def show(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    neuron: Annotated[str, typer.Argument(help="Such as rnn.l0.7 (its cell or hidden state) or rnn.l0.forget_gate.7.")],
    start: Annotated[int, typer.Option("--start", help="The first step to show.")] = 0,
    limit: Annotated[int, typer.Option("--limit", help="Steps to show at most.")] = 2000,
    width: Annotated[int, typer.Option("--width", help="Cells of a line (default: the terminal's).")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Print the text, coloured by one neuron; where the output is no terminal, without colours."""
    from unrolled.errors import SettingsError
    from unrolled.traces.names import parse_neuron
    from unrolled.traces.show import show as lines
    from unrolled.traces.trace import Trace

    if limit < 1 or width < 0:
        raise SettingsError(f"--limit and --width are at least 1, not {limit} and {width}.")
    opened = Trace.open(trace)
    if as_json:
        name = parse_neuron(neuron, opened.info.sites)
        stop = min(start + limit, opened.steps_of(name.site))
        values = opened.read(name.site, name.signal, start, stop, name.neuron)
        print_json(
            {"neuron": str(name), "start": start, "symbols": opened.labels(start, stop), "values": values.tolist()}
        )
        return 0
    if stdout.color_system is None:
        remark("the output is no terminal, so there are no colours: FORCE_COLOR=1 keeps them, --json gives the values")
    for line in lines(opened, neuron, start=start, stop=start + limit, width=width or stdout.width):
        stdout.print(line, soft_wrap=True)
    return 0
