"""Letting a network write: one symbol after another, its own output fed back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.engines import Edit, check_parts
from unrolled.errors import SettingsError, VocabularyError
from unrolled.networks import Network
from unrolled.progress import Progress, silent
from unrolled.sources.vocabulary import UnknownSymbolError, Vocabulary
from unrolled.writing.odds import Odds, SymbolOdds
from unrolled.writing.prime import encode_prime
from unrolled.writing.settings import SamplingSettings
from unrolled.writing.stream import Stream, Symbols
from unrolled.writing.writers import Beginning, Writer, make_writer

MOST_AT_ONCE = 512
"""Symbols that one call writes before they are shown."""


@dataclass(frozen=True)
class Piece:
    """Some of what a stream writes: text, and the odds of each symbol that was written, where they were asked for."""

    text: str
    odds: tuple[SymbolOdds, ...] = ()


def sample(
    network: Network,
    vocabulary: Vocabulary,
    prime: str = "",
    *,
    edge: str = "",
    unknown: str = "error",
    edits: Sequence[Edit] = (),
    engine: str = "auto",
    **given: Any,
) -> Iterator[str]:
    """What a network writes, piece by piece.

    Args:
        prime: read first, from a zero state; where it is empty the network reads a newline (or its first symbol), which
            is not given back.
        edge: what begins and ends every sequence of a task: it is read before the prime, and where the network writes
            it the next sequence begins from a zero state. Empty for a text, which goes on and on.
        unknown: what becomes of a character of the prime that the vocabulary lacks.
        edits: what is held while it reads and writes. Steps are counted from the first symbol that is read, on through
            what is written; the draws are the same with edits or without.
        engine: which runs the cells.
        **given: fields of `SamplingSettings`.

    Returns:
        The prime, then what follows, a few symbols at a time and more as it goes on (bytes: as soon as they make a
        character).

    Raises:
        UnknownNameError: there is no such setting.
        SettingsError: a setting is out of its range.
        VocabularyError: the prime or the stop string holds a character that the vocabulary lacks.
        ModelError: the edits do not fit the network, or the text that is to be written.
    """
    pieces = sample_streams(
        network, vocabulary, prime, streams=1, edge=edge, unknown=unknown, edits=edits, engine=engine, **given
    )
    return (piece.text for (piece,) in pieces)


def sample_streams(
    network: Network,
    vocabulary: Vocabulary,
    prime: str = "",
    *,
    streams: int,
    edge: str = "",
    unknown: str = "error",
    edits: Sequence[Edit] = (),
    engine: str = "auto",
    likeliest: int = 0,
    progress: Progress = silent,
    **given: Any,
) -> Iterator[list[Piece]]:
    """As `sample`, for many streams at once that all begin with the prime.

    Args:
        likeliest: with the odds of each symbol that is written, and so many of the likeliest at its place; 0 for text
            alone.
        progress: called after every few symbols, with how many of each stream are written.

    Returns:
        Lists of one piece a stream. A stream that is over gives empty pieces while others go on.

    Raises:
        SettingsError: there are no streams; otherwise as `sample`.
    """
    settings = SamplingSettings.parse(given)
    if streams < 1:
        raise SettingsError(f"There are {streams} streams to write.", "Give 1 or more.")
    symbols = encode_prime(vocabulary, prime, edge=edge, unknown=unknown)[:, None]
    start = len(symbols) - 1
    check_parts(edits, network.rnn.stack(), start + settings.length, streams)
    stop = _encode_stop(vocabulary, settings.stop)
    end = int(vocabulary.encode(edge)[0]) if edge else None
    network.eval()
    with torch.no_grad():
        state = _after(network, symbols[:-1], streams, edits, engine)
        beginning = Beginning(network, symbols[-1].expand(streams), state, settings, end, edits, start)
        writer = make_writer(beginning, engine=engine)
    odds = Odds(beginning, vocabulary, likeliest, engine=engine) if likeliest else None
    return _pieces(writer, odds, [Stream(vocabulary, stop) for _ in range(streams)], prime, settings, progress)


def _encode_stop(vocabulary: Vocabulary, stop: str) -> Symbols:
    try:
        return vocabulary.encode(stop).astype(np.int64)
    except UnknownSymbolError as error:
        raise VocabularyError(
            f"The stop string holds {error.character!r}, which the network cannot write: its vocabulary lacks it.",
            "Give a stop string of characters that it knows.",
        ) from error


def _after(
    network: Network, symbols: Tensor, streams: int, edits: Sequence[Edit], engine: str
) -> dict[str, Tensor] | None:
    """The state after some symbols `(steps, 1)`, for every stream; None where there are none."""
    if not len(symbols):
        return None
    held = [edit.window(0, len(symbols)) for edit in edits]
    symbols = symbols.expand(-1, streams) if held else symbols  # each stream may be held at something else
    state = network.run(symbols.to(next(network.parameters()).device), edits=held, engine=engine).state
    return {name: value.expand(-1, streams, -1) for name, value in state.items()}


def _pieces(
    writer: Writer,
    odds: Odds | None,
    streams: list[Stream],
    prime: str,
    settings: SamplingSettings,
    progress: Progress,
) -> Iterator[list[Piece]]:
    if prime:
        yield [Piece(prime)] * len(streams)
    numbers = np.random.default_rng(settings.seed)
    left, count = settings.length, 1
    while left and not all(stream.over for stream in streams):
        # A person who watches sees the first at once; later, one call writes many.
        count = min(left, 2 * count, MOST_AT_ONCE)
        with torch.no_grad():
            written = writer.write(numbers.random((count, len(streams))))
        yield _taken(streams, written, odds)
        left -= count
        progress(settings.length - left, settings.length)
    rest = [Piece(stream.text(np.empty(0, np.int64), final=True)) for stream in streams]
    if any(piece.text for piece in rest):
        yield rest


def _taken(streams: list[Stream], written: Symbols, odds: Odds | None) -> list[Piece]:
    """What each stream takes of `(steps, streams)` that were written."""
    told = odds.of(written) if odds else [list[SymbolOdds]() for _ in streams]
    taken = [stream.take(column) for stream, column in zip(streams, written.T, strict=True)]
    return [
        Piece(stream.text(symbols), tuple(own[: len(symbols)]))
        for stream, symbols, own in zip(streams, taken, told, strict=True)
    ]
