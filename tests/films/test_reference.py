"""docs/reference/films.md has every name and the figures of the code, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unrolled.films import COMPARED, make_films
from unrolled.films.network import CODE, SIDE, count_parameters
from unrolled.films.saving import FORMAT, SETTINGS, WEIGHTS
from unrolled.films.training import NEURONS, TRAINING, film_settings
from unrolled.sources.films import LABELS, SHOTS
from unrolled.sources.films.drawing import SIZE
from unrolled.sources.films.pillow import FORMATS, MOST_PIXELS
from unrolled.sources.films.script import LONGEST_GAP, QUESTIONS_BETWEEN

PAGE = (Path(__file__).parents[2] / "docs/reference/films.md").read_text("utf-8")
WORDS = " ".join(PAGE.split())


@pytest.mark.parametrize("name", [*LABELS, *make_films(0, 1, 1, variants=1).hidden(), FORMAT, SETTINGS, WEIGHTS])
def test_every_name_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("shot", SHOTS)
def test_every_kind_of_frame_is_in_the_table(shot: str) -> None:
    rows = re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    assert any(re.search(rf"\b{shot}\b", row) for row in rows)


def test_the_figures_are_those_of_the_code() -> None:
    assert f"{SIZE} × {SIZE} pixels" in WORDS
    assert f"of {SIDE} × {SIDE} pixels, to which frames are averaged, to {CODE} numbers" in WORDS
    assert f"an LSTM of {NEURONS} ({count_parameters(film_settings('lstm', len(LABELS)), len(LABELS)):,} par" in WORDS
    assert f"a gap from 1 to {LONGEST_GAP}" in WORDS
    assert f"{QUESTIONS_BETWEEN:.0%}".replace("%", " %") + " are questions" in WORDS
    assert f"{MOST_PIXELS // 10**6} million pixels" in WORDS
    assert f"{TRAINING.batch} films an update" in WORDS
    assert f"by default {TRAINING.steps}" in WORDS
    assert all(name.lower() in PAGE.lower() for name in FORMATS)


@pytest.mark.parametrize("cell", COMPARED)
def test_the_table_has_the_sizes_of_the_networks(cell: str) -> None:
    settings = film_settings(cell, len(LABELS))
    assert f"| {settings.hidden} | {count_parameters(settings, len(LABELS)):,} |" in PAGE


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(source, "films.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.search(r"^5 \d+% right, \d+% by chance$", printed, re.MULTILINE)
    assert "80 steps in 2 sequences" in printed
