"""Changes of the loss, summed by block of the text and by next symbol: as much memory for any length of text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unrolled.traces.chunks import Array

BLOCKS, SHORTEST_BLOCK = 100, 64
"""Stretches of the text that are drawn again for an interval: so many, none shorter than so many steps."""
RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Change:
    """What holding neurons did to the loss, in nats a symbol, over some predictions.

    name: what they have in common; steps: how many they are.
    before, after: mean loss of the network as it is, and with the neurons held; change: how much more.
    low, high: the 95 % interval of the change; None where the text is one block.
    controls: the change that each draw of random neurons of like variance made.
    ratio: the change over the mean size of the controls; None where that is 0 or nothing was drawn.
    """

    name: str
    steps: int
    before: float
    after: float
    change: float
    low: float | None
    high: float | None
    controls: tuple[float, ...]
    ratio: float | None

    def to_json(self) -> dict[str, Any]:
        """All by name."""
        return asdict(self)


def block_steps(steps: int) -> int:
    """The length of a block of a text of so many steps."""
    return max(SHORTEST_BLOCK, -(-steps // BLOCKS))


class Tally:
    """Sums of losses over some of the predictions.

    Args:
        symbols: size of the vocabulary.
        steps: of the whole text.
        controls: how many draws of random neurons there are.
    """

    def __init__(self, symbols: int, steps: int, controls: int) -> None:
        self._block = block_steps(steps)
        blocks = -(-steps // self._block)
        self._counts = np.zeros((blocks, symbols), np.int64)
        self._before = np.zeros(symbols)
        self._changes = np.zeros((blocks, symbols))
        self._controls = np.zeros((controls, symbols))

    def add(self, steps: Array, targets: Array, losses: Array) -> None:
        """Takes predictions.

        Args:
            steps: `(predictions,)`, their places in the text.
            targets: `(predictions,)`, the symbols that came.
            losses: `(predictions, 2 + controls)`: as the network is, with the neurons held, with each control held.
        """
        symbols = len(self._before)
        self._before += np.bincount(targets, losses[:, 0], symbols)
        changes = losses[:, 1:] - losses[:, :1]
        for number, change in enumerate(changes.T[1:]):
            self._controls[number] += np.bincount(targets, change, symbols)
        blocks = steps // self._block
        for block in np.unique(blocks).tolist():
            inside = blocks == block
            self._counts[block] += np.bincount(targets[inside], minlength=symbols)
            self._changes[block] += np.bincount(targets[inside], changes[inside, 0], symbols)

    def without(self, part: Tally) -> Tally:
        """Those of these predictions that are not in `part`, which is some of them."""
        rest = Tally.__new__(Tally)
        rest._block = self._block
        rest._counts = self._counts - part._counts
        rest._before = self._before - part._before
        rest._changes = self._changes - part._changes
        rest._controls = self._controls - part._controls
        return rest

    def change(self, name: str, seed: int, symbol: int | None = None) -> Change | None:
        """Over all of them, or those of one next symbol; None where there are none.

        Args:
            seed: of the blocks that are drawn for the interval.
        """
        which = slice(None) if symbol is None else slice(symbol, symbol + 1)
        counts, changes = self._counts[:, which].sum(axis=1), self._changes[:, which].sum(axis=1)
        steps = int(counts.sum())
        if not steps:
            return None
        before, change = float(self._before[which].sum()) / steps, float(changes.sum()) / steps
        controls = tuple((self._controls[:, which].sum(axis=1) / steps).tolist())
        size = float(np.mean(np.abs(controls))) if controls else 0.0
        low, high = _interval(counts, changes, seed)
        return Change(
            name, steps, before, before + change, change, low, high, controls, change / size if size else None
        )

    def worst_symbols(self, most: int) -> list[int]:
        """The next symbols that lost most in all, the one that lost most first; none that gained."""
        lost = self._changes.sum(axis=0)
        order = np.argsort(-lost, kind="stable")[:most]
        return [int(symbol) for symbol in order if lost[symbol] > 0]


def _interval(counts: Array, changes: Array, seed: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a mean change: blocks of the text drawn again with replacement (Künsch 1989)."""
    there = counts > 0
    counts, changes = counts[there], changes[there]
    if len(counts) < 2:
        return None, None
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES)
    means = (draws @ changes) / (draws @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
