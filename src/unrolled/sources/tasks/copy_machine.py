"""Remember letters in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.tasks.task import EDGE, Batch, Draws, Task, setting

_MOST = 1024  # strings in a recording


@dataclass(frozen=True)
class CopyMachine(Task):
    """`length` letters out of the first `letters` of the alphabet, an X, the same letters, such as `bacXbac`.

    Every such string comes equally often (27 by default). A network must keep what came and in which order. A
    recording holds all of them, or 1024 evenly spread ones. After the article "Exploring LSTMs" (2017).
    """

    name: ClassVar[str] = "copy-machine"
    mark: ClassVar[str] = "X"

    length: int = setting(3, 1, 100_000, "how many letters are to be copied")
    letters: int = setting(3, 1, 26, "how many different letters there are")

    @property
    def alphabet(self) -> str:
        return EDGE + ascii_lowercase[: self.letters] + "X"

    def draw(self, rng: np.random.Generator, count: int) -> Draws:
        return (rng.integers(1, self.letters, (count, self.length), endpoint=True),)

    def lay_out(self, *draws: NDArray[Any]) -> Batch:
        (text,) = draws
        count = len(text)
        edge, x = np.zeros((count, 1), np.int64), np.full((count, 1), self.letters + 1)
        symbols = np.concatenate([edge, text, x, text, edge], axis=1)
        return self._finish(symbols, np.full(count, 2 * self.length + 3), np.full(count, self.length))

    def sequences(self) -> Iterator[str]:
        total = self.letters**self.length
        for place in range(min(total, _MOST)):
            text = self._text(place * total // min(total, _MOST))
            yield f"{EDGE}{text}X{text}{EDGE}"

    def answer(self, question: str) -> str | None:
        known = set(ascii_lowercase[: self.letters])
        return question if len(question) == self.length and set(question) <= known else None

    def _text(self, number: int) -> str:
        """The string that is the number-th in the order of a dictionary."""
        places: list[str] = []
        for _ in range(self.length):
            number, letter = divmod(number, self.letters)
            places.append(ascii_lowercase[letter])
        return "".join(reversed(places))
