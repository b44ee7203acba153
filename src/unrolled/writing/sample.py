"""Letting a network write: one symbol after another, its own output fed back."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.networks import Network
from unrolled.sources.vocabulary import Vocabulary
from unrolled.writing.settings import SamplingSettings


def draw(logits: Tensor, settings: SamplingSettings, generator: torch.Generator) -> int:
    """One symbol's number, drawn from its scores `(symbols,)`.

    Top-k (Fan, Lewis and Dauphin 2018) and top-p (nucleus; Holtzman et al. 2020) cut the odds after the temperature
    has changed them; the likeliest symbol always stays.
    """
    if settings.temperature == 0:
        return int(logits.argmax())
    scores = logits.double()
    # From the largest down: a tiny temperature then gives −∞, where it would give ∞ and no odds at all.
    probabilities = torch.softmax((scores - scores.max()) / settings.temperature, dim=-1)
    ordered, order = probabilities.sort(descending=True, stable=True)
    if settings.top_k:
        ordered[settings.top_k :] = 0
    if settings.top_p < 1:
        ordered[ordered.cumsum(0) - ordered >= settings.top_p] = 0
    chosen = torch.multinomial(ordered, 1, generator=generator)
    return int(order[chosen])


@torch.no_grad()
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

    Yields:
        The prime, then each symbol as text (for bytes: as soon as they make a character).

    Raises:
        UnknownNameError: there is no such setting.
        SettingsError: a setting is out of its range.
        VocabularyError: the prime holds a character that the vocabulary lacks.
    """
    settings = SamplingSettings.parse(given)
    read = vocabulary.encode(prime if prime.startswith(edge) else edge + prime, unknown)
    if not len(read):
        first = vocabulary.encode("\n") if "\n" in vocabulary.symbols or vocabulary.kind == "bytes" else [0]
        read = np.array(first)
    end = int(vocabulary.encode(edge)[0]) if edge else None
    network.eval()
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(settings.seed)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    if prime:
        yield prime
    newest, state = torch.from_numpy(read.astype("int64")), None
    for _ in range(settings.length):
        logits, state = network(newest[:, None].to(device), state, engine=engine)
        symbol = draw(logits[-1, 0].cpu(), settings, generator)
        yield decoder.decode(vocabulary.decode_bytes([symbol]))
        newest = torch.tensor([symbol])
        if symbol == end:
            state = None
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest
