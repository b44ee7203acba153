"""Drawn pictures."""

from __future__ import annotations

import numpy as np
import pytest

from unrolled.errors import SettingsError, UnrolledError
from unrolled.sources.films import SHOTS, make_films
from unrolled.sources.films.drawing import SIZE, draw_pictures, draw_sprites
from unrolled.sources.films.sheet import CAPTION, GAP, SIDE, draw_sheet


def test_kinds_of_frames_differ_more_than_pictures_of_one_kind() -> None:
    """Nearly every soiled picture is nearer to its own clean sprite than to any other's, moved as it is."""
    sprites = draw_sprites().astype(float).reshape(len(SHOTS), -1)
    pictures = draw_pictures(3, 20).astype(float).reshape(len(SHOTS), 20, -1)
    distances = ((pictures[:, :, None] - sprites) ** 2).sum(-1)
    right = distances.argmin(-1) == np.arange(len(SHOTS))[:, None]
    assert right.mean() > 0.8


def test_no_two_pictures_are_alike_and_a_seed_gives_the_same() -> None:
    pictures = draw_pictures(3, 4)
    assert pictures.shape == (len(SHOTS), 4, SIZE, SIZE, 3)
    assert len(np.unique(pictures.reshape(len(SHOTS) * 4, -1), axis=0)) == len(SHOTS) * 4
    assert (draw_pictures(3, 4) == pictures).all()
    assert (draw_pictures(4, 4) != pictures).any()


def test_a_frame_shows_what_the_script_says() -> None:
    films = make_films(2, 3, 30, variants=5)
    assert (films.frames // 5 == films.shots).all()
    assert films.pictures.shape == (len(SHOTS) * 5, SIZE, SIZE, 3)
    assert films.there.all()
    hidden = films.hidden()
    graves = np.cumsum(films.shots == SHOTS.index("grave"), axis=1) > 0
    assert (hidden["death"] == graves).all()


@pytest.mark.parametrize(
    "wrong", [{"films": 0}, {"steps": 0}, {"gaps": (0,)}, {"variants": 0}, {"films": 10**7}, {"seed": -1}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError) as error:
        make_films(**{"seed": 0, **wrong})  # type: ignore[arg-type]
    assert isinstance(error.value, UnrolledError)


def test_a_contact_sheet_shows_each_frame_in_its_place() -> None:
    films = make_films(2, 2, 7, variants=3)
    sheet = np.asarray(draw_sheet(films, 1, columns=4))
    assert sheet.shape[:2] == (2 * (SIDE + CAPTION + GAP) + GAP, 4 * (SIDE + GAP) + GAP)
    for step in range(7):
        y, x = GAP + step // 4 * (SIDE + CAPTION + GAP), GAP + step % 4 * (SIDE + GAP)
        middle = sheet[y + SIDE // 2, x + SIDE // 2]
        assert (middle == films.pictures[films.frames[1, step], SIZE // 2, SIZE // 2]).all()
        assert sheet[y + SIDE : y + SIDE + CAPTION, x : x + SIDE].min() < 160  # there is a caption
    for wrong in ({"film": 2}, {"film": -1}, {"columns": 0}):
        with pytest.raises(SettingsError, match="sheet"):
            draw_sheet(films, **wrong)
