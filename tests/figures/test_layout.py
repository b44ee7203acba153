"""Where symbols stand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unrolled.figures.layout import arrange

SYMBOLS = st.lists(st.tuples(st.integers(1, 7), st.booleans()), min_size=1, max_size=120)


@given(SYMBOLS, st.integers(7, 90))
def test_no_two_symbols_share_a_cell_and_all_are_inside(symbols: list[tuple[int, bool]], columns: int) -> None:
    widths, ends = zip(*symbols, strict=True)
    layout = arrange(widths, ends, columns)
    taken = np.zeros((layout.height, layout.width), int)
    for row, column, width in zip(layout.rows, layout.columns, widths, strict=True):
        assert column + width <= layout.width
        taken[row, column : column + width] += 1
    assert taken.max() == 1
    assert layout.width <= columns


@given(SYMBOLS, st.integers(7, 90))
def test_symbols_follow_each_other_until_a_line_ends_or_is_full(symbols: list[tuple[int, bool]], columns: int) -> None:
    widths, ends = zip(*symbols, strict=True)
    layout = arrange(widths, ends, columns)
    for step in range(len(symbols) - 1):
        follows = layout.rows[step + 1] == layout.rows[step]
        follows &= layout.columns[step + 1] == layout.columns[step] + widths[step]
        if ends[step]:
            assert not follows
        elif layout.columns[step + 1] and layout.columns[step + 1] > layout.columns[step]:
            assert follows


def test_a_long_token_begins_a_new_line() -> None:
    layout = arrange([3, 3, 5], [False] * 3, 8)
    assert (layout.rows.tolist(), layout.columns.tolist()) == ([0, 0, 1], [0, 3, 0])


def test_short_lines_are_read_column_by_column() -> None:
    layout = arrange([1] * 60, [False, True] * 30, 80)
    lines = np.arange(60) // 2
    assert layout.rows.tolist() == (lines % 12).tolist()
    assert layout.columns.tolist() == (lines // 12 * 5 + np.arange(60) % 2).tolist()
    assert (layout.height, layout.width) == (12, 12)
    few = arrange([1] * 20, [False, True] * 10, 80)
    assert (few.height, few.width) == (10, 2)
