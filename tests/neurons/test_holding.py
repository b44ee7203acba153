"""What is held, in words; and the random neurons that stand beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.controls import NEAREST, draw_controls
from unrolled.neurons.holding import (
    Mode,
    Moments,
    Selection,
    moments_of,
    parse_holds,
    parse_mode,
    select,
)
from unrolled.neurons.lockstep import Text, measure_signals
from unrolled.sources.vocabulary import Vocabulary
from unrolled.traces.record import record_run

LETTERS = Vocabulary("characters", tuple("\n abcd"))


def make(**options: object) -> Network:
    return Network(NetworkSettings.parse({"hidden": 5, "layers": 2, **options}), len(LETTERS)).eval()


def test_names_are_gathered_by_layer_and_signal() -> None:
    network = make()
    names = ["rnn.l1.4", "rnn.l0.forget_gate.2", "rnn.l1.cell.0", "rnn.l1.4"]
    assert select(network, names) == (Selection("l1", "cell", (0, 4)), Selection("l0", "forget_gate", (2,)))
    assert select(network, ["rnn.l0.hidden"]) == (Selection("l0", "hidden", (0, 1, 2, 3, 4)),)
    assert select(network, ["rnn.l0"], "candidate") == (Selection("l0", "candidate", (0, 1, 2, 3, 4)),)
    assert select(network, ["rnn.l0.3", "rnn.l0.hidden.3"], "output_gate") == (
        Selection("l0", "output_gate", (3,)),
        Selection("l0", "hidden", (3,)),
    )
    assert select(make(cell="gru"), ["rnn.l0.3"]) == (Selection("l0", "hidden", (3,)),)
    assert select(network, ["rnn.l1.4"])[0].names == ["rnn.l1.cell.4"]


@pytest.mark.parametrize(
    ("given_mode", "mode"),
    [
        ("zero", Mode("zero")),
        ("mean", Mode("mean")),
        ("mean=a=b.trace", Mode("mean", source="a=b.trace")),
        ("clamp=-2.5", Mode("clamp", -2.5)),
        ("patch=other.txt", Mode("patch", source="other.txt")),
    ],
)
def test_a_mode_is_its_words(given_mode: str, mode: Mode) -> None:
    assert parse_mode(given_mode) == mode
    assert str(mode) == given_mode


@pytest.mark.parametrize("mode", ["", "Zero", "zero=", "zero=1", "mean=", "patch", "patch=", "clamp", "0.5"])
def test_another_mode_is_refused(mode: str) -> None:
    with pytest.raises(SettingsError):
        parse_mode(mode)


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "1e39", "one", "1,5"])
def test_a_value_is_a_finite_number(value: str) -> None:
    for parse in (lambda: parse_mode(f"clamp={value}"), lambda: parse_holds(make(), [f"rnn.l0.1={value}"])):
        with pytest.raises(SettingsError, match="no finite number"):
            parse()


def test_holds_are_edits_for_all_steps() -> None:
    gate, cell = parse_holds(make(), ["rnn.l0.forget_gate.1=1", "rnn.l1=-0.25"])
    assert (gate.layer, gate.signal, gate.value, gate.neurons) == ("l0", "forget_gate", 1.0, (1,))
    assert (cell.layer, cell.signal, cell.value, cell.neurons) == ("l1", "cell", -0.25, (0, 1, 2, 3, 4))
    assert (gate.steps, gate.where) == (None, None)
    with pytest.raises(SettingsError, match="NEURON=VALUE"):
        parse_holds(make(), ["rnn.l0.1"])
    with pytest.raises(UnknownNameError, match="0 to 4"):
        parse_holds(make(), ["rnn.l0.5=1"])


def test_means_over_a_text_are_those_of_its_trace_and_of_numpy() -> None:
    network, symbols = make(), np.random.default_rng(0).integers(0, len(LETTERS), 2500)
    signals = [("l0", "cell"), ("l1", "output_gate")]
    trace = record_run(network, LETTERS, [symbols])
    measured, recorded = measure_signals(network, Text(symbols), signals), moments_of(trace, network, signals)
    for name in signals:
        values = trace["rnn." + ".".join(name)]
        assert isinstance(values, np.ndarray)
        for found in (measured[name], recorded[name]):
            np.testing.assert_allclose(found.mean, values.mean(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(found.variance, values.var(axis=0, dtype=np.float64), rtol=1e-4)
    held = Intervention(("rnn.l0.1",), Mode("mean"))
    of_trace = Intervention(("rnn.l0.1",), Mode("mean", source="a"), trace=trace)
    one, other = (ablate(network, LETTERS, Text(symbols), each, length=0) for each in (held, of_trace))
    assert one.overall.change == pytest.approx(other.overall.change, abs=1e-6)
    with pytest.raises(TraceError, match=r"lstm, 5 neurons.*lstm, 6 neurons"):
        moments_of(trace, make(hidden=6), signals)


def moments(seed: int, neurons: int) -> Moments:
    variance = np.exp(np.random.default_rng(seed).normal(0, 3, neurons))
    variance[::7] = 0.0  # some never move
    return Moments(np.zeros(neurons), variance)


@given(st.integers(0, 100), st.integers(2, 60), st.data())
def test_random_neurons_are_others_of_the_same_signal_and_of_like_variance(
    seed: int, neurons: int, data: st.DataObject
) -> None:
    numbers = data.draw(st.sets(st.integers(0, neurons - 1), min_size=1, max_size=min(6, neurons // 2)))
    held, of = (Selection("l0", "cell", tuple(sorted(numbers))),), {("l0", "cell"): moments(seed, neurons)}
    draws = draw_controls(held, of, 5, seed)
    assert draws == draw_controls(held, of, 5, seed)
    assert 1 <= len(draws) <= 5
    assert len(set(draws)) == len(draws)
    for (drawn,) in draws:
        assert (drawn.layer, drawn.signal, len(set(drawn.neurons))) == ("l0", "cell", len(numbers))
        assert not set(drawn.neurons) & numbers
    if len(numbers) == 1:
        assert len(draws) == min(5, neurons - 1)
        spread = np.log(np.maximum(of["l0", "cell"].variance, np.finfo(float).tiny))
        (one,) = numbers
        apart = np.abs(np.delete(spread, one) - spread[one])
        farthest = np.sort(apart)[:NEAREST][-1]
        assert all(abs(spread[drawn.neurons[0]] - spread[one]) <= farthest for (drawn,) in draws)


def test_without_enough_others_there_is_nothing_to_compare_with() -> None:
    whole = (Selection("l0", "cell", (0, 1, 2)),)
    assert draw_controls(whole, {("l0", "cell"): moments(0, 5)}, 5, 0) == []
    network, symbols = make(), np.random.default_rng(0).integers(0, len(LETTERS), 90)
    found = ablate(network, LETTERS, Text(symbols), Intervention(("rnn.l0.cell",)), length=0)
    assert (found.controls, found.overall.controls, found.overall.ratio) == ((), (), None)
    assert len(found.variances) == 1


def test_the_network_is_read_in_the_mode_of_use() -> None:
    """Dropout would draw anew for each reading."""
    network, symbols = make(dropout=0.5).train(), np.random.default_rng(0).integers(0, len(LETTERS), 90)
    held = Intervention(("rnn.l0.1",))
    one, other = (ablate(network, LETTERS, Text(symbols), held, length=0) for _ in range(2))
    assert one == other
    assert torch.is_grad_enabled()
