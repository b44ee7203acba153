"""Runs of steps over which chosen neurons are on together, found in one pass over a trace of any length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch

from unrolled.neurons.switches import Switches
from unrolled.progress import Progress
from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, SHARD, ZOOM_CHUNK
from unrolled.traces.pipeline import Pipeline, Sharing

AHEAD = 2
"""Blocks that are read ahead for each thread."""

Take: TypeAlias = Callable[["Runs"], None]


@dataclass(frozen=True)
class Runs:
    """Runs of steps, in their order.

    Attributes:
        spans: `(runs, 2)`, first step and the one after the last.
        on: `(runs, chosen)` of bool, which of the chosen neurons are on all over the run.
        others: `(runs, …)` of packed bits, which other neurons are.
    """

    spans: Array
    on: Array
    others: Array

    @property
    def counts(self) -> Array:
        """`(runs, 4)`: start, stop, how many of the chosen are on all over it, how many others."""
        others = np.bitwise_count(self.others).sum(axis=1, dtype=np.int64)
        return np.column_stack([self.spans, self.on.sum(axis=1, dtype=np.int64), others])

    def __getitem__(self, part: slice) -> Runs:
        return Runs(self.spans[part], self.on[part], self.others[part])


def search(
    switches: Sequence[Switches], sequences: Sequence[range], least: int, take: Take, progress: Progress
) -> None:
    """Hands every longest run of steps, within a sequence, at each of which `least` of the chosen neurons or more are
    on, to `take`, in their order. Blocks are read by several threads; memory does not grow with the trace.

    Chunks in which, by the zoom pyramid, fewer neurons can be on are not read.
    """
    starts = np.array([sequence.start for sequence in sequences])
    steps = sequences[-1].stop
    joiner = _Joiner(starts, take)
    threads = torch.get_num_threads()
    pipeline = Pipeline(Sharing(1, threads), AHEAD * threads)

    def store(found: tuple[range, Runs]) -> None:
        joiner.add(*found)
        progress(found[0].stop, steps)

    try:
        for window in _cut(range(steps), ZOOM_CHUNK * CHUNK):
            possible = _possible(switches, window, least)
            for block in _cut(window, SHARD):
                chunks = possible[(block.start - window.start) // CHUNK :][: -(-len(block) // CHUNK)]
                pipeline.give(lambda b=block, c=chunks: (b, _runs_of(switches, b, c, starts, least)), store)
        pipeline.finish()
    finally:
        pipeline.close()
    joiner.finish()


def _cut(span: range, size: int) -> list[range]:
    return [range(start, min(start + size, span.stop)) for start in range(span.start, span.stop, size)]


def _possible(switches: Sequence[Switches], window: range, least: int) -> Array:
    """`(chunks,)`: whether so many of the chosen neurons can be on in a chunk, by its smallest and largest values."""
    blocks = slice(window.start // CHUNK, -(-window.stop // CHUNK))
    count = np.zeros(blocks.stop - blocks.start, np.int64)
    for each in switches:
        for part in each.parts:
            signs = each.signs[part]
            zoom = each.layer.zoom(blocks, part)
            if zoom is None:
                return np.ones(len(count), np.bool_)
            cannot = np.where(signs > 0, zoom[:, :, 1], -zoom[:, :, 0]) < each.limits[part]  # never so for NaN
            count += (~cannot & (signs != 0)).sum(axis=1)
    return count >= least


def _runs_of(switches: Sequence[Switches], block: range, chunks: Array, starts: Array, least: int) -> Runs:
    """The runs of a block of steps, cut at its ends; only the chunks that are marked are read."""
    found: list[Runs] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chunks, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        start, stop = block.start + first * CHUNK, min(block.start + last * CHUNK, block.stop)
        on = np.concatenate([each.on(start, stop) for each in switches], axis=1)
        spans = _longest(on.sum(axis=1) >= least, starts[(starts > start) & (starts < stop)] - start)
        if len(spans):
            low, high = int(spans[0, 0]), int(spans[-1, 1])  # the other neurons matter only here
            others = [each.others(start + low, start + high) for each in switches]
            bits = np.packbits(np.concatenate(others, axis=1), axis=1)
            found.append(Runs(spans + start, _all_over(on, spans), _all_over(bits, spans - low)))
    if not found:
        count = sum(len(each.chosen) for each in switches)
        rest = sum(2 * (len(each.signs) - len(each.chosen)) for each in switches)
        return Runs(np.empty((0, 2), np.int64), np.empty((0, count), np.bool_), np.empty((0, -(-rest // 8)), np.uint8))
    return _joined(found)


def _longest(on: Array, starts: Array) -> Array:
    """The longest runs of steps that are on, cut where a sequence starts, `(runs, 2)`."""
    fresh = np.zeros(len(on) + 1, np.bool_)
    fresh[starts] = True
    here, before = np.append(on, False), np.concatenate([[False], on])
    begins = here & (~before | fresh)
    ends = before & (~here | fresh)
    return np.column_stack([np.flatnonzero(begins), np.flatnonzero(ends)])


def _all_over(bits: Array, spans: Array) -> Array:
    """What is set at every step of each span, `(spans, …)`."""
    padded = np.concatenate([bits, bits[:1]])  # `reduceat` wants an index even behind the last step
    return np.bitwise_and.reduceat(padded, spans.ravel(), axis=0)[::2]


def _joined(parts: Sequence[Runs]) -> Runs:
    """Runs in a row; the last of one part and the first of the next may be one run that was cut."""
    return Runs(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("spans", "on", "others")))


class _Joiner:
    """Joins runs that were cut at the ends of blocks, and hands on those that have ended."""

    def __init__(self, starts: Array, take: Take) -> None:
        self._starts = starts
        self._take = take
        self._open: Runs | None = None

    def add(self, block: range, runs: Runs) -> None:
        """Takes the runs of the block that follows the last one's."""
        if self._open is not None:
            runs = self._glued(_joined([self._open, runs]))
        ended = bool(len(runs.spans)) and (runs.spans[-1, 1] < block.stop or block.stop in self._starts)
        keep = len(runs.spans) if ended else max(0, len(runs.spans) - 1)
        self._open = None if ended or not len(runs.spans) else runs[keep:]
        if keep:
            self._take(runs[:keep])

    def finish(self) -> None:
        """The trace has ended."""
        if self._open is not None:
            self._take(self._open)

    def _glued(self, runs: Runs) -> Runs:
        """The first run was open: is the second its other half?"""
        spans = runs.spans
        if len(spans) < 2 or spans[0, 1] != spans[1, 0]:
            return runs
        both = Runs(
            np.array([[spans[0, 0], spans[1, 1]]]),
            runs.on[:1] & runs.on[1:2],
            runs.others[:1] & runs.others[1:2],
        )
        return _joined([both, runs[2:]])
