"""`unrolled lsp`."""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from unrolled.cli.options import CheckpointOption, EngineOption, UnknownOption, with_settings
from unrolled.cli.reading import edge_of, load
from unrolled.cli.screen import remark
from unrolled.errors import MissingPartError, ServerError
from unrolled.writing.settings import EditorSettings


@with_settings(EditorSettings)
def lsp(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    settings: dict[str, Any],
    checkpoint: CheckpointOption = "best",
    unknown: UnknownOption = "skip",
    engine: EngineOption = "auto",
) -> int:
    """Complete in an editor: a language server (LSP) on standard input and output."""
    if find_spec("pygls") is None:
        raise MissingPartError("The language server needs pygls.", "pip install 'unrolled[lsp]'")
    if cast(object, sys.stdin) is None:
        raise ServerError("Standard input is closed.", "An editor that starts this command talks to it there.")
    from unrolled.writing.editor.server import serve
    from unrolled.writing.reader import Reader

    chosen = EditorSettings.parse(settings)
    loaded = load(run, checkpoint)
    reader = partial(Reader, loaded.network, loaded.vocabulary, edge=edge_of(loaded), unknown=unknown, engine=engine)
    reader().read("")  # what is wrong with the options is said before the protocol begins
    if sys.stdin.isatty():
        remark("An editor starts this command and talks to it; here it waits for one. Ctrl-C ends it.")
    return serve(reader, chosen)
