"""Scores against plain counting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.films.network import FilmNetwork
from unrolled.films.scores import find_keepers, signals, states, usual_labels
from unrolled.networks import NetworkSettings
from unrolled.neurons.measures import auc, restlessness
from unrolled.sources.films import make_films

PAIRS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


@given(PAIRS)
def test_the_auc_is_how_often_a_true_one_is_higher(pairs: list[tuple[int, bool]]) -> None:
    values, truth = (np.array(column) for column in zip(*pairs, strict=True))
    high, low = values[truth], values[~truth]
    wins = [(a > b) + 0.5 * (a == b) for a in high for b in low]
    both = auc(np.stack([values, -values], axis=1), truth)
    area = np.mean(wins) if wins else 0.5
    assert both == pytest.approx([area, 1 - area])


def test_restlessness_of_noise_and_of_what_is_kept() -> None:
    """Over several sequences, of which each keeps something of its own, nothing moves within any."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((50, 100, 4))
    assert restlessness(noise) == pytest.approx(np.full(4, 2 / np.sqrt(np.pi)), abs=0.02)
    kept = np.repeat(rng.standard_normal((50, 1, 4)), 100, axis=1)
    assert (restlessness(kept) == 0).all()
    assert restlessness(kept.reshape(-1, 4)).min() > 0
    assert restlessness(7 * noise + 3) == pytest.approx(restlessness(noise))
    assert restlessness(noise[:1]) == pytest.approx(restlessness(noise[0]))


def test_the_neuron_that_keeps_something_is_found_whatever_its_sign() -> None:
    rng = np.random.default_rng(0)
    night = (rng.random((20, 50)) < 0.5).astype(float)
    cooked = rng.integers(0, 4, (20, 50)).astype(float)
    hidden = rng.standard_normal((20, 50, 5))
    cell = rng.standard_normal((20, 50, 5))
    cell[:, :, 3] = -5 * night + 0.1 * cell[:, :, 3]
    hidden[:, :, 1] = cooked + 0.1 * hidden[:, :, 1]
    found = {
        each.what: each for each in find_keepers({"hidden": hidden, "cell": cell}, {"night": night, "cooked": cooked})
    }
    assert (found["night"].signal, found["night"].neuron, found["night"].measure) == ("cell", 3, "AUC")
    assert found["night"].score == 1.0
    assert (found["cooked"].signal, found["cooked"].neuron, found["cooked"].measure) == ("hidden", 1, "correlation")
    assert found["cooked"].score > 0.98


def test_a_keeper_is_scored_on_films_that_it_was_not_chosen_by() -> None:
    """Of many neurons of pure noise the best looks good where it was chosen, and nowhere else."""
    rng = np.random.default_rng(0)
    night = (rng.random((2, 40)) < 0.5).astype(float)
    noise = rng.standard_normal((2, 40, 500))
    chosen = auc(noise[0], night[0] > 0).max()
    (keeper,) = find_keepers({"hidden": noise}, {"night": night})
    assert chosen > 0.75
    assert keeper.score < 0.7


def test_the_usual_label_is_the_most_frequent_of_its_kind_of_frame() -> None:
    films = make_films(0, 30, 40, variants=2)
    usual = usual_labels(films)
    for shot in np.unique(films.shots):
        labels = films.labels[films.shots == shot]
        assert (labels == usual[shot]).sum() == np.bincount(labels).max()


def test_every_signal_adds_up_over_the_films() -> None:
    """By the equations of the LSTM, film after film."""
    torch.manual_seed(0)
    films = make_films(3, 4, 30)
    network = FilmNetwork(NetworkSettings(hidden=6), len(films.names)).eval()
    seen = signals(network, films)
    assert set(seen) == {signal.name for signal in network.rnn.cell.signals}
    before = np.concatenate([np.zeros((4, 1, 6), np.float32), seen["cell"][:, :-1]], axis=1)
    kept = seen["forget_gate"] * before + seen["input_gate"] * seen["candidate"]
    np.testing.assert_allclose(seen["cell"], kept, atol=1e-6)
    assert all(np.array_equal(value, seen[name]) for name, value in states(network, films).items())
