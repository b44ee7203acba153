"""`unrolled sample`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unrolled.cli.options import (
    CheckpointOption,
    EngineOption,
    HoldOption,
    JsonFlag,
    UnknownOption,
    VerboseFlag,
    with_settings,
)
from unrolled.cli.reading import check_prime, edge_of, load, tell_engine
from unrolled.cli.screen import ProgressBar, print_json, remark
from unrolled.cli.stopping import stop_asked
from unrolled.writing.settings import SamplingSettings

if TYPE_CHECKING:
    from unrolled.writing.sample import Piece

LIKELIEST = 3
"""Symbols whose odds are told at each place."""


@with_settings(SamplingSettings, automatic={"stop": "nothing ends it"})
def sample(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    settings: dict[str, Any],
    prime: Annotated[
        str, typer.Option("--prime", help="Text to begin with; the network reads it from a zero state.")
    ] = "",
    streams: Annotated[int, typer.Option("--streams", min=1, max=65_536, help="Texts to write side by side.")] = 1,
    checkpoint: CheckpointOption = "best",
    unknown: UnknownOption = "error",
    hold: HoldOption = None,
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Let a network write: prints the prime and what follows; with --json also the odds of every symbol."""
    from unrolled.neurons.holding import parse_holds
    from unrolled.writing.sample import sample_streams

    loaded = load(run, checkpoint)
    check_prime(loaded, "prime", prime, unknown)
    write = partial(
        sample_streams,
        loaded.network,
        loaded.vocabulary,
        prime,
        streams=streams,
        edge=edge_of(loaded),
        unknown=unknown,
        edits=parse_holds(loaded.network, hold or ()),
        engine=engine,
        **settings,
    )
    if verbose:
        tell_engine(loaded.network, engine, editing=bool(hold))
    if not as_json and streams == 1:
        _print(piece for (piece,) in write())
        return 0
    written, stopped = _gather(partial(write, likeliest=LIKELIEST if as_json else 0))
    if as_json:
        held = {"held": hold} if hold else {}
        print_json({"run": str(run), "step": loaded.step, "prime": prime, **held, **_told(written)})
    else:
        for number, own in enumerate(written, 1):
            sys.stdout.write(f"--- {number} ---\n")
            _print(own)
    if stopped:
        remark("stopped; what was written until then is above")
        return 130
    return 0


def _gather(write: Callable[..., Iterator[list[Piece]]]) -> tuple[list[tuple[Piece, ...]], bool]:
    """Each stream's pieces, which are shown together at the end; and whether somebody has stopped it before."""
    written: list[list[Piece]] = []
    with stop_asked() as stop, ProgressBar("writing", "symbols") as bar:
        for pieces in write(progress=bar):
            written.append(pieces)
            if stop():
                break
        stopped = stop()
    return list(zip(*written, strict=True)), stopped


def _told(streams: list[tuple[Piece, ...]]) -> dict[str, Any]:
    """What the streams wrote, for programs."""
    texts = ["".join(piece.text for piece in own) for own in streams]
    odds = [[asdict(symbol) for piece in own for symbol in piece.odds] for own in streams]
    return {"text": texts[0], "odds": odds[0]} if len(streams) == 1 else {"texts": texts, "odds": odds}


def _print(pieces: Iterable[Piece]) -> None:
    """A text as it is written, and a newline where it ends in none."""
    last = ""
    for piece in pieces:
        sys.stdout.write(piece.text)
        if sys.stdout.isatty():
            sys.stdout.flush()
        last = piece.text or last
    if not last.endswith("\n"):
        sys.stdout.write("\n")
