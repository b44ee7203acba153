"""How far recorded numbers may lie from an equation between them, by their types.

A value of a type of resolution ε is stored to ε/2 of itself; float16 also has a smallest step of 2⁻²⁴. Computed values
are less exact than stored ones: a gate is a function of a sum, whose terms add up in another order in the kernel that
made h and c than in the product that recovers the gates. `SLACK` units of float32 or float64 at max(1, |x|) cover that
(the engines' tests hold them to twice PyTorch's own distance from float64). What an equation may be off is then what it
changes by when each of its signals moves by its own allowance, all added up, and the allowance of its left side.

A cell state is a sum over time: the scan that recovers it drifts from the kernel's by about a unit of each state that
it has passed, as long as the forget gate keeps it, until it is anchored again (every `BLOCK` steps). So one that was
large and comes back to zero is only as exact as it was when it was large, and its allowance holds that drift too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from unrolled.engines import BLOCK
from unrolled.traces.chunks import Array

SLACK = 16
SMALLEST_STEP = {"float16": 2.0**-24}

Right = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


def allowance(values: Array, stored: str, computed: str = "float32", drift: Array | None = None) -> Array:
    """How exact recorded values are.

    Args:
        values: as they are stored.
        stored: their type on the disk.
        computed: the type in which the network ran.
        drift: what they may have gathered on the way, in units of the type, of the same shape; none by default.
    """
    size = np.abs(values.astype(np.float64))
    storing = float(np.finfo(stored).eps) / 2 * size + SMALLEST_STEP.get(stored, 0.0)
    return storing + resolution(computed) * (SLACK * np.maximum(size, 1) + (0.0 if drift is None else drift))


def drift_of(cell: Array, forget: Array, begins: Array, carried: Array) -> tuple[Array, Array]:
    """How far a cell state may have drifted at each step, and the state before it, in units of its type.

    d = f · (1 − 1 / BLOCK) · d₋₁ + max(1, |c|), from 0 where a sequence begins; so at most BLOCK times the largest |c|.

    Args:
        cell, forget: c and f in the order of reading, `(steps, neurons)`.
        begins: `(steps,)`, whether a sequence begins here.
        carried: `(neurons,)`, the drift after the step before the first.
    """
    now, earlier = np.empty_like(cell), np.empty_like(cell)
    last = carried
    unit = np.maximum(np.nan_to_num(np.abs(cell)), 1)
    kept = np.nan_to_num(forget) * (1 - 1 / BLOCK)
    for t in range(len(cell)):
        earlier[t] = 0.0 if begins[t] else last
        last = kept[t] * earlier[t] + unit[t]
        now[t] = last
    return now, earlier


def resolution(computed: str) -> float:
    """The distance from 1 to the next number of a type."""
    return {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}.get(computed, 2.0**-23)


def allowed_distance(
    right: Right,
    now: Mapping[str, Array],
    before: Mapping[str, Array],
    exact_now: Mapping[str, Array],
    exact_before: Mapping[str, Array],
    signal: str,
) -> tuple[Array, Array]:
    """What the right side of an identity gives, and how far the recorded left side may lie from it.

    Args:
        right: the right side, of the signals at a step and the states before it.
        now, before: those signals and states, `(steps, neurons)`.
        exact_now, exact_before: their allowances.
        signal: the left side.

    Raises:
        KeyError: it needs a signal that was not recorded.
    """

    def evaluate(now: Mapping[str, Array], before: Mapping[str, Array]) -> Array:
        return right(_tensors(now), _tensors(before)).numpy()

    used: set[tuple[str, bool]] = set()
    expected = right(_Noting(_tensors(now), used, True), _Noting(_tensors(before), used, False)).numpy()
    allowed = exact_now[signal]
    for name, present in used:
        part, exact = (now, exact_now) if present else (before, exact_before)
        moved = {**part, name: part[name] + exact[name]}
        there = evaluate(moved, before) if present else evaluate(now, moved)
        with np.errstate(invalid="ignore"):
            allowed = allowed + np.abs(there - expected)
    return expected, allowed


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in arrays.items()}  # pyright: ignore[reportUnknownMemberType]


class _Noting(dict[str, Tensor]):
    """Notes which signals an equation reads."""

    def __init__(self, values: Mapping[str, Tensor], used: set[tuple[str, bool]], present: bool) -> None:
        super().__init__(values)
        self._used = used
        self._present = present

    def __getitem__(self, name: str) -> Tensor:
        value = super().__getitem__(name)
        self._used.add((name, self._present))
        return value
