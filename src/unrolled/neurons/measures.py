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
"""Below the first a gate counts as shut, above the second as open."""


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


def ranks(values: Array) -> Array:
    """The place of each value among its column's, from 1; equal values share their mean place.

    Args:
        values: `(steps, neurons)`, finite.

    Returns:
        `(steps, neurons)` of float64.
    """
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    places = np.arange(len(values))[:, None]
    changes = ordered[1:] != ordered[:-1]
    edge = np.ones((1, values.shape[1]), bool)
    first = np.maximum.accumulate(np.where(np.concatenate([edge, changes]), places, 0), axis=0)
    last = np.where(np.concatenate([changes, edge]), places, len(values))
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
    found = np.empty(values.shape, np.float64)
    np.put_along_axis(found, order, (first + last) / 2 + 1, axis=0)
    return found


def auc(values: Array, labels: Array) -> Array:
    """The area under the ROC curve: how often a value at a yes is larger than one at a no, a tie being half of that.

    Exact, by ranks (Mann and Whitney 1947). 0.5 is chance, and what a label gives that is never or always true.

    Args:
        values: `(steps, neurons)`, finite.
        labels: `(steps,)` or `(steps, labels)` of bool.

    Returns:
        `(neurons,)` or `(labels, neurons)`, 0 to 1.
    """
    yes = labels.sum(axis=0)[..., None].astype(np.float64)
    pairs = yes * (len(labels) - yes)
    wins = labels.T.astype(np.float64) @ ranks(values) - yes * (yes + 1) / 2
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), 0.5)


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
