"""The writer's counterpart for a trace that stays in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from unrolled.traces.chunks import Array
from unrolled.traces.format import Dtype, Telling, TraceInfo
from unrolled.traces.layout import signal_path
from unrolled.traces.summary import Stretch
from unrolled.traces.trace import Trace


class Recorder(Protocol):
    """What a recording is given to; see `TraceWriter`."""

    start: int
    carry: dict[str, Array]

    def add(self, site: str, signals: Mapping[str, Array]) -> None: ...

    def add_outcome(self, loss: Array, symbols: Array, probabilities: Array) -> None: ...

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
            self._parts.setdefault(path, []).append(np.array(values, self._dtypes[path]))

    def add_outcome(self, loss: Array, symbols: Array, probabilities: Array) -> None:
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
        with np.errstate(invalid="ignore", over="ignore"):
            scores = Stretch.of(arrays[signal_path(site.name, site.main_signal)]).statistics.telling()
        neuron = int(scores.argmax())
        if best is None or scores[neuron] > best[0]:
            best = float(scores[neuron]), Telling(site=site.name, signal=site.main_signal, neuron=neuron)
    assert best is not None
    return best[1]
