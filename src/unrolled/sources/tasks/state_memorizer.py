"""Remember one bit for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.tasks.task import EDGE, Batch, Draws, Task, setting


@dataclass(frozen=True)
class StateMemorizer(Task):
    """A or B, then minimum to maximum x's, a Y, then a or b accordingly, such as `AxxxxYa`.

    Each letter and each number of x's comes equally often. A network must keep one bit while nothing happens.
    After the article "Exploring LSTMs" (2017).
    """

    name: ClassVar[str] = "state-memorizer"
    mark: ClassVar[str] = "Y"

    minimum: int = setting(1, 0, 100_000, "the fewest x's")
    maximum: int = setting(10, 0, 100_000, "the most x's")

    @property
    def alphabet(self) -> str:
        return EDGE + "ABabxY"

    def draw(self, rng: np.random.Generator, count: int) -> Draws:
        which = rng.integers(0, 2, count)
        return which, rng.integers(self.minimum, self.maximum, count, endpoint=True)

    def lay_out(self, *draws: NDArray[Any]) -> Batch:
        edge, capital, _, small, _, x, y = range(7)
        which, idle = draws
        count = len(idle)
        steps, n = np.arange(int(idle.max(initial=0)) + 5), idle[:, None]
        symbols = np.full((count, len(steps)), x)
        symbols[:, 0] = edge
        symbols[:, 1] = capital + which
        symbols[steps > n + 2] = edge
        symbols[steps == n + 2] = y
        symbols[np.arange(count), idle + 3] = small + which
        return self._finish(symbols, idle + 5, idle + 1)

    def sequences(self) -> Iterator[str]:
        for letter in "AB":
            for n in range(self.minimum, self.maximum + 1):
                yield f"{EDGE}{letter}{'x' * n}Y{letter.lower()}{EDGE}"

    def answer(self, question: str) -> str | None:
        return question[0].lower() if question[:1] in ("A", "B") and set(question[1:]) <= {"x"} else None
