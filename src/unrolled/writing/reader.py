"""Reading a text that changes: what was read before is not read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.engines import Edit, Result
from unrolled.networks import Network
from unrolled.sources.vocabulary import Vocabulary
from unrolled.writing.prime import encode_prime

SPACING = 64
"""Symbols between two places whose states are kept, to begin with."""
MOST_PLACES = 1024
"""Places whose states are kept; where there would be more, every other one is forgotten."""


@dataclass(frozen=True)
class Reading:
    """What a network knows after a text.

    steps: symbols read.
    state: each carried signal `(layers, 1, neurons)`.
    output: of the last layer, `(neurons,)`.
    """

    steps: int
    state: Mapping[str, Tensor]
    output: Tensor


class Reader:
    """Reads a text from a zero state, and the next one from where the two part.

    After one more character it takes one step. After a change further back it goes on from the last place before the
    change whose state is kept, at most `spacing` steps back. At most `MOST_PLACES` states are kept, however long the
    text: `spacing` doubles where they would be more.

    Args:
        network: put into evaluation mode.
        vocabulary: the network's.
        edge: what begins and ends every sequence of a task; empty for a text.
        unknown: what becomes of a character that the vocabulary lacks.
        edits: what is held while it reads; steps are counted from the first symbol that is read.
        engine: which runs the cells.
    """

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        *,
        edge: str = "",
        unknown: str = "error",
        edits: Sequence[Edit] = (),
        engine: str = "auto",
    ) -> None:
        self.network, self.vocabulary = network.eval(), vocabulary
        self.spacing = SPACING
        self._edits, self._engine = edits, engine
        self._edge, self._unknown = edge, unknown
        self._symbols = torch.empty(0, dtype=torch.int64)
        self._places: list[Reading] = []

    @torch.no_grad()
    def read(self, text: str) -> Reading:
        """What the network knows after a text; an empty one is read as a newline.

        Raises:
            VocabularyError: the text holds a character that the vocabulary lacks, and `unknown` is `error`.
            ModelError: the edits do not fit the network or the text.
        """
        symbols = encode_prime(self.vocabulary, text, edge=self._edge, unknown=self._unknown)
        shared = _shared(self._symbols, symbols)
        self._places = [place for place in self._places if place.steps <= shared]
        self._symbols = symbols
        at = self._places[-1] if self._places else None
        while (start := at.steps if at else 0) < len(symbols):
            stop = min(len(symbols), (start // self.spacing + 1) * self.spacing)
            result = self.run(symbols[start:stop, None], at.state if at else None, start)
            at = Reading(stop, result.state, result.outputs[-1, 0].clone())
            self._keep(at)
        assert at is not None  # there is at least one symbol
        return at

    def run(self, symbols: Tensor, state: Mapping[str, Tensor] | None, start: int) -> Result:
        """Runs over symbols `(steps, streams)` that go on from a state, `start` symbols after the text's first."""
        held = [edit.window(start, start + len(symbols)) for edit in self._edits]
        symbols = symbols.to(next(self.network.parameters()).device)
        return self.network.run(symbols, state, edits=held, engine=self._engine)

    def log_odds(self, outputs: Tensor) -> Tensor:
        """The logarithms, in float64, of every symbol's probability `(…, symbols)` after outputs `(…, neurons)`."""
        with torch.no_grad():
            return torch.log_softmax(self.network.readout(outputs).double().cpu(), dim=-1)

    def _keep(self, newest: Reading) -> None:
        """Keeps the newest place and, of those before, the ones that lie `spacing` apart."""
        self._places = [place for place in self._places if not place.steps % self.spacing]
        self._places.append(newest)
        if len(self._places) > MOST_PLACES:
            self.spacing *= 2


def _shared(one: Tensor, other: Tensor) -> int:
    """How many symbols two texts have in common at their beginning."""
    size = min(len(one), len(other))
    differs = (one[:size] != other[:size]).nonzero()
    return int(differs[0, 0]) if len(differs) else size
