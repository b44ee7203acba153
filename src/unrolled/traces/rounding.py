"""How far recorded numbers may lie from an equation between them, by their types.

A value of a type of resolution ε is stored to ε/2 of itself; float16 also has a smallest step of 2⁻²⁴. Computed values
are less exact than stored ones: a gate is a function of a sum, whose terms add up in another order in the kernel that
made h and c than in the product that recovers the gates. `SLACK` units of float32 or float64 at max(1, |x|) cover that
(the engines' tests hold them to twice PyTorch's own distance from float64). What an equation may be off is then what it
changes by when each of its signals moves by its own allowance, all added up, and the allowance of its left side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from unrolled.traces.chunks import Array

SLACK = 16
SMALLEST_STEP = {"float16": 2.0**-24}

Right = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


def allowance(values: Array, stored: str, computed: str = "float32") -> Array:
    """How exact recorded values are, each by itself.

    Args:
        values: as they are stored.
        stored: their type on the disk.
        computed: the type in which the network ran.
    """
    size = np.abs(values.astype(np.float64))
    storing = float(np.finfo(stored).eps) / 2 * size + SMALLEST_STEP.get(stored, 0.0)
    return storing + resolution(computed) * SLACK * np.maximum(size, 1)


def resolution(computed: str) -> float:
    """The distance from 1 to the next number of a type."""
    return {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}.get(computed, 2.0**-23)


def allowed_distance(
    right: Right,
    now: Mapping[str, Array],
    before: Mapping[str, Array],
    allowances: Mapping[str, Callable[[Array], Array]],
    signal: str,
) -> tuple[Array, Array]:
    """What the right side of an identity gives, and how far the recorded left side may lie from it.

    Raises:
        KeyError: it needs a signal that was not recorded.
    """

    def evaluate(now: Mapping[str, Array], before: Mapping[str, Array]) -> Array:
        return right(_tensors(now), _tensors(before)).numpy()

    used: set[tuple[str, bool]] = set()
    expected = right(_Noting(_tensors(now), used, True), _Noting(_tensors(before), used, False)).numpy()
    allowed = allowances[signal](now[signal])
    for name, present in used:
        part = now if present else before
        moved = {**part, name: part[name] + allowances[name](part[name])}
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
