"""A folder of frames: pictures, and a table of what is happening in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unrolled.errors import SourceError
from unrolled.sources.films.drawing import SIZE
from unrolled.sources.films.films import MOST_PICTURES, Films, check_size, film_of
from unrolled.sources.films.labels import Row, read_labels
from unrolled.sources.films.pillow import need_pillow, read_picture


def read_frames(
    folder: Path | str, labels: Path | str | None = None, *, size: int = SIZE, steps: int | None = None
) -> Films:
    """A film from a folder of pictures.

    Args:
        folder: of PNG, JPEG, WebP, GIF, BMP, TIFF or PPM files of any size.
        labels: a CSV file with the header `file,label`, a line for each frame in the order of the film; an empty label
            means that none is known. By default `labels.csv` in the folder.
        size: height and width that the frames are squeezed to.
        steps: frames after which the film is cut and a new sequence begins; by default it stays whole.

    Raises:
        SourceError: a file is missing, no such table or picture, too large, or lies outside the folder; or no frame has
            a label.
        MissingPartError: Pillow is not installed.
        SettingsError: `size` or `steps` is out of its range.
    """
    need_pillow()
    check_size(size)
    folder = Path(folder)
    table = Path(labels) if labels is not None else folder / "labels.csv"
    _, rows = read_labels(table, ("file",))
    if len(rows) > MOST_PICTURES:
        raise SourceError(f"{table} names more than {MOST_PICTURES:,} frames.", "Read it in parts.")
    pictures = [read_picture(_inside(folder, row, table), size) for row in rows]
    return film_of(np.stack(pictures), [row.label for row in rows], str(table), steps)


def _inside(folder: Path, row: Row, table: Path) -> Path:
    """The path of a frame, which no table may lead out of the folder."""
    path = folder / row.key
    try:
        inside = path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink()
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise SourceError(
            f"{table}, line {row.line}: {row.key!r:.120} is not a file in {folder}.",
            "Name each frame by its path inside the folder; links are not followed.",
        )
    return path
