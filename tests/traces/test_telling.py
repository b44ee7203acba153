"""Which neuron a small picture of a trace shows."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from unrolled.traces.summary import Statistics, Stretch

STEPS = np.arange(3 * 1024)
COUNTS = np.minimum(STEPS % 64, 64 - STEPS % 64) / 32.0
"""Up and down again in equal steps, as a counter's cell state does."""


def scores_of(*neurons: np.ndarray) -> np.ndarray:
    return Stretch.of(np.stack(neurons, axis=1), moves=True).statistics.telling()


def test_one_that_counts_tells_more_than_one_that_leaps_and_that_more_than_noise() -> None:
    leaps = np.where(STEPS % 64 < 32, 1.0, -1.0)
    noise = np.random.default_rng(0).normal(size=len(STEPS))
    small = 1 + COUNTS / 1000
    still = np.full(len(STEPS), 0.7)
    counts, leaping, noisy, little, none = scores_of(COUNTS, leaps, noise, small, still)
    assert counts > 1.5 * leaping > 3 * noisy
    assert counts > 100 * little > 0
    assert none == 0


def test_a_ramp_by_hand() -> None:
    """0, 1, 2, 3: variance 5/4, largest 3, each change 1."""
    (score,) = scores_of(np.arange(4.0))
    assert score == pytest.approx(np.sqrt(1.25) / 3 * (1 - 1 / 2.5) * 1.0)


def test_what_cannot_be_known_of_one_step_is_nothing() -> None:
    assert scores_of(np.array([3.0]), np.array([0.0])).tolist() == [0, 0]


def test_statistics_of_parts_together_are_those_of_the_whole() -> None:
    """But for the change between the parts, which belongs to neither."""
    values = np.random.default_rng(1).normal(size=(700, 3)).cumsum(axis=0)
    whole, before, after = (Stretch.of(part, moves=True).statistics for part in (values, values[:300], values[300:]))
    merged = before.merged(after)
    between = np.abs(values[300] - values[299])
    lost = {"changes": 1.0, "travel": between, "leaps": between**2}
    for field in fields(Statistics):
        together = getattr(merged, field.name) + lost.get(field.name, 0.0)
        np.testing.assert_allclose(together, getattr(whole, field.name), err_msg=field.name)
