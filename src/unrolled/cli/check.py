"""`unrolled check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from unrolled.cli.marks import spelled
from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import ProgressBar, print_json, stdout


def check(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    run: Annotated[
        Path | None, typer.Option("--run", help="The run that it is of: recompute random windows from its weights too.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed that chooses the windows.")] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Prove that a trace adds up: checksums, ranges, the equations at every step, losses. Exit 2 where it does not."""
    from unrolled.traces.check import check as run_check

    with ProgressBar("checking", "steps") as progress:
        report = run_check(trace, run, seed=seed, progress=progress)
    if as_json:
        print_json(report.to_json())
    else:
        colours = {"✓": "green", "✗": "bold red", "–": "dim"}
        for mark, line in report.lines():
            shown = Text(f"{spelled(mark, stdout.encoding)} ", colours[mark])
            stdout.print(shown.append(spelled(line, stdout.encoding), "default"), soft_wrap=True)
        stdout.print(
            spelled(report.verdict, stdout.encoding), style="bold" if report.ok else "bold red", soft_wrap=True
        )
    return 0 if report.ok else 2
