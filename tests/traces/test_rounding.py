"""How far a cell state may be off goes by what it has come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled.engines import BLOCK
from unrolled.networks import Network, NetworkSettings
from unrolled.traces.check import check
from unrolled.traces.record import record_run
from unrolled.traces.rounding import allowance, drift_of
from unrolled.traces.trace import Trace

from .making import LETTERS, Names


def test_drift_by_hand() -> None:
    cell = np.array([[8.0], [0.5], [-3.0]])
    forget = np.array([[0.5], [0.25], [1.0]])
    now, before = drift_of(cell, forget, np.array([False, False, True]), np.array([512.0]))
    # 512 · 0.5 · 511/512 + 8 = 263.5, then 263.5 · 0.25 · 511/512 + 1; the new sequence knows only its own 3.
    assert now[:, 0].tolist() == [263.5, 263.5 * 0.25 * 511 / 512 + 1, 3.0]
    assert before[:, 0].tolist() == [512.0, 263.5, 0.0]


def test_drift_stays_within_what_one_block_gathers() -> None:
    steps = 5000
    now, _ = drift_of(np.full((steps, 1), 7.0), np.ones((steps, 1)), np.arange(steps) == 0, np.zeros(1))
    assert now.max() <= BLOCK * 7.0
    assert now[-1, 0] > 0.99 * BLOCK * 7.0


def test_allowance_holds_the_drift() -> None:
    small = np.array([[0.001]])
    more = allowance(small, "float32", drift=np.array([[1000.0]])) - allowance(small, "float32")
    assert more[0, 0] == pytest.approx(1000 * 2.0**-23)


def counting_network() -> Network:
    """Neurons that go up by about one on `a` and down on `b`, each by a little less than the one before."""
    network = Network(NetworkSettings.parse({"hidden": 8}), len(LETTERS))
    weights = dict(network.rnn.named_parameters())
    with torch.no_grad():
        weights["weight_hh_l0"].mul_(0.3)
        weights["bias_ih_l0"][:8] = 4.0  # input gate open
        weights["bias_ih_l0"][8:16] = 12.0  # forget gate keeps
        pull = torch.linspace(0.4, 2.0, 8)
        weights["weight_ih_l0"][16:24, LETTERS.index("a")] = pull
        weights["weight_ih_l0"][16:24, LETTERS.index("b")] = -pull
    return network


def record_counting() -> Trace:
    text = "a" * 300 + "b" * 320
    return record_run(counting_network(), Names(), [np.array([LETTERS.index(letter) for letter in text])])


def test_a_state_that_was_large_and_comes_back_to_zero_adds_up() -> None:
    trace = record_counting()
    cell = trace["rnn.l0.cell"]
    assert isinstance(cell, np.ndarray)
    assert np.abs(cell).max() > 20
    report = check(trace)
    assert report.ok, str(report)


def test_what_is_off_there_is_still_found() -> None:
    trace = record_counting()
    arrays = {
        f"signals/rnn.l0/{signal.name}": np.array(trace.read("rnn.l0", signal.name))
        for signal in trace.info.site("rnn.l0").signals
    }
    crossing = int(np.abs(arrays["signals/rnn.l0/cell"][400:, 0]).argmin()) + 400
    arrays["signals/rnn.l0/hidden"][crossing, 0] += 0.01
    others = {
        path: trace.arrays.read(path)
        for path in ("symbols", "sequences", "initial/rnn.l0/hidden", "initial/rnn.l0/cell")
    }
    report = check(Trace.from_arrays(trace.info, {**others, **arrays}))
    worst = next(finding.worst for finding in report.problems if finding.what == "h = o·tanh(c)")
    assert worst is not None
    assert (worst.step, worst.neuron) == (crossing, 0)
