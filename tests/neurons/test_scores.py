"""Scores against counting pair by pair, against NumPy, and by neurons that were planted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unrolled.neurons.measures import auc
from unrolled.neurons.scores import best_neurons

values = arrays(np.float32, (14, 3), elements=st.integers(-3, 3).map(float))
answers = arrays(np.bool_, (14, 2))


def planted(seed: int = 0, steps: int = 4000) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Noise, in which neuron 3 of the second signal shuns an answer, and neuron 1 of the first follows a number."""
    random = np.random.default_rng(seed)
    signals = {name: random.normal(size=(steps, 5)).astype(np.float32) for name in ("rnn.l0.cell", "rnn.l1.hidden")}
    answer, amount = random.random(steps) < 0.2, random.normal(size=steps)
    signals["rnn.l1.hidden"][:, 3] -= 3 * answer
    signals["rnn.l0.cell"][:, 1] += 5 * amount
    amount[random.random(steps) < 0.5] = np.nan
    return signals, {"answer": answer, "amount": amount, "never": np.zeros(steps, bool)}


def test_planted_neurons_are_found_and_told_on_the_other_part() -> None:
    signals, labels = planted()
    found = best_neurons(signals, labels, slice(0, 2000), slice(2000, 4000))
    assert list(found) == ["answer", "amount", "never"]
    answer, amount = found["answer"], found["amount"]
    assert answer is not None
    assert amount is not None
    assert (answer.name, answer.direction, answer.measure) == ("rnn.l1.hidden.3", -1, "AUC")
    assert (amount.name, amount.direction, amount.measure) == ("rnn.l0.cell.1", 1, "correlation")
    later = slice(2000, 4000)
    assert answer.held_out == pytest.approx(auc(-signals["rnn.l1.hidden"][later, 3:4], labels["answer"][later])[0])
    says = ~np.isnan(labels["amount"][later])
    r = np.corrcoef(signals["rnn.l0.cell"][later, 1][says], labels["amount"][later][says])[0, 1]
    assert amount.held_out == pytest.approx(r, abs=1e-6)
    assert found["never"] is None


def test_the_other_part_has_no_say_in_the_choice() -> None:
    signals, labels = planted()
    before = best_neurons(signals, labels, slice(0, 2000), slice(2000, 4000))
    for each in signals.values():
        each[2000:] = 0
        each[2000::2] = 1
    after = best_neurons(signals, labels, slice(0, 2000), slice(2000, 4000))
    for name in ("answer", "amount"):
        one, other = before[name], after[name]
        assert one is not None
        assert other is not None
        assert (one.name, one.chosen) == (other.name, other.chosen)
        assert abs(other.held_out) < one.held_out


def test_a_choice_among_noise_is_told_to_be_chance() -> None:
    """The best of many looks good on the part that it was chosen on, and not on the other."""
    random = np.random.default_rng(1)
    signals = {"rnn.l0.cell": random.normal(size=(600, 2000))}
    found = best_neurons(signals, {"coin": random.random(600) < 0.5}, slice(0, 300), slice(300, 600))["coin"]
    assert found is not None
    assert found.chosen > 0.6 > found.held_out


@given(values, answers)
def test_direction_makes_the_chosen_score_better_than_chance(values: np.ndarray, answers: np.ndarray) -> None:
    label = answers[:, 0]
    assume(0 < label[:7].sum() < 7)
    found = best_neurons({"s": values}, {"l": label}, slice(0, 7), slice(7, 14))["l"]
    if found is not None:
        assert 0.5 < found.chosen <= 1
