"""What a network must remember to answer the four tasks; a newline begins a sequence anew.

The mark that parts question and answer is an X in `counter` and `copy-machine`, and a Y in `selective-counter` and
`state-memorizer`.
"""

from __future__ import annotations

import numpy as np

from unrolled.neurons.hypotheses.marking import Classes, Label, code_points, count_since, last_true, symbol_classes


def a_count(text: str) -> Label:
    """The a's read so far in the sequence.

    >>> a_count("aaXbb\\na").tolist()
    [1.0, 2.0, 2.0, 2.0, 2.0, 0.0, 1.0]
    """
    return _count(text, "a")


def after_x(text: str) -> Label:
    """Behind the X that parts question and answer, or on it.

    >>> "".join(".#"[each] for each in after_x("aXb\\na").astype(int))
    '.##..'
    """
    return _count(text, "X") > 0


def after_y(text: str) -> Label:
    """Behind the Y that parts question and answer, or on it.

    >>> "".join(".#"[each] for each in after_y("aXYb\\na").astype(int))
    '..##..'
    """
    return _count(text, "Y") > 0


def left_after_x(text: str) -> Label:
    """From the X on: the b's that are left to be written, as many as there were a's; before it nothing is said.

    >>> left_after_x("aaXb").tolist()
    [nan, nan, 2.0, 1.0]
    """
    return np.where(after_x(text), _count(text, "a") - _count(text, "b"), np.nan)


def left_after_y(text: str) -> Label:
    """From the Y on: the b's that are left to be written, as many as there were a's; before it nothing is said.

    >>> left_after_y("aXaYb").tolist()
    [nan, nan, nan, 2.0, 1.0]
    """
    return np.where(after_y(text), _count(text, "a") - _count(text, "b"), np.nan)


def remembered_state(text: str) -> Classes:
    """Which of A and B the sequence began with, from there to its end.

    >>> remembered_state("AxYa\\nB").codes.tolist()
    [0, 0, 0, 0, -1, 1]
    """
    said = [_count(text, letter) > 0 for letter in "AB"]
    return Classes(np.select(said, [0, 1], -1).astype(np.int16), ("A", "B"))


def copy_position(text: str) -> Label:
    """Letters of the question up to the X, and from there on letters of the answer, the present one included.

    >>> copy_position("baXba\\n").tolist()
    [1.0, 2.0, 0.0, 1.0, 2.0, 0.0]
    """
    characters = code_points(text)
    begins = (characters == ord("X")) | (characters == ord("\n"))
    return count_since(begins, ~begins)


def letter_to_copy(text: str) -> Classes:
    """From the X on: the letter of the question whose turn it is to be written; the end of the line after the last.

    >>> label = letter_to_copy("baXba")
    >>> [label.names[code] if code >= 0 else "" for code in label.codes.tolist()]
    ['', '', 'b', 'a', '\\n']
    """
    characters, places = code_points(text), np.arange(len(text))
    starts, mark = last_true(characters == ord("\n")) + 1, last_true(characters == ord("X"))
    due = starts + places - mark
    known = after_x(text) & (due <= mark)
    letters = characters[np.where(known, due, 0)]
    return symbol_classes(np.where(letters == ord("X"), ord("\n"), letters).astype(np.uint32), known)


def _count(text: str, letter: str) -> Label:
    """How often a letter has been read in the sequence."""
    characters = code_points(text)
    return count_since(characters == ord("\n"), characters == ord(letter))
