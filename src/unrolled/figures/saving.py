"""Figures to files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from unrolled.errors import SettingsError
from unrolled.figures.style import styled
from unrolled.files import write_whole

# Without the time and the makers' names, the same figure has the same bytes.
_METADATA = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
SUFFIXES = tuple(_METADATA)


def save(figure: Figure, path: str | Path) -> Path:
    """Writes a figure as SVG or PNG (144 dots an inch), by the path's suffix; whole or not at all.

    A file that is there is replaced, and folders are made.

    Raises:
        SettingsError: another suffix.
        DiskFullError: no room.
    """
    place = Path(path)
    suffix = place.suffix.lower()
    if suffix not in SUFFIXES:
        raise SettingsError(f"Figures are files {' or '.join(SUFFIXES)}, not {place.name!r}.", "Name one of these.")
    content = io.BytesIO()
    with styled():
        figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix])
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, content.getvalue())
    return place
