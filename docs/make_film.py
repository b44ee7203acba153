"""Draws the film of the docs, `docs/images/film.png`: `python docs/make_film.py`."""

from __future__ import annotations

from pathlib import Path

from unrolled.sources.films import make_films
from unrolled.sources.films.sheet import draw_sheet

IMAGE = Path(__file__).parent / "images" / "film.png"
SEED = 3

if __name__ == "__main__":
    draw_sheet(make_films(SEED, films=1, steps=40, gaps=range(2, 8))).save(IMAGE)
    print(f"wrote {IMAGE}")
