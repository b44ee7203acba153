"""Writes a trace while it is recorded: bounded memory, whole or marked as unfinished, able to go on after any end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from safetensors.numpy import load_file, save  # pyright: ignore[reportUnknownVariableType]

from unrolled.errors import TraceError
from unrolled.files import sync, write_whole
from unrolled.traces.chunks import Array
from unrolled.traces.columns import Encoded, PlainColumn, SignalColumn
from unrolled.traces.format import SHARD, Telling, TraceInfo
from unrolled.traces.gathering import Outcome
from unrolled.traces.layout import ArrayPlan, signal_path
from unrolled.traces.pipeline import Pipeline, Sharing
from unrolled.traces.place import disk_errors, lock, read_attributes
from unrolled.traces.summary import Statistics

PENDING = 64 * 2**20
"""Bytes of signals that may wait to be compressed and stored."""
SHARE = 0.1
"""Of the time that storing may spend on making whole shards safe and publishing them."""

T = TypeVar("T")


class TraceWriter:
    """Grows a trace in its place, shard after shard; `open_writer` makes one.

    Signals of every site, and the outcome (loss, predictions), are added in the order of the steps; `commit` after each
    slice publishes what has become whole; `finish` at the end. As a context manager it stores what it was given before
    it lets go of its threads and files, also when an exception passes, and leaves what a resume needs.

    Compression, the summaries and the files are the business of other threads: an error of theirs is raised by the next
    call. What touches the disk happens in one thread, in the order of the calls.

    Attributes:
        start: steps that were there already when it was opened; the first one to add.
        carry: what `commit` was given with those steps.
    """

    def __init__(self, root: Path, info: TraceInfo, plans: Mapping[str, ArrayPlan], sharing: Sharing) -> None:
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
                plans,
                self.start,
                statistics.get(signal_path(site.name, signal.name)),
                moves=signal.name == site.main_signal,
            )
            for site in info.sites
            for signal in site.signals
        }
        self._outcome = {
            path: PlainColumn(root, path, plans[path], self.start)
            for path in ("loss", "predictions/symbols", "predictions/probabilities")
            if path in plans
        }
        largest = max(column.together * plans[column.path].shape[1] * 4 for column in self._signals.values())
        self._pipeline = Pipeline(sharing, depth=max(4, min(64, PENDING // largest)))
        self._syncer = ThreadPoolExecutor(1, "trace-sync")
        self._syncing: list[Future[None]] = []
        self._border = self.start
        self._reached: tuple[int, Mapping[str, Array]] | None = None
        self._next = 0.0

    def add(self, site: str, signals: Mapping[str, Array]) -> None:
        """Adds the next steps of one site: signal name → `(steps, neurons)`. The arrays may be reused afterwards."""
        for name, values in signals.items():
            column = self._signals[site, name]
            for ready in column.take(values):
                self._give(partial(column.encode, ready), partial(self._accept, column))

    def add_outcome(self, outcome: Callable[[], Outcome]) -> None:
        """Adds the next steps' loss and predictions; `outcome` is called in another thread."""
        self._give(outcome, self._accept_outcome)

    def commit(self, carry: Mapping[str, Array] | None = None) -> None:
        """Publishes the shards that are whole. Called after each slice, when every column has got the same steps.

        Args:
            carry: what a resume from the last shard border needs, such as the network's state there.
        """
        columns = list(self._signals.values())
        if any(column.rows != columns[0].rows for column in columns):
            raise ValueError("The columns were given different numbers of steps.")
        border = columns[0].rows // SHARD * SHARD
        if border > self._border and columns[0].rows < self.info.planned_steps:
            self._border = border
            kept = {name: np.array(value) for name, value in (carry or {}).items()}
            self._give(lambda: kept, partial(self._reach, border))

    def finish(self) -> TraceInfo:
        """Publishes the whole trace; returns its attributes as they are now stored."""
        with self._disk_errors():
            self._pipeline.finish()
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
        try:
            self._pipeline.close()
            with self._disk_errors():
                if not self.info.whole:
                    self._publish_reached()
                self._pipeline.finish()
        except Exception:
            if error is None:
                raise
        finally:
            self._syncer.shutdown(cancel_futures=True)
            for column in self._signals.values():
                column.abandon()
            self._lock.close()

    def _give(self, make: Callable[[], T], store: Callable[[T], None]) -> None:
        with self._disk_errors():
            self._pipeline.give(make, store)

    def _accept(self, column: SignalColumn, encoded: Encoded) -> None:
        self._sync(column.accept(encoded))

    def _accept_outcome(self, outcome: Outcome) -> None:
        for column, given in zip(self._outcome.values(), outcome, strict=True):
            for values, written in column.take(given):
                self._sync(written)
                if column.path == "loss":
                    known = values[np.isfinite(values)].astype(np.float64)
                    self._loss = [self._loss[0] + float(known.sum()), self._loss[1] + len(known)]

    def _reach(self, border: int, carry: Mapping[str, Array]) -> None:
        """Everything before the border is stored; to be published now or, where that was just done, with the next."""
        self._reached = border, self._state(carry)
        if monotonic() >= self._next:
            self._publish_reached()

    def _publish_reached(self) -> None:
        """Publishes the last border, if that is still to be done; more than that may be stored already."""
        if self._reached is not None:
            begun = monotonic()
            border, state = self._reached
            self._reached = None
            self._publish(self.info.model_copy(update={"complete_steps": border}), state)
            self._next = monotonic() + (monotonic() - begun) / SHARE

    def _sync(self, written: list[Path]) -> None:
        """Begins to make files safe, while storing goes on."""
        if written:
            self._syncing.append(self._syncer.submit(sync, *written, *{path.parent for path in written}))

    def _publish(self, info: TraceInfo, state: Mapping[str, Array] | None) -> None:
        """Everything up to `info.complete_steps` lies safely on the disk before the attributes say so."""
        for column in self._signals.values():
            self._sync(column.write_unfinished())
        for waiting in self._syncing:
            waiting.result()
        self._syncing = []
        if state is not None:
            write_whole(self._resume / f"{info.complete_steps}.safetensors", save(dict(state)))
        write_attributes(self.root, info)
        for path in self._resume.glob("*.safetensors"):
            if path.stem != str(info.complete_steps):
                path.unlink()
        self.info = info

    def _state(self, carry: Mapping[str, Array]) -> dict[str, Array]:
        """What going on from here needs."""
        state = {f"carry:{name}": np.ascontiguousarray(value) for name, value in carry.items()}
        state |= {"loss:sum": np.array(self._loss[0]), "loss:count": np.array(self._loss[1])}
        for column in self._signals.values():
            assert column.statistics is not None
            state |= column.statistics.arrays(column.path)
        return state

    def _load_state(self) -> tuple[dict[str, Array], dict[str, Statistics]]:
        """What `_state` gave, and the statistics in it by the path of their signal."""
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
