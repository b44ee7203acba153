"""How well a network remembers what films have shown, and which of its neurons keep what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unrolled.errors import SourceError
from unrolled.films.network import FilmNetwork, shrink
from unrolled.neurons.measures import auc, correlation
from unrolled.sources.films import DrawnFilms, Films, chance, make_films

GAPS = (1, 2, 5, 10, 20, 50, 100)
TEST_SEED = 1_000_003


@dataclass(frozen=True)
class GapScore:
    """How many of the frames that do not tell alone are labelled right, where the frame that tells lies `gap` back.

    frames: how many frames were looked at.
    accuracy: the share labelled right.
    guess: the share that is right of those who see the present frame only and answer with what it most often meant in
        the films that were learned from: what a network without memory can reach.
    chance: the same with the best answers for just these frames, seen afterwards; nobody without memory does better.
    """

    gap: int
    frames: int
    accuracy: float
    guess: float
    chance: float


def make_tests(gaps: Sequence[int] = GAPS, seed: int = TEST_SEED, films: int = 200) -> dict[int, DrawnFilms]:
    """Films for `accuracy_by_gap`: for each gap, films whose questions follow their cues at just that gap.

    They have pictures of their own that no network was trained on, and are 120 frames long, more where a gap is longer.
    """
    return {gap: make_films(seed + gap, films, max(120, gap + 20), gaps=(gap,)) for gap in gaps}


def answers(network: FilmNetwork, films: Films, engine: str = "auto") -> NDArray[np.int64]:
    """What a network says of each frame, `(films, steps)`; what it says behind a film's end means nothing."""
    with torch.inference_mode():
        frames = torch.from_numpy(films.frames.T.copy())
        return network(shrink(films.pictures), frames, engine=engine).argmax(dim=-1).numpy().T


def usual_labels(films: DrawnFilms) -> NDArray[np.int64]:
    """What each kind of frame most often means in some films, `(shots,)`; label 0 where it never stands."""
    kinds = int(films.shots.max()) + 1
    table = np.zeros((kinds, len(films.names)), np.int64)
    np.add.at(table, (films.shots, films.labels), 1)
    return table.argmax(axis=1)


def accuracy_by_gap(network: FilmNetwork, tests: Mapping[int, DrawnFilms], learned: DrawnFilms) -> list[GapScore]:
    """Accuracy against the gap, over the frames that do not tell alone.

    Args:
        network: of drawn films.
        tests: films by their gap, see `make_tests`.
        learned: the films that it was trained on, for `guess`.

    Raises:
        SourceError: a film has no question at its gap.
    """
    usual = usual_labels(learned)
    scores: list[GapScore] = []
    for gap, films in tests.items():
        asked = films.gaps == gap
        if not asked.any():
            raise SourceError(f"No frame of these films has a gap of {gap}.", "Make longer films, or more of them.")
        right = (answers(network, films) == films.labels)[asked]
        guessed = (usual[films.shots] == films.labels)[asked]
        best = chance(films.shots[asked], films.labels[asked])
        scores.append(GapScore(gap, int(asked.sum()), float(right.mean()), float(guessed.mean()), best))
    return scores


def accuracy(network: FilmNetwork, films: Films) -> float:
    """The share of all labelled frames that are labelled right."""
    known = films.labels >= 0
    return float((answers(network, films) == films.labels)[known].mean())


def states(network: FilmNetwork, films: Films, engine: str = "auto") -> dict[str, NDArray[np.float32]]:
    """The states of a network while it sees films: `hidden`, and `cell` where there is one, each
    `(films, steps, neurons)`."""
    return _watched(network, films, [each.name for each in network.rnn.cell.signals if each.role == "state"], engine)


def signals(network: FilmNetwork, films: Films, engine: str = "auto") -> dict[str, NDArray[np.float32]]:
    """Every signal of a network while it sees films, each `(films, steps, neurons)`."""
    return _watched(network, films, [each.name for each in network.rnn.cell.signals], engine)


def _watched(network: FilmNetwork, films: Films, names: list[str], engine: str) -> dict[str, NDArray[np.float32]]:
    with torch.inference_mode():
        frames = torch.from_numpy(films.frames.T.copy())
        recorded = network.run(shrink(films.pictures), frames, record=names, engine=engine).signals["l0"]
    return {name: recorded[name].transpose(0, 1).numpy() for name in names}


@dataclass(frozen=True)
class Keeper:
    """The neuron that keeps a part of the world best.

    score: for what is or is not (`night`, `death`, a place) the AUC, 0.5 (nothing) to 1 (perfect); for `cooked` the
        absolute correlation, 0 to 1. Over films that the neuron was not chosen by.
    """

    what: str
    signal: str
    neuron: int
    measure: str
    score: float


def find_keepers(values: Mapping[str, NDArray[Any]], hidden: Mapping[str, NDArray[np.float64]]) -> list[Keeper]:
    """The best neuron for each part of the world: chosen over the first half of the films, scored over the other.

    Args:
        values: signal name → `(films, steps, neurons)`, two films or more; see `states`.
        hidden: name → `(films, steps)`, see `DrawnFilms.hidden`.
    """
    keepers: list[Keeper] = []
    for what, truth in hidden.items():
        binary = bool(np.isin(truth, (0.0, 1.0)).all())
        half = len(truth) // 2
        best = Keeper(what, "", 0, "AUC" if binary else "correlation", -1.0)
        for signal, given in values.items():
            found = _strengths(given[:half], truth[:half], binary)
            if found.max() > best.score:
                best = Keeper(what, signal, int(found.argmax()), best.measure, float(found.max()))
        chosen = values[best.signal][half:, :, best.neuron, None]
        score = float(_strengths(chosen, truth[half:], binary)[0])
        keepers.append(Keeper(what, best.signal, best.neuron, best.measure, score))
    return keepers


def _strengths(values: NDArray[Any], truth: NDArray[np.float64], binary: bool) -> NDArray[np.float64]:
    """How well each neuron of `(films, steps, neurons)` tells what is true, `(neurons,)`."""
    flat, told = values.reshape(-1, values.shape[2]), truth.ravel()
    if not binary:
        return np.abs(correlation(flat, told))
    areas = auc(flat, told > 0)
    return np.maximum(areas, 1 - areas)
