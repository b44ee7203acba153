"""Networks that say what is happening in each frame of a film, and what they remember of the frames before.

films = make_films(seed=0)
network = train_film_network(films, "lstm", seed=0)
accuracy_by_gap(network, make_tests(), films)
record_films(network, make_films(seed=1, films=10), "films.trace")
"""

from unrolled.films.comparison import COMPARED, FilmResult, compare_cells, measure_cell
from unrolled.films.network import FilmNetwork
from unrolled.films.recording import record_films
from unrolled.films.saving import load_film_network, save_film_network
from unrolled.films.scores import (
    GAPS,
    GapScore,
    Keeper,
    accuracy,
    accuracy_by_gap,
    answers,
    find_keepers,
    make_tests,
    signals,
    states,
)
from unrolled.films.training import TRAINING, train_film_network
from unrolled.sources.films import DrawnFilms, Films, make_films, read_frames, read_video

__all__ = [
    "COMPARED",
    "GAPS",
    "TRAINING",
    "DrawnFilms",
    "FilmNetwork",
    "FilmResult",
    "Films",
    "GapScore",
    "Keeper",
    "accuracy",
    "accuracy_by_gap",
    "answers",
    "compare_cells",
    "find_keepers",
    "load_film_network",
    "make_films",
    "make_tests",
    "measure_cell",
    "read_frames",
    "read_video",
    "record_films",
    "save_film_network",
    "signals",
    "states",
    "train_film_network",
]
