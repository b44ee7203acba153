"""`unrolled explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explore(
    paths: Annotated[list[Path], typer.Argument(help="Traces, runs, or folders that hold some.")],
    port: Annotated[int | None, typer.Option("--port", help="Port on 127.0.0.1; 0 takes any that is free.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser; print the address.")] = False,
) -> int:
    """Open the page on traces and runs; Ctrl-C stops it."""
    from unrolled.explorer import serve

    serve(paths, port=port, open_browser=not no_browser)
    return 0
