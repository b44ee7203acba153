"""Count, but not everything: the X's among the a's do not count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.tasks.task import EDGE, Batch, Draws, Task, setting


@dataclass(frozen=True)
class SelectiveCounter(Task):
    """N a's with up to `distractors` X's anywhere among them, a Y, N b's, such as `aXaaXYbbb`.

    N and the number of X's are drawn apart, each value equally often, and then one of all their orders. A network
    must shut its memory to the X's. A recording holds, for each N and each number of X's, one order that is always
    the same (there are far too many to hold all). After the article "Exploring LSTMs" (2017).
    """

    name: ClassVar[str] = "selective-counter"
    mark: ClassVar[str] = "Y"

    minimum: int = setting(1, 1, 100_000, "the fewest a's")
    maximum: int = setting(10, 1, 100_000, "the most a's")
    distractors: int = setting(10, 0, 100_000, "the most X's")

    @property
    def alphabet(self) -> str:
        return EDGE + "abXY"

    def draw(self, rng: np.random.Generator, count: int) -> Draws:
        """The a's, the length of the question, and a random key for each of its places; 2 where it has ended."""
        many = rng.integers(self.minimum, self.maximum, count, endpoint=True)
        questions = many + rng.integers(0, self.distractors, count, endpoint=True)
        longest = int(questions.max(initial=0))
        keys = np.full((count, self.maximum + self.distractors), 2.0)
        keys[:, :longest] = rng.random((count, longest))
        keys[np.arange(keys.shape[1]) >= questions[:, None]] = 2.0
        return many, questions, keys

    def lay_out(self, *draws: NDArray[Any]) -> Batch:
        edge, a, b, x, y = range(5)
        many, questions, keys = draws
        lengths = questions + many + 3
        steps = np.arange(int(lengths.max(initial=0)))
        n, q = many[:, None], questions[:, None]
        # A random order of a's and X's: the n places with the smallest of q random keys are a's.
        keys = keys[:, : int(questions.max(initial=0))]
        ranks = keys.argsort(axis=1).argsort(axis=1)
        symbols = np.full((len(many), len(steps)), edge)
        symbols[:, 1 : 1 + keys.shape[1]] = np.where(ranks < n, a, x)
        symbols[steps == q + 1] = y
        symbols[(steps > q + 1) & (steps <= q + n + 1)] = b
        symbols[steps > q + n + 1] = edge
        return self._finish(symbols, lengths, questions)

    def sequences(self) -> Iterator[str]:
        random = Random(0)  # its random() stays the same in every version of Python
        for n in range(self.minimum, self.maximum + 1):
            for distractors in range(self.distractors + 1):
                letters = sorted("a" * n + "X" * distractors, key=lambda _: random.random())
                yield f"{EDGE}{''.join(letters)}Y{'b' * n}{EDGE}"

    def answer(self, question: str) -> str | None:
        return "b" * question.count("a") if "a" in question and set(question) <= {"a", "X"} else None
