"""Plots: the numbers that were given are the numbers that are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.figures.making import make_trace, pixels, poke
from unrolled.colours import scale_for
from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.figures import bars, by_prefix, cell_against_hidden, grid, lines, values_by_prefix


def test_a_line_is_the_mean_of_the_seeds_in_a_band_from_lowest_to_highest() -> None:
    seeds = [[1.0, 5.0, 2.0], [3.0, np.nan, 4.0]]
    (axes,) = lines([1, 2, 4], {"many": seeds, "one": [0.0, 0.5, 1.0]}).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2.0, 5.0, 3.0], [0.0, 0.5, 1.0]]
    (band,) = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1.0, 1.0), (1.0, 3.0), (2.0, 5.0), (4.0, 2.0), (4.0, 4.0)}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["many", "one", "lowest to highest seed"]


def test_a_seed_that_is_missing_everywhere_leaves_a_gap() -> None:
    (axes,) = lines([1, 2, 3], {"": [1.0, np.nan, 3.0]}).axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1.0, np.nan, 3.0])
    assert axes.get_legend() is None


def test_a_logarithmic_axis_names_its_points(tmp_path: Path) -> None:
    figure = lines([1, 10, 300], {"": [1, 2, 3]}, logarithmic=True)
    pixels(figure, tmp_path)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1", "10", "300"]


def test_bars_have_their_values_beyond_their_ends() -> None:
    (axes,) = bars(["a", "b"], {"x": [[1.0, -2.0], [3.0, -4.0]], "y": [0.5, np.nan]}).axes
    assert [bar.get_height() for bar in axes.patches][:3] == [2.0, -3.0, 0.5]
    assert [(text.get_text(), text.xy[1]) for text in axes.texts] == [("2", 3.0), ("−3", -4.0), ("0.5", 0.5)]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]


def test_a_grid_has_its_numbers_on_their_colours() -> None:
    values = np.array([[0.0, 0.25], [1.0, np.nan]])
    (axes,) = grid(values, ["up", "down"], ["left", "right"], bounds=(0, 1)).axes
    assert {(text.get_text(), *text.get_position()) for text in axes.texts} == {
        ("0.00", 0, 0),
        ("0.25", 1, 0),
        ("1.00", 0, 1),
    }
    colours = scale_for((0, 1)).colours
    assert axes.images[0].get_array()[1, 0, :3].tolist() == colours[510].tolist()
    (signed,) = grid([[-2.0, 1.0]], ["row"], ["a", "b"]).axes
    assert signed.images[0].get_array()[0, 0, :3].tolist() == [103, 0, 31]


COPIES = ["\nabXab\n", "\nbaXba\n", "\nabXab\n", "\nX\n"]


def test_values_by_prefix_are_those_where_the_symbol_stands() -> None:
    trace = make_trace(*COPIES)
    prefixes, values = values_by_prefix(trace, ["rnn.l0.1", "rnn.l0.hidden.2"], "X")
    assert prefixes == ["", "ab", "ba"]
    cell, hidden = trace.read("rnn.l0", "cell"), trace.read("rnn.l0", "hidden")
    steps = [[22], [3, 17], [10]]  # counted by hand, sequences have 7, 7, 7 and 3 steps
    expected = [[cell[rows, 1].mean(), hidden[rows, 2].mean()] for rows in steps]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert values_by_prefix(trace, ["rnn.l0.1"], "\n", limit=7)[0] == values_by_prefix(
        trace, ["rnn.l0.1"], "⏎", limit=7
    )[0] == ["", "abXab"]  # fmt: skip


def test_by_prefix_draws_every_value_in_its_colour() -> None:
    values = np.array([[1.0, -0.5], [-2.0, np.nan], [0.5, 0.25]])
    first, second = by_prefix(["aa", "ab", "ba"], values, ["rnn.l0.1", "rnn.l0.2"]).axes
    for axes, column in ((first, 0), (second, 1)):
        known = np.flatnonzero(np.isfinite(values[:, column]))
        dots = axes.collections[-1]
        np.testing.assert_array_equal(dots.get_offsets(), np.stack([known, values[known, column]], 1))
    assert (first.collections[-1].get_facecolors()[1, :3] * 255).round().tolist() == [103, 0, 31]
    assert [text.get_text() for text in second.get_xticklabels()] == ["aa", "ab", "ba"]


def test_what_is_kept_and_what_is_shown_are_counted() -> None:
    cell = np.random.default_rng(0).normal(0, 2, (500, 3))
    hidden = np.tanh(cell) * 0.9
    cell[0, 0], hidden[7, 1] = np.nan, np.inf
    joint, above, aside = cell_against_hidden(cell, hidden).axes
    assert np.nansum(joint.collections[0].get_array()) == 1498
    finite = np.delete(cell.ravel(), [0, 22])
    edges = np.array([bar.get_x() for bar in above.patches] + [np.abs(finite).max()])
    np.testing.assert_array_equal([bar.get_height() for bar in above.patches], np.histogram(finite, edges)[0])
    assert sum(bar.get_width() for bar in aside.patches) == 1498
    assert joint.get_ylim() == (-1, 1)


@pytest.mark.parametrize("value", [0.0, 1e-30])
def test_a_neuron_that_never_moves_can_be_drawn(value: float, tmp_path: Path) -> None:
    assert pixels(cell_against_hidden([value] * 4, [value] * 4), tmp_path).size
    assert pixels(by_prefix(["a"], [[value]], ["rnn.l0.0"]), tmp_path).size
    assert pixels(grid([[value]], ["a"], ["b"]), tmp_path).size


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: lines([1, 2], {}), "1 to 7 series, not 0"),
        (lambda: lines([1, 2], {str(name): [1, 2] for name in range(8)}), "not 8"),
        (lambda: lines([1, 2], {"x": [1, 2, 3]}), r"'x' has the shape \(3,\); \(2,\) or \(seeds, 2\)"),
        (lambda: bars(["a"], np.zeros((2, 2, 2))), r"\(2, 2, 2\)"),
        (lambda: bars([], []), r"\(0,\)"),
        (lambda: grid([[1, 2]], ["a"], ["b"]), r"\(1, 2\) and 1 × 1 names"),
        (lambda: grid(np.zeros((41, 1)), ["a"] * 41, ["b"]), "1 to 40"),
        (lambda: by_prefix(["a"], [[1.0, 2.0]], ["n"]), r"\(1, 2\) for 1 prefixes and 1 neurons"),
        (lambda: by_prefix(["a"] * 121, np.zeros((121, 1)), ["n"]), "1 to 120 .* Show fewer steps"),
        (lambda: by_prefix([], np.zeros((0, 1)), ["n"]), "1 to 120"),
        (lambda: cell_against_hidden([1, 2], [1]), "not the same"),
        (lambda: cell_against_hidden([np.nan], [1]), "Not one step"),
    ],
)
def test_what_does_not_fit_is_said(draw: Callable[[], Figure], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        draw()


def test_prefixes_that_are_not_there() -> None:
    with pytest.raises(UnknownNameError, match="X, a, b, ⏎"):
        values_by_prefix(make_trace(*COPIES), ["rnn.l0.0"], "c")
    with pytest.raises(TraceError, match="'X' does not stand in the steps 0 to 1"):
        values_by_prefix(make_trace(*COPIES), ["rnn.l0.0"], "X", limit=2)
    with pytest.raises(TraceError, match="read numbers"):
        values_by_prefix(make_trace(["", ""], kind="none"), ["rnn.l0.0"], "X")
    broken = make_trace("aX")
    poke(broken, "cell", 1, 0, np.nan)
    assert np.isnan(values_by_prefix(broken, ["rnn.l0.0"], "X")[1]).all()
