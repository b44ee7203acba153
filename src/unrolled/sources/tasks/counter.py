"""Count: as many b's as there were a's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.tasks.task import EDGE, Batch, Draws, Task, setting


@dataclass(frozen=True)
class Counter(Task):
    """aᴺXbᴺ: N a's, an X, N b's, such as `aaaXbbb`, each N from minimum to maximum equally often.

    A network must count the a's up and the b's down. What is to be learned shows beyond the range that it was
    trained on. After the article "Exploring LSTMs" (2017) and Gers and Schmidhuber (2001).
    """

    name: ClassVar[str] = "counter"
    mark: ClassVar[str] = "X"

    minimum: int = setting(1, 1, 100_000, "the fewest a's")
    maximum: int = setting(10, 1, 100_000, "the most a's")

    @property
    def alphabet(self) -> str:
        return EDGE + "abX"

    def draw(self, rng: np.random.Generator, count: int) -> Draws:
        return (rng.integers(self.minimum, self.maximum, count, endpoint=True),)

    def lay_out(self, *draws: NDArray[Any]) -> Batch:
        edge, a, b, x = range(4)
        (many,) = draws
        steps, n = np.arange(2 * int(many.max(initial=0)) + 3), many[:, None]
        symbols = np.full((len(many), len(steps)), edge)
        symbols[(steps > 0) & (steps <= n)] = a
        symbols[steps == n + 1] = x
        symbols[(steps > n + 1) & (steps <= 2 * n + 1)] = b
        return self._finish(symbols, 2 * many + 3, many)

    def sequences(self) -> Iterator[str]:
        for n in range(self.minimum, self.maximum + 1):
            yield f"{EDGE}{'a' * n}X{'b' * n}{EDGE}"

    def answer(self, question: str) -> str | None:
        return "b" * len(question) if question and set(question) == {"a"} else None
