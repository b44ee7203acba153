"""Values in bins of about equal size, and what can be told from counts in them."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.engines.compiled.kernels import find_kernels

Array: TypeAlias = npt.NDArray[Any]

BINS = 512
COARSE = 32
"""Bins for the information about what has many groups."""


class Bins:
    """Bins for each of several neurons, set by a sample of their values.

    What lies in one bin counts as tied. The areas under the ROC curve so found differ from the exact ones by at most
    half of the largest product of a bin's shares of all yes and of all no, summed over the bins: 1/1024 where both are
    spread evenly, and less where they part.
    """

    def __init__(self, sample: Array, at_random: Array) -> None:
        """
        Args:
            sample: `(rows, neurons)` of float32.
            at_random: `(rows,)` of bool, the rows that stand for the text as it is.
        """
        at = (np.arange(1, BINS) * len(sample)) // BINS
        self.edges = np.ascontiguousarray(np.sort(sample, axis=0)[at].T)
        """`(neurons, BINS − 1)`; a value is in bin b if b edges are below it."""
        # A value that many steps have, such as a gate's 1, has a bin of its own: its first edge is just below it.
        again = np.zeros_like(self.edges, bool)
        again[:, :-1] = self.edges[:, 1:] == self.edges[:, :-1]
        again[:, 1:] &= self.edges[:, 1:] != self.edges[:, :-1]
        self.edges[again] = np.nextafter(self.edges[again], -np.inf, dtype=np.float32)
        steps = int(at_random.sum())
        counts = np.zeros((len(self.edges), BINS, 1), np.int64)
        count(self.of(sample[at_random].T), np.zeros(steps, np.int8), counts)
        below = np.cumsum(counts[..., 0], axis=1) - counts[..., 0] / 2
        self._places = torch.from_numpy((below / max(1, steps) - 0.5).astype(np.float32))

    def of(self, values: Array) -> Array:
        """The bins of values `(neurons, steps)`, as `(neurons, steps)` of int16."""
        given, edges = torch.from_numpy(np.ascontiguousarray(values)), torch.from_numpy(self.edges)
        kernels = find_kernels()
        found = torch.searchsorted(edges, given).short() if isinstance(kernels, str) else kernels.bins(edges, given)
        return found.numpy()

    def places(self, bins: Array) -> Array:
        """About where among its neuron's values each lies, −0.5 to 0.5, from bins `(neurons, steps)`; of float32."""
        return self._places.gather(1, torch.from_numpy(bins).long()).numpy()


def count(bins: Array, codes: Array, counts: Array) -> None:
    """Counts what lies in each bin and has each code.

    Args:
        bins: `(neurons, steps)` of int16, see `Bins.of`.
        codes: `(steps,)` of int8; −1 is not counted.
        counts: `(neurons, bins, groups)` of int64, added to; of fewer bins than `BINS`, so many are one.
    """
    kernels = find_kernels()
    if not isinstance(kernels, str):
        kernels.count(torch.from_numpy(bins), torch.from_numpy(codes), BINS, torch.from_numpy(counts))
        return
    neurons, fewer, groups = counts.shape
    said = codes >= 0
    rows = np.arange(neurons, dtype=np.int64)[:, None]
    cells = (bins[:, said].astype(np.int64) // (BINS // fewer) + rows * fewer) * groups + codes[said]
    counts += np.bincount(cells.ravel(), minlength=counts.size).reshape(counts.shape)


def auc_of(counts: Array) -> Array:
    """The area under the ROC curve from counts `(neurons, bins, 2)` of no and yes; `(neurons,)`, 0 to 1, 0.5 by chance
    and where there is nothing to tell apart."""
    no, yes = counts[..., 0].astype(np.float64), counts[..., 1].astype(np.float64)
    below = np.cumsum(no, axis=1) - no / 2
    pairs = no.sum(axis=1) * yes.sum(axis=1)
    return np.where(pairs > 0, (below * yes).sum(axis=1) / np.maximum(pairs, 1), 0.5)


def information_of(counts: Array) -> Array:
    """Mutual information in bits from counts `(neurons, bins, groups)`, less what chance gives a table of its size
    (Miller and Madow 1955); `(neurons,)`, 0 or more."""
    joint = counts.astype(np.float64)
    total = np.maximum(joint.sum(axis=(1, 2)), 1)
    by_value, by_group = joint.sum(axis=2), joint.sum(axis=1)

    def entropy(table: Array) -> Array:
        share = table.reshape(len(table), -1) / total[:, None]
        return -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1)

    def filled(table: Array) -> Array:
        return (table.reshape(len(table), -1) > 0).sum(axis=1)

    chance = filled(joint) - filled(by_value) - filled(by_group) + 1
    found = entropy(by_value) + entropy(by_group) - entropy(joint) - chance / (2 * total * np.log(2))
    return np.maximum(found, 0.0)


class Threshold(NamedTuple):
    """Yes is said beyond it. value: of the neuron. precision, recall: 0 to 1."""

    value: float
    precision: float
    recall: float


def best_bin(counts: Array, direction: int) -> int:
    """Of one neuron: the number of edges below the bins that say yes for which precision and recall agree best (the
    largest F₁), from counts `(bins, 2)`; `direction` −1 where low values say yes."""
    right, said = _said_yes(counts, direction)
    f1 = 2 * right / np.maximum(said + counts[:, 1].sum(), 1)
    return int(f1[1:].argmax()) + 1


def threshold_at(counts: Array, direction: int, bin_: int, edges: Array) -> Threshold:
    """How well that bin parts other counts, and the value that it stands for."""
    right, said = _said_yes(counts, direction)
    yes = max(1, counts[:, 1].sum())
    return Threshold(float(edges[bin_ - 1]), float(right[bin_] / max(1, said[bin_])), float(right[bin_] / yes))


def _said_yes(counts: Array, direction: int) -> tuple[Array, Array]:
    """For each number of bins below the threshold: the right yes, and all yes."""
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(counts, axis=0, dtype=np.float64)])
    sums = sums[-1] - sums if direction > 0 else sums
    return sums[:-1, 1], sums[:-1].sum(axis=1)
