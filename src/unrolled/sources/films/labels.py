"""The tables that say what is happening when in a film: CSV files with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unrolled.errors import SourceError
from unrolled.sources.members import open_file

LARGEST = 64 * 2**20
"""Bytes of a table of labels."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what stands in its first column, and the label; `line` counts from 1."""

    key: str
    label: str
    line: int


def read_labels(path: Path, columns: Sequence[str]) -> tuple[str, list[Row]]:
    """Reads a table of two columns, the second of them `label`.

    Args:
        path: a CSV file in UTF-8.
        columns: what the first column may be called.

    Returns:
        What it is called, and the rows.

    Raises:
        SourceError: there is no such file, it is no such table, or it has no rows.
    """
    with open_file(path, "Give a CSV table that labels the frames.") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST // 2**20} MiB, too large for a table of labels.")
    expected = " or ".join(f"{name},label" for name in columns)
    hint = f"Its first line must be {expected}."
    try:
        table = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(table, list[str]())]
        if len(header) != 2 or header[0] not in columns or header[1] != "label":
            raise SourceError(f"{path} begins with {','.join(header)[:80]!r}.", hint)
        rows: list[Row] = []
        for cells in table:
            if not cells:
                continue
            if len(cells) != 2 or not cells[0].strip():
                raise SourceError(
                    f"{path}, line {table.line_num}: a line holds {expected}, not {','.join(cells)!r:.80}."
                )
            rows.append(Row(cells[0].strip(), cells[1].strip(), table.line_num))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} is no CSV table in UTF-8: {error}.", hint) from error
    if not rows:
        raise SourceError(f"{path} names no frames.", "Give it a line for each.")
    return header[0], rows
