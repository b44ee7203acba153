"""Contestants take turns, compute the same, and every engine is either measured or says why not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import pytest
import torch

from unrolled.engines import ENGINES, Result, choose_engine
from unrolled.networks import Network, NetworkSettings
from unrolled.racing import Shape, Times, one_hot, race, random_inputs, recorder, stack_of, trainer, training_step
from unrolled.racing.clock import LEAST
from unrolled.racing.contestants import MODULES, Plain, random_batches
from unrolled.racing.short import RECORDING, TRAINING, run_races

TINY = Shape(2, 3, 4, 5, 6)


def make_network(cell: str, shape: Shape = TINY) -> Network:
    torch.manual_seed(1)
    settings = NetworkSettings.parse({"cell": cell, "layers": shape.layers, "hidden": shape.neurons})
    return Network(settings, shape.inputs)


def test_contestants_take_turns() -> None:
    calls: list[str] = []

    def contestant(name: str) -> Callable[[], None]:
        return lambda: calls.append(name)

    seen: list[tuple[int, int]] = []
    times = race({name: contestant(name) for name in "abc"}, seconds=0, progress=lambda *counts: seen.append(counts))
    turns = [name for name, _ in groupby(calls)]
    assert turns == [*"abc", *"abc" * LEAST]  # warm first
    assert [done for done, _ in seen] == list(range(1, LEAST + 1))
    assert all(done <= total for done, total in seen)
    for name, own in times.items():
        assert len(own.seconds) == LEAST, name
        assert all(value > 0 for value in own.seconds)


def test_a_race_ends_after_the_most_rounds() -> None:
    assert len(race({"a": lambda: None}, seconds=3600, most=4)["a"].seconds) == 4


def test_ratios_are_of_medians_and_their_spread_of_rounds() -> None:
    base, own = Times((1.0, 2.0, 10.0, 2.0, 3.0)), Times((2.0, 3.0, 5.0, 6.0, 4.0))
    assert own.median == 4.0
    assert own.ratio(base) == 2.0
    # rounds: 2, 1.5, 0.5, 3, 4/3
    assert own.spread(base) == pytest.approx((4 / 3, 2.0))


@pytest.mark.parametrize("cell", MODULES)
def test_the_plain_network_computes_what_ours_does(cell: str) -> None:
    network = make_network(cell).eval()
    plain, batch = Plain(network).eval(), random_batches(TINY)[0]
    logits, _ = network(batch.inputs)
    torch.testing.assert_close(plain(one_hot(TINY, batch)), logits)


@pytest.mark.parametrize("engine", ["auto", "torch", "reference"])
def test_plain_training_learns_as_ours_does(engine: str) -> None:
    """Step by step the same losses: the same batches in the same order, the same rate, the same Adam."""
    plain = training_step(TINY, Plain(make_network("lstm")))
    ours = trainer(TINY, make_network("lstm"), engine=engine)
    for _ in range(12):  # more than there are batches
        assert ours.update() == pytest.approx(plain(), abs=2e-5)


@pytest.mark.parametrize("cell", MODULES)
def test_a_recorder_keeps_every_signal(cell: str) -> None:
    module, x = MODULES[cell](TINY.inputs, TINY.neurons, TINY.layers), random_inputs(TINY)
    stack = stack_of(cell, module)
    result = recorder(choose_engine(stack, recording=True).engine, stack, x)()
    assert isinstance(result, Result)
    with torch.no_grad():
        torch.testing.assert_close(result.outputs, module(x)[0])
    names = {signal.name for signal in stack.cell.signals}
    assert {layer: set(signals) for layer, signals in result.signals.items()} == {"l0": names, "l1": names}


@pytest.mark.parametrize("cell", MODULES)
def test_every_engine_is_measured_or_says_why_not(cell: str) -> None:
    races = ((RECORDING, TINY), (TRAINING, TINY))
    ticks: list[tuple[int, int]] = []
    outcomes = run_races(cell, seconds=0.01, races=races, progress=lambda *counts: ticks.append(counts))
    assert [(outcome.task, outcome.shape) for outcome in outcomes] == list(races)
    for outcome in outcomes:
        assert outcome.plain_seconds > 0
        assert sorted([*outcome.ratios, *outcome.why_not]) == sorted(ENGINES.names())
        assert all(ratio > 0 for ratio in outcome.ratios.values())
        taken = choose_engine(make_network(cell).rnn.stack(), recording=outcome.task == RECORDING)
        assert (outcome.taken, outcome.reason) == (taken.engine.name, taken.reason)
        assert outcome.to_json()["shape"] == {"layers": 2, "neurons": 3, "batch": 4, "steps": 5, "inputs": 6}
    assert ticks[0] == (0, 1)
