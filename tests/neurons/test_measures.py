"""Measures against other implementations, against numbers worked by hand, and by their properties."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unrolled.neurons.measures import (
    auc,
    correlation,
    half_life,
    monotone,
    ranks,
    restlessness,
    saturation,
    sharpness,
    tightness,
    variance_explained,
)

values = arrays(np.float64, (12, 3), elements=st.floats(-5, 5, width=16))
labels = arrays(np.float64, (12,), elements=st.floats(-5, 5, width=16))
groups = st.lists(st.sampled_from("abc"), min_size=12, max_size=12)


@given(values, labels)
def test_correlation_is_numpys(values: np.ndarray, label: np.ndarray) -> None:
    for neuron, found in enumerate(correlation(values, label)):
        column = values[:, neuron]
        if column.std() < 1e-3 or label.std() < 1e-3:
            continue  # numpy divides by next to nothing there
        assert found == pytest.approx(np.corrcoef(column, label)[0, 1], abs=1e-9)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    assert correlation(np.ones((4, 1)), np.arange(4.0)).tolist() == [0.0]
    assert correlation(np.arange(4.0)[:, None], np.ones(4)).tolist() == [0.0]


tied = arrays(np.float32, (14, 3), elements=st.integers(-3, 3).map(float))
answers = arrays(np.bool_, (14, 2))


@given(tied, answers)
def test_auc_counts_pairs(values: np.ndarray, answers: np.ndarray) -> None:
    found = auc(values, answers)
    assert found.shape == (2, 3)
    for label in range(2):
        for neuron in range(3):
            yes, no = values[answers[:, label], neuron], values[~answers[:, label], neuron]
            pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no]
            if pairs:
                assert found[label, neuron] == pytest.approx(np.mean(pairs), abs=1e-12)
            else:
                assert found[label, neuron] == 0.5
    assert np.array_equal(auc(values, answers[:, 0]), found[0])


@given(tied)
def test_ranks_are_mean_places(values: np.ndarray) -> None:
    found = ranks(values)
    for neuron in range(3):
        column = values[:, neuron]
        expected = [np.mean(np.flatnonzero(np.sort(column) == value)) + 1 for value in column]
        assert found[:, neuron] == pytest.approx(expected)


def test_saturation_by_hand() -> None:
    shut, opened = saturation(np.array([[0.05, 0.5], [0.95, 0.09], [0.99, 0.1], [0.2, 0.9]]))
    assert shut.tolist() == [0.25, 0.25]
    assert opened.tolist() == [0.5, 0.0]


@pytest.mark.parametrize(
    ("forget", "steps"), [([0.5, 0.5], 1.0), ([0.25, 1.0], 1.0), ([0.9], 6.5788), ([1.0], math.inf)]
)
def test_half_life_by_hand(forget: list[float], steps: float) -> None:
    """0.9 to the power of 6.5788 is a half; a quarter and a whole keep as much as two halves."""
    assert half_life(np.array(forget)[:, None])[0] == pytest.approx(steps, rel=1e-4)


@given(st.floats(0.05, 0.99))
def test_after_its_half_life_half_of_a_memory_is_left(forget: float) -> None:
    assert forget ** float(half_life(np.full((7, 1), forget))[0]) == pytest.approx(0.5)


def test_sharpness_by_hand() -> None:
    assert sharpness(np.array([[0.05], [-0.95], [0.5], [1.0]]), 1.0).tolist() == [0.75]
    assert sharpness(np.array([[0.05], [-0.95], [0.5], [1.0]]), np.array([20.0])).tolist() == [1.0]


@given(values, groups)
def test_tightness_is_worked_out_group_by_group(values: np.ndarray, groups: list[str]) -> None:
    for neuron, found in enumerate(tightness(values, groups)):
        parts = [
            [v for v, g in zip(values[:, neuron], groups, strict=True) if g == name] for name in sorted(set(groups))
        ]
        span = max(map(fmean, parts)) - min(map(fmean, parts))
        if span > 1e-9:
            assert found == pytest.approx(max(map(pstdev, parts)) / span, abs=1e-6, rel=1e-6)


def test_what_has_the_same_mean_in_every_group_is_not_tight() -> None:
    assert tightness(np.array([[1.0], [3.0], [2.0], [2.0]]), ["a", "a", "b", "b"]).tolist() == [math.inf]


def test_monotone_goes_by_the_groups_means() -> None:
    table = np.array([[1.0, 3.0, 1.0], [1.2, 2.0, 1.0], [2.0, 1.0, 0.0], [3.0, 0.0, 5.0]])
    assert monotone(table, [1, 1, 2, 10]).tolist() == [True, True, False]


@given(values, groups)
def test_explained_and_left_over_variance_add_up(values: np.ndarray, groups: list[str]) -> None:
    """η² against the variance between the groups, which is the other half of the sum of squares."""
    means = {g: values[[h == g for h in groups]].mean(axis=0) for g in groups}
    between = np.square(np.stack([means[g] for g in groups]) - values.mean(axis=0)).sum(axis=0)
    total = np.square(values - values.mean(axis=0)).sum(axis=0)
    found = variance_explained(values, groups)
    assert ((found >= -1e-9) & (found <= 1 + 1e-9)).all()
    for neuron in np.flatnonzero(total > 1e-6):
        assert found[neuron] == pytest.approx(between[neuron] / total[neuron], abs=1e-6)


def test_restlessness_by_hand() -> None:
    """−1, 1, −1, 1 moves by 2 at every step and has a standard deviation of 1; what rests has none."""
    assert restlessness(np.array([[-1.0, 3.0], [1.0, 3.0], [-1.0, 3.0], [1.0, 3.0]])).tolist() == [2.0, 0.0]
