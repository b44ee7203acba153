"""What a network thinks of each symbol that was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from unrolled.sources.vocabulary import Vocabulary
from unrolled.writing.stream import Symbols
from unrolled.writing.writers import Beginning


@dataclass(frozen=True)
class SymbolOdds:
    """A symbol that was written, and the network's own odds at its place: before temperature, top-k and top-p.

    symbol: as the vocabulary names it.
    probability: of that symbol, 0 to 1.
    likeliest: the likeliest symbols there and their probabilities, the likeliest first.
    """

    symbol: str
    probability: float
    likeliest: dict[str, float]


class Odds:
    """Reads along what streams write, block by block.

    The text is the same whether its odds are asked for or not: the writer draws as it always does, and what it wrote is
    read again, many steps a call.

    Args:
        beginning: where the streams begin.
        vocabulary: the network's.
        likeliest: how many of the likeliest symbols to tell at each place.
        engine: which runs the cells.
    """

    def __init__(self, beginning: Beginning, vocabulary: Vocabulary, likeliest: int, *, engine: str = "auto") -> None:
        self._network, self._end, self._engine = beginning.network, beginning.end, engine
        self._beginning, self._newest, self._steps = beginning, beginning.newest, 0
        self._state: Mapping[str, Tensor] | None = beginning.state
        self._symbols, self._likeliest = vocabulary.symbols, min(likeliest, len(vocabulary))

    @torch.no_grad()
    def of(self, written: Symbols) -> list[list[SymbolOdds]]:
        """The odds of the next symbols `(steps, streams)`, stream by stream."""
        following = torch.from_numpy(written)
        probabilities = torch.softmax(self._scores(torch.cat([self._newest[None], following[:-1]])), dim=-1)
        self._newest = following[-1]
        own = probabilities.gather(-1, following[..., None])[..., 0].numpy()
        best, which = (each.numpy() for each in probabilities.topk(self._likeliest, dim=-1))
        return [
            [
                SymbolOdds(
                    self._symbols[int(written[step, stream])],
                    float(own[step, stream]),
                    {
                        self._symbols[at]: float(p)
                        for at, p in zip(which[step, stream], best[step, stream], strict=True)
                    },
                )
                for step in range(len(written))
            ]
            for stream in range(written.shape[1])
        ]

    def _scores(self, read: Tensor) -> Tensor:
        """Scores `(steps, streams, symbols)` in float64 after each symbol; where a sequence ends, the next begins."""
        device = next(self._network.parameters()).device
        begins = read == (-1 if self._end is None else self._end)
        scores: list[Tensor] = []
        rows = cast(list[int], begins.any(dim=1).nonzero()[:, 0].tolist())
        for start, stop in pairwise(sorted({0, *rows, len(read)})):
            if self._state is not None:
                over = begins[start].to(device)[:, None]
                self._state = {name: value.masked_fill(over, 0.0) for name, value in self._state.items()}
            held = self._beginning.held(self._steps + start, self._steps + stop)
            some = read[start:stop].to(device)
            logits, self._state = self._network(some, self._state, edits=held, engine=self._engine)
            scores.append(logits.double().cpu())
        self._steps += len(read)
        return torch.cat(scores)
