"""Small films and networks."""

from __future__ import annotations

import numpy as np

from unrolled.films import FilmNetwork, Films, train_film_network
from unrolled.sources.films.films import film_of
from unrolled.training.settings import TrainingSettings


def quick(**more: object) -> TrainingSettings:
    return TrainingSettings.parse({"steps": 5, "batch": 4, "learning_rate": 0.01, "warmup": 0, **more})


def make_network(films: Films, cell: str = "lstm", seed: int = 0) -> FilmNetwork:
    return train_film_network(films, cell, seed, neurons=6, training=quick())


def coloured_film(frames: int = 30, seed: int = 0) -> Films:
    """A film as it might come from files: of other sizes than drawn ones, some frames without a label."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, frames)
    pictures = np.broadcast_to(np.eye(3, dtype=np.uint8)[kinds][:, None, None] * 200, (frames, 10, 14, 3)).copy()
    return film_of(pictures, [("red", "green", "")[kind] for kind in kinds], "a test", steps=8)
