"""`unrolled export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.options import JsonFlag, one_of
from unrolled.cli.screen import print_json, stdout

FORMATS = ("figure",)


def export(
    trace: Annotated[Path, typer.Argument(help="A trace folder.")],
    out: Annotated[Path, typer.Option("--out", help="A file .svg or .png, or a folder that gets each figure as both.")],
    format: Annotated[str, typer.Option("--format", help="What to make: figure.")],
    kind: Annotated[
        str, typer.Option("--kind", help="Which figure: text, strips, by-prefix or cell-against-hidden.")
    ] = "text",
    neuron: Annotated[
        list[str] | None,
        typer.Option("--neuron", help="As for show; may be repeated (default: the one that the gallery shows)."),
    ] = None,
    start: Annotated[int, typer.Option("--start", help="The first step to draw.")] = 0,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Steps to draw at most (default: 2000 of a text, 50 of strips, else all)."),
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="The symbol at which by-prefix takes the values, such as X or ⏎.")
    ] = "",
    palette: Annotated[str, typer.Option("--palette", help="Colours: classic or colourblind.")] = "classic",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is at --out.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Turn a trace into files for others: figures for articles and reports."""
    one_of("export format", format, FORMATS)
    from unrolled.colours import PALETTES
    from unrolled.figures.export import KINDS, Wanted, export_figures
    from unrolled.traces.trace import Trace

    wanted = Wanted(
        kind=one_of("kind of figure", kind, KINDS),
        neurons=neuron or (),
        start=start,
        limit=limit,
        at=at,
        palette=one_of("palette", palette, PALETTES),
    )
    files = export_figures(Trace.open(trace), out, wanted, overwrite=overwrite)
    if as_json:
        print_json({"trace": str(trace), "format": format, "kind": kind, "files": list(map(str, files))})
    else:
        for file in files:
            stdout.print(str(file), soft_wrap=True)
    return 0
