"""What a neuron's values look like: an integrator, a counter, a latch or a switch, and over how many steps that holds.

Each is a sentence that foretells the values, and its score is the share of them that it foretells (R², 0 to 1):

- integrator: the state changes by what is written, and forgets nothing. Of the squared change over h steps, the share
  that the sum of the h writes explains.
- counter: each symbol changes the state by an amount of its own, whatever the state is. The same, with the symbols'
  mean changes in the place of the writes.
- latch: it stays at one of two levels. Of the variance, the share that the level explains at steps that come h steps or
  more after it was last taken.
- switch: it is at one of two levels, and the present symbol says at which. The share of the variance that two levels
  explain, times that of the level's variance which the symbol explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch

from unrolled.cells import Memory
from unrolled.neurons.columns import Block
from unrolled.traces.chunks import Array

Role: TypeAlias = Literal["switch", "latch", "counter", "integrator"]
ROLES: tuple[Role, ...] = ("switch", "latch", "counter", "integrator")
"""The one that says most comes first: a counter is an integrator too."""
HORIZONS = (4, 16, 64, 256)
TELLS = 16
"""The horizon whose score is a role's own; a shorter one where the sequences are shorter."""
HOLDS = 0.8
"""From this score on a neuron has a role."""
LET_GO = 0.5
"""A state of which less is kept is let go: what was counted so far ends there."""
FEWEST, LEAST_SHARE = 8, 0.01
"""Steps, and share of all steps, that a score needs."""


@dataclass(frozen=True)
class Hold:
    """A role's score over so many steps."""

    steps: int
    score: float


@dataclass(frozen=True)
class Fit:
    """How well a role describes a neuron, 0 to 1; None where the trace has too few steps to tell."""

    role: Role
    score: float | None
    holds: tuple[Hold, ...] = ()


class Levels(NamedTuple):
    """Two levels: the value between them, the mean of each, and the share of the variance that they explain."""

    between: float
    low: float
    high: float
    explained: float


def two_levels(centres: Array, counts: Array) -> Levels:
    """The two levels that explain most of a histogram's variance (Otsu 1979).

    Args:
        centres, counts: `(bins,)`.
    """
    below = np.cumsum(counts)[:-1].astype(np.float64)
    total, sums = float(counts.sum()), np.cumsum(counts * centres)
    above, mean = total - below, sums[-1] / total
    variance = float((counts * np.square(centres - mean)).sum()) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / above
        between = np.nan_to_num(below * above * np.square(high - low)) / total**2
    at = int(between.argmax())
    if variance == 0 or between[at] == 0:
        return Levels(float(centres[-1]), float(mean), float(mean), 0.0)
    middle = float(centres[at] + centres[at + 1]) / 2
    return Levels(middle, float(low[at]), float(high[at]), float(between[at]) / variance)


def factors(memory: Memory | None, block: Block) -> tuple[Array | None, Array | None]:
    """What is kept and what is written at each step, `(steps,)`; None where the signal has no such sum."""
    if memory is None:
        return None, None
    signals = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in block.signals.items()}
    return memory.keep(signals).numpy(), memory.write(signals).numpy()


def lets_go(block: Block, keep: Array | None) -> Array:
    """`(steps,)`, whether what was counted ends with the step before."""
    return block.begins if keep is None else block.begins | (keep < LET_GO)


class SymbolChanges:
    """The mean change of a neuron's value at each symbol, over steps at which it is not let go."""

    def __init__(self, symbols: int) -> None:
        self._sums, self._counts = np.zeros(symbols), np.zeros(symbols)
        self._last = np.nan

    def add(self, block: Block, keep: Array | None) -> None:
        if block.symbols is None:
            return
        changes = np.diff(block.values, prepend=self._last)
        counted = ~lets_go(block, keep) & np.isfinite(changes)
        np.add.at(self._sums, block.symbols[counted], changes[counted])
        np.add.at(self._counts, block.symbols[counted], 1)
        self._last = block.values[-1]

    @property
    def means(self) -> Array:
        """`(symbols,)`; 0 for one that was not seen."""
        return self._sums / np.maximum(self._counts, 1)


