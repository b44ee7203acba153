"""Writes a trace while it is recorded: bounded memory, whole or marked as unfinished, able to go on after any end."""

from __future__ import annotations

import json
import os
import shutil
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save  # pyright: ignore[reportUnknownVariableType]

from unrolled.errors import TraceError
from unrolled.files import sync, write_whole
from unrolled.traces.chunks import Array
from unrolled.traces.columns import PlainColumn, SignalColumn, encode
from unrolled.traces.format import CHUNK, SHARD, Telling, TraceInfo
from unrolled.traces.layout import ArrayPlan, signal_path
from unrolled.traces.place import disk_errors, lock, read_attributes
from unrolled.traces.summary import Statistics, Stretch

PENDING = 64 * 2**20
"""Bytes of signals that may wait to be compressed."""


class TraceWriter:
    """Grows a trace in its place, shard after shard; `open_writer` makes one.

    Signals of every site, and the outcome (loss, predictions), are added in the order of the steps; `commit` after each
    slice publishes what has become whole; `finish` at the end. As a context manager it lets go of its threads and files
    when an exception passes, and leaves what a resume needs.

    Attributes:
        start: steps that were there already when it was opened; the first one to add.
        carry: what `commit` was given with those steps.
    """

    def __init__(self, root: Path, info: TraceInfo, plans: Mapping[str, ArrayPlan]) -> None:
        self.root = root
        self.info = info
        self.start = info.complete_steps
        self._resume = root / "resume"
        self._lock = lock(self._resume)
        try:
            kept, statistics = self._load_state()
        except TraceError:
            self._lock.close()
            raise
        self.carry = {name[6:]: value for name, value in kept.items() if name.startswith("carry:")}
        self._loss = [float(kept["loss:sum"]), float(kept["loss:count"])] if "loss:sum" in kept else [0.0, 0.0]
        self._signals = {
            (site.name, signal.name): SignalColumn(
                root,
                site.name,
                signal.name,
                plans[signal_path(site.name, signal.name)],
                self.start,
                statistics.get(signal_path(site.name, signal.name)),
            )
            for site in info.sites
            for signal in site.signals
        }
        self._outcome = {
            path: PlainColumn(root, path, plans[path], self.start)
            for path in ("loss", "predictions/symbols", "predictions/probabilities")
            if path in plans
        }
        widest = max(plans[column.path].shape[1] for column in self._signals.values())
        self._limit = max(4, PENDING // (CHUNK * widest * 4))
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="trace")
        self._pending: deque[tuple[SignalColumn, Future[tuple[list[bytes], Stretch]]]] = deque()
        self._unsynced: list[Path] = []

    def add(self, site: str, signals: Mapping[str, Array]) -> None:
        """Adds the next steps of one site: signal name → `(steps, neurons)`. The arrays may be reused afterwards."""
        with self._disk_errors():
            for name, values in signals.items():
                column = self._signals[site, name]
                for ready in column.take(values):
                    self._pending.append((column, self._pool.submit(encode, ready)))
            self._drain(self._limit)

    def add_outcome(self, loss: Array, symbols: Array, probabilities: Array) -> None:
        """Adds the next steps' loss `(steps,)`, most probable symbols `(steps, top)` and their probabilities."""
        given = {"loss": loss, "predictions/symbols": symbols, "predictions/probabilities": probabilities}
        with self._disk_errors():
            for path, column in self._outcome.items():
                for values, written in column.take(given[path]):
                    self._unsynced += written
                    if path == "loss":
                        known = values[np.isfinite(values)].astype(np.float64)
                        self._loss = [self._loss[0] + float(known.sum()), self._loss[1] + len(known)]

    def commit(self, carry: Mapping[str, Array] | None = None) -> None:
        """Publishes the shards that are whole. Called after each slice, when every column has got the same steps.

        Args:
            carry: what a resume from the last shard border needs, such as the network's state there.
        """
        columns = [*self._signals.values(), *self._outcome.values()]
        if any(column.rows != columns[0].rows for column in columns):
            raise ValueError("The columns were given different numbers of steps.")
        border = columns[0].rows // SHARD * SHARD
        if border > self.info.complete_steps and columns[0].rows < self.info.planned_steps:
            with self._disk_errors():
                self._drain(0)
                self._publish(self.info.model_copy(update={"complete_steps": border}), carry or {})

    def finish(self) -> TraceInfo:
        """Publishes the whole trace; returns its attributes as they are now stored."""
        with self._disk_errors():
            self._drain(0)
            columns = [*self._signals.values(), *self._outcome.values()]
            if any(column.stored != self.info.planned_steps for column in columns):
                raise ValueError(f"Not every column was given its {self.info.planned_steps} steps.")
            nats = self._loss[0] / self._loss[1] if self._loss[1] else None
            update = {
                "complete_steps": self.info.planned_steps,
                "nats_per_symbol": nats if nats is not None and np.isfinite(nats) else None,
                "telling": self._telling(),
            }
            self._publish(self.info.model_copy(update=update), None)
            self._lock.close()
            shutil.rmtree(self._resume)
        return self.info

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for column in self._signals.values():
            column.abandon()
        self._lock.close()

    def _drain(self, limit: int) -> None:
        """Stores encoded steps, in their order, until no more than `limit` wait."""
        while self._pending and (len(self._pending) > limit or self._pending[0][1].done()):
            column, future = self._pending.popleft()
            self._unsynced += column.accept(*future.result())

    def _publish(self, info: TraceInfo, carry: Mapping[str, Array] | None) -> None:
        """Everything up to `info.complete_steps` lies safely on the disk before the attributes say so."""
        for column in self._signals.values():
            self._unsynced += column.write_statistics()
        for waiting in [self._pool.submit(sync, path) for path in self._unsynced]:
            waiting.result()
        sync(*{path.parent for path in self._unsynced})
        self._unsynced = []
        if carry is not None:
            self._save_state(info.complete_steps, carry)
        write_attributes(self.root, info)
        for path in self._resume.glob("*.safetensors"):
            if path.stem != str(info.complete_steps):
                path.unlink()
        self.info = info

    def _save_state(self, steps: int, carry: Mapping[str, Array]) -> None:
        state = {f"carry:{name}": np.ascontiguousarray(value) for name, value in carry.items()}
        state |= {"loss:sum": np.array(self._loss[0]), "loss:count": np.array(self._loss[1])}
        for column in self._signals.values():
            assert column.statistics is not None
            state |= column.statistics.arrays(column.path)
        write_whole(self._resume / f"{steps}.safetensors", save(state))

    def _load_state(self) -> tuple[dict[str, Array], dict[str, Statistics]]:
        """What `_save_state` wrote, and the statistics in it by the path of their signal."""
        if not self.start:
            return {}, {}
        try:
            kept = load_file(self._resume / f"{self.start}.safetensors")
            paths = [signal_path(site.name, signal.name) for site in self.info.sites for signal in site.signals]
            return kept, {path: Statistics.from_arrays(kept, path) for path in paths}
        except Exception as error:  # missing or damaged: safetensors has its own kinds of errors
            raise TraceError(
                f"What a resume of {self.root} needs is missing or damaged.", "Record it again with --overwrite."
            ) from error

    def _telling(self) -> Telling:
        best: tuple[float, Telling] | None = None
        for site in self.info.sites:
            statistics = self._signals[site.name, site.main_signal].statistics
            assert statistics is not None
            with np.errstate(invalid="ignore", over="ignore"):
                scores = statistics.telling()
            neuron = int(scores.argmax())
            if best is None or scores[neuron] > best[0]:
                best = float(scores[neuron]), Telling(site=site.name, signal=site.main_signal, neuron=neuron)
        assert best is not None
        return best[1]

    @contextmanager
    def _disk_errors(self) -> Generator[None]:
        done, planned = self.info.complete_steps, self.info.planned_steps
        hint = f"{done} of {planned} steps are recorded and readable; make room and go on with --resume."
        with disk_errors(self.root, hint):
            yield


def write_attributes(root: Path, info: TraceInfo) -> None:
    """Publishes the attributes of the group at once."""
    document, _ = read_attributes(root)
    document["attributes"] = info.model_dump(mode="json")
    write_whole(root / "zarr.json", json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode())
