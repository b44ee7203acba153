"""Numbers that say what neurons do: plain functions of recorded values `(steps, neurons)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

Groups: TypeAlias = Sequence[Any] | Array
"""The group of each case, by any name."""

CLOSED, OPEN = 0.1, 0.9
"""Up to here a gate counts as shut, from here on as open."""


class Saturation(NamedTuple):
    """Shares of the steps at which a gate is shut (below 0.1) and open (above 0.9); each `(neurons,)`."""

    shut: Array
    open: Array


def correlation(values: Array, label: Array) -> Array:
    """Pearson's correlation of each neuron with a label, `(neurons,)`, −1 to 1; 0 where either does not vary.

    Args:
        values: `(steps, neurons)`.
        label: `(steps,)`, one number a step.
    """
    values, label = values.astype(np.float64), label.astype(np.float64)
    apart, wanted = values - values.mean(axis=0), label - label.mean()
    size = np.sqrt(np.square(apart).sum(axis=0) * np.square(wanted).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, wanted @ apart / size, 0.0)


def auc(values: Array, truth: Array) -> Array:
    """The area under the ROC curve of each neuron, `(neurons,)`: how often it is higher where something is true than
    where it is not, ties counting half (Mann and Whitney 1947). 0.5 where it is true nowhere or everywhere.

    Args:
        values: `(steps, neurons)`.
        truth: `(steps,)` of bool.
    """
    true = int(truth.sum())
    pairs = true * (len(truth) - true)
    ranks = np.stack([_ranks(each) for each in values.T], axis=1)
    wins = ranks[truth].sum(axis=0) - true * (true + 1) / 2
    return np.where(pairs > 0, wins / max(pairs, 1), 0.5)


def _ranks(values: Array) -> Array:
    """The rank of each value, from 1; equal ones share the mean of theirs."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: Array = np.cumsum(counts) - (counts - 1) / 2
    return middle[at]


def saturation(gates: Array) -> Saturation:
    """How often each gate is shut or open (Karpathy, Johnson and Li 2015).

    Args:
        gates: `(steps, neurons)`, 0 to 1.
    """
    return Saturation((gates < CLOSED).mean(axis=0), (gates > OPEN).mean(axis=0))


def half_life(forget: Array) -> Array:
    """Steps after which half of a memory is left, if it is kept as the forget gate has it on average, `(neurons,)`.

    n steps keep ∏ f = exp(Σ ln f), so half is left after ln ½ / mean(ln f). Infinite where the gate never moves from 1.

    Args:
        forget: `(steps, neurons)`, 0 to 1.
    """
    with np.errstate(divide="ignore"):
        rate = np.log(np.maximum(forget.astype(np.float64), np.finfo(np.float64).tiny)).mean(axis=0)
        return np.log(0.5) / np.minimum(rate, -0.0)


def sharpness(values: Array, bound: Array | float) -> Array:
    """Share of the steps at which each value is next to 0 or next to its bound, `(neurons,)`.

    Next to: within a tenth of the bound.

    Args:
        values: `(steps, neurons)`, of either sign.
        bound: the largest absolute value that is meant, of each neuron or of all.
    """
    share = np.abs(values) / np.maximum(bound, np.finfo(np.float64).tiny)
    return ((share < CLOSED) | (share > OPEN)).mean(axis=0)


def tightness(values: Array, groups: Groups) -> Array:
    """How little each neuron varies within a group: its largest standard deviation in any group, as a share of the
    range of the groups' means, `(neurons,)`; infinite where all means are the same.

    Args:
        values: `(cases, neurons)`.
        groups: the group of each case.
    """
    means, deviations = _of_groups(values, groups)
    spread = means.max(axis=0) - means.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, deviations.max(axis=0) / spread, np.inf)


def monotone(values: Array, groups: Groups) -> Array:
    """Whether each neuron's mean only rises, or only falls, from group to group in their sorted order, `(neurons,)`."""
    steps = np.diff(_of_groups(values, groups)[0], axis=0)
    return np.asarray((steps > 0).all(axis=0) | (steps < 0).all(axis=0))


def variance_explained(values: Array, groups: Groups) -> Array:
    """The share of each neuron's variance that the groups explain (η²), `(neurons,)`, 0 to 1; 0 where it never varies.

    Args:
        values: `(cases, neurons)`.
        groups: the group of each case.
    """
    values = values.astype(np.float64)
    total = np.square(values - values.mean(axis=0)).sum(axis=0)
    names = np.array([str(group) for group in groups])
    within = sum(
        np.square(part - part.mean(axis=0)).sum(axis=0) for part in (values[names == name] for name in set(names))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 1 - within / total, 0.0)


def restlessness(values: Array) -> Array:
    """How far each neuron moves from one step to the next, as a share of its standard deviation, `(neurons,)`.

    Independent normal values move by 1.13 of it (2/√π) in the mean, what is kept by 0.

    Args:
        values: `(steps, neurons)`, or `(sequences, steps, neurons)`: then no step leads from one sequence to the next.
    """
    values = values.astype(np.float64)
    steps = tuple(range(values.ndim - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(np.diff(values, axis=-2)).mean(axis=steps) / values.std(axis=steps)
    return np.nan_to_num(moved, nan=0.0, posinf=0.0)


def _of_groups(values: Array, groups: Groups) -> tuple[Array, Array]:
    """Mean and standard deviation in each group, in the groups' sorted order, `(groups, neurons)`."""
    names = sorted(set(groups))
    which = np.array([names.index(group) for group in groups])
    parts = [values[which == at].astype(np.float64) for at in range(len(names))]
    return np.stack([part.mean(axis=0) for part in parts]), np.stack([part.std(axis=0) for part in parts])
