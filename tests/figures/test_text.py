"""Coloured text: every symbol at its place, on its colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.figures.making import make_trace, pixels, poke
from unrolled.colours import scale_for
from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.figures import coloured_strips, coloured_text
from unrolled.figures import strips as strips_module
from unrolled.figures.letters import write
from unrolled.figures.sheet import CELL, sheet
from unrolled.figures.style import BLANK, MARGIN, styled
from unrolled.figures.text import HEAD, ROW

WORDS = "In the beginning was the word,\nand it was long enough to be wrapped somewhere, twice if need be.\n\nEnd"


def cell_colour(picture: np.ndarray, row: int, column: int) -> list[int]:
    """The colour of a cell at its upper left, where no letter reaches."""
    return picture[(MARGIN + HEAD + row * ROW) * 2 + 1, (MARGIN + column * CELL) * 2 + 1].tolist()


def test_every_symbol_is_on_the_colour_of_its_value(tmp_path: Path) -> None:
    trace = make_trace(WORDS, "A second sequence")
    picture = pixels(coloured_text(trace, "rnn.l0.forget_gate.1", columns=40), tmp_path)
    values = trace.read("rnn.l0", "forget_gate", neurons=1)
    gates = scale_for((0, 1), gate=True)
    lines = [*WORDS.splitlines(keepends=True), "A second sequence"]
    rows = [line[at : at + 40] for line in lines for at in range(0, len(line), 40)]
    places = [(row, column) for row, line in enumerate(rows) for column in range(len(line))]
    for (row, column), value in zip(places, values, strict=True):
        assert cell_colour(picture, row, column) == gates.colours[round(float(value) * 510)].tolist()
    assert cell_colour(picture, 0, 33) == [255, 255, 255]


def test_letters_are_drawn_in_the_ink_that_can_be_read(tmp_path: Path) -> None:
    trace = make_trace("██")
    poke(trace, "hidden", 0, 0, -1.0)
    poke(trace, "hidden", 1, 0, 0.0)
    picture = pixels(coloured_text(trace, "rnn.l0.hidden.0"), tmp_path)
    middle = (MARGIN + HEAD + ROW // 2) * 2
    assert picture[middle, (MARGIN + 3) * 2].tolist() == [255, 255, 255]
    assert picture[middle, (MARGIN + 9) * 2].tolist() == [5, 6, 8]
    without = pixels(coloured_text(trace, "rnn.l0.hidden.0", letters=False), tmp_path)
    assert without[middle, (MARGIN + 3) * 2].tolist() == [103, 0, 31]


def test_thin_letters_are_drawn_wherever_they_stand(tmp_path: Path) -> None:
    with styled():
        figure, axes = sheet(100, 20)
        places = [(5 + 10 * index, 10 + index / 20) for index in range(9)]
        write(axes, ["_"] * 9, places, ["black"] * 9, cell=CELL)
    picture = pixels(figure, tmp_path)
    for x, _ in places:
        assert picture[:, int(2 * x) + 2 : int(2 * x) + 2 * CELL - 2].min(axis=0).max() < 200


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_grey_and_crossed_out(value: float, tmp_path: Path) -> None:
    trace = make_trace("   ")
    poke(trace, "hidden", 1, 0, value)
    picture = pixels(coloured_text(trace, "rnn.l0.hidden.0", letters=False), tmp_path)
    grey = [int(BLANK[at : at + 2], 16) for at in (1, 3, 5)]
    assert cell_colour(picture, 0, 1) == grey
    column = picture[(MARGIN + HEAD) * 2 : (MARGIN + HEAD + ROW) * 2, (MARGIN + CELL + 3) * 2]
    assert (column != grey).any()
    assert cell_colour(picture, 0, 0) != grey


def test_the_grid_is_one_image_however_long_the_text_is() -> None:
    trace = make_trace("x" * 5000)
    (axes,) = coloured_text(trace, "rnn.l0.0", limit=None).axes
    grid, ramp = sorted((image.get_array().shape for image in axes.images), reverse=True)
    assert grid == (63, 80, 4)
    assert ramp == (1, 511, 3)
    (bare,) = coloured_text(trace, "rnn.l0.0", limit=None, letters=False).axes
    written, elsewhere = (sum(len(one.get_offsets()) for one in part.collections) for part in (axes, bare))
    assert written - elsewhere == 5000
    assert len(axes.collections) - len(bare.collections) == 2  # one outline, in two inks


def test_short_lines_stand_side_by_side() -> None:
    trace = make_trace(*(["ab\n"] * 40))
    (axes,) = coloured_text(trace, "rnn.l0.0").axes
    assert max(image.get_array().shape for image in axes.images)[:2] == (12, 21)


@pytest.mark.parametrize("kind", ["tokens", "bytes", "none"])
def test_symbols_of_every_kind(kind: str, tmp_path: Path) -> None:
    labels = {"tokens": ["Hello", "", " world"], "bytes": ["A", "0x0A", "0xE2"], "none": ["", "", ""]}[kind]
    shape = {"tokens": (1, 12), "bytes": (2, 2), "none": (1, 3)}[kind]
    (axes,) = (figure := coloured_text(make_trace(labels, kind=kind), "rnn.l0.0")).axes  # type: ignore[arg-type]
    (grid,) = (image.get_array() for image in axes.images if image.get_array().shape[2] == 4)
    assert grid.shape[:2] == shape
    assert (grid[..., 3] == 255).sum() == {"tokens": 12, "bytes": 4, "none": 3}[kind]
    pixels(figure, tmp_path)


def test_letters_of_every_script_and_none_can_be_drawn(tmp_path: Path) -> None:
    """What the font lacks is a square; a warning would fail here."""
    odd = ["漢", "\u0301", "\r", "\x07", "\u200b", "e", "\U0001f600", "\u2800", "$x^2$", "𐎠"]
    for draw in (coloured_text(make_trace(odd, kind="tokens"), "rnn.l0.0"),):
        assert len(np.unique(pixels(draw, tmp_path))) > 2


def test_strips_are_aligned_by_step(tmp_path: Path) -> None:
    trace = make_trace(WORDS)
    neurons = ["rnn.l0.hidden.0", "rnn.l0.forget_gate.2"]
    picture = pixels(coloured_strips(trace, neurons, start=3, limit=30, columns=20), tmp_path)
    left = (MARGIN + (len(neurons[1]) + 2) * CELL) * 2
    top = (MARGIN + 3 * strips_module.LEGEND) * 2
    block = len(neurons) * (strips_module.ROW + strips_module.GAP) + strips_module.BETWEEN
    for index, (signal, neuron, gate) in enumerate([("hidden", 0, False), ("forget_gate", 2, True)]):
        scale = scale_for((0, 1) if gate else (-1, 1), gate=gate)
        colours = scale.colours[scale.shades(trace.read("rnn.l0", signal, 3, 33, neuron))]
        for step, colour in enumerate(colours.tolist()):
            y = top + (step // 20 * block + index * (strips_module.ROW + strips_module.GAP)) * 2 + 1
            x = left + step % 20 * strips_module.WIDE * 2 + 1
            assert picture[y, x].tolist() == colour, step


@pytest.mark.parametrize(
    ("neuron", "given", "error", "says"),
    [
        ("rnn.l0", {}, UnknownNameError, r"rnn\.l0\.0 to rnn\.l0\.2"),
        ("rnn.l0.3", {}, UnknownNameError, "0 to 2"),
        ("rnn.l0.0", {"start": 900}, TraceError, "900"),
        ("rnn.l0.0", {"limit": 0}, TraceError, "--limit"),
        ("rnn.l0.0", {"columns": 0}, SettingsError, "1 to 500 columns, not 0"),
        ("rnn.l0.0", {"columns": 501}, SettingsError, "501"),
    ],
)
def test_what_cannot_be_drawn(neuron: str, given: dict[str, int], error: type[Exception], says: str) -> None:
    for draw in (coloured_text, lambda trace, name, **more: coloured_strips(trace, [name], **more)):
        with pytest.raises(error, match=says):
            draw(make_trace(WORDS), neuron, **given)  # type: ignore[operator]


def test_a_picture_that_would_be_too_tall_is_refused() -> None:
    with pytest.raises(SettingsError, match="2,500 rows"):
        coloured_text(make_trace("x" * 2500), "rnn.l0.0", limit=None, columns=1)
    with pytest.raises(SettingsError, match="1 to 200 neurons, not 0"):
        coloured_strips(make_trace("x"), [])
