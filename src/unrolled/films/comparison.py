"""Trains and measures several cells and seeds on the same films, as many at a time as there are processors."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from unrolled.cells import CELLS
from unrolled.errors import SettingsError
from unrolled.films.saving import SETTINGS, load_film_network, save_film_network
from unrolled.films.scores import (
    GAPS,
    GapScore,
    Keeper,
    accuracy_by_gap,
    find_keepers,
    make_tests,
    states,
)
from unrolled.films.training import TRAINING, train_film_network
from unrolled.neurons.measures import restlessness
from unrolled.sources.films import DrawnFilms, make_films
from unrolled.training.settings import TrainingSettings

COMPARED = ("feedforward", "rnn", "gru", "lstm", "peephole")
FILMS_SEED = 0
LOOK_SEED = 1
LOOKED_AT = 60


@dataclass(frozen=True)
class FilmResult:
    """What was measured of one network.

    by_gap: accuracy against the gap, on films that it was not trained on.
    changes: of `hidden`, and of `cell` where there is one, how far it moves from frame to frame as a share of its
        spread, in the mean over the neurons: see `restlessness`.
    keepers: the neuron that keeps each part of the world best.
    """

    cell: str
    seed: int
    neurons: int
    parameters: int
    by_gap: tuple[GapScore, ...]
    changes: dict[str, float]
    keepers: tuple[Keeper, ...]


def compare_cells(
    cells: Sequence[str] = COMPARED,
    seeds: Sequence[int] = tuple(range(5)),
    *,
    gaps: Sequence[int] = GAPS,
    training: TrainingSettings = TRAINING,
    films: int = 2000,
    out: Path | str | None = None,
    workers: int | None = None,
) -> Iterator[FilmResult]:
    """Trains each cell with each seed and measures it; the results come as they are done, cell after cell.

    All have as many parameters, as nearly as whole neurons allow, and learn from the same films. Each network runs on
    one processor; what it becomes does not depend on how many run at a time.

    Args:
        cells, seeds: which.
        gaps: at which the accuracy is measured.
        training: how they are trained.
        films: how many there are to learn from.
        out: where each network is kept, in a folder `<cell>-<seed>`; nowhere by default. One that is there already is
            measured as it is, so that what was stopped goes on.
        workers: processes; by default one a processor.

    Raises:
        UnknownNameError: there is no such cell.
        SettingsError: `workers` is below 1.
        RunError: a network in `out` is damaged.
    """
    for cell in cells:
        CELLS.get(cell)
    if workers is not None and workers < 1:
        raise SettingsError(f"workers cannot be {workers}: it is a whole number of 1 or more.")
    jobs = [(cell, seed, tuple(gaps), training, films, Path(out) if out else None) for cell in cells for seed in seeds]
    # Not forked: a fork of a process whose PyTorch has threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers or os.cpu_count(), context, initializer=_prepare) as pool:
        yield from pool.map(_measure, *zip(*jobs, strict=True))


def measure_cell(
    cell: str, seed: int, *, gaps: Sequence[int] = GAPS, training: TrainingSettings = TRAINING, films: int = 2000
) -> FilmResult:
    """One network of `compare_cells`, trained and measured in this process."""
    return _measure(cell, seed, tuple(gaps), training, films, None)


def _prepare() -> None:
    torch.set_num_threads(1)


def _measure(
    cell: str, seed: int, gaps: tuple[int, ...], training: TrainingSettings, films: int, out: Path | None
) -> FilmResult:
    learned, tests, looked_at = _films(films, gaps)
    place = out and out / f"{cell}-{seed}"
    if place and (place / SETTINGS).exists():
        network, _ = load_film_network(place)
    else:
        network = train_film_network(learned, cell, seed, training=training)
        if place:
            save_film_network(network, learned.names, place)
    moving = states(network, looked_at)
    return FilmResult(
        cell=cell,
        seed=seed,
        neurons=network.settings.hidden,
        parameters=network.parameter_count,
        by_gap=tuple(accuracy_by_gap(network, tests, learned)),
        changes={name: float(restlessness(values).mean()) for name, values in moving.items()},
        keepers=tuple(find_keepers(moving, looked_at.hidden())),
    )


@cache
def _films(count: int, gaps: tuple[int, ...]) -> tuple[DrawnFilms, dict[int, DrawnFilms], DrawnFilms]:
    """Films to learn from, to test with and to look at states over; made once a process."""
    return make_films(FILMS_SEED, count), make_tests(gaps), make_films(LOOK_SEED, LOOKED_AT)
