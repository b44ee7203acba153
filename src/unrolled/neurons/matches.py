"""Match: where else the neurons do what they do over a span of the text.

The way of working of LSTMVis (Strobelt, Gehrmann, Pfister and Rush 2018): choose the neurons that are on all over the
span, then find all other places of the trace where they are on together, and see what comes next there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unrolled.errors import SettingsError, TraceError
from unrolled.neurons.contexts import Surroundings
from unrolled.neurons.runs import Runs, search
from unrolled.neurons.switches import (
    Off,
    SpanValues,
    Switches,
    check_span,
    check_threshold,
    open_layers,
    propose_threshold,
)
from unrolled.progress import Progress, silent
from unrolled.traces.chunks import Array
from unrolled.traces.names import Name
from unrolled.traces.trace import Trace

LONGEST = 200
"""Symbols of a place that are given as text."""


@dataclass(frozen=True)
class Chosen:
    """A neuron that is on all over the span: `sign` · its value ≥ `threshold`, in its own units."""

    name: str
    sign: int
    threshold: float


@dataclass(frozen=True)
class Span:
    """Steps `start` to `stop`, what stands there (of a long one the beginning), and the text around it."""

    start: int
    stop: int
    before: str
    text: str
    after: str


@dataclass(frozen=True)
class Match(Span):
    """A place with the span's pattern.

    Attributes:
        on: how many of the chosen neurons are on all over it.
        others: how many other neurons are.
        next: the symbol that comes next; None where the sequence ends.
    """

    on: int
    others: int
    next: str | None


@dataclass(frozen=True)
class Next:
    """A symbol that comes next after places, or None: their sequence ends; `share` of all places."""

    symbol: str | None
    places: int
    share: float


@dataclass(frozen=True)
class Matches:
    """What `find_matches` gives.

    Attributes:
        least: how many of the chosen neurons are on at each step of a place.
        places: how many were found, besides the span itself.
        matches: the best of them, best first.
        next: what comes next after all of them, most frequent first; empty where there are no symbols.
    """

    signal: str
    sites: tuple[str, ...]
    threshold: float
    off: Off
    least: int
    span: Span
    neurons: tuple[Chosen, ...]
    steps: int
    places: int
    matches: tuple[Match, ...]
    next: tuple[Next, ...]

    def to_json(self) -> dict[str, Any]:
        """The keys of docs/reference/match.md."""
        return asdict(self)


def find_matches(
    trace: Trace,
    span: range,
    *,
    signal: str | None = None,
    sites: Sequence[str] = (),
    threshold: float = 0.3,
    off: Off = "none",
    least: int | None = None,
    top: int = 50,
    progress: Progress = silent,
) -> Matches:
    """All other places of a trace with the pattern of a span.

    Args:
        span: steps, counted over all sequences, within one of them.
        signal: whose values count; None for the main signal (the cell state where there is one, else the hidden one).
        sites: layers that count; all that have the signal where none is given.
        threshold: a share, above 0 and up to 1: of the signal's bound where it has one, else of each neuron's own
            largest absolute value in the trace.
        off: chooses only neurons that are off at the step before the span, after it, or both; where the sequence
            begins or ends they count as off.
        least: chosen neurons that must be on at each step of a place; None for three of four, rounded up.
        top: places to give; all are counted.
        progress: told the steps that were searched.

    Raises:
        UnknownNameError: no such site or signal.
        SettingsError: a threshold, `least` or `top` out of its range.
        TraceError: no such span, or no neuron is on all over it: then the hint proposes a threshold.
    """
    layers = open_layers(trace, signal, sites)
    check_span(trace, layers[0].site, span)
    check_threshold(threshold)
    if top < 1:
        raise SettingsError(f"There must be 1 place or more to give, not {top}.")
    spans = [SpanValues.read(layer, span) for layer in layers]
    switches = [each.choose(threshold, off) for each in spans]
    neurons = tuple(neuron for each in switches for neuron in _chosen(each))
    if not neurons:
        raise _nothing_on(spans, span, threshold, off)
    wanted = math.ceil(0.75 * len(neurons)) if least is None else least
    if not 1 <= wanted <= len(neurons):
        raise SettingsError(f"There are {len(neurons)} chosen neurons: 1 to {len(neurons)} can be on, not {wanted}.")
    text = Surroundings(trace, layers[0].site)
    best = _Best(text, span, top, len(trace.vocabulary) if text.symbolic else 0)
    search(switches, text.sequences, wanted, best.take, progress)
    return Matches(
        signal=layers[0].signal,
        sites=tuple(layer.site for layer in layers),
        threshold=threshold,
        off=off,
        least=wanted,
        span=Span(span.start, span.stop, *_texts(text, span.start, span.stop)),
        neurons=neurons,
        steps=text.sequences[-1].stop,
        places=best.places,
        matches=tuple(best.matches()),
        next=tuple(best.next()),
    )


class _Best:
    """Keeps the best places of all that stream past, and counts what comes next after each."""

    def __init__(self, text: Surroundings, span: range, top: int, symbols: int) -> None:
        self.places = 0
        self._text, self._span, self._top = text, span, top
        self._kept = np.empty((0, 4), np.int64)
        self._ends = np.array([sequence.stop for sequence in text.sequences])
        self._next = np.zeros(symbols + 1, np.int64)  # the last one: its sequence ends

    def take(self, runs: Runs) -> None:
        """Takes the next runs of the trace."""
        counts = runs.counts
        counts = counts[(counts[:, 1] <= self._span.start) | (counts[:, 0] >= self._span.stop)]
        self.places += len(counts)
        if len(self._next) > 1:
            np.add.at(self._next, self._following(counts[:, 1]), 1)
        known = np.concatenate([self._kept, counts])
        start, stop, on, others = known.T
        order = np.lexsort((start, others, np.abs(stop - start - len(self._span)), -on))
        self._kept = known[order[: self._top]]

    def _following(self, stops: Array) -> Array:
        """The symbol at each step, which rise; one more than there are where a sequence has ended before it."""
        found = np.full(len(stops), len(self._next) - 1)
        goes_on = ~np.isin(stops, self._ends)
        if goes_on.any():
            first, last = int(stops[goes_on][0]), int(stops[goes_on][-1])
            found[goes_on] = self._text.codes(first, last + 1)[stops[goes_on] - first]
        return found

    def matches(self) -> list[Match]:
        found: list[Match] = []
        for start, stop, on, others in self._kept.tolist():
            ended = not self._text.symbolic or stop in self._ends
            after = None if ended else self._text.between(stop, stop + 1)
            found.append(Match(start, stop, *_texts(self._text, start, stop), on, others, after))
        return found

    def next(self) -> list[Next]:
        order = np.argsort(-self._next, kind="stable")
        counted = [(int(code), int(self._next[code])) for code in order if self._next[code]]
        last = len(self._next) - 1
        return [
            Next(None if code == last else self._text.symbol(code), count, count / self.places)
            for code, count in counted
        ]


def _chosen(switches: Switches) -> list[Chosen]:
    layer = switches.layer
    return [
        Chosen(str(Name(layer.site, layer.signal, neuron)), int(switches.signs[neuron]), float(switches.limits[neuron]))
        for neuron in switches.chosen.tolist()
    ]


def _texts(text: Surroundings, start: int, stop: int) -> tuple[str, str, str]:
    return text.before(start), text.between(start, min(stop, start + LONGEST)), text.after(stop)


def _nothing_on(spans: Sequence[SpanValues], span: range, threshold: float, off: Off) -> TraceError:
    proposed, count = propose_threshold(spans, off)
    beside = "" if off == "none" else " and off beside it"
    if proposed is None:
        hint = "No threshold gives one: take a shorter span" + ("." if off == "none" else ", or --off none.")
    else:
        hint = f"--threshold {proposed:g} gives {count}."
    return TraceError(
        f"No neuron is above the threshold {threshold:g} all over {span.start}:{span.stop}{beside}.", hint
    )
