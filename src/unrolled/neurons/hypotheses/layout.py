"""Where in its line a character stands."""

from __future__ import annotations

import numpy as np

from unrolled.neurons.hypotheses.marking import Label, code_points

TAB_STOP = 4
"""Columns between two tab stops, as Java and Python are written."""


def line_position(text: str) -> Label:
    """Characters read of the line, this one included; a newline is the last of its line.

    >>> line_position("ab\\nc").tolist()
    [1.0, 2.0, 3.0, 1.0]
    """
    return np.arange(len(text)) - _line_starts(text) + 1.0


def indentation(text: str) -> Label:
    """Spaces and tabs that the line began with, as many as have been read.

    >>> indentation("  a b\\nc").tolist()
    [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0]
    """
    return _count_in_line(text, _leading(text))


def tabs(text: str) -> Label:
    """Tabs that the line began with, as many as have been read.

    >>> tabs("\\t\\t a\\tb\\nc").tolist()
    [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0]
    """
    return _count_in_line(text, _leading(text) & (code_points(text) == ord("\t")))


def spaces_to_tab_stop(text: str) -> Label:
    """In a line's indentation: spaces that are left to the next multiple of four; elsewhere it says nothing.

    >>> spaces_to_tab_stop("     a").tolist()
    [3.0, 2.0, 1.0, 0.0, 3.0, nan]
    """
    left = -indentation(text) % TAB_STOP
    return np.where(_leading(text) & (code_points(text) == ord(" ")), left, np.nan)


def _line_starts(text: str) -> Label:
    """Of each character, where its line starts."""
    characters = code_points(text)
    begins = np.ones(len(characters), bool)
    begins[1:] = characters[:-1] == ord("\n")
    return np.maximum.accumulate(np.where(begins, np.arange(len(characters)), 0))


def _leading(text: str) -> Label:
    """True on the spaces and tabs that a line begins with."""
    characters = code_points(text)
    white = (characters == ord(" ")) | (characters == ord("\t"))
    return white & (_count_in_line(text, ~white) == 0)


def _count_in_line(text: str, counted: Label) -> Label:
    """How many of the line so far are counted."""
    before = np.concatenate([[0.0], np.cumsum(counted)])
    return before[1:] - before[_line_starts(text)]
