"""What a task is, and what all tasks share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import SettingsError, SourceError, UnknownNameError
from unrolled.sources.vocabulary import Vocabulary

EDGE = "\n"  # every sequence begins and ends with it; its number is 0 in every task, and so is the padding's


Draws: TypeAlias = tuple[NDArray[Any], ...]
"""What is random in some examples: arrays with one row (or number) an example."""


class Batch(NamedTuple):
    """Some examples side by side.

    Args:
        symbols: uint32 `(examples, longest)`, padded with 0 behind each example's end.
        lengths: int64 `(examples,)`, the steps of each example.
        knowable: bool `(examples, longest)`: the symbol at this step follows from those before it. It is so for the
            answer and the newline that ends it, and nowhere else.
    """

    symbols: NDArray[np.uint32]
    lengths: NDArray[np.int64]
    knowable: NDArray[np.bool_]


def setting(default: int, least: int, most: int, help: str) -> Any:
    """A task's setting: a whole number from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most, "help": help})


@dataclass(frozen=True)
class Task(ABC):
    """Strings that follow a rule: a question, a mark, and the answer that only memory can give.

    A sequence is a newline, the question, the mark, the answer and a newline: `"\\naaXbb\\n"`. It starts from the
    zero state. The settings are the dataclass's fields; `task:counter,maximum=20` sets one.

    Raises:
        SettingsError: a setting is out of its range, or one named `minimum` is above the one named `maximum`.
    """

    name: ClassVar[str]
    mark: ClassVar[str]

    def __post_init__(self) -> None:
        for each in self.settings():
            value, least, most = getattr(self, each.name), each.metadata["least"], each.metadata["most"]
            if not least <= value <= most:
                raise SettingsError(
                    f"task:{self.name} takes {each.name} from {least} to {most}, not {value}: {each.metadata['help']}."
                )
        minimum, maximum = getattr(self, "minimum", 0), getattr(self, "maximum", 0)
        if minimum > maximum:
            raise SettingsError(
                f"task:{self.name} has a minimum ({minimum}) above its maximum ({maximum}).",
                "Set both, as in minimum=5,maximum=20.",
            )

    @classmethod
    def settings(cls) -> tuple[Field[int], ...]:
        """The settings: name, default, and `least`, `most` and `help` in the metadata."""
        return cast(tuple["Field[int]", ...], fields(cls))

    @property
    @abstractmethod
    def alphabet(self) -> str:
        """Every symbol that occurs, the newline first."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int) -> Draws:
        """What chance decides about `count` examples; it depends on nothing but the generator's state."""

    @abstractmethod
    def lay_out(self, *draws: NDArray[Any]) -> Batch:
        """The examples that were drawn. Each follows from its own row of the draws, so draws can be put together."""

    @abstractmethod
    def sequences(self) -> Iterator[str]:
        """The examples that a recording holds, each once, in order: all that there are, or a fair choice."""

    @abstractmethod
    def answer(self, question: str) -> str | None:
        """The answer to a question; None where it is no question of this task.

        A question beyond the settings' range has an answer too, so that a network can be asked for more than it saw.
        """

    @property
    def vocabulary(self) -> Vocabulary:
        """The alphabet as a vocabulary."""
        return Vocabulary("characters", tuple(self.alphabet))

    def batch(self, rng: np.random.Generator, count: int) -> Batch:
        """`count` examples drawn at random."""
        return self.lay_out(*self.draw(rng, count))

    def examples(self, rng: np.random.Generator, count: int) -> list[str]:
        """`count` sequences drawn at random."""
        symbols, lengths, _ = self.batch(rng, count)
        letters = np.array(list(self.alphabet))
        return ["".join(letters[row[:length]]) for row, length in zip(symbols, lengths, strict=True)]

    def split(self, sequence: str) -> tuple[str, str]:
        """A sequence as what a network is given (up to the mark) and what it must answer (with the last newline)."""
        prime, mark, answer = sequence.rpartition(self.mark)
        return prime + mark, answer

    def expected(self, prime: str) -> str:
        """What must follow a prime, to the newline that ends the sequence.

        Args:
            prime: a newline, the question, the mark, and maybe a first part of the answer.

        Raises:
            SourceError: the prime is not of this task, or stops before the mark, where nothing is certain yet.
        """
        question, mark, begun = prime.removeprefix(EDGE).partition(self.mark)
        answer = self.answer(question) if mark and prime.startswith(EDGE) else None
        if answer is None or not (answer + EDGE).startswith(begun):
            like = next(iter(self.sequences()))
            raise SourceError(
                f"task:{self.name} has no answer to {prime!r}.",
                f"A prime reaches at least to the {self.mark}, such as {self.split(like)[0]!r}.",
            )
        return (answer + EDGE).removeprefix(begun)

    def _finish(self, symbols: NDArray[Any], lengths: NDArray[np.int64], questions: NDArray[np.int64]) -> Batch:
        """A batch from its symbols and the lengths of its questions."""
        steps = np.arange(int(symbols.shape[1]))
        knowable = (steps > questions[:, None] + 1) & (steps < lengths[:, None])
        return Batch(symbols.astype(np.uint32), lengths, knowable)


def make(cls: type[Task], given: str) -> Task:
    """A task from the settings in its address.

    Args:
        cls: the task.
        given: `key=value` separated by commas, such as `minimum=5,maximum=20`; may be empty.

    Raises:
        UnknownNameError: a key is no setting of this task; the message lists the valid ones.
        SettingsError: a value is no whole number, a key stands twice, or a value is out of its range.
    """
    allowed = [each.name for each in cls.settings()]
    values: dict[str, int] = {}
    for part in given.split(",") if given else ():
        key, _, value = part.partition("=")
        if key not in allowed:
            raise UnknownNameError(f"setting of task:{cls.name}", key, allowed)
        if key in values or not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            raise SettingsError(
                f"task:{cls.name} takes each setting once, as a whole number, not {part!r}.",
                f"For example task:{cls.name},{key}={next(e.default for e in cls.settings() if e.name == key)}.",
            )
        values[key] = int(value)
    return cls(**values)
