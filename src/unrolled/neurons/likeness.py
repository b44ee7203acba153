"""Neurons that behave like one, in the same recording or in another of the same text: correlation over all steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.errors import TraceError
from unrolled.progress import Progress, silent
from unrolled.traces.chunks import Array
from unrolled.traces.format import SHARD, SiteInfo
from unrolled.traces.names import Name
from unrolled.traces.trace import Trace, nothing_recorded

NEIGHBOURS = 10


@dataclass(frozen=True)
class Neighbour:
    """A neuron, and its correlation with the one in question, −1 to 1."""

    name: str
    correlation: float


@dataclass(frozen=True)
class Counterpart:
    """The neuron of another recording that behaves most like the one in question, over the text of both."""

    trace: str
    title: str
    name: str
    correlation: float


class Correlations:
    """Pearson's correlation of one column with many, over values that stream by."""

    def __init__(self) -> None:
        self._shifts: tuple[float, Array] | None = None
        self._count = 0
        self._sums: list[Array] = []

    def add(self, one: Array, many: Array) -> None:
        """Takes `(steps,)` and `(steps, neurons)`."""
        if self._shifts is None:  # sums of distances from a first mean lose less than sums of values
            self._shifts = float(one.mean()), many.mean(axis=0, dtype=np.float64)
        x, y = one - self._shifts[0], many - self._shifts[1]
        parts = [x.sum(), np.square(x).sum(), y.sum(axis=0), np.einsum("ij,ij->j", y, y), x @ y]
        self._sums = [before + part for before, part in zip(self._sums, parts, strict=True)] if self._sums else parts
        self._count += len(one)

    def result(self) -> Array:
        """`(neurons,)`; 0 where either does not vary."""
        x, xx, y, yy, xy = self._sums
        spread = (xx - x * x / self._count) * (yy - y * y / self._count)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (xy - x * y / self._count) / np.sqrt(spread)
        return np.where(spread > 0, np.clip(found, -1, 1), 0.0)


def neighbours(trace: Trace, name: Name, *, progress: Progress = silent) -> tuple[Neighbour, ...]:
    """The neurons with the same signal, of every site that ran over the same steps, that behave most like one."""
    own = trace.sequences_of(name.site)
    sites = [site for site in trace.info.sites if trace.sequences_of(site.name) == own and _has(site, name.signal)]
    found = [each for each in _ranked(trace, name, trace, sites, progress) if each.name != str(name)]
    return tuple(found[:NEIGHBOURS])


def counterpart(trace: Trace, name: Name, other: Trace, *, progress: Progress = silent) -> Counterpart:
    """The neuron of another trace of the same text that behaves most like one: the role in another seed, cell or
    checkpoint. The same signal where the other cell has it, else its main signal; as far as both have read. Layers of
    the other that ran over other steps are left out.

    Raises:
        TraceError: the other trace is of another text or input, or nothing was recorded.
    """
    if not other.steps:
        raise nothing_recorded(other)
    best = next(iter(_ranked(trace, name, other, _sites_beside(trace, name.site, other), progress)))
    return Counterpart(str(other.path or other.title), other.title, best.name, best.correlation)


def _has(site: SiteInfo, signal: str) -> bool:
    return signal in {each.name for each in site.signals}


def _ranked(trace: Trace, name: Name, other: Trace, sites: Sequence[SiteInfo], progress: Progress) -> list[Neighbour]:
    """All neurons of the sites, those with the strongest correlation first."""
    found: list[Neighbour] = []
    for done, site in enumerate(sites):
        signal = name.signal if _has(site, name.signal) else site.main_signal
        steps = min(trace.steps_of(name.site), other.steps_of(site.name))
        sums = Correlations()
        for start, stop in _blocks(steps):
            one = trace.read(name.site, name.signal, start, stop, name.neuron).astype(np.float64)
            sums.add(one, other.read(site.name, signal, start, stop))
            progress(done * steps + stop, len(sites) * steps)
        values = sums.result().tolist()
        found += [Neighbour(str(Name(site.name, signal, neuron)), value) for neuron, value in enumerate(values)]
    return sorted(found, key=lambda each: -abs(each.correlation))


def _blocks(steps: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + SHARD, steps)) for start in range(0, steps, SHARD))


def _sites_beside(trace: Trace, site: str, other: Trace) -> list[SiteInfo]:
    """The sites of another trace that ran over the same steps as one of this.

    Raises:
        TraceError: there are none, or the text is another.
    """
    place, own = other.path or other.title, trace.sequences_of(site)
    if trace.arrays.has("symbols") and other.arrays.has("symbols"):
        if own != trace.sequences:
            raise TraceError(f"{site} ran over other steps than the text: no other trace can be laid beside it.")
        _refuse_other_text(trace, other)
        own = other.sequences  # which may be longer
    sites = [each for each in other.info.sites if other.sequences_of(each.name) == own]
    if not sites:
        raise TraceError(f"{place} is of another input: no layer of it ran over the steps of {site}.")
    return sites


def _refuse_other_text(trace: Trace, other: Trace) -> None:
    codes = {symbol: code for code, symbol in enumerate(trace.vocabulary)}
    known = np.array([codes.get(symbol, -1) for symbol in other.vocabulary])
    for start, stop in _blocks(min(trace.steps, other.steps)):
        ours = trace.arrays.read("symbols", slice(start, stop)).astype(np.int64)
        theirs = known[other.arrays.read("symbols", slice(start, stop)).astype(np.int64)]
        if (ours != theirs).any():
            at = start + int((ours != theirs).argmax())
            raise TraceError(
                f"{other.path or other.title} is of another text than {trace.path or trace.title}: they differ at step "
                f"{at:,}.",
                "Record both over the same SOURCE, from its beginning.",
            )
