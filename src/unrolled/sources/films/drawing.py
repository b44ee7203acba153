"""Draws the frames of films: one sprite for each kind of frame, moved, lit and soiled anew in each picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.films.pillow import need_pillow
from unrolled.sources.films.world import SHOTS

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIZE = 24
"""Height and width of a drawn frame, in pixels."""
MOVED = 2
"""Pixels by which a sprite is moved at most, each way."""
NOISE = 18.0
"""Standard deviation of the noise of each pixel, in steps of 0 to 255."""
SPECKS = 3
"""Blots of any colour, two pixels wide, that lie on each picture."""

SKIN, HAIR, SHIRT, TROUSERS = "#e8b48c", "#4a2f1b", "#d8433b", "#31456e"
SEA, SAND, SKY, NIGHT = "#2f7fd0", "#ecd28f", "#a9d8f5", "#101736"


def _person(draw: ImageDraw, x: int, y: int) -> None:
    """Somebody who stands, 11 pixels high; `(x, y)` is the head's upper left corner."""
    draw.rectangle((x, y, x + 3, y + 3), SKIN)
    draw.rectangle((x, y, x + 3, y), HAIR)
    draw.rectangle((x - 1, y + 4, x + 4, y + 7), SHIRT)
    draw.rectangle((x, y + 8, x + 1, y + 11), TROUSERS)
    draw.rectangle((x + 2, y + 8, x + 3, y + 11), TROUSERS)


def _clapper(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#777777")
    draw.rectangle((3, 9, 20, 20), "#161616")
    for x in range(3, 20, 6):
        draw.polygon(((x, 7), (x + 3, 7), (x + 5, 3), (x + 2, 3)), "#ffffff")
        draw.polygon(((x + 3, 7), (x + 6, 7), (x + 8, 3), (x + 5, 3)), "#161616")
    draw.line((6, 13, 17, 13), "#ffffff")
    draw.line((6, 17, 14, 17), "#ffffff")


def _sun(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), SKY)
    draw.ellipse((7, 7, 16, 16), "#ffd21f")
    for at in ((11, 1, 12, 4), (11, 19, 12, 22), (1, 11, 4, 12), (19, 11, 22, 12)):
        draw.rectangle(at, "#ffb300")


def _moon(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), NIGHT)
    draw.ellipse((6, 5, 17, 16), "#f4f1d0")
    draw.ellipse((10, 3, 20, 13), NIGHT)
    draw.point(((3, 4), (20, 18), (4, 19), (19, 4)), "#ffffff")


def _beach(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 8), SKY)
    draw.rectangle((0, 9, 23, 14), SEA)
    draw.rectangle((0, 15, 23, 23), SAND)
    _person(draw, 13, 8)


def _supermarket(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#f3f3ee")
    draw.rectangle((2, 1, 21, 5), "#1f9a4d")
    draw.line((4, 3, 19, 3), "#ffffff")
    for y in (9, 14, 19):
        draw.line((0, y + 3, 14, y + 3), "#8a8a8a")
        for x, colour in zip(range(0, 14, 3), ("#d33", "#e8a317", "#37c", "#3a3", "#a3c"), strict=True):
            draw.rectangle((x, y, x + 1, y + 2), colour)
    _person(draw, 17, 10)


def _kitchen(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#d9c7b0")
    draw.rectangle((0, 14, 12, 23), "#9aa3ab")
    draw.rectangle((2, 17, 10, 22), "#2b2f33")
    draw.line((1, 14, 4, 14), "#c22")
    draw.line((7, 14, 10, 14), "#c22")
    draw.rectangle((1, 2, 12, 7), "#8b5a33")
    _person(draw, 16, 10)


def _street(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), SKY)
    draw.rectangle((0, 5, 8, 17), "#a4502f")
    draw.rectangle((15, 2, 23, 17), "#7d7f86")
    for x, y in ((2, 7), (6, 7), (2, 12), (6, 12), (17, 5), (21, 5), (17, 10), (21, 10)):
        draw.rectangle((x, y, x + 1, y + 2), "#ffe9a0")
    draw.rectangle((0, 18, 23, 23), "#55585c")
    _person(draw, 10, 10)


def _sea(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), SEA)
    for y in (4, 18, 21):
        draw.arc((1, y, 11, y + 4), 180, 360, "#bfe3ff")
        draw.arc((12, y, 22, y + 4), 180, 360, "#bfe3ff")
    draw.rectangle((10, 8, 13, 11), SKIN)
    draw.rectangle((10, 8, 13, 8), HAIR)
    draw.line((4, 13, 9, 11), SKIN, 2)
    draw.line((14, 11, 19, 13), SKIN, 2)


def _pan(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#9aa3ab")
    draw.ellipse((2, 4, 17, 19), "#1d1f22")
    draw.rectangle((17, 10, 23, 12), "#5a3a20")
    draw.line((6, 9, 13, 9), "#c8473f", 2)
    draw.line((6, 14, 13, 14), "#c8473f", 2)
    draw.line((6, 10, 13, 10), "#f2c9b0")


def _grave(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 15), "#8d97a3")
    draw.rectangle((0, 16, 23, 23), "#3f6b35")
    draw.rectangle((9, 3, 14, 18), "#e9e9e9")
    draw.rectangle((5, 7, 18, 10), "#e9e9e9")


