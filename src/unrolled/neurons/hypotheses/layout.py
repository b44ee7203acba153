"""Where in its line and its file a character stands, and in how many brackets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unrolled.neurons.hypotheses.marking import Label, code_points, count_since

TAB_STOP = 4
"""Columns between two tab stops, as Java and Python are written."""


def line_position(text: str) -> Label:
    """Characters read of the line, this one included; a newline is the last of its line.

    >>> line_position("ab\\nc").tolist()
    [1.0, 2.0, 3.0, 1.0]
    """
    return count_since(_line_begins(text), np.ones(len(text)))


def file_position(text: str, starts: Sequence[int] = (0,)) -> Label:
    """Characters read of the file, this one included.

    A text alone does not say where its files begin, so all of it counts as one where nobody does.

    Args:
        starts: where the files begin.

    >>> file_position("abc").tolist(), file_position("abc", (0, 2)).tolist()
    ([1.0, 2.0, 3.0], [1.0, 2.0, 1.0])
    """
    begins = np.zeros(len(text), bool)
    begins[[start for start in starts if start < len(text)]] = True
    return count_since(begins, np.ones(len(text)))


def indentation(text: str) -> Label:
    """Spaces and tabs that the line began with, as many as have been read.

    >>> indentation("  a b\\nc").tolist()
    [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0]
    """
    return _count_in_line(text, _leading(text))


def indentation_level(text: str) -> Label:
    """Tab stops that the line's indentation has reached: its tabs, and its spaces in fours.

    >>> indentation_level("        a\\n\\tb").tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0]
    """
    return tabs(text) + (indentation(text) - tabs(text)) // TAB_STOP


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
    return _in_indentation(text, -indentation(text) % TAB_STOP)


def spaces_since_tab_stop(text: str) -> Label:
    """In a line's indentation: spaces since the last multiple of four; elsewhere it says nothing.

    >>> spaces_since_tab_stop("     a").tolist()
    [1.0, 2.0, 3.0, 0.0, 1.0, nan]
    """
    return _in_indentation(text, indentation(text) % TAB_STOP)


def round_depth(text: str) -> Label:
    """Round brackets that are open, whatever they stand in; one that closes nothing is passed over.

    >>> round_depth("f(a(b))c").tolist()
    [0.0, 1.0, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0]
    """
    return depth(text, "()")


def square_depth(text: str) -> Label:
    """Square brackets that are open, whatever they stand in; one that closes nothing is passed over.

    >>> square_depth("a[b]").tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    return depth(text, "[]")


def curly_depth(text: str) -> Label:
    """Curly brackets that are open, whatever they stand in; one that closes nothing is passed over.

    >>> curly_depth("a{b}").tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    return depth(text, "{}")


def depth(text: str, pair: str) -> Label:
    """How many brackets of a kind are open; one that closes nothing is passed over.

    Args:
        pair: the opening and the closing bracket.
    """
    characters = code_points(text)
    opens, closes = (characters == ord(bracket) for bracket in pair)
    height = np.cumsum(opens.astype(np.float64) - closes)
    return height - np.minimum(np.minimum.accumulate(height), 0)


def _line_begins(text: str) -> Label:
    """True on the first character of each line."""
    characters = code_points(text)
    begins = np.ones(len(characters), bool)
    begins[1:] = characters[:-1] == ord("\n")
    return begins


def _leading(text: str) -> Label:
    """True on the spaces and tabs that a line begins with."""
    characters = code_points(text)
    white = (characters == ord(" ")) | (characters == ord("\t"))
    return white & (_count_in_line(text, ~white) == 0)


def _in_indentation(text: str, spaces: Label) -> Label:
    return np.where(_leading(text) & (code_points(text) == ord(" ")), spaces, np.nan)


def _count_in_line(text: str, counted: Label) -> Label:
    """How many of the line so far are counted."""
    return count_since(_line_begins(text), counted)
