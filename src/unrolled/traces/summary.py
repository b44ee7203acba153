"""Running statistics and the zoom pyramid of one signal, made while it streams past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, ZOOM


@dataclass
class Statistics:
    """Of each neuron, over all steps so far, in float64; each array `(neurons,)`.

    `squares` is the sum of squared distances from the mean. Of the changes from one step to the next (within a stretch
    of `CHUNK` steps) `changes` is the number, `travel` the sum of their sizes and `leaps` the sum of their squares; all
    three are zero where nobody asked for them.
    """

    count: Array
    mean: Array
    squares: Array
    low: Array
    high: Array
    changes: Array
    travel: Array
    leaps: Array

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
    """What is kept of some steps: the statistics, and the finest zoom level `(blocks, neurons)` as sums."""

    statistics: Statistics
    low: Array
    high: Array
    total: Array
    counts: Array

    @classmethod
    def of(cls, values: Array, *, moves: bool = False) -> Stretch:
        """Of `(steps, neurons)`, one step or more; the last block may be short.

        Args:
            moves: whether the statistics tell of changes from step to step, for `Statistics.telling`.
        """
        given = torch.from_numpy(values if values.flags.writeable else values.copy())
        tensor = given.float() if given.dtype == torch.float16 else given
        moved = _moves(tensor if moves else tensor[:1])
        summed = [_sum_blocks(blocks, spoil=tensor is not given) for blocks in _cut(tensor, ZOOM[0])]
        low, high, total, squares = (torch.cat(each).numpy() for each in zip(*summed, strict=True))
        starts = np.arange(0, len(values), ZOOM[0])
        counts = np.minimum(ZOOM[0], len(values) - starts).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and infinity are recorded, and found by the check
            mean = total.sum(axis=0) / len(values)
            between = np.square(total / counts[:, None] - mean)
            statistics = Statistics(
                count=np.full(len(mean), float(len(values))),
                mean=mean,
                squares=squares.sum(axis=0) + (between * counts[:, None]).sum(axis=0),
                low=low.min(axis=0).astype(np.float64),
                high=high.max(axis=0).astype(np.float64),
                **moved,
            )
        return cls(statistics, low, high, total, counts)


def _sum_blocks(blocks: Tensor, *, spoil: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of blocks `(blocks, steps, neurons)`: min, max, sum, and squared distances from the mean, `(blocks, neurons)`.

    Sums are taken of the distances from the middle between min and max: so float32 serves for the few steps of a block,
    however far from zero a neuron rests. `spoil` says that the blocks may be written over.
    """
    steps = blocks.shape[1]
    low, high = blocks.amin(1), blocks.amax(1)
    middle = low / 2 + high / 2
    middle = torch.where(middle.isfinite(), middle, 0)
    apart = blocks.sub_(middle[:, None]) if spoil else blocks - middle[:, None]
    total = apart.sum(1).double()
    squares = apart.square_().sum(1).double() - total.square() / steps
    return low, high, total + steps * middle.double(), squares.clamp(min=0)


def _moves(values: Tensor) -> dict[str, Array]:
    """Number, sizes and squares of the changes from step to step."""
    count, travel, leaps = 0, torch.zeros(values.shape[1]).double(), torch.zeros(values.shape[1]).double()
    for stretches in _cut(values, CHUNK):
        changes = (stretches[:, 1:] - stretches[:, :-1]).abs_()
        count += changes.shape[0] * changes.shape[1]
        travel += changes.sum((0, 1)).double()
        leaps += changes.square_().sum((0, 1)).double()
    return {"changes": np.full(values.shape[1], float(count)), "travel": travel.numpy(), "leaps": leaps.numpy()}


def _cut(values: Tensor, steps: int) -> list[Tensor]:
    """Values `(steps, neurons)` as parts of `steps` each, `(parts, steps, neurons)`; the last may be a shorter one."""
    whole = len(values) // steps * steps
    parts = [values[:whole].reshape(-1, steps, values.shape[1]), values[None, whole:]]
    return [part for part in parts if part.numel()]


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
