"""The writer's counterpart for a trace that stays in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Protocol, TypeAlias

import numpy as np

from unrolled.traces.chunks import Array
from unrolled.traces.columns import copy_into
from unrolled.traces.format import CHUNK, Dtype, Telling, TraceInfo
from unrolled.traces.layout import signal_path
from unrolled.traces.summary import Statistics, Stretch
from unrolled.traces.trace import Trace

Outcome: TypeAlias = tuple[Array, Array, Array]
"""Of some steps the loss `(steps,)`, the most probable symbols `(steps, top)` and their probabilities."""


class Recorder(Protocol):
    """What a recording is given to; see `TraceWriter`."""

    start: int
    carry: dict[str, Array]

    def add(self, site: str, signals: Mapping[str, Array]) -> None: ...

    def add_outcome(self, outcome: Callable[[], Outcome]) -> None: ...

    def commit(self, carry: Mapping[str, Array] | None = None) -> None: ...


class Gatherer:
    """Keeps everything in memory."""

    start = 0

    def __init__(self, info: TraceInfo, fixed: Mapping[str, Array], dtype: Dtype = "float32") -> None:
        self.carry: dict[str, Array] = {}
        self._info = info
        self._fixed = dict(fixed)
        self._parts: dict[str, list[Array]] = {}
        self._dtypes = {
            signal_path(site.name, signal.name): signal.stored_as(dtype)
            for site in info.sites
            for signal in site.signals
        }

    def add(self, site: str, signals: Mapping[str, Array]) -> None:
        for name, values in signals.items():
            path = signal_path(site, name)
            kept = np.empty(values.shape, self._dtypes[path])
            copy_into(kept, values)
            self._parts.setdefault(path, []).append(kept)

    def add_outcome(self, outcome: Callable[[], Outcome]) -> None:
        loss, symbols, probabilities = outcome()
        self._parts.setdefault("loss", []).append(loss.astype(np.float32))
        self._parts.setdefault("predictions/symbols", []).append(symbols.astype(np.uint32))
        self._parts.setdefault("predictions/probabilities", []).append(probabilities.astype(np.float32))

    def commit(self, carry: Mapping[str, Array] | None = None) -> None:
        """Nothing to publish."""

    def finish(self) -> Trace:
        """The trace of all that was added."""
        arrays = self._fixed | {path: np.concatenate(parts) for path, parts in self._parts.items()}
        known = arrays["loss"][np.isfinite(arrays["loss"])] if "loss" in arrays else np.empty(0)
        update = {
            "complete_steps": self._info.planned_steps,
            "nats_per_symbol": float(known.astype(np.float64).mean()) if len(known) else None,
            "telling": most_telling(self._info, arrays),
        }
        return Trace.from_arrays(self._info.model_copy(update=update), arrays)


def most_telling(info: TraceInfo, arrays: Mapping[str, Array]) -> Telling:
    """The neuron among all sites' main signals whose picture tells most; see `Statistics.telling`."""
    best: tuple[float, Telling] | None = None
    for site in info.sites:
        statistics = statistics_of(arrays[signal_path(site.name, site.main_signal)])
        with np.errstate(invalid="ignore", over="ignore"):
            scores = statistics.telling()
        neuron = int(scores.argmax())
        if best is None or scores[neuron] > best[0]:
            best = float(scores[neuron]), Telling(site=site.name, signal=site.main_signal, neuron=neuron)
    assert best is not None
    return best[1]


def statistics_of(values: Array) -> Statistics:
    """Of all steps of a signal `(steps, neurons)`, with its changes; the numbers that a writer finds."""
    parts = (Stretch.of(values[first : first + CHUNK], moves=True) for first in range(0, len(values), CHUNK))
    with np.errstate(invalid="ignore", over="ignore"):
        return reduce(Statistics.merged, (part.statistics for part in parts))