def _face(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#efe6da")
    draw.ellipse((4, 3, 19, 21), SKIN)
    draw.pieslice((4, 1, 19, 15), 180, 360, HAIR)
    draw.line((7, 12, 10, 12), "#3b2414")
    draw.line((14, 12, 17, 12), "#3b2414")
    draw.line((10, 17, 14, 17), "#a03c38")


def _bed(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#c9b8d8")
    draw.rectangle((1, 6, 2, 21), "#5a3a20")
    draw.rectangle((3, 10, 9, 14), "#ffffff")
    draw.ellipse((4, 8, 9, 13), SKIN)
    draw.rectangle((4, 8, 5, 12), HAIR)
    draw.polygon(((8, 19), (8, 14), (13, 10), (22, 13), (22, 19)), "#3f78b5")


def _bacon(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#c9d3cf")
    draw.rectangle((0, 13, 9, 18), SKIN)
    draw.rectangle((8, 11, 11, 19), SKIN)
    for y, colour in ((8, "#b5302c"), (10, "#f4cfc0"), (12, "#c8473f"), (14, "#f4cfc0"), (16, "#b5302c")):
        draw.line((10, y + 1, 14, y - 1, 18, y + 1, 22, y - 1), colour, 2)


def _table(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#8b5a33")
    draw.ellipse((6, 6, 17, 17), "#ffffff")
    draw.ellipse((8, 8, 15, 15), "#dfe4e8")
    draw.line((3, 6, 3, 18), "#c9ced2")
    draw.line((20, 6, 20, 18), "#c9ced2", 2)


def _candles(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#2a1d18")
    for x in (8, 14):
        draw.rectangle((x, 11, x + 1, 20), "#f2ead2")
        draw.rectangle((x, 8, x + 1, 10), "#ffab1f")
    for x in (1, 18):
        draw.ellipse((x, 5, x + 4, 9), SKIN)
        draw.rectangle((x - 1, 10, x + 5, 20), "#44484f")


def _bird(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), SKY)
    draw.arc((3, 8, 12, 18), 190, 350, "#30343a", 2)
    draw.arc((11, 8, 20, 18), 190, 350, "#30343a", 2)


def _car(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#b9bec4")
    draw.rectangle((2, 11, 21, 17), "#6f3fb0")
    draw.polygon(((6, 11), (8, 6), (15, 6), (18, 11)), "#6f3fb0")
    draw.ellipse((4, 15, 9, 20), "#1b1b1b")
    draw.ellipse((14, 15, 19, 20), "#1b1b1b")


def _lamp(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), NIGHT)
    draw.ellipse((7, 3, 16, 12), "#f4f1d0")
    draw.rectangle((11, 13, 12, 23), "#6b6f75")


def _cat(draw: ImageDraw) -> None:
    draw.rectangle((0, 0, 23, 23), "#a7c58b")
    draw.polygon(((6, 4), (10, 8), (6, 11)), "#e0872c")
    draw.polygon(((17, 4), (13, 8), (17, 11)), "#e0872c")
    draw.ellipse((5, 6, 18, 18), "#e0872c")
    draw.point(((9, 11), (14, 11), (9, 12), (14, 12)), "#14331a")
    draw.line((10, 15, 13, 15), "#5a2a10")


_DRAWERS: dict[str, Callable[[ImageDraw], None]] = {
    "clapper": _clapper,
    "sun": _sun,
    "moon": _moon,
    "beach": _beach,
    "supermarket": _supermarket,
    "kitchen": _kitchen,
    "street": _street,
    "sea": _sea,
    "pan": _pan,
    "grave": _grave,
    "face": _face,
    "bed": _bed,
    "bacon": _bacon,
    "table": _table,
    "candles": _candles,
    "bird": _bird,
    "car": _car,
    "lamp": _lamp,
    "cat": _cat,
}


def draw_sprites() -> NDArray[np.uint8]:
    """The clean picture of each kind of frame, `(shots, SIZE, SIZE, 3)`.

    Raises:
        MissingPartError: Pillow is not installed.
    """
    need_pillow()
    from PIL import Image, ImageDraw

    sprites: list[NDArray[np.uint8]] = []
    for shot in SHOTS:
        image = Image.new("RGB", (SIZE, SIZE))
        _DRAWERS[shot](ImageDraw.Draw(image))
        sprites.append(np.asarray(image))
    return np.stack(sprites)


def draw_pictures(seed: int, each: int) -> NDArray[np.uint8]:
    """Pictures of every kind of frame, no two alike: moved by up to two pixels, brighter or darker, soiled, noisy.

    Args:
        seed: the same gives the same pictures.
        each: pictures of each kind.

    Returns:
        `(shots, each, SIZE, SIZE, 3)`.
    """
    rng = np.random.default_rng(seed)
    sprites = draw_sprites()
    near = np.clip(np.arange(-MOVED, SIZE + MOVED), 0, SIZE - 1)
    wide = sprites[:, near][:, :, near].astype(np.float32)  # edges repeated
    pictures = np.empty((len(SHOTS), each, SIZE, SIZE, 3), np.uint8)
    for shot, number in np.ndindex(len(SHOTS), each):
        y, x = rng.integers(0, 2 * MOVED + 1, 2)
        picture = wide[shot, y : y + SIZE, x : x + SIZE] * rng.uniform(0.8, 1.15)
        for top, left in rng.integers(0, SIZE - 1, (SPECKS, 2)):
            picture[top : top + 2, left : left + 2] = rng.integers(0, 256, 3)
        pictures[shot, number] = _noisy(rng, picture)
    return pictures


def _noisy(rng: np.random.Generator, picture: NDArray[Any]) -> NDArray[np.uint8]:
    noise = rng.standard_normal(picture.shape, np.float32) * NOISE
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