class Fits:
    """Gathers how well each role holds, in a second pass over the neuron.

    Args:
        levels: of its histogram.
        changes: see `SymbolChanges.means`; empty where there are no symbols.
        remembers: whether what it keeps and writes is known.
        horizons: in steps, rising.
    """

    def __init__(self, levels: Levels, changes: Array, remembers: bool, horizons: Sequence[int]) -> None:
        self._levels, self._changes = levels, changes
        self._sums = {role: _Sums(horizons) for role in ("counter", "integrator")}
        if not len(changes):
            del self._sums["counter"]
        if not remembers:
            del self._sums["integrator"]
        self._latch = _Latch(levels, horizons)
        self._by_symbol = np.zeros((2, len(changes)))
        self.steps = 0

    def add(self, block: Block, keep: Array | None, write: Array | None) -> None:
        ends = lets_go(block, keep)
        if "integrator" in self._sums and write is not None:
            self._sums["integrator"].add(block.values, write, ends)
        if "counter" in self._sums and block.symbols is not None:
            self._sums["counter"].add(block.values, self._changes[block.symbols], ends)
            level = (block.values > self._levels.between).astype(np.int64)
            np.add.at(self._by_symbol, (level, block.symbols), 1)
        self._latch.add(block)
        self.steps += len(block.values)

    def result(self) -> tuple[Fit, ...]:
        """The roles that can be told of this neuron, in their order."""
        found: list[Fit] = []
        for role in ROLES:
            if role == "switch" and self._by_symbol.size:
                found.append(Fit(role, self._levels.explained * _explained(self._by_symbol)))
            elif role == "latch":
                found.append(_fit(role, self._latch.scores(self.steps)))
            elif role in self._sums:
                found.append(_fit(role, self._sums[role].scores(self.steps)))
        return tuple(found)


def role_of(fits: Sequence[Fit]) -> Role | None:
    """The first role that holds."""
    return next((fit.role for fit in fits if fit.score is not None and fit.score >= HOLDS), None)


def _fit(role: Role, holds: list[Hold]) -> Fit:
    telling = [hold for hold in holds if hold.steps <= TELLS]
    return Fit(role, telling[-1].score if telling else None, tuple(holds))


def _explained(table: Array) -> float:
    """The share of the variance of a level (0 or 1) that the symbol explains; `table` counts `(levels, symbols)`."""
    count = table.sum(axis=0)
    share = table[1].sum() / count.sum()
    within = (table[0] * table[1] / np.maximum(count, 1)).sum() / count.sum()
    return float(1 - within / (share * (1 - share))) if 0 < share < 1 else 0.0


class _Sums:
    """Changes over h steps against sums of h parts."""

    def __init__(self, horizons: Sequence[int]) -> None:
        self._horizons = horizons
        self._tail = np.empty((3, 0))  # values, sums of the parts, and the number of the stretch they are in
        self._found = np.zeros((len(horizons), 3))  # steps, squares of what is left, squares of the changes

    def add(self, values: Array, parts: Array, ends: Array) -> None:
        known = self._tail[:, -1] if self._tail.size else np.zeros(3)
        new = np.stack([values, known[1] + np.cumsum(parts), known[2] + np.cumsum(ends)])
        row = np.concatenate([self._tail, new], axis=1)
        for at, horizon in enumerate(self._horizons):
            first = max(self._tail.shape[1], horizon)
            now = row[:, first:]
            before = row[:, first - horizon :][:, : now.shape[1]]
            within = now[2] == before[2]
            change, total = (now - before)[:2, within]
            self._found[at] += len(change), np.square(change - total).sum(), np.square(change).sum()
        self._tail = row[:, -max(self._horizons) :]

    def scores(self, steps: int) -> list[Hold]:
        return [
            Hold(horizon, float(max(0.0, 1 - left / all_of)))
            for horizon, (count, left, all_of) in zip(self._horizons, self._found, strict=True)
            if count >= max(FEWEST, LEAST_SHARE * steps) and all_of > 0
        ]


class _Latch:
    """Distances from the level, by how long it has been held."""

    def __init__(self, levels: Levels, horizons: Sequence[int]) -> None:
        self._levels, self._horizons = levels, horizons
        self._last: tuple[bool, int] = (False, 0)  # the level of the last step, and how long it had been held
        self._found = np.zeros((len(horizons), 3))  # steps at the low level, at the high one, squares of what is left
        self._moments = np.zeros(3)

    def add(self, block: Block) -> None:
        values, high = block.values, block.values > self._levels.between
        flips = np.diff(high, prepend=self._last[0]) | block.begins
        places = np.arange(len(values))
        taken = np.maximum.accumulate(np.where(flips, places, -1 - self._last[1]))
        ages = places - taken
        self._last = bool(high[-1]), int(ages[-1])
        squares = np.square(values - np.where(high, self._levels.high, self._levels.low))
        for at, horizon in enumerate(self._horizons):
            old = ages >= horizon
            self._found[at] += (old & ~high).sum(), (old & high).sum(), squares[old].sum()
        apart = values - self._levels.between
        self._moments += len(values), apart.sum(), np.square(apart).sum()

    def scores(self, steps: int) -> list[Hold]:
        """Only where both levels are held so long."""
        count, total, squares = self._moments
        variance = squares / count - (total / count) ** 2
        return [
            Hold(horizon, float(max(0.0, 1 - left / (low + high) / variance)))
            for horizon, (low, high, left) in zip(self._horizons, self._found, strict=True)
            if min(low, high) >= max(FEWEST, LEAST_SHARE * steps) and variance > 0
        ]
