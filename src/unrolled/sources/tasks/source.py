"""A task's examples as a source, for recording and measuring; training draws its own batches from the task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from unrolled.errors import SourceError
from unrolled.sources.source import Block, Symbols
from unrolled.sources.tasks import TASKS
from unrolled.sources.tasks.task import Task, make
from unrolled.sources.vocabulary import Vocabulary

MOST_SYMBOLS = 1 << 24  # without a limit; nobody looks at more examples


@dataclass(frozen=True)
class TaskSource:
    """The examples that `task.sequences()` lists, as many as fit whole into `limit` symbols; each its own sequence.

    It is finite and always the same. See `unrolled.sources.source.Source`.
    """

    name: str
    task: Task
    limit: int | None = None
    kind: Literal["text", "task"] = "task"
    symbols: Symbols = "characters"

    @property
    def vocabulary(self) -> Vocabulary:
        """The task's."""
        return self.task.vocabulary

    def blocks(self) -> Iterator[Block]:
        """One block an example.

        Raises:
            SourceError: not even one example fits into the limit, or there are too many to go without one.
        """
        symbols = 0
        most = MOST_SYMBOLS if self.limit is None else self.limit
        for number, sequence in enumerate(self.task.sequences(), start=1):
            symbols += len(sequence)
            if symbols > most and self.limit is None:
                raise SourceError(f"{self.name} has more than {most} symbols.", "Give a --limit.")
            if symbols > most and number == 1:
                raise SourceError(
                    f"No example of {self.name} fits into {most} symbols.",
                    f"The first one needs a --limit of {symbols} or more.",
                )
            if symbols > most:
                return
            yield Block(sequence, f"example {number} of {self.name}", begins_sequence=True)

    def describe(self) -> dict[str, Any]:
        """Name, kind, settings and limit."""
        settings = {each.name: getattr(self.task, each.name) for each in self.task.settings()}
        return {"name": self.name, "kind": self.kind, "settings": settings, "limit": self.limit}


def open_task(name: str, limit: int | None = None) -> TaskSource:
    """The source `task:NAME` or `task:NAME,key=value,…`.

    Raises:
        UnknownNameError: there is no such task, or no such setting.
        SettingsError: a setting's value is not allowed.
    """
    task, _, settings = name.removeprefix("task:").partition(",")
    return TaskSource(name, make(TASKS.get(task), settings), limit)
