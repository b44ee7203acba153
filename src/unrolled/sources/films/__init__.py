"""Films: sequences of pictures, each with what is happening in it; drawn after rules, or read from files."""

from unrolled.sources.films.films import UNLABELLED, DrawnFilms, Films, make_films
from unrolled.sources.films.folder import read_frames
from unrolled.sources.films.memory import chance, gaps_of, labels_of, tells_of, worlds_of
from unrolled.sources.films.video import read_video
from unrolled.sources.films.world import LABELS, SHOTS

__all__ = [
    "LABELS",
    "SHOTS",
    "UNLABELLED",
    "DrawnFilms",
    "Films",
    "chance",
    "gaps_of",
    "labels_of",
    "make_films",
    "read_frames",
    "read_video",
    "tells_of",
    "worlds_of",
]
