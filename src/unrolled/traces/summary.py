"""Running statistics and the zoom pyramid of one signal, made while it streams past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, ZOOM


@dataclass
class Statistics:
    """Of each neuron, over all steps so far, in float64; each array `(neurons,)`.

    `squares` is the sum of squared distances from the mean. Of the changes from one step to the next (within a stretch
    of `CHUNK` steps) `changes` is the number, `travel` the sum of their sizes and `leaps` the sum of their squares.
    """

    count: Array
    mean: Array
    squares: Array
    low: Array
    high: Array
    changes: Array
    travel: Array
    leaps: Array

    @classmethod
    def of(cls, values: Array) -> Statistics:
        """Of a stretch `(steps, neurons)` of float64, at least one step."""
        neurons = int(values.shape[1])
        mean, moved = values.mean(axis=0), np.abs(np.diff(values, axis=0))
        return cls(
            count=np.full(neurons, float(len(values))),
            mean=mean,
            squares=np.square(values - mean).sum(axis=0),
            low=values.min(axis=0),
            high=values.max(axis=0),
            changes=np.full(neurons, float(len(values) - 1)),
            travel=moved.sum(axis=0),
            leaps=np.square(moved).sum(axis=0),
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
            travel=self.travel + other.travel,
            leaps=self.leaps + other.leaps,
        )

    def table(self) -> Array:
        """`(neurons, 5)` of float32: min, max, mean, variance, largest absolute value."""
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        columns = [self.low, self.high, self.mean, self.squares / self.count, largest]
        return np.stack(columns, axis=1).astype(np.float32)

    def telling(self) -> Array:
        """How much each neuron's picture tells, `(neurons,)`, 0 to 1: one that counts tells most.

        The product of three: how far it goes (its standard deviation as a share of its largest absolute value), how
        little it jitters (its correlation with itself one step earlier), and how evenly it moves (the square of its
        mean change as a share of its mean squared change: 1 where it takes equal steps, near 0 where it rests and
        leaps).
        """
        variance = self.squares / self.count
        changes = np.maximum(self.changes, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.sqrt(variance) / np.maximum(np.abs(self.low), np.abs(self.high))
            steady = 1 - self.leaps / changes / (2 * variance)
            even = np.square(self.travel / changes) / (self.leaps / changes)
            score = far * np.clip(steady, 0, 1) * even
        return np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0)

    def arrays(self, path: str) -> dict[str, Array]:
        """To be stored among others, under names that begin with `path`."""
        return {f"{path}:{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, stored: Mapping[str, Array], path: str) -> Statistics:
        """What `arrays` gave; KeyError where one is missing."""
        return cls(**{field.name: stored[f"{path}:{field.name}"] for field in fields(cls)})


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
