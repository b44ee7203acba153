"""Which part of a text is for what: one to screen all neurons, one to choose among the best, one to tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unrolled.errors import SourceError
from unrolled.neurons.find.intervals import BLOCKS

SHORT = 32
"""A sequence is short if the text is so many times as long."""
LEAST = 200
"""Steps of the shortest text in which anything is sought."""


@dataclass(frozen=True)
class Parts:
    """The first quarter is screened, the second chooses, the other half tells; short sequences stay whole."""

    screen: range
    choose: range
    tell: range

    @classmethod
    def of(cls, sequences: Sequence[range]) -> Parts:
        """
        Raises:
            SourceError: the text is too short.
        """
        steps = sequences[-1].stop if sequences else 0
        if steps < LEAST:
            raise SourceError(
                f"The text has {steps:,} steps; to choose neurons on one part and tell their scores on another, "
                f"{LEAST:,} are needed.",
                "Take a longer text.",
            )
        first, second = _cut(sequences, steps // 4), _cut(sequences, steps // 2)
        return cls(range(first), range(first, second), range(second, steps))

    @property
    def cuts(self) -> tuple[int, int]:
        return self.choose.start, self.tell.start


def blocks(part: range, steps: range) -> Iterator[tuple[int, range]]:
    """Cuts steps of a part where its blocks end; gives the number of each block too."""
    start = steps.start
    while start < steps.stop:
        block = (start - part.start) * BLOCKS // len(part)
        end = part.start - (-(block + 1) * len(part) // BLOCKS)
        stop = min(end, steps.stop)
        yield block, range(start, stop)
        start = stop


def _cut(sequences: Sequence[range], step: int) -> int:
    """A step near the one that is wanted: where a sequence begins, if they are short beside the text."""
    within = next(sequence for sequence in sequences if step < sequence.stop)
    return step if SHORT * len(within) > sequences[-1].stop else within.start
