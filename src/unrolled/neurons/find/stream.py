"""A network's signals, a stretch of steps after another: while it runs, or from a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.networks import SITE, Network
from unrolled.progress import Progress, silent
from unrolled.traces.gathering import Outcome
from unrolled.traces.running import Run
from unrolled.traces.slices import Slice, plan_slices
from unrolled.traces.trace import Trace

Array: TypeAlias = npt.NDArray[Any]
READ = 2048
"""Steps of a recording that are read at a time."""


@dataclass(frozen=True)
class Stretch:
    """Some steps in a row.

    Attributes:
        start: the first step.
        values: `(steps, neurons)` of float32, all signals side by side, in the order of `Stream.signals`; it may be
            written over once the next stretch is asked for.
        loss: `(steps,)`, nats for the symbol that came next, NaN where none did; None where nothing was foretold.
    """

    start: int
    values: Array
    loss: Array | None

    @property
    def stop(self) -> int:
        return self.start + len(self.values)


class Stream(Protocol):
    """Where signals come from."""

    @property
    def signals(self) -> Mapping[str, int]:
        """Names such as `rnn.l0.cell`, and how many neurons each has."""
        ...

    @property
    def steps(self) -> int: ...

    def run(self, cuts: Sequence[int], take: Callable[[Stretch], None], progress: Progress) -> None:
        """Hands every stretch to `take`, in the order of time; none reaches over a cut."""
        ...


class RunningNetwork:
    """What a network computes while it reads; nothing is stored."""

    def __init__(
        self, network: Network, sequences: Sequence[Array], signals: Sequence[str] = (), engine: str = "auto"
    ) -> None:
        """
        Args:
            sequences: each `(steps,)` of whole numbers, each read from a state of zeros.
            signals: names of those to look at; all by default.
        """
        stack = network.rnn.stack()
        kept = [signal.name for signal in stack.cell.signals if not signals or signal.name in signals]
        sizes = {"hidden": stack.projection or stack.neurons}
        self.signals = {
            f"{SITE}.{layer.name}.{name}": sizes.get(name, stack.neurons) for layer in stack.layers for name in kept
        }
        self._network, self._engine, self._kept = network, engine, tuple(kept)
        self._symbols = np.concatenate([np.asarray(sequence, np.int64) for sequence in sequences])
        bounds = np.cumsum([0, *map(len, sequences)])
        self._spans = tuple(range(int(a), int(b)) for a, b in pairwise(bounds))
        self.steps = len(self._symbols)

    def run(self, cuts: Sequence[int], take: Callable[[Stretch], None], progress: Progress = silent) -> None:
        numbers = sum(self.signals.values()) + self._network.symbols
        slices = cut_slices(plan_slices(self._spans, numbers), cuts)
        run = Run(self._network, self._symbols, self._spans, self._kept, self._engine, top=1)
        run.record(slices, _Taker(self.signals, take), progress, lambda: False)


class RecordedTrace:
    """What a trace holds."""

    def __init__(self, trace: Trace, signals: Sequence[str] = ()) -> None:
        """
        Args:
            signals: names of those to look at; all by default. A site that ran over other steps than the symbols is
                left out.
        """
        own = trace.sequences
        sites = [site for site in trace.info.sites if trace.sequences_of(site.name) == own]
        self._paths = [
            (site.name, signal.name, signal.neurons)
            for site in sites
            for signal in site.signals
            if not signals or signal.name in signals
        ]
        self.signals = {f"{site}.{signal}": neurons for site, signal, neurons in self._paths}
        self.steps = trace.steps
        self._trace = trace

    def run(self, cuts: Sequence[int], take: Callable[[Stretch], None], progress: Progress = silent) -> None:
        edges = sorted({0, self.steps, *cuts, *range(0, self.steps, READ)})
        values = np.empty((READ, sum(self.signals.values())), np.float32)
        for start, stop in pairwise(edges):
            first = 0
            for site, signal, neurons in self._paths:
                read = self._trace.read(site, signal, start, stop)
                values[: stop - start, first : first + neurons] = read
                first += neurons
            take(Stretch(start, values[: stop - start], self._trace.read_array("loss", start, stop)))
            progress(stop, self.steps)


def cut_slices(slices: Sequence[Slice], cuts: Sequence[int]) -> list[Slice]:
    """The same slices, none of which reaches over a cut."""
    whole = list(slices)
    for cut in cuts:
        whole = [each for part in whole for each in (_parted(part, cut) if part.start < cut < part.stop else (part,))]
    return whole


def _parted(part: Slice, cut: int) -> Iterator[Slice]:
    """What is before the cut and what is after it; a sequence that is cut runs by itself."""
    if len(part.sequences) == 1:
        yield Slice((range(part.start, cut),), fresh=part.fresh)
        yield Slice((range(cut, part.stop),), fresh=False)
        return
    before = tuple(sequence for sequence in part.sequences if sequence.stop <= cut)
    after = tuple(sequence for sequence in part.sequences if sequence.start >= cut)
    within = part.sequences[len(before) : len(part.sequences) - len(after)]
    for sequences in (before, within, after):
        if sequences is within and within:
            yield from _parted(Slice(within), cut)
        elif sequences:
            yield replace(part, sequences=sequences)


class _Taker:
    """The recorder that a run is given: gathers a slice, and hands it on when it is whole."""

    def __init__(self, signals: Mapping[str, int], take: Callable[[Stretch], None]) -> None:
        self.start = 0
        self.carry: dict[str, Array] = {}
        self._take = take
        ends = np.cumsum(list(signals.values())).tolist()
        self._columns = {name: slice(end - size, end) for (name, size), end in zip(signals.items(), ends, strict=True)}
        self._values = np.empty((0, ends[-1]), np.float32)
        self._rows: dict[str, int] = {}
        self._done = 0
        self._loss: Array | None = None

    def add(self, site: str, signals: Mapping[str, Array]) -> None:
        first = self._rows.get(site, 0)
        for name, values in signals.items():
            self._make_room(first + len(values))
            column = self._columns[f"{site}.{name}"]
            # PyTorch copies in all threads, which at these sizes takes a third of the time.
            torch.from_numpy(self._values[first : first + len(values), column]).copy_(torch.from_numpy(values))
            self._rows[site] = first + len(values)

    def add_outcome(self, outcome: Callable[[], Outcome]) -> None:
        self._loss = outcome()[0]

    def commit(self, carry: Mapping[str, Array] | None = None) -> None:
        steps = next(iter(self._rows.values()))
        self._take(Stretch(self._done, self._values[:steps], self._loss))
        self._done += steps
        self._rows, self._loss = {}, None

    def _make_room(self, rows: int) -> None:
        if rows > len(self._values):
            grown = np.empty((max(rows, READ), self._values.shape[1]), np.float32)
            grown[: len(self._values)] = self._values
            self._values = grown
