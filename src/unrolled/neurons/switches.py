"""Neurons as switches: above a threshold on with one sign, below minus it with the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, COLUMNS
from unrolled.traces.layout import zoom_path
from unrolled.traces.trace import Trace, nothing_recorded

Off: TypeAlias = Literal["none", "before", "after", "both"]
SOME = 5
"""Neurons that a proposed threshold shall give, where it can."""


@dataclass(frozen=True)
class Layer:
    """One signal of one site, and what its neurons' values are a share of.

    Attributes:
        bounds: `(neurons,)` of float32: the signal's own bound, or each neuron's largest absolute value in the trace.
    """

    trace: Trace
    site: str
    signal: str
    bounds: Array

    def read(self, start: int, stop: int, neurons: slice | None = None) -> Array:
        """Values `(steps, neurons)`."""
        return self.trace.read(self.site, self.signal, start, stop, neurons)

    def zoom(self, blocks: slice, neurons: slice) -> Array | None:
        """Smallest, largest and mean value of whole chunks of steps, `(chunks, neurons, 3)`; None where they are not
        stored."""
        sizes = self.trace.info.zoom.blocks
        path = zoom_path(self.site, self.signal, sizes.index(CHUNK)) if CHUNK in sizes else ""
        return self.trace.arrays.read(path, blocks, neurons) if path and self.trace.arrays.has(path) else None

    def limits(self, threshold: float) -> Array:
        """`(neurons,)` of float32, from where on a neuron is on; infinite for one that never leaves 0."""
        limits = np.float32(threshold) * self.bounds
        return np.where(limits > 0, limits, np.float32(np.inf))


def open_layers(trace: Trace, signal: str | None, sites: Sequence[str]) -> list[Layer]:
    """The layers of a trace that have a signal.

    Args:
        signal: its name; None for the main signal of the first site.
        sites: only these; all that have it where none is given.

    Raises:
        UnknownNameError: no such site or signal.
        TraceError: nothing is recorded, or the sites ran over different steps.
    """
    if not trace.steps:
        raise nothing_recorded(trace)
    for site in sites:
        if site not in trace.sites:
            raise UnknownNameError("site", site, trace.sites)
    infos = [trace.info.site(site) for site in dict.fromkeys(sites or trace.sites)]
    wanted = signal or infos[0].main_signal
    having = [info for info in infos if wanted in {each.name for each in info.signals}]
    if not having or (sites and len(having) < len(infos)):
        lacking = next(info for info in infos if info not in having)
        raise UnknownNameError(f"signal of {lacking.name}", wanted, [each.name for each in lacking.signals])
    if any(trace.sequences_of(info.name) != trace.sequences_of(having[0].name) for info in having):
        raise TraceError(
            f"{', '.join(info.name for info in having)} ran over different steps.", "Name one with --site."
        )
    layers: list[Layer] = []
    for info in having:
        found = info.signal(wanted)
        low, high = found.range
        if low is None or high is None:
            bounds = trace.statistics(f"{info.name}.{wanted}").largest.astype(np.float32)
        else:
            bounds = np.full(found.neurons, max(abs(low), abs(high)), np.float32)
        layers.append(Layer(trace, info.name, wanted, bounds))
    return layers


@dataclass(frozen=True)
class Switches:
    """The neurons of a layer that were chosen, each with the sign that it is on with.

    Attributes:
        limits: `(neurons of the layer,)`, see `Layer.limits`.
        signs: `(neurons of the layer,)`: 1, −1, or 0 for one that was not chosen.
    """

    layer: Layer
    limits: Array
    signs: Array

    @cached_property
    def chosen(self) -> Array:
        """The numbers of the chosen neurons."""
        return np.flatnonzero(self.signs)

    @cached_property
    def parts(self) -> list[slice]:
        """The neurons that have to be read to see the chosen ones: whole chunks, neighbours in one go."""
        blocks = np.unique(self.chosen // COLUMNS)
        groups = np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1) if len(blocks) else []
        return [slice(int(each[0]) * COLUMNS, (int(each[-1]) + 1) * COLUMNS) for each in groups]

    def on(self, start: int, stop: int) -> Array:
        """Whether each chosen neuron is on with its sign, `(steps, chosen)` of bool."""
        read: list[Array] = []
        for part in self.parts:
            signs = self.signs[part]
            values = self.layer.read(start, stop, part)[:, signs != 0]
            read.append(values * signs[signs != 0] >= self.limits[part][signs != 0])
        return np.concatenate(read, axis=1) if read else np.empty((stop - start, 0), np.bool_)

    def others(self, start: int, stop: int) -> Array:
        """Whether each neuron that was not chosen is on with either sign, `(steps, 2 · others)` of bool."""
        rest = self.signs == 0
        values, limits = self.layer.read(start, stop)[:, rest], self.limits[rest]
        return np.concatenate([values >= limits, -values >= limits], axis=1)


@dataclass(frozen=True)
class SpanValues:
    """What the neurons of a layer do over a span and beside it.

    Attributes:
        lowest, highest: `(neurons,)`, over the span.
        before, after: `(steps, neurons)`, at the step before it and the one after it; no step where its sequence ends.
    """

    layer: Layer
    lowest: Array
    highest: Array
    before: Array
    after: Array

    @classmethod
    def read(cls, layer: Layer, span: range) -> SpanValues:
        """Reads a span of a sequence, a chunk at a time."""
        sequence = next(each for each in layer.trace.sequences_of(layer.site) if span.start in each)
        before = layer.read(max(span.start - 1, sequence.start), span.start)
        after = layer.read(span.stop, min(span.stop + 1, sequence.stop))
        lowest, highest = np.full_like(layer.bounds, np.inf), np.full_like(layer.bounds, -np.inf)
        for start in range(span.start, span.stop, CHUNK):
            values = layer.read(start, min(start + CHUNK, span.stop))
            lowest, highest = np.minimum(lowest, values.min(axis=0)), np.maximum(highest, values.max(axis=0))
        return cls(layer, lowest, highest, before, after)

    def choose(self, threshold: float, off: Off) -> Switches:
        """The neurons that are on all over the span; with `off` only those that are not so beside it."""
        limits = self.layer.limits(threshold)
        signs = np.zeros(len(limits), np.int8)
        for sign, least in ((1, self.lowest), (-1, -self.highest)):
            on = least >= limits
            if off in ("before", "both"):
                on &= ~(sign * self.before >= limits).any(axis=0)
            if off in ("after", "both"):
                on &= ~(sign * self.after >= limits).any(axis=0)
            signs[on] = sign
        return Switches(self.layer, limits, signs)


def propose_threshold(spans: Sequence[SpanValues], off: Off) -> tuple[float | None, int]:
    """The largest threshold that gives `SOME` neurons, or else as many as any does, and how many those are; None where
    none gives one."""
    shares: list[Array] = []
    for span in spans:
        bounds = np.where(span.layer.bounds > 0, span.layer.bounds, np.float32(np.inf))
        shares += [span.lowest / bounds, -span.highest / bounds]
    every = np.floor(np.concatenate(shares).astype(np.float64) * 1000) / 1000
    best, most = None, 0
    for threshold in sorted({float(each) for each in every if each > 0}, reverse=True):
        count = sum(len(span.choose(threshold, off).chosen) for span in spans)
        if count > most:
            best, most = threshold, count
        if most >= SOME:
            break
    return best, most


def check_span(trace: Trace, site: str, span: range) -> None:
    """Refuses a span that is empty, is not there, or leaves its sequence.

    Raises:
        TraceError: one of these.
    """
    steps = trace.steps_of(site)
    if not 0 <= span.start < span.stop <= steps:
        raise TraceError(
            f"The span {span.start}:{span.stop} holds no steps of the trace, which has 0:{steps}.",
            "START is the first step, STOP the one after the last.",
        )
    sequence = next(each for each in trace.sequences_of(site) if span.start in each)
    if span.stop > sequence.stop:
        raise TraceError(
            f"The span {span.start}:{span.stop} leaves its sequence, which is {sequence.start}:{sequence.stop}.",
            "Take a span within one sequence.",
        )


def check_threshold(threshold: float) -> None:
    """Refuses a threshold that is no share."""
    if not 0 < threshold <= 1:
        raise SettingsError(f"The threshold cannot be {threshold}: it is a share, above 0 and up to 1.")
