"""`unrolled complete`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from unrolled.cli.marks import spelled
from unrolled.cli.options import CheckpointOption, EngineOption, JsonFlag, UnknownOption, VerboseFlag, with_settings
from unrolled.cli.reading import check_prime, edge_of, load, tell_engine
from unrolled.cli.screen import print_json, remark, shown, stdout
from unrolled.writing.settings import CompletionSettings

if TYPE_CHECKING:
    from unrolled.writing.complete import Continuation

WIDEST = 20
"""Blocks of the bar of what is certain."""


@with_settings(CompletionSettings)
def complete(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    settings: dict[str, Any],
    prefix: Annotated[
        str, typer.Option("--prefix", help="Text to go on from; the network reads it from a zero state.")
    ] = "",
    checkpoint: CheckpointOption = "best",
    unknown: UnknownOption = "error",
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Print the likeliest continuations of a text, to the end of a token or a line, with their probabilities."""
    from unrolled.writing.complete import complete as completed

    loaded = load(run, checkpoint)
    check_prime(loaded, "prefix", prefix, unknown)
    found = completed(
        loaded.network,
        loaded.vocabulary,
        prefix,
        edge=edge_of(loaded),
        unknown=unknown,
        engine=engine,
        **settings,
    )
    if verbose:
        tell_engine(loaded.network, engine)
    if as_json:
        print_json({"run": str(run), "step": loaded.step, "prefix": prefix, **asdict(found)})
        return 0
    for continuation in found.continuations:
        stdout.print(_line(continuation), soft_wrap=True)
    if not found.exact:
        remark("Others that were not looked at may be likelier than the last of these: a wider --beam looks at more.")
    return 0


def _line(continuation: Continuation) -> Text:
    """`0.8312  ████████████████      ·rain`: last the text, which may be longer than the terminal is wide."""
    from unrolled.traces.symbols import draw

    def part(text: str) -> str:
        return spelled(text, stdout.encoding)

    bar = "█" * round(WIDEST * continuation.probability)
    line = Text(f"{shown(continuation.probability):>9}  ").append(part(f"{bar:<{WIDEST}}"), "green")
    if not continuation.text and not continuation.cut:
        return line.append(part("  (nothing more)"), "dim")
    return line.append(part(f"  {draw(continuation.text)}")).append(part("…" if continuation.cut else ""), "dim")
