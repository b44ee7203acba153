"""What a film is to a network: pictures in a row, each with what is happening in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import SettingsError, SourceError
from unrolled.sources.films.drawing import draw_pictures
from unrolled.sources.films.memory import gaps_of, labels_of, tells_of, worlds_of
from unrolled.sources.films.script import write_films
from unrolled.sources.films.world import LABELS, SHOTS, tables

UNLABELLED = -1
"""In place of a label where a frame has none, and behind a film's end."""
VARIANTS = 64
"""Pictures of each kind of frame that films are put together from."""
MOST_FRAMES = 10_000_000
"""Of all drawn films together."""
MOST_PICTURES = 1_000_000
"""Of a film that is read from files."""
LARGEST_SIZE = 512


@dataclass(frozen=True)
class Films:
    """Some films side by side.

    Args:
        pictures: `(pictures, height, width, 3)` of uint8; a picture may stand in many frames.
        frames: `(films, steps)` of int64, the picture of each frame; 0 behind a film's end.
        labels: `(films, steps)` of int64, numbers of `names`; `UNLABELLED` where there is none.
        lengths: `(films,)`, the frames of each film.
        names: what the labels stand for.
    """

    pictures: NDArray[np.uint8]
    frames: NDArray[np.int64]
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def there(self) -> NDArray[np.bool_]:
        """`(films, steps)`: false behind a film's end."""
        return np.array([np.arange(self.frames.shape[1]) < length for length in self.lengths], np.bool_)


@dataclass(frozen=True)
class DrawnFilms(Films):
    """Drawn films, of which everything is known; all are of one length.

    Args:
        shots: `(films, steps)`, what each frame shows, as numbers of `SHOTS`.
        gaps: `(films, steps)`, how many frames ago the frame was shown that tells; 0 where a frame alone tells.
        worlds: `(films, steps)`, the world after each frame, as numbers of `tables().worlds`.
    """

    shots: NDArray[np.uint8]
    gaps: NDArray[np.int64]
    worlds: NDArray[np.uint8]

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """`(films, steps)`: the frame alone does not tell."""
        return ~tells_of(self.shots)

    def hidden(self) -> dict[str, NDArray[np.float64]]:
        """What labels depend on as numbers, each `(films, steps)`: `night`, `death`, `beach` and `supermarket`, 0 or 1,
        and `cooked`, 0 to 3. Between the other places no label tells apart."""
        worlds = tables().worlds
        columns = {
            "night": [world.night for world in worlds],
            "death": [world.death for world in worlds],
            "cooked": [world.cooked for world in worlds],
            **{place: [world.place == place for world in worlds] for place in ("beach", "supermarket")},
        }
        return {name: np.array(column, np.float64)[self.worlds] for name, column in columns.items()}


def make_films(
    seed: int, films: int = 2000, steps: int = 120, *, gaps: Sequence[int] = (), variants: int = VARIANTS
) -> DrawnFilms:
    """Draws films after the rules of `unrolled.sources.films.world`.

    Args:
        seed: of script and pictures; the same gives the same films. Take different seeds to train and to test.
        films: how many.
        steps: frames of each.
        gaps: the gaps from a cue to its question that are drawn from; any from 1 to 100 where there are none.
        variants: pictures drawn of each kind of frame.

    Raises:
        SettingsError: a number is out of its range.
        MissingPartError: Pillow is not installed.
    """
    for name, value in (("films", films), ("steps", steps), ("variants", variants), *(("gaps", gap) for gap in gaps)):
        if value < 1:
            raise SettingsError(f"Films cannot be made with {name} {value}: it is a whole number of 1 or more.")
    if seed < 0:
        raise SettingsError(f"Films cannot be made with seed {seed}: it is a whole number of 0 or more.")
    if films * steps > MOST_FRAMES:
        raise SettingsError(f"{films:,} films of {steps:,} frames are more than {MOST_FRAMES:,} frames.", "Make fewer.")
    shots = write_films(seed, films, steps, gaps)
    pictures = draw_pictures(seed, variants)
    chosen = np.random.default_rng((seed, 1)).integers(0, variants, shots.shape)
    return DrawnFilms(
        pictures=pictures.reshape(len(SHOTS) * variants, *pictures.shape[2:]),
        frames=shots.astype(np.int64) * variants + chosen,
        labels=labels_of(shots),
        lengths=np.full(films, steps, np.int64),
        names=LABELS,
        shots=shots,
        gaps=gaps_of(shots),
        worlds=worlds_of(shots),
    )


def film_of(pictures: NDArray[np.uint8], labels: Sequence[str], where: str, steps: int | None = None) -> Films:
    """One film from its frames and what is happening in them.

    Args:
        pictures: `(frames, height, width, 3)`, in order; one or more.
        labels: one a frame; empty where none is known.
        where: what names the labels, for the message.
        steps: frames after which the film is cut and a new sequence begins; None leaves it whole.

    Raises:
        SourceError: no frame has a label.
        SettingsError: `steps` is below 1.
    """
    names = tuple(sorted(set(labels) - {""}))
    if not names:
        raise SourceError(f"{where} labels none of the {len(pictures)} frames.", "Label some.")
    if steps is not None and steps < 1:
        raise SettingsError(f"steps cannot be {steps}: it is a whole number of 1 or more.")
    count = len(pictures)
    longest = min(steps or count, count)
    films = -(-count // longest)
    numbers = np.array([names.index(label) if label else UNLABELLED for label in labels], np.int64)
    places = np.arange(films * longest).reshape(films, longest)
    behind = places >= count
    places[behind] = 0
    return Films(
        pictures=pictures,
        frames=places,
        labels=np.where(behind, UNLABELLED, numbers[places]),
        lengths=(~behind).sum(axis=1),
        names=names,
    )


def check_size(size: int) -> None:
    """Refuses a height and width of frames that makes no sense.

    Raises:
        SettingsError: it is not from 1 to `LARGEST_SIZE`.
    """
    if not 1 <= size <= LARGEST_SIZE:
        raise SettingsError(f"size cannot be {size}: it is a whole number of pixels from 1 to {LARGEST_SIZE}.")
