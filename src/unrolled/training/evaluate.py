"""How well a network foretells: nats and bits a symbol, accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from unrolled.engines import Edit, check_parts
from unrolled.errors import SourceError
from unrolled.networks import Network
from unrolled.progress import Progress, silent

SLICE = 4096
"""Symbols of a stream that are read at a time."""


@dataclass(frozen=True)
class Score:
    """How well the next symbols were foretold.

    symbols: how many were foretold; nats_per_symbol: mean of −ln p of the symbol that came; bits_per_symbol: the same
    in bits; accuracy: share of steps at which the most probable symbol came, 0 to 1.
    """

    symbols: int
    nats_per_symbol: float
    bits_per_symbol: float
    accuracy: float

    @classmethod
    def of(cls, symbols: int, nats: float, right: int) -> Score:
        """From sums over all symbols."""
        if not symbols:
            raise SourceError("There is no symbol to foretell: a sequence needs at least two.")
        mean = nats / symbols
        return cls(symbols, mean, mean / math.log(2), right / symbols)

    def to_json(self) -> dict[str, Any]:
        """The four numbers by name."""
        return asdict(self)


def loss_sum(logits: Tensor, targets: Tensor) -> tuple[float, int]:
    """Nats in all, and how often the most probable symbol came; logits `(…, symbols)`, targets `(…)`."""
    flat, wanted = logits.flatten(0, -2), targets.flatten()
    nats = F.cross_entropy(flat, wanted, reduction="none").double().sum().item()
    return nats, int((flat.argmax(-1) == wanted).sum())


@torch.no_grad()
def evaluate_text(
    network: Network,
    symbols: NDArray[Any],
    *,
    streams: int = 1,
    edits: Sequence[Edit] = (),
    engine: str = "auto",
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Score:
    """Foretells a text from its second symbol to its last.

    Args:
        network: put into evaluation mode for the while.
        symbols: `(symbols,)`, the text.
        engine: which runs the cells.
        progress: called with the symbols foretold so far.
        streams: 1 carries the state through the whole text. More cut it into as many streams that run side by side,
            each from a zero state: many times faster, and a little worse on the first symbols of each; what does not
            divide, fewer than `streams` symbols at the end, is left out.
        edits: what is held while it reads; their steps are those of the text, however many streams read it.
        stop: asked now and then; where it says yes, the score so far is returned.

    Raises:
        SourceError: there are fewer than two symbols a stream.
        UnknownNameError, ModelError: the edits do not fit the network or the text.
    """
    device = next(network.parameters()).device
    length = (len(symbols) - 1) // streams
    if length < 1:
        raise SourceError(f"The part has {len(symbols)} symbols, too few to foretell.", "Give a longer text.")
    check_parts(edits, network.rnn.stack(), length * streams, streams)
    starts = np.arange(streams) * length
    was_training = network.training
    network.eval()
    state: dict[str, Tensor] | None = None
    seen, nats, right = 0, 0.0, 0
    try:
        count = max(1, SLICE * 4 // streams) if streams > 1 else SLICE
        for begin in range(0, length, count):
            places = starts[None, :] + np.arange(begin, min(begin + count, length) + 1)[:, None]
            window = torch.from_numpy(symbols[places].astype(np.int64)).to(device)
            held = [edit.at(torch.from_numpy(places[:-1])) for edit in edits]
            logits, state = network(window[:-1], state, edits=held, engine=engine)
            more_nats, more_right = loss_sum(logits, window[1:])
            nats, right, seen = nats + more_nats, right + more_right, seen + window[1:].numel()
            progress(seen, length * streams, nats_per_symbol=nats / seen)
            if stop():
                break
    finally:
        network.train(was_training)
    return Score.of(seen, nats, right)


@torch.no_grad()
def evaluate_sequences(
    network: Network,
    sequences: list[NDArray[Any]],
    *,
    edits: Sequence[Edit] = (),
    engine: str = "auto",
    progress: Progress = silent,
) -> Score:
    """Foretells each sequence from its second symbol to its last, each from a zero state.

    Args:
        sequences: each `(symbols,)`, at least two symbols; they run side by side in groups of like length.
        edits: what is held while it reads, the same at every step.

    Raises:
        SourceError: no sequence has two symbols.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    order = sorted((sequence for sequence in sequences if len(sequence) > 1), key=len)
    total = sum(len(sequence) - 1 for sequence in order)
    seen, nats, right = 0, 0.0, 0
    try:
        for begin in range(0, len(order), 64):
            group = order[begin : begin + 64]
            lengths = torch.tensor([len(sequence) - 1 for sequence in group])
            padded = np.zeros((int(lengths.max()) + 1, len(group)), np.int64)
            for column, sequence in enumerate(group):
                padded[: len(sequence), column] = sequence
            window = torch.from_numpy(padded).to(device)
            logits, _ = network(window[:-1], lengths=lengths.to(device), edits=edits, engine=engine)
            counts = torch.arange(len(window) - 1)[:, None] < lengths[None, :]
            more_nats, more_right = loss_sum(logits[counts], window[1:][counts])
            nats, right, seen = nats + more_nats, right + more_right, seen + int(lengths.sum())
            progress(seen, total, nats_per_symbol=nats / seen)
    finally:
        network.train(was_training)
    return Score.of(seen, nats, right)
