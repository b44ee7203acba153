"""What people see: results on standard output, progress and remarks on standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from unrolled.cli.marks import spelled
from unrolled.progress import Progress

stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)
stdout = Console(highlight=False, markup=False, emoji=False)

PLAIN_SECONDS = 5.0
"""Seconds between two lines of progress where standard error is no terminal."""

WIDE, MIDDLING = 100, 60
"""Columns of a terminal that has room for numbers beside the bar, and for a bar beside steps and time left."""


def remark(line: str) -> None:
    """One line beside the results."""
    stderr.print(spelled(line, stderr.encoding), style="dim", soft_wrap=True)


def print_json(value: Mapping[str, Any]) -> None:
    """The result for programs: one JSON object, whatever the encoding of the output."""
    few = not stdout.encoding.startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=few, indent=2, allow_nan=False, default=str) + "\n")


def print_table(title: str, rows: Mapping[str, object]) -> None:
    """The result for people: names and values."""
    table = Table(
        title=spelled(title, stdout.encoding),
        title_justify="left",
        title_style="bold",
        show_header=False,
        box=None,
        padding=(0, 2, 0, 0),
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, spelled(shown(value), stdout.encoding))
    stdout.print(table)


def print_columns(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The result for people: a line a thing, with names above the columns; the last one may take several lines.

    Where the terminal is too narrow for that, a block a thing: nothing is cut.
    """
    if not fits(names, rows):
        stdout.print(spelled(title, stdout.encoding), style="bold")
        for first, *others in rows:
            print_table(first, {name: cell for name, cell in zip(names[1:], others, strict=True) if cell})
        return
    table = Table(title=spelled(title, stdout.encoding), title_justify="left", title_style="bold", box=None)
    for name in names:
        table.add_column(name, header_style="cyan", justify="left", no_wrap=name != names[-1], overflow="fold")
    for row in rows:
        table.add_row(*(spelled(cell, stdout.encoding) for cell in row))
    stdout.print(table)


def fits(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the terminal has room for such columns, the last one folded between words."""
    columns = list(zip(*([spelled(cell, stdout.encoding) for cell in row] for row in (names, *rows)), strict=True))
    words = [word for cell in columns[-1] for word in cell.split()]
    return sum(max(map(cell_len, column), default=0) + 2 for column in (*columns[:-1], words)) <= stdout.width


def shown(value: object) -> str:
    """A value for people: four places are enough, and lists and tables need no brackets."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(inner)}" for name, inner in cast(Mapping[str, object], value).items())
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, cast(list[object], value)))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 or not value else f"{value:.3g}"
    return str(value)


class ProgressBar:
    """Shows long work: a bar with time left on a terminal, else a plain line every few seconds.

    It is the `Progress` that the rest of the package calls. A count that falls begins anew: the text is read again.
    """

    def __init__(self, what: str, unit: str) -> None:
        self.what, self.unit = what, unit
        self._bar: Bar | None = None
        self._task: Any = None
        self._began = self._said = time.monotonic()
        self._from = self._last = 0
        self._counting = False

    def __enter__(self) -> Self:
        if stderr.is_terminal:
            self._bar = Bar(
                SpinnerColumn("dots" if stderr.encoding.startswith("utf") else "line"),
                TextColumn("[bold]{task.description}"),
                *([BarColumn()] if stderr.width >= MIDDLING else []),
                MofNCompleteColumn(),
                *([TextColumn("{task.fields[numbers]}")] if stderr.width >= WIDE else []),
                TimeRemainingColumn(),
                console=stderr,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=None, numbers="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def then(self, what: str, unit: str) -> Progress:
        """What counts the work that comes next: the bar turns to it at its first call."""

        def count(done: int, total: int, /, **numbers: float | str) -> None:
            if self.what != what:
                self.what, self.unit, self._counting = what, unit, False
                if self._bar is not None:
                    self._bar.reset(self._task, description=what, total=None, numbers="")
            self(done, total, **numbers)

        return count

    def __call__(self, done: int, total: int, /, **numbers: float | str) -> None:
        before, self._last = self._last, done
        if not self._counting or done < before:  # the rate counts from here: what comes before is no step
            self._counting, self._from, self._began = True, done, time.monotonic()
        elif self._bar is not None:
            self._bar.update(self._task, completed=done, total=total or None, numbers=self._numbers(done, numbers))
        elif time.monotonic() - self._said > PLAIN_SECONDS:
            self._said = time.monotonic()
            many, left = f"{done:,} {self.unit}", ""
            if total:
                seconds = (total - done) * (self._said - self._began) / max(1, done - self._from)
                many, left = f"{done:,} of {total:,} {self.unit}", f", {seconds:.0f} s left"
            sys.stderr.write(f"{self.what}: {many}, {self._numbers(done, numbers)}{left}\n")
            sys.stderr.flush()

    def _numbers(self, done: int, numbers: Mapping[str, float | str]) -> str:
        rate = (done - self._from) / max(1e-9, time.monotonic() - self._began)
        shown = [
            f"{name.replace('_', ' ')} {f'{value:.3f}' if isinstance(value, float) else value}"
            for name, value in numbers.items()
        ]
        return ", ".join([*shown, f"{rate:,.0f} {self.unit}/s"])
