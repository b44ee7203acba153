"""Random neurons to compare with: of the same layer and signal, and of like variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unrolled.neurons.holding import Moments, Selection, Signal

NEAREST = 10
"""Neurons of the nearest variance among which one is drawn in the place of each that is held."""


def draw_controls(
    held: Sequence[Selection], moments: Mapping[Signal, Moments], draws: int, seed: int
) -> list[tuple[Selection, ...]]:
    """As many neurons as are held, drawn again and again.

    In the place of each held neuron stands one of the ten others in its layer and signal whose variance, by its
    logarithm, is nearest to its own. No draw is given twice, so there are fewer where a layer is too small, and none
    where more than half of a signal's neurons are held.

    Args:
        moments: of every signal that has held neurons.
        draws: how many to give at most.
    """
    numbers = np.random.default_rng(seed)
    orders = {(part.layer, part.signal): _orders(part, moments, numbers) for part in held}
    found: list[tuple[Selection, ...]] = []
    for turn in range(draws):
        drawn = [_drawn(part, orders[part.layer, part.signal], turn) for part in held]
        whole = tuple(part for part in drawn if part is not None)
        if len(whole) == len(held) and whole not in found:
            found.append(whole)
    return found


def _orders(part: Selection, moments: Mapping[Signal, Moments], numbers: np.random.Generator) -> list[list[int]]:
    """For each held neuron the others: the nearest in an order of chance, then the rest from near to far."""
    spread = np.log(np.maximum(moments[part.layer, part.signal].variance, np.finfo(np.float64).tiny))
    others = np.setdiff1d(np.arange(len(spread)), part.neurons)
    orders: list[list[int]] = []
    for neuron in part.neurons:
        sorted_others = others[np.argsort(np.abs(spread[others] - spread[neuron]), kind="stable")]
        near = numbers.permutation(sorted_others[:NEAREST])
        orders.append([*near.tolist(), *sorted_others[NEAREST:].tolist()])
    return orders


def _drawn(part: Selection, orders: list[list[int]], turn: int) -> Selection | None:
    """One draw: each held neuron takes the first of its order, from place `turn` on, that no other has taken."""
    taken: set[int] = set()
    for order in orders:
        near = order[:NEAREST]
        turned = near[turn % len(near) :] + near[: turn % len(near)] if near else []
        free = [neuron for neuron in [*turned, *order[NEAREST:]] if neuron not in taken]
        if not free:
            return None
        taken.add(free[0])
    return Selection(part.layer, part.signal, tuple(sorted(taken)))
