"""Sums of losses, and the intervals of their changes."""

from __future__ import annotations

import numpy as np
import pytest

from unrolled.neurons.tally import BLOCKS, Change, Tally, block_steps

SYMBOLS = 4


def tallied(steps: np.ndarray, targets: np.ndarray, losses: np.ndarray, total: int, at_once: int = 97) -> Tally:
    tally = Tally(SYMBOLS, total, losses.shape[1] - 2)
    for start in range(0, len(steps), at_once):
        part = slice(start, start + at_once)
        tally.add(steps[part], targets[part], losses[part])
    return tally


def change(tally: Tally, symbol: int | None = None) -> Change:
    found = tally.change("it", 0, symbol)
    assert found is not None
    return found


def test_sums_are_the_means_of_what_was_given() -> None:
    random = np.random.default_rng(0)
    steps, targets, losses = np.arange(5000), random.integers(0, SYMBOLS, 5000), random.random((5000, 4))
    some = random.random(5000) < 0.3
    whole = tallied(steps, targets, losses, 5000)
    part = tallied(steps[some], targets[some], losses[some], 5000)
    for tally, which in ((whole, np.ones(5000, bool)), (part, some), (whole.without(part), ~some)):
        for symbol in (None, *range(SYMBOLS)):
            rows = losses[which & ((targets == symbol) if symbol is not None else True)]
            found = change(tally, symbol)
            means = rows.mean(axis=0)
            assert found.steps == len(rows)
            assert (found.before, found.after) == pytest.approx(tuple(means[:2]))
            assert found.change == pytest.approx(means[1] - means[0], abs=1e-12)
            assert found.controls == pytest.approx(tuple(means[2:] - means[0]), abs=1e-12)
            assert found.ratio == pytest.approx(found.change / np.abs(found.controls).mean())
    lost = [(losses[targets == symbol, 1] - losses[targets == symbol, 0]).sum() for symbol in range(SYMBOLS)]
    worst = [symbol for symbol in np.argsort(lost)[::-1].tolist() if lost[symbol] > 0]
    assert whole.worst_symbols(SYMBOLS) == worst
    assert whole.worst_symbols(1) == worst[:1]


def test_what_never_came_has_no_change() -> None:
    tally = tallied(np.arange(10), np.zeros(10, int), np.zeros((10, 2)), 10)
    assert tally.change("it", 0, symbol=1) is None
    assert tally.without(tally).change("it", 0) is None


@pytest.mark.parametrize(("steps", "blocks"), [(2, 1), (64, 1), (65, 2), (6400, 100), (6401, 100), (10**6, 100)])
def test_there_are_a_hundred_blocks_at_most(steps: int, blocks: int) -> None:
    assert -(-steps // block_steps(steps)) == pytest.approx(blocks, abs=1)
    assert -(-steps // block_steps(steps)) <= BLOCKS


def test_one_block_has_no_interval() -> None:
    found = change(tallied(np.arange(60), np.zeros(60, int), np.random.default_rng(0).random((60, 2)), 60))
    assert (found.low, found.high) == (None, None)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Changes that come in runs of 200 steps: intervals that took steps for independent would hold it half as often."""
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        changes = np.repeat(random.normal(0.1, 1.0, 200), 200) + random.normal(0, 0.3, 40_000)
        losses = np.stack([np.zeros(40_000), changes], axis=1)
        found = change(tallied(np.arange(40_000), np.zeros(40_000, int), losses, 40_000, at_once=5000))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.1 <= found.high
    assert 86 <= held <= 100
