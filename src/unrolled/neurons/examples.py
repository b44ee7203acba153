"""Where one neuron is high, low and in between: its histogram, and places in the text, gathered while it streams by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.neurons.columns import Block
from unrolled.neurons.contexts import Place, Surroundings
from unrolled.traces.chunks import Array

STRETCHES = (8, 64, 1024, 16_384)
"""Steps of a stretch, of which at most one peak is shown; the larger ones are the blocks of the zoom pyramid."""
MOST_STRETCHES = 1024
PEAKS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
EXAMPLES = 3
"""Places for each quantile."""
SAMPLE = 4096
"""Steps among which they are sought."""
GOLDEN = 0.6180339887498949
"""Multiples of it, without what stands before the point, lie evenly however many they are."""
BINS, FINE = 64, 4096
"""Bins of the histogram, and of the one that quantiles are read from."""


@dataclass(frozen=True)
class Histogram:
    """`edges` has one number more than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Quantile:
    """A share of the steps lies below `value`; `examples` are places with about that value."""

    quantile: float
    value: float
    examples: tuple[Place, ...]


def stretch_of(steps: int) -> int:
    """Steps of a stretch in a trace of so many."""
    return next((size for size in STRETCHES if -(-steps // size) <= MOST_STRETCHES), STRETCHES[-1])


class Peaks:
    """The largest value of each stretch, and the first step that has it."""

    def __init__(self, steps: int) -> None:
        self._size = stretch_of(steps)
        count = -(-steps // self._size)
        self._most = np.full(count, -np.inf)
        self._where = np.zeros(count, np.int64)

    def add(self, first: int, values: Array) -> None:
        """Takes values in the order of the trace; `first`, their first step, begins a stretch."""
        size = self._size
        padded = np.full(-(-len(values) // size) * size, -np.inf)
        padded[: len(values)] = values
        rows = padded.reshape(-1, size)
        at = rows.argmax(axis=1)
        part = slice(first // size, first // size + len(rows))
        self._most[part] = rows[np.arange(len(rows)), at]
        self._where[part] = first + np.arange(len(rows)) * size + at

    def best(self) -> list[tuple[int, float]]:
        """Steps and values of the highest peaks, the highest first; none in a stretch beside one that was taken."""
        taken: list[int] = []
        for stretch in np.argsort(-self._most, kind="stable").tolist():
            if len(taken) == PEAKS:
                break
            if not {stretch - 1, stretch + 1} & set(taken):
                taken.append(stretch)
        return [(int(self._where[stretch]), float(self._most[stretch])) for stretch in taken]


class Examples:
    """Gathers the histogram, the peaks and the sample of a neuron.

    Args:
        steps: of the trace.
        low, high: the neuron's smallest and largest value.
    """

    def __init__(self, steps: int, low: float, high: float) -> None:
        self._range = (low, high) if low < high else (low - 0.5, low + 0.5)
        self.fine = np.zeros(FINE, np.int64)
        self._low = low
        self._highest, self._lowest = Peaks(steps), Peaks(steps)
        sample = np.floor(np.arange(1, SAMPLE + 1) * GOLDEN % 1 * steps).astype(np.int64)
        self._sample = np.unique(sample)
        self._values = np.zeros(len(self._sample))

    def add(self, block: Block) -> None:
        """Takes a block of either direction."""
        forward = slice(None, None, 1 if block.steps[0] <= block.steps[-1] else -1)
        values, first = block.values[forward], int(block.steps[forward][0])
        self.fine += np.histogram(values, FINE, self._range)[0]
        self._highest.add(first, values)
        self._lowest.add(first, -values)
        here = slice(*np.searchsorted(self._sample, [first, first + len(values)]))
        self._values[here] = values[self._sample[here] - first]

    @property
    def centres(self) -> Array:
        """The middle of each fine bin, `(FINE,)`."""
        edges = np.linspace(*self._range, FINE + 1)
        return (edges[1:] + edges[:-1]) / 2

    def histogram(self) -> Histogram:
        counts = self.fine.reshape(BINS, -1).sum(axis=1)
        return Histogram(tuple(np.linspace(*self._range, BINS + 1).tolist()), tuple(counts.tolist()))

    def highest(self, text: Surroundings) -> tuple[Place, ...]:
        return tuple(text.place(step, value) for step, value in self._highest.best())

    def lowest(self, text: Surroundings) -> tuple[Place, ...]:
        """Nothing where no value is below 0: such a neuron says with 0 that it is off."""
        return tuple(text.place(step, -value) for step, value in self._lowest.best()) if self._low < 0 else ()

    def quantile(self, share: float) -> float:
        """The value below which a share of the steps lies, to a fine bin's width."""
        return float(self.centres[np.searchsorted(np.cumsum(self.fine), share * self.fine.sum())])

    def quantiles(self, text: Surroundings) -> tuple[Quantile, ...]:
        return tuple(self._with_examples(share, text) for share in QUANTILES)

    def _with_examples(self, share: float, text: Surroundings) -> Quantile:
        value = self.quantile(share)
        nearest = np.argsort(np.abs(self._values - value), kind="stable")[:EXAMPLES]
        places = [text.place(int(self._sample[at]), float(self._values[at])) for at in sorted(nearest.tolist())]
        return Quantile(share, value, tuple(places))
