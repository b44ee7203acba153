"""Networks over films: their sizes, and that they learn what they can and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.films.making import coloured_film, make_network, quick
from unrolled.errors import OutputExistsError, RunError, SettingsError, SourceError, UnknownNameError
from unrolled.films import (
    COMPARED,
    FilmNetwork,
    accuracy,
    accuracy_by_gap,
    answers,
    compare_cells,
    load_film_network,
    make_films,
    measure_cell,
    save_film_network,
    states,
    train_film_network,
)
from unrolled.films.network import count_parameters, neurons_for, shrink
from unrolled.films.training import film_settings, label_weights
from unrolled.networks import NetworkSettings
from unrolled.sources.films import UNLABELLED
from unrolled.sources.films.films import film_of


def test_all_cells_have_as_many_parameters() -> None:
    counts = [FilmNetwork(film_settings(cell, 13), 13).parameter_count for cell in COMPARED]
    assert max(counts) / min(counts) < 1.02
    assert counts == [count_parameters(film_settings(cell, 13), 13) for cell in COMPARED]


@pytest.mark.parametrize("cell", COMPARED)
def test_the_number_of_neurons_is_the_nearest(cell: str) -> None:
    for parameters in (7000, 7777, 9001):
        neurons = neurons_for(cell, parameters, 5)

        def distance(hidden: int, parameters: int = parameters) -> int:
            settings = NetworkSettings.parse({"cell": cell, "hidden": hidden, "embedding": 16})
            return abs(count_parameters(settings, 5) - parameters)

        assert distance(neurons) == min(distance(hidden) for hidden in range(1, 200))


def test_a_network_learns_what_a_frame_shows_and_what_was_shown_just_before() -> None:
    """Two colours that tell, and a third that means the one before it; nobody without memory can know that."""
    rng = np.random.default_rng(0)
    shown = np.stack([rng.permutation([0, 1]).repeat(2) for _ in range(400)]).ravel()
    shown[1::2] = 2
    pictures = np.broadcast_to(np.eye(3, dtype=np.uint8)[shown][:, None, None] * 200, (len(shown), 4, 4, 3)).copy()
    labels = ["red" if at == 0 else "green" for at in np.repeat(shown[::2], 2)]
    films = film_of(pictures, labels, "a test", steps=8)
    settings = quick(steps=150, batch=32, learning_rate=0.02)
    lstm = train_film_network(films, "lstm", neurons=8, training=settings)
    forgetful = train_film_network(films, "feedforward", neurons=8, training=settings)
    assert accuracy(lstm, films) > 0.98
    assert 0.7 < accuracy(forgetful, films) < 0.8
    assert (answers(forgetful, films) == films.labels)[:, ::2].all()


def test_without_memory_nothing_beats_the_guess_from_the_frame() -> None:
    films, tests = make_films(0, 300, 40), {5: make_films(9, 100, 40, gaps=(5,))}
    network = train_film_network(films, "feedforward", neurons=30, training=quick(steps=250, batch=32))
    (score,) = accuracy_by_gap(network, tests, films)
    assert score.accuracy == pytest.approx(score.guess, abs=0.02)
    assert score.accuracy <= score.chance
    assert score.frames == (tests[5].gaps == 5).sum()
    certain = ~tests[5].uncertain
    assert (answers(network, tests[5]) == tests[5].labels)[certain].mean() > 0.97


def test_a_gap_that_nothing_has_is_an_error() -> None:
    films = make_films(0, 3, 10)
    with pytest.raises(SourceError, match="gap of 77"):
        accuracy_by_gap(make_network(films), {77: films}, films)


def test_films_of_files_go_the_same_way() -> None:
    films = coloured_film()
    network = train_film_network(films, "gru", neurons=8, training=quick(steps=80, learning_rate=0.02))
    assert films.labels.min() == UNLABELLED
    assert films.lengths.tolist() == [8, 8, 8, 6]
    assert accuracy(network, films) == 1.0


def test_a_seed_gives_one_network_and_touches_no_other_random_state() -> None:
    films = make_films(0, 20, 12, variants=3)
    before = torch.get_rng_state()
    one, same, other = (make_network(films, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.encoder.weight, other.encoder.weight)


@pytest.mark.parametrize("cell", COMPARED)
def test_engines_agree(cell: str) -> None:
    films = make_films(0, 6, 25, variants=3)
    network = make_network(films, cell)
    ours, reference = states(network, films), states(network, films, engine="reference")
    assert set(ours) == set(reference) >= {"hidden"}
    for name, values in ours.items():
        assert values.shape == (6, 25, 6)
        assert np.abs(values - reference[name]).max() < 1e-5


def test_rare_labels_count_more() -> None:
    films = film_of(np.zeros((10, 2, 2, 3), np.uint8), ["a"] * 8 + ["b"] * 2, "a test")
    weights = label_weights(films)
    assert (weights[1] / weights[0]).item() == pytest.approx(2.0)
    assert (weights[0] * 0.8 + weights[1] * 0.2).item() == pytest.approx(1.0)


def test_the_encoder_reads_the_mean_of_what_it_shrinks() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 24, 24, 3), np.uint8)
    means = pictures.reshape(2, 12, 2, 12, 2, 3).mean(axis=(2, 4)) / 127.5 - 1
    assert np.allclose(shrink(pictures).numpy(), means.transpose(0, 3, 1, 2).reshape(2, -1), atol=1e-6)


def test_saved_and_loaded_it_says_the_same(tmp_path: Path) -> None:
    films = make_films(0, 5, 12, variants=3)
    network = make_network(films, "peephole")
    save_film_network(network, films.names, tmp_path / "network")
    loaded, names = load_film_network(tmp_path / "network")
    assert names == films.names
    assert (answers(loaded, films) == answers(network, films)).all()
    with pytest.raises(OutputExistsError):
        save_film_network(network, films.names, tmp_path / "network")
    save_film_network(network, films.names, tmp_path / "network", overwrite=True)
    for damage in (b"{", b'{"format": "other/1"}', b'{"format": "unrolled-film-network/1", "labels": 3}'):
        (tmp_path / "network" / "film-network.json").write_bytes(damage)
        with pytest.raises(RunError, match="film-network"):
            load_film_network(tmp_path / "network")
    with pytest.raises(RunError, match="missing"):
        load_film_network(tmp_path / "nothing")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    films = make_films(0, 5, 12, variants=3)
    save_film_network(make_network(films, "lstm"), films.names, tmp_path / "lstm")
    save_film_network(make_network(films, "gru"), films.names, tmp_path / "gru")
    (tmp_path / "gru" / "weights.safetensors").replace(tmp_path / "lstm" / "weights.safetensors")
    with pytest.raises(RunError, match="do not fit"):
        load_film_network(tmp_path / "lstm")


def test_what_cannot_be_trained_is_said() -> None:
    films = make_films(0, 5, 12, variants=3)
    with pytest.raises(UnknownNameError, match="lstn"):
        train_film_network(films, "lstn")
    with pytest.raises(SettingsError, match="hidden"):
        train_film_network(films, neurons=0)
    with pytest.raises(SettingsError, match="workers"):
        next(compare_cells(workers=0))


def test_a_comparison_in_processes_gives_what_one_process_gives(tmp_path: Path) -> None:
    settings = quick()
    results = list(compare_cells(["lstm", "rnn"], [3], gaps=(2,), training=settings, films=30, out=tmp_path, workers=2))
    assert [(result.cell, result.seed) for result in results] == [("lstm", 3), ("rnn", 3)]
    assert {keeper.what for keeper in results[0].keepers} == {"night", "death", "cooked", "beach", "supermarket"}
    assert set(results[0].changes) == {"hidden", "cell"}
    assert results[1] == measure_cell("rnn", 3, gaps=(2,), training=settings, films=30)
    again = list(compare_cells(["rnn"], [3], gaps=(2,), training=quick(steps=10**6), films=30, out=tmp_path, workers=1))
    assert again == [results[1]]  # taken up, not trained again
    network, _ = load_film_network(tmp_path / "lstm-3")
    assert network.parameter_count == results[0].parameters
