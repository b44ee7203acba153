"""What a writer keeps of each array while it grows: never more than a shard's compressed chunks on the disk, and in
memory the steps of some chunks and the zoom of one shard.

Steps are taken in the thread that computes; what is encoded of them is accepted in the one that stores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unrolled.traces.chunks import Array, ShardFile, encode_chunk, encode_rows, encode_shard, pad
from unrolled.traces.format import CHUNK, COLUMNS, SHARD, ZOOM, ZOOM_CHUNK
from unrolled.traces.layout import ArrayPlan, open_array, signal_path, statistics_path, zoom_path
from unrolled.traces.summary import Statistics, Stretch, zoom_levels

TOGETHER = 2**19
"""Numbers that are encoded in one go: little enough to stay in a processor's cache, enough to be worth a call."""


def write_array(folder: Path, values: Array, plan: ArrayPlan, start: int = 0) -> list[Path]:
    """Writes the files of an array from file `start` of the first axis on; each is there whole or not at all. Returns
    what was written, to be synced."""
    written: list[Path] = []
    counts = [-(-size // whole) for size, whole in zip(values.shape, plan.files, strict=True)]
    for place in np.ndindex(*counts):
        part = values[tuple(slice(p * f, (p + 1) * f) for p, f in zip(place, plan.files, strict=True))]
        path = folder.joinpath("c", str(start + place[0]), *map(str, place[1:]))
        if not place[-1]:  # the first of its folder
            path.parent.mkdir(parents=True, exist_ok=True)
        whole = encode_shard(part, plan.chunks, plan.shards) if plan.shards else encode_chunk(pad(part, plan.chunks))
        temporary = f"{path}.part"
        with open(temporary, "wb", buffering=0) as file:  # noqa: PTH123 (there are many, and Path is slow)
            file.write(whole)
        os.replace(temporary, path)  # noqa: PTH105
        written.append(path)
    return written


@dataclass(frozen=True)
class Encoded:
    """Steps of one signal, ready for the disk: their chunks (see `encode_rows`) and their summary."""

    chunks: bytes
    sizes: list[int]
    stretch: Stretch


def copy_into(room: Array, values: Array) -> None:
    """`room[...] = values`; PyTorch turns float32 into float16 many times faster than NumPy."""
    if values.flags.writeable:
        torch.from_numpy(room).copy_(torch.from_numpy(values))
    else:
        with np.errstate(over="ignore"):
            room[...] = values


def steps_together(neurons: int) -> int:
    """Steps of a signal that are encoded in one go: chunks of a shard, doubled while they hold few numbers."""
    steps = CHUNK
    while steps < SHARD and 2 * steps * neurons <= TOGETHER:
        steps *= 2
    return steps


class SignalColumn:
    """One signal of one site.

    Args:
        root: the trace's folder.
        site, signal: whose it is.
        plans: of the trace's arrays, by path.
        rows: steps that are stored already, a whole number of shards.
        statistics: of those steps.
        moves: whether the statistics tell of changes from step to step.
    """

    def __init__(
        self,
        root: Path,
        site: str,
        signal: str,
        plans: Mapping[str, ArrayPlan],
        rows: int = 0,
        statistics: Statistics | None = None,
        *,
        moves: bool = False,
    ) -> None:
        self.path = signal_path(site, signal)
        self._plan = plans[self.path]
        self.together = steps_together(self._plan.shape[1])
        self.statistics = statistics
        self.rows = rows
        """Steps taken so far."""
        self.stored = rows
        """Steps in finished shards."""
        self._root = root
        self._moves = moves
        self._statistics_path = statistics_path(site, signal)
        self._zoom_paths = [zoom_path(site, signal, level) for level in range(len(ZOOM))]
        self._other_plans = {path: plans[path] for path in (self._statistics_path, *self._zoom_paths)}
        blocks = [rows // block for block in ZOOM]
        self._zoom = [_stored_tail(root / path, count) for path, count in zip(self._zoom_paths, blocks, strict=True)]
        self._buffer = np.empty((0, self._plan.shape[1]), self._plan.dtype)
        self._filled = 0
        self._stretches: list[Stretch] = []
        self._shard: ShardFile | None = None

    def take(self, values: Array) -> Iterator[Array]:
        """Takes `(steps, neurons)` and yields what is ready to be encoded: `together` steps each, at the end fewer."""
        steps = self._plan.shape[0]
        if self.rows + len(values) > steps:
            raise ValueError(f"{self.path} was given more than its {steps} steps.")
        while len(values):
            if not self._filled:
                self._buffer = np.empty((self.together, self._plan.shape[1]), self._plan.dtype)
            count = min(self.together - self._filled, len(values))
            copy_into(self._buffer[self._filled : self._filled + count], values[:count])
            self._filled += count
            self.rows += count
            values = values[count:]
            if self._filled == self.together or self.rows == steps:
                ready, self._filled = self._buffer[: self._filled], 0
                yield ready

    def encode(self, values: Array) -> Encoded:
        """The slow part, done beside the computation, of what `take` gave."""
        return Encoded(*encode_rows(values), Stretch.of(values, moves=self._moves))

    def accept(self, encoded: Encoded) -> list[Path]:
        """Takes encoded steps, in their order; returns the files that were finished."""
        if self._shard is None:
            name = f"{self.path.replace('/', '.')}.shard"
            self._shard = ShardFile(self._root / "resume" / name, -(-self._plan.shape[1] // COLUMNS))
        self._shard.add(encoded.chunks, encoded.sizes)
        self._stretches.append(encoded.stretch)
        steps = self.stored + sum(int(stretch.counts.sum()) for stretch in self._stretches)
        return self._finish_shard(steps) if steps % SHARD == 0 or steps == self._plan.shape[0] else []

    def _finish_shard(self, steps: int) -> list[Path]:
        assert self._shard is not None
        target = self._root / self.path / "c" / str(self.stored // SHARD) / "0"
        self._shard.close(target)
        written = [target]
        for level, rows in enumerate(zoom_levels(self._stretches)):
            tail = np.concatenate([self._zoom[level], rows])
            full = len(tail) // ZOOM_CHUNK * ZOOM_CHUNK
            written += self._write_zoom(level, tail[:full], self.stored)
            self._zoom[level] = tail[full:]
        with np.errstate(invalid="ignore", over="ignore"):
            for stretch in self._stretches:
                more = stretch.statistics
                self.statistics = more if self.statistics is None else self.statistics.merged(more)
        self._stretches = []
        self._shard = None
        self.stored = steps
        return written

    def _write_zoom(self, level: int, rows: Array, start: int) -> list[Path]:
        """Writes zoom blocks `(blocks, neurons, 3)` from the file on that holds step `start`."""
        return self._write(self._zoom_paths[level], rows, start // ZOOM[level] // ZOOM_CHUNK)

    def _write(self, path: str, values: Array, start: int = 0) -> list[Path]:
        return write_array(self._root / path, values, self._other_plans[path], start)

    def write_unfinished(self) -> list[Path]:
        """Writes what later shards change again: the statistics of the finished shards, and the zoom's last chunks."""
        assert self.statistics is not None
        with np.errstate(invalid="ignore", over="ignore"):
            table = self.statistics.table()
        written = self._write(self._statistics_path, table)
        for level, tail in enumerate(self._zoom):
            written += self._write_zoom(level, tail, self.stored - 1)
        return written

    def abandon(self) -> None:
        """Throws the unfinished shard away."""
        if self._shard is not None:
            self._shard.abandon()


def _stored_tail(folder: Path, blocks: int) -> Array:
    """The zoom blocks of the last chunk file, where that is not full yet: it is written again when more come."""
    array = open_array(folder)
    return np.asarray(array[blocks // ZOOM_CHUNK * ZOOM_CHUNK : blocks])


class PlainColumn:
    """An unsharded array over the steps: the loss, the predictions. Kept in memory for one shard's steps."""

    def __init__(self, root: Path, path: str, plan: ArrayPlan, rows: int = 0) -> None:
        self.path = path
        self.rows = self.stored = rows
        self._folder = root / path
        self._plan = plan
        self._parts: list[Array] = []

    def take(self, values: Array) -> list[tuple[Array, list[Path]]]:
        """Takes `(steps, …)`; returns each shard's steps that are now on the disk, with the files that hold them."""
        finished: list[tuple[Array, list[Path]]] = []
        if self.rows + len(values) > self._plan.shape[0]:
            raise ValueError(f"{self.path} was given more than its {self._plan.shape[0]} steps.")
        while len(values):
            count = min(SHARD - self.rows % SHARD, len(values))
            self._parts.append(values[:count].astype(self._plan.dtype))
            self.rows += count
            values = values[count:]
            if self.rows % SHARD == 0 or self.rows == self._plan.shape[0]:
                whole = np.concatenate(self._parts)
                start = self.stored // self._plan.files[0]
                finished.append((whole, write_array(self._folder, whole, self._plan, start)))
                self._parts, self.stored = [], self.rows
        return finished
