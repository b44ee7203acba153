"""Letting a network write: one symbol after another, its own output fed back."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

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
    probabilities = torch.softmax(logits.double() / settings.temperature, dim=-1)
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
    unknown: str = "error",
    engine: str = "auto",
    **given: Any,
) -> Iterator[str]:
    """What a network writes, piece by piece.

    Args:
        prime: read first, from a zero state; where it is empty the network reads a newline (or its first symbol), which
            is not given back.
        unknown: what becomes of a character of the prime that the vocabulary lacks.
        **given: fields of `SamplingSettings`.

    Yields:
        The prime, then each symbol as text (for bytes: as soon as they make a character).

    Raises:
        SettingsError: a setting is out of its range.
        VocabularyError: the prime holds a character that the vocabulary lacks.
    """
    settings = SamplingSettings.parse(given)
    read = vocabulary.encode(prime, unknown)
    start = "\n" if "\n" in vocabulary.symbols else vocabulary.symbols[0]
    if not len(read):
        read = vocabulary.encode(start) if vocabulary.kind != "bytes" else vocabulary.encode(b"\n")
    network.eval()
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(settings.seed)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    if prime:
        yield prime
    logits, state = network(torch.from_numpy(read.astype("int64"))[:, None].to(device), engine=engine)
    for _ in range(settings.length):
        symbol = draw(logits[-1, 0].cpu(), settings, generator)
        yield (
            decoder.decode(vocabulary.decode_bytes([symbol]))
            if vocabulary.kind == "bytes"
            else vocabulary.decode([symbol])
        )
        logits, state = network(torch.tensor([[symbol]], device=device), state, engine=engine)
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest
