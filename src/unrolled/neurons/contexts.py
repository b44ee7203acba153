"""What stands in the text around a step."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from unrolled.traces.chunks import Array
from unrolled.traces.symbols import character
from unrolled.traces.trace import Trace

BEFORE, AFTER = 40, 20
"""Symbols of a context; it ends with its sequence."""


@dataclass(frozen=True)
class Place:
    """A step, a neuron's value there, and the text around it."""

    step: int
    value: float
    before: str
    symbol: str
    after: str


class Surroundings:
    """The symbols of a trace as strings, read piece by piece; for a site with steps of its own, their numbers."""

    def __init__(self, trace: Trace, site: str) -> None:
        self.sequences = trace.sequences_of(site)
        self.symbolic = self.sequences == trace.sequences and trace.arrays.has("symbols")
        self._starts = [sequence.start for sequence in self.sequences]
        self._trace = trace
        self._between = "" if trace.info.symbols.kind in ("characters", "bytes") and self.symbolic else " "

    def sequence_at(self, step: int) -> range:
        """The sequence that a step is of."""
        return self.sequences[bisect_right(self._starts, step) - 1]

    def between(self, start: int, stop: int) -> str:
        """What stands at the steps from `start` to `stop`."""
        if not self.symbolic:
            return self._between.join(map(str, range(start, stop)))
        kind = self._trace.info.symbols.kind
        return self._between.join(character(label, kind) for label in self._trace.labels(start, stop))

    def codes(self, start: int, stop: int) -> Array:
        """The symbols of the steps from `start` to `stop` by their numbers, `(steps,)`."""
        return self._trace.arrays.read("symbols", slice(start, stop))

    def symbol(self, code: int) -> str:
        """The symbol with a number."""
        return character(self._trace.vocabulary[code], self._trace.info.symbols.kind)

    def before(self, start: int) -> str:
        """The symbols that lead to a step."""
        return self.between(max(start - BEFORE, self.sequence_at(start).start), start)

    def after(self, stop: int) -> str:
        """The symbols that follow the step before `stop`, in the same sequence."""
        return self.between(stop, min(stop + AFTER, self.sequence_at(stop - 1).stop))

    def place(self, step: int, value: float) -> Place:
        """A step with what stands around it."""
        return Place(step, value, self.before(step), self.between(step, step + 1), self.after(step + 1))
