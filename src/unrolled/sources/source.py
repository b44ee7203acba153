"""What a source of symbols is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from unrolled.sources.vocabulary import Vocabulary

Symbols = Literal["characters", "bytes"]
SYMBOLS: tuple[Symbols, ...] = ("characters", "bytes")


@dataclass(frozen=True)
class Block:
    """A piece of a source, small enough for memory.

    Args:
        text: characters, or bytes where the source is read as bytes.
        place: the file or example that it comes from, for error messages.
        begins_sequence: whether a sequence of its own begins here (a new example of a task).
    """

    text: str | bytes
    place: str
    begins_sequence: bool = False


class Source(Protocol):
    """Where symbols come from: a text of any size, or a task's examples. It can be read any number of times."""

    @property
    def name(self) -> str:
        """The source as it was asked for, such as `task:counter` or `book.txt`."""
        ...

    @property
    def kind(self) -> Literal["text", "task"]:
        """A text is one running sequence; each example of a task is its own."""
        ...

    @property
    def symbols(self) -> Symbols:
        """What a symbol is."""
        ...

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The vocabulary where it is fixed beforehand: that of a task, or all bytes."""
        ...

    def blocks(self) -> Iterator[Block]:
        """The whole source from its beginning, piece by piece.

        Raises:
            SourceError: it cannot be read as asked.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What a run's settings keep of it: enough to open it again."""
        ...
