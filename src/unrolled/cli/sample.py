"""`unrolled sample`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.options import CheckpointOption, EngineOption, JsonFlag, UnknownOption, VerboseFlag, with_settings
from unrolled.cli.reading import load, tell_engine
from unrolled.cli.screen import print_json
from unrolled.writing.settings import SamplingSettings


@with_settings(SamplingSettings)
def sample(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    settings: dict[str, Any],
    prime: Annotated[
        str, typer.Option("--prime", help="Text to begin with; the network reads it from a zero state.")
    ] = "",
    streams: Annotated[int, typer.Option("--streams", min=1, max=65_536, help="Texts to write side by side.")] = 1,
    checkpoint: CheckpointOption = "best",
    unknown: UnknownOption = "error",
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Let a network write: prints the prime and what follows."""
    from unrolled.errors import VocabularyError
    from unrolled.sources.tasks.task import EDGE
    from unrolled.sources.vocabulary import UnknownSymbolError
    from unrolled.writing.sample import sample_streams

    loaded = load(run, checkpoint)
    edge = EDGE if loaded.source.get("kind") == "task" else ""
    try:
        loaded.vocabulary.encode(prime, unknown)
    except UnknownSymbolError as error:
        known = "".join(symbol for symbol in loaded.vocabulary.symbols if symbol.isprintable())[:80]
        raise VocabularyError(
            f"The prime cannot hold {error.character!r}: the text that the network learned from does not.",
            f"It can hold {known!r} and the like; --unknown skip leaves out what it cannot.",
        ) from error
    pieces = sample_streams(
        loaded.network,
        loaded.vocabulary,
        prime,
        streams=streams,
        edge=edge,
        unknown=unknown,
        engine=engine,
        **settings,
    )
    if verbose:
        tell_engine(loaded.network, engine)
    if as_json or streams > 1:
        texts = ["".join(parts) for parts in zip(*pieces, strict=True)]
        _print_texts(run, loaded.step, prime, texts, as_json=as_json)
        return 0
    last = ""
    for (piece,) in pieces:
        sys.stdout.write(piece)
        if sys.stdout.isatty():
            sys.stdout.flush()
        last = piece or last
    if not last.endswith("\n"):
        sys.stdout.write("\n")
    return 0


def _print_texts(run: Path, step: int, prime: str, texts: list[str], *, as_json: bool) -> None:
    if as_json:
        said = {"text": texts[0]} if len(texts) == 1 else {"texts": texts}
        print_json({"run": str(run), "step": step, "prime": prime, **said})
        return
    for number, text in enumerate(texts, 1):
        sys.stdout.write(f"--- {number} ---\n{text}" + ("" if text.endswith("\n") else "\n"))
