"""Checks the signals of one site while they stream past."""

from __future__ import annotations

import numpy as np

from unrolled.cells import CELLS, Identity
from unrolled.engines import BLOCK
from unrolled.errors import TraceError
from unrolled.traces.chunks import Array
from unrolled.traces.format import SHARD, SignalInfo, SiteInfo
from unrolled.traces.layout import initial_path, signal_path, statistics_path
from unrolled.traces.report import Finding
from unrolled.traces.rounding import allowance, allowed_distance, drift_of
from unrolled.traces.summary import Statistics, Stretch, zoom_levels
from unrolled.traces.trace import Trace


class SiteCheck:
    """Everything about one site that its own signals prove."""

    def __init__(self, trace: Trace, site: SiteInfo) -> None:
        self._trace = trace
        self._site = site
        self._sequences = trace.sequences_of(site.name)
        self._starts = np.array([span.start for span in self._sequences])
        self._lasts = np.array([span.stop - 1 for span in self._sequences])
        self._signals = {signal.name: signal for signal in site.signals}
        self._finite = {name: Finding("finite", site.name, name, routine=True) for name in self._signals}
        self._ranges = {
            name: Finding(f"within {signal.range[0]} to {signal.range[1]}", site.name, name, routine=True)
            for name, signal in self._signals.items()
            if signal.range != (None, None)
        }
        self._stretches: dict[str, list[Stretch]] = {name: [] for name in self._signals}
        self._statistics: dict[str, Statistics] = {}
        self._summary = {
            name: Finding("zoom and statistics are those of the values", site.name, name, routine=True)
            for name in self._signals
        }
        self._broken: set[str] = set()
        self._identities = [
            (identity, Finding(identity.equation, site.name, identity.signal)) for identity in self._own_identities()
        ]
        computed = str(trace.info.code.get("dtype", "float32"))
        self._computed = computed if computed in {"float64", "bfloat16"} else "float32"
        self._carried: Array | None = None

    def findings(self) -> list[Finding]:
        whole = self._trace.info.whole
        for name, found in self._summary.items():
            if name not in self._broken and whole:
                self._check_statistics(name, found)
            elif not whole:
                found.note = "the trace is unfinished: they may count more than is shown"
        identities = [found for _, found in self._identities]
        parts = [*self._finite.values(), *self._ranges.values(), *identities, *self._summary.values()]
        return [found for found in parts if found.values or found.note or not found.ok]

    def add(self, start: int, stop: int) -> None:
        """Checks steps `start` to `stop`, a stretch of the format's `CHUNK`."""
        now: dict[str, Array] = {}
        for name, signal in self._signals.items():
            try:
                values = self._trace.read(self._site.name, name, start, stop)
            except TraceError as error:
                self._broken.add(name)
                self._finite[name].readable, self._finite[name].note = False, error.message
                continue
            now[name] = values.astype(np.float64)
            legal = np.where(np.isfinite(values), values, 0)
            self._hold(self._finite[name], values, legal, start)
            if name in self._ranges:
                self._hold(self._ranges[name], legal, np.clip(legal, *self._bounds(signal)), start)
            if name not in self._broken:
                self._summarise(name, values, start, stop)
        self._check_identities(now, start, stop)

    def _hold(self, found: Finding, values: Array, legal: Array, start: int) -> None:
        """Exactly equal, as nearly always: counted without looking at each value twice."""
        if np.array_equal(values, legal):
            found.values += values.size
        else:
            found.add(values, legal, 0.0, start, self._sequences)

    def _bounds(self, signal: SignalInfo) -> tuple[float | None, float | None]:
        """A signal's range; a GRU's state may begin outside and then comes back slowly."""
        low, high = signal.range
        path = initial_path(self._site.name, signal.name)
        if self._trace.arrays.has(path):
            initial = self._trace.arrays.read(path)
            low = low if low is None else min(low, float(initial.min()))
            high = high if high is None else max(high, float(initial.max()))
        return low, high

    def _own_identities(self) -> list[Identity]:
        if self._site.cell not in CELLS.names():
            return []
        identities = CELLS.get(self._site.cell)().identities
        return [identity for identity in identities if identity.signal in self._signals]

    def _check_identities(self, now: dict[str, Array], start: int, stop: int) -> None:
        if not self._identities:
            return
        try:
            before = self._before(now, start, stop)
        except TraceError as error:
            for _, found in self._identities:
                found.readable, found.note = False, error.message
            return
        exact_now, exact_before = self._exactness(now, before, start, stop)
        for identity, found in self._identities:
            if self._signals[identity.signal].neurons != self._site.neurons:
                found.note = "not checked: it is projected, which only the weights can prove"
                continue
            try:
                right, allowed = allowed_distance(identity.right, now, before, exact_now, exact_before, identity.signal)
            except KeyError as missing:
                found.note = f"not checked: it needs {missing.args[0]}, which was not recorded"
                continue
            found.add(now[identity.signal], right, allowed, start, self._sequences)

    def _exactness(
        self, now: dict[str, Array], before: dict[str, Array], start: int, stop: int
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """The allowances of the signals and of the states before them; that of a cell state holds its drift."""
        drift_now: Array | None = None
        drift_before: Array | None = None
        if "cell" in now:
            reverse = self._site.direction == "reverse"
            order = slice(None, None, -1 if reverse else 1)
            cell = now["cell"][order]
            forget = now["forget_gate"][order] if "forget_gate" in now else np.ones_like(cell)
            begins = np.isin(np.arange(start, stop), self._lasts if reverse else self._starts)[order]
            # The stretches of a reverse layer come last first, so what was carried into one is not known.
            unknown = self._carried is None or reverse
            carried = BLOCK * np.maximum(np.abs(cell).max(axis=0), 1) if unknown else self._carried
            assert carried is not None
            after, prior = drift_of(cell, forget, begins, carried)
            self._carried = after[-1]
            drift_now, drift_before = after[order], prior[order]

        def exact(part: dict[str, Array], drift: Array | None) -> dict[str, Array]:
            return {
                name: allowance(
                    values,
                    str(self._trace.arrays.dtype(signal_path(self._site.name, name))),
                    self._computed,
                    drift if name == "cell" else None,
                )
                for name, values in part.items()
            }

        return exact(now, drift_now), exact(before, drift_before)

    def _before(self, now: dict[str, Array], start: int, stop: int) -> dict[str, Array]:
        """The states one step earlier in the order of reading (for a reverse layer: one step later), NaN where a
        sequence begins and its initial state is not known."""
        before: dict[str, Array] = {}
        reverse = self._site.direction == "reverse"
        firsts = self._lasts if reverse else self._starts
        for name, values in now.items():
            if self._signals[name].role != "state" or name in self._broken:
                continue
            edge = stop if reverse else start - 1
            inside = 0 <= edge < self._trace.steps_of(self._site.name)
            other = self._trace.read(self._site.name, name, edge, edge + 1) if inside else np.zeros_like(values[:1])
            joined = [values[1:], other] if reverse else [other, values[:-1]]
            earlier = np.concatenate(joined).astype(np.float64)
            here = np.flatnonzero((firsts >= start) & (firsts < stop))
            path = initial_path(self._site.name, name)
            if self._trace.arrays.has(path):
                initial = self._trace.arrays.read(path)
                earlier[firsts[here] - start] = initial[here]
            else:
                earlier[firsts[here] - start] = np.nan
            before[name] = earlier
        return before

    def _summarise(self, name: str, values: Array, start: int, stop: int) -> None:
        stretch = Stretch.of(values)
        self._stretches[name].append(stretch)
        known = self._statistics.get(name)
        with np.errstate(invalid="ignore", over="ignore"):
            self._statistics[name] = stretch.statistics if known is None else known.merged(stretch.statistics)
        if stop % SHARD and stop != self._trace.steps_of(self._site.name):
            return
        first = (stop - 1) // SHARD * SHARD
        for level, expected in enumerate(zoom_levels(self._stretches[name])):
            self._compare_zoom(name, level, expected, first)
        self._stretches[name] = []

    def _compare_zoom(self, name: str, level: int, expected: Array, first: int) -> None:
        found = self._summary[name]
        path = f"zoom/{self._site.name}/{name}/{level}"
        if not self._trace.info.whole or not self._trace.arrays.has(path):
            return
        block = first // self._trace.info.zoom.blocks[level]
        try:
            stored = self._trace.arrays.read(path, slice(block, block + len(expected)))
        except TraceError as error:
            found.readable, found.note = False, error.message
            return
        largest = np.abs(expected[:, :, :2]).max(axis=2)
        for part, allowed in ((0, 0.0), (1, 0.0), (2, 2.0**-22 * largest)):
            found.add(stored[:, :, part], expected[:, :, part], allowed, first, self._sequences)

    def _check_statistics(self, name: str, found: Finding) -> None:
        path = statistics_path(self._site.name, name)
        if not self._trace.arrays.has(path) or name not in self._statistics:
            return
        try:
            stored = self._trace.arrays.read(path)
        except TraceError as error:
            found.readable, found.note = False, error.message
            return
        with np.errstate(invalid="ignore", over="ignore"):
            expected = self._statistics[name].table()
            largest = expected[:, 4].astype(np.float64)
        # float32 of sums in float64: one rounding of the value, or of what it is the difference of.
        allowed = np.stack([largest * 0, largest * 0, largest * 2.0**-22, largest**2 * 2.0**-22, largest * 0], axis=1)
        found.add(stored.T, expected.T, allowed.T, 0, self._sequences)
