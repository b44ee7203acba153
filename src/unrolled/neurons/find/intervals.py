"""How sure a score is, where one step tells little that the steps before did not."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.engines.compiled.linear import product
from unrolled.neurons.find.shifts import DIGITS
from unrolled.neurons.hypotheses.marking import Kind

Array: TypeAlias = npt.NDArray[Any]

BLOCKS = 25
"""Blocks that a part is cut into; one of them at a time is left out (jackknife over blocks, Künsch 1989)."""
WIDE = 1.96
"""Standard errors on either side: 95 %."""


class BlockSums:
    """Sums of values and labels in each block, from which the score without any one of them follows."""

    def __init__(self, kind: Kind, groups: int, neurons: int) -> None:
        self._kind = kind
        columns = groups if kind == "class" else 1
        self._counts = np.zeros((BLOCKS, columns))
        self._products = np.zeros((BLOCKS, columns, neurons))
        self._moments = np.zeros((BLOCKS, 3, neurons))
        """Steps, sum and sum of squares of each neuron where the label speaks."""
        self._squares = np.zeros(BLOCKS)
        self._about: Array | None = None

    def add(self, block: int, values: Array, columns: Array, said: Array) -> None:
        """Takes values `(neurons, steps)`, the label's columns `(steps, columns)` and where it speaks `(steps,)`: all
        of float32."""
        if self._about is None:
            self._about = values.mean(axis=1, keepdims=True)
        values = values - self._about  # what is far from zero would lose its digits
        self._counts[block] += columns.sum(axis=0, dtype=np.float64)
        self._squares[block] += np.square(columns[:, 0], dtype=np.float64).sum()
        turned, speaks = torch.from_numpy(values), torch.from_numpy(said)
        self._products[block] += product(turned, torch.from_numpy(columns)).numpy().T
        sums, squares = (turned @ speaks).numpy(), (turned.square() @ speaks).numpy()
        self._moments[block] += np.stack([np.full(len(values), said.sum()), sums, squares])

    def scores(self) -> Array:
        """Of each neuron over all blocks, `(neurons,)`: the correlation, η² of classes, 2·AUC − 1 of an answer, if the
        values are places among all."""
        return self._score(slice(None))[0]

    def errors(self) -> Array:
        """The standard error of each score, `(neurons,)`."""
        filled = np.flatnonzero(self._moments[:, 0].any(axis=1))
        if len(filled) < 2:
            return np.full(self._moments.shape[2], np.inf)
        without = np.concatenate([self._score(filled[filled != block]) for block in filled])
        return np.sqrt((len(filled) - 1) / len(filled) * np.square(without - without.mean(axis=0)).sum(axis=0))

    def _score(self, blocks: Any) -> Array:
        counts, products = self._counts[blocks].sum(axis=0), self._products[blocks].sum(axis=0)
        steps, sums, squares = self._moments[blocks].sum(axis=0)
        steps = np.maximum(steps, 1)
        if self._kind == "answer":
            yes = counts[0]
            with np.errstate(divide="ignore", invalid="ignore"):
                apart = products[0] / yes - (sums - products[0]) / (steps - yes)
            return np.nan_to_num(2 * apart, nan=0.0, posinf=0.0, neginf=0.0)[None]
        spread = squares - sums**2 / steps
        spread[spread <= DIGITS * squares] = np.inf  # it does not vary
        if self._kind == "class":
            means = (products**2 / np.maximum(counts, 1)[:, None]).sum(axis=0)
            return np.clip((means - sums**2 / steps) / spread, 0, 1)[None]
        variance = np.maximum(self._squares[blocks].sum() - counts[0] ** 2 / steps, 1e-12)
        return ((products[0] - counts[0] * sums / steps) / np.sqrt(spread * variance))[None]


def interval(score: float, error: float, low: float, high: float) -> tuple[float, float]:
    """The 95 % interval of a score between two bounds, on the scale of its log-odds, so that it stays between them."""
    if not np.isfinite(error):
        return low, high
    error = max(error / (high - low), 1e-6)
    edge = min(error, 0.5)  # nearer to a bound than its own error the log-odds would be of no account
    share = min(max((score - low) / (high - low), edge), 1 - edge)
    odds, wide = np.log(share / (1 - share)), WIDE * error / (share * (1 - share))
    ends = [low + (high - low) / (1 + np.exp(-np.clip(odds + side * wide, -60, 60))) for side in (-1, 1)]
    return float(min(ends[0], score)), float(max(ends[1], score))
