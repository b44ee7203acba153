"""Letting a network write: one symbol after another, its own output fed back."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.errors import SettingsError
from unrolled.networks import Network
from unrolled.sources.vocabulary import Vocabulary
from unrolled.writing.settings import SamplingSettings
from unrolled.writing.writers import Beginning, Writer, make_writer

MOST_AT_ONCE = 512
"""Symbols that one call writes before they are shown."""


def sample(
    network: Network,
    vocabulary: Vocabulary,
    prime: str = "",
    *,
    edge: str = "",
    unknown: str = "error",
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
        engine: which runs the cells.
        **given: fields of `SamplingSettings`.

    Returns:
        The prime, then what follows, a few symbols at a time and more as it goes on (bytes: as soon as they make a
        character).

    Raises:
        UnknownNameError: there is no such setting.
        SettingsError: a setting is out of its range.
        VocabularyError: the prime holds a character that the vocabulary lacks.
    """
    pieces = sample_streams(network, vocabulary, prime, streams=1, edge=edge, unknown=unknown, engine=engine, **given)
    return (piece for (piece,) in pieces)


def sample_streams(
    network: Network,
    vocabulary: Vocabulary,
    prime: str = "",
    *,
    streams: int,
    edge: str = "",
    unknown: str = "error",
    engine: str = "auto",
    **given: Any,
) -> Iterator[list[str]]:
    """As `sample`, for many streams at once that all begin with the prime: each piece is a list of one a stream.

    Raises:
        SettingsError: there are no streams; otherwise as `sample`.
    """
    settings = SamplingSettings.parse(given)
    if streams < 1:
        raise SettingsError(f"There are {streams} streams to write.", "Give 1 or more.")
    read = vocabulary.encode(prime if prime.startswith(edge) else edge + prime, unknown)
    if not len(read):
        first = vocabulary.encode("\n") if "\n" in vocabulary.symbols or vocabulary.kind == "bytes" else [0]
        read = np.array(first)
    end = int(vocabulary.encode(edge)[0]) if edge else None
    symbols = torch.from_numpy(read.astype("int64"))[:, None]
    network.eval()
    with torch.no_grad():
        state = _after(network, symbols[:-1], streams, engine)
        writer = make_writer(Beginning(network, symbols[-1].expand(streams), state, settings, end), engine=engine)
    return _pieces(writer, vocabulary, prime, settings, streams)


def _after(network: Network, symbols: Tensor, streams: int, engine: str) -> dict[str, Tensor] | None:
    """The state after some symbols `(steps, 1)`, for every stream; None where there are none."""
    if not len(symbols):
        return None
    state = network.run(symbols.to(next(network.parameters()).device), engine=engine).state
    return {name: value.expand(-1, streams, -1) for name, value in state.items()}


def _pieces(
    writer: Writer, vocabulary: Vocabulary, prime: str, settings: SamplingSettings, streams: int
) -> Iterator[list[str]]:
    decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in range(streams)]
    if prime:
        yield [prime] * streams
    numbers = np.random.default_rng(settings.seed)
    left, count = settings.length, 1
    while left:
        # A person who watches sees the first at once; later, one call writes many.
        count = min(left, 2 * count, MOST_AT_ONCE)
        with torch.no_grad():
            written = writer.write(numbers.random((count, streams)))
        yield [
            decoder.decode(vocabulary.decode_bytes(column))
            for decoder, column in zip(decoders, written.T.tolist(), strict=True)
        ]
        left -= count
    rest = [decoder.decode(b"", final=True) for decoder in decoders]
    if any(rest):
        yield rest
