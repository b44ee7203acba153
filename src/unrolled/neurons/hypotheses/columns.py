"""A column of a table as a hypothesis: one row a character."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import numpy as np

from unrolled.errors import SourceError, UnknownNameError
from unrolled.neurons.hypotheses.marking import Classes, HypothesisError, Label, classify
from unrolled.sources.members import open_file

INSTEAD = "Give a CSV table with a header and one row a character."
_ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Column:
    """A column of a CSV file as a labeller: yes and no, numbers, or words; an empty cell says nothing.

    Cells that are all yes or no, true or false, 1 or 0 (upper or lower case) are answers. With empty ones among them
    they are numbers, 1 and 0.

    Args:
        name: for messages.
        path: of UTF-8, with a header; one row for each step, in their order.

    Raises:
        HypothesisError: it cannot be read as such a table.
        UnknownNameError: it has no such column.
    """

    def __init__(self, name: str, path: Path, column: str) -> None:
        self._what = f"{name!r} ({path})"
        self._label = _label(list(_cells(path, column)), f"{column!r} of {path}")
        self.__doc__ = f"The column {column} of {path.name}."

    def __call__(self, text: str) -> Label | Classes:
        """The label of a text that is read in one go; see `of`."""
        return self.of(len(text))

    def of(self, steps: int) -> Label | Classes:
        """The label of all that is read, one sequence after the other where there are several.

        Raises:
            HypothesisError: there are more steps, or fewer, than rows.
        """
        if len(self._label) != steps:
            raise HypothesisError(
                f"{self._what} has {len(self._label):,} rows, and what is read {steps:,} steps.",
                "It must have one row for each of them, behind the header.",
            )
        return self._label


def _cells(path: Path, column: str) -> Iterator[str]:
    try:
        with open_file(path, INSTEAD) as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, list[str]())
            if column not in header:
                raise UnknownNameError(f"column of {path}", column, header)
            if header.count(column) > 1:
                raise HypothesisError(f"{path} has {header.count(column)} columns {column!r}.", "Rename all but one.")
            at = header.index(column)
            for row in rows:
                if len(row) != len(header):
                    cells = f"{len(row)} cells and not {len(header)}, as the header has"
                    raise HypothesisError(f"Line {rows.line_num} of {path} has {cells}.")
                yield row[at].strip()
    except SourceError as error:
        raise HypothesisError(error.message, error.hint) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise HypothesisError(f"{path} is no CSV file in UTF-8: {error}.") from error


def _label(cells: list[str], what: str) -> Label | Classes:
    said = {cell for cell in cells if cell}
    if not said:
        raise HypothesisError(f"{what} says nothing: every cell is empty, or there is none.")
    if all(cell.lower() in _ANSWERS for cell in said):
        if all(cells):
            return np.array([_ANSWERS[cell.lower()] for cell in cells], bool)
        return np.array([float(_ANSWERS[cell.lower()]) if cell else np.nan for cell in cells])
    try:
        numbers = np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        try:
            return classify(cells)
        except ValueError as error:
            raise HypothesisError(f"{what} has {error}.") from error
    if np.isinf(numbers).any():
        raise HypothesisError(f"{what} has a number that is infinite.", "An empty cell stands for nothing said.")
    return numbers
