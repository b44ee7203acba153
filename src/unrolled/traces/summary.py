"""Running statistics and the zoom pyramid of one signal, made while it streams past."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, ZOOM


@dataclass
class Statistics:
    """Of each neuron, over all steps so far, in float64; each array `(neurons,)`.

    `squares` is the sum of squared distances from the mean, `leaps` the sum of squared changes from one step to the
    next (within a stretch of `CHUNK` steps) and `changes` how many of those there were.
    """

    count: Array
    mean: Array
    squares: Array
    low: Array
    high: Array
    changes: Array
    leaps: Array

    @classmethod
    def of(cls, values: Array) -> Statistics:
        """Of a stretch `(steps, neurons)` of float64, at least one step."""
        neurons = int(values.shape[1])
        mean = values.mean(axis=0)
        return cls(
            count=np.full(neurons, float(len(values))),
            mean=mean,
            squares=np.square(values - mean).sum(axis=0),
            low=values.min(axis=0),
            high=values.max(axis=0),
            changes=np.full(neurons, float(len(values) - 1)),
            leaps=np.square(np.diff(values, axis=0)).sum(axis=0),
        )

    def merged(self, other: Statistics) -> Statistics:
        """Of both stretches together (Chan, Golub and LeVeque 1979)."""
        count = self.count + other.count
        apart = other.mean - self.mean
        return Statistics(
            count=count,
            mean=self.mean + apart * (other.count / count),
            squares=self.squares + other.squares + np.square(apart) * (self.count * other.count / count),
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
            changes=self.changes + other.changes,
            leaps=self.leaps + other.leaps,
        )

    def table(self) -> Array:
        """`(neurons, 5)` of float32: min, max, mean, variance, largest absolute value."""
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        columns = [self.low, self.high, self.mean, self.squares / self.count, largest]
        return np.stack(columns, axis=1).astype(np.float32)

    def telling(self) -> Array:
        """How much each neuron's picture tells, `(neurons,)`, 0 to 1: its variance as a share of its largest square,
        times its correlation with itself one step earlier, so that what jumps at every step counts for little."""
        variance = self.squares / self.count
        largest = np.square(np.maximum(np.abs(self.low), np.abs(self.high)))
        with np.errstate(divide="ignore", invalid="ignore"):
            steady = 1 - self.leaps / np.maximum(self.changes, 1) / (2 * variance)
            score = variance / largest * np.clip(steady, 0, 1)
        return np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0)

    def arrays(self) -> dict[str, Array]:
        """By field, to be stored and given back to the constructor."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass
class Stretch:
    """What is kept of up to `CHUNK` steps: the statistics, and the finest zoom level `(blocks, neurons)` as sums."""

    statistics: Statistics
    low: Array
    high: Array
    total: Array
    counts: Array

    @classmethod
    def of(cls, values: Array) -> Stretch:
        """Of `(steps, neurons)`; the last block may be short."""
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are recorded, and found by the check
            wide = values.astype(np.float64)
            starts = np.arange(0, len(wide), ZOOM[0])
            return cls(
                statistics=Statistics.of(wide),
                low=np.minimum.reduceat(wide, starts),
                high=np.maximum.reduceat(wide, starts),
                total=np.add.reduceat(wide, starts),
                counts=np.minimum(ZOOM[0], len(wide) - starts).astype(np.float64),
            )


def zoom_levels(stretches: list[Stretch]) -> list[Array]:
    """The three zoom levels, each `(blocks, neurons, 3)` of float32, of consecutive stretches that start a block of the
    coarsest level and fill no more than one."""
    low = np.concatenate([stretch.low for stretch in stretches])
    high = np.concatenate([stretch.high for stretch in stretches])
    total = np.concatenate([stretch.total for stretch in stretches])
    counts = np.concatenate([stretch.counts for stretch in stretches])
    levels: list[Array] = []
    with np.errstate(invalid="ignore", over="ignore"):
        for block in ZOOM:
            starts = np.arange(0, len(low), block // ZOOM[0])
            mean = np.add.reduceat(total, starts) / np.add.reduceat(counts, starts)[:, None]
            parts = [np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts), mean]
            levels.append(np.stack(parts, axis=-1).astype(np.float32))
    return levels


assert all(block % ZOOM[0] == 0 for block in (*ZOOM, CHUNK))
