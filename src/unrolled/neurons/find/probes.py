"""A few neurons together: the best sparse linear probe, grown one neuron at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.engines.compiled.linear import product

Array: TypeAlias = npt.NDArray[Any]

SIZES = (2, 4, 8)
"""Neurons of the probes that are told of."""
RIDGE = 1e-4
"""Share of the neurons' variance that is added to it: two that do the same do not cancel out."""


@dataclass(frozen=True)
class Probe:
    """Weighs neurons. neurons: places among the candidates. weights: `(neurons,)`."""

    neurons: tuple[int, ...]
    weights: Array

    def of(self, values: Array) -> Array:
        """What it says of values `(candidates, steps)`: `(steps,)` of float32."""
        weights = torch.from_numpy(self.weights.astype(np.float32))
        return (weights @ torch.from_numpy(values[list(self.neurons)])).numpy()


class Covariances:
    """Sums from which every linear probe on the candidates follows; over the steps at which the label speaks."""

    def __init__(self, candidates: int) -> None:
        self._sums = np.zeros((candidates + 2, candidates + 2))
        """Products of 1, the label and the candidates' values."""
        self._about: Array | None = None

    def add(self, values: Array, label: Array) -> None:
        """Takes values `(candidates, steps)` of float32 and the label `(steps,)` there."""
        if not len(label):
            return
        if self._about is None:
            self._about = values.mean(axis=1, keepdims=True)
        rows = torch.from_numpy(np.concatenate([np.ones_like(label)[None], label[None], values - self._about]))
        self._sums += product(rows, rows.t()).numpy()

    def probes(self) -> list[Probe]:
        """The probe of each size; the neuron is added that leaves the smallest squared error (forward selection)."""
        count = self._sums[0, 0]
        if not count:
            return []
        means = self._sums[0] / count
        covariance = self._sums / count - np.outer(means, means)
        between, with_label = covariance[2:, 2:], covariance[2:, 1]
        scale = np.sqrt(np.maximum(np.diag(between), 1e-30))
        between, with_label = between / np.outer(scale, scale), with_label / scale
        between = between + RIDGE * np.eye(len(between))
        chosen: list[int] = []
        found: list[Probe] = []
        while len(chosen) < min(SIZES[-1], len(between)):
            chosen.append(_next(between, with_label, chosen))
            if len(chosen) in SIZES:
                weights: Array = np.asarray(
                    np.linalg.solve(between[np.ix_(chosen, chosen)], with_label[chosen]), dtype=np.float64
                )
                found.append(Probe(tuple(chosen), weights / scale[chosen]))
        return found


def _next(between: Array, with_label: Array, chosen: list[int]) -> int:
    """What explains most of what those chosen leave unexplained."""
    left, spread = with_label.copy(), np.diag(between).copy()
    if chosen:
        known = np.linalg.solve(between[np.ix_(chosen, chosen)], between[chosen])
        left -= with_label[chosen] @ known
        spread -= (between[chosen] * known).sum(axis=0)
    gain = left**2 / np.maximum(spread, 1e-9)
    gain[chosen] = -1
    return int(gain.argmax())
