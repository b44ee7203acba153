"""A contact sheet: the frames of a film in rows, each with what is happening in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unrolled.errors import SettingsError
from unrolled.sources.films.films import UNLABELLED, Films

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 84
"""Pixels of a frame on the sheet."""
CAPTION = 18
GAP = 4
PAPER, INK, FAINT = "#ffffff", "#111111", "#8a8f98"


def draw_sheet(films: Films, film: int = 0, columns: int = 10) -> Image:
    """One film's frames from left to right and from top to bottom, the labels below them.

    Args:
        films: where the film is.
        film: its number, from 0.
        columns: frames in a row.

    Raises:
        SettingsError: there is no such film, or no column.
    """
    if not 0 <= film < len(films) or columns < 1:
        raise SettingsError(
            f"There is no sheet of film {film} in {columns} columns: there are films 0 to {len(films) - 1}, "
            "and a sheet has one column or more."
        )
    from PIL import Image, ImageDraw

    count = int(films.lengths[film])
    wide, high = SIDE + GAP, SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (wide * min(columns, count) + GAP, high * -(-count // columns) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for step in range(count):
        x, y = GAP + step % columns * wide, GAP + step // columns * high
        frame = Image.fromarray(films.pictures[films.frames[film, step]])
        sheet.paste(frame.resize((SIDE, SIDE), Image.Resampling.NEAREST), (x, y))
        number = int(films.labels[film, step])
        name = films.names[number] if number != UNLABELLED else ""
        ink = FAINT if name == "nothing" else INK
        draw.text((x + SIDE / 2, y + SIDE + CAPTION / 2), name, fill=ink, anchor="mm", font_size=13)
    return sheet
