"""Proves that a trace adds up: its bytes, its ranges, its equations, its losses, and (with a run) its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unrolled.errors import TraceError
from unrolled.progress import Progress, silent
from unrolled.traces.check_site import SiteCheck
from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK
from unrolled.traces.report import Finding, Report
from unrolled.traces.rounding import SLACK, resolution
from unrolled.traces.trace import Trace, nothing_recorded

if TYPE_CHECKING:
    from unrolled.networks import Network

FRAMES_TOGETHER = 2**24
"""Bytes of pictures that are read at a time."""


def check(
    trace: Trace | str | Path, run: Network | str | Path | None = None, *, seed: int = 0, progress: Progress = silent
) -> Report:
    """Reads all of a trace once and recomputes what can be recomputed.

    Every chunk's checksum; every signal within its range and finite; the cell's equations at every step; symbols within
    the vocabulary; pictures that can be read; probabilities in order, losses those of the probabilities; statistics and
    zoom.

    Args:
        trace: one that is open, or its folder.
        run: the network (or the folder of the run) that it is of: then random windows are computed again from the
            weights, in float64, by the reference engine, from the states that stand in the trace.
        seed: chooses the windows.
        progress: told the steps that were read, over all sites.

    Raises:
        TraceError: it cannot even be opened, or holds no complete step, of which nothing can be proved. Damage within
            it is a finding of the report.
        RunError: the run cannot be read.
    """
    opened = trace if isinstance(trace, Trace) else Trace.open(trace)
    if not opened.steps:
        raise nothing_recorded(opened)
    findings: list[Finding] = []
    total, done = sum(opened.steps_of(site) for site in opened.sites), 0
    for site in opened.info.sites:
        checked = SiteCheck(opened, site)
        steps = opened.steps_of(site.name)
        for start in range(0, steps, CHUNK):
            checked.add(start, min(start + CHUNK, steps))
            done += min(CHUNK, steps - start)
            progress(done, total)
        findings += checked.findings()
    findings += _check_symbols(opened)
    findings += _check_frames(opened)
    findings += _check_outcome(opened)
    if run is not None:
        from unrolled.traces.rerun import check_weights

        findings += check_weights(opened, run, seed)
    return Report(opened.title, opened.steps, opened.info.planned_steps, tuple(findings))


def _check_symbols(trace: Trace) -> list[Finding]:
    if not trace.arrays.has("symbols"):
        return []
    found = Finding("symbols are in the vocabulary")
    for start, symbols in _parts(trace, "symbols", found):
        top = np.minimum(symbols, len(trace.vocabulary) - 1)
        found.add(symbols[:, None], top[:, None], 0.0, start, trace.sequences)
    return [found]


def _check_frames(trace: Trace) -> list[Finding]:
    """Any byte is a legal colour; what can be wrong is a chunk that is missing or damaged."""
    if not trace.arrays.has("frames"):
        return []
    found = Finding("frames can be read")
    together = max(1, FRAMES_TOGETHER // math.prod(trace.arrays.shape("frames")[1:]))
    for _, frames in _parts(trace, "frames", found, together):
        found.values += frames.size
    return [found]


def _check_outcome(trace: Trace) -> list[Finding]:
    """Probabilities fall and stay within 0 to 1; each loss is that of the symbol that came next."""
    if not trace.arrays.has("loss") or not trace.arrays.has("predictions/symbols"):
        return []
    order = Finding("probabilities fall, from 1 to 0 at most, and add up to 1 at most")
    named = Finding("foretold symbols are in the vocabulary")
    losses = Finding("loss = −log p(next)")
    ends = np.array([span.stop - 1 for span in trace.sequences])
    # A loss and a probability are each a float32 function of the same score, rounded on its way through exp and log.
    unit = SLACK * resolution("float32")
    for start, probabilities in _parts(trace, "predictions/probabilities", order):
        stop = start + len(probabilities)
        ceiling = np.concatenate([np.ones((len(probabilities), 1)), probabilities[:, :-1]], axis=1)
        legal = np.clip(probabilities, 0, ceiling)
        order.add(probabilities, legal, 0.0, start, trace.sequences)
        sums = probabilities.astype(np.float64).sum(axis=1, keepdims=True)
        order.add(sums, np.minimum(sums, 1.0), unit, start, trace.sequences)
        try:
            best = trace.arrays.read("predictions/symbols", slice(start, stop))
            loss = trace.arrays.read("loss", slice(start, stop)).astype(np.float64)
            following = trace.arrays.read("symbols", slice(start + 1, min(stop + 1, trace.info.planned_steps)))
        except TraceError as error:
            losses.readable, losses.note = False, error.message
            break
        named.add(best, np.minimum(best, len(trace.vocabulary) - 1), 0.0, start, trace.sequences)
        following = np.append(following, np.zeros(len(loss) - len(following), following.dtype))
        ended = np.isin(np.arange(start, stop), ends) & trace.info.whole
        among = best == following[:, None]
        p = np.where(among, probabilities, 0).astype(np.float64).sum(axis=1)
        with np.errstate(divide="ignore"):
            expected = np.where(ended, np.nan, np.where(p > 0, -np.log(p), loss))
        # Where the next symbol is not among the best, it is at most as probable as the last of them.
        floor = -np.log(np.maximum(probabilities[:, -1].astype(np.float64), np.finfo(np.float32).tiny))
        unknown = ~among.any(axis=1) & ~ended
        expected = np.where(unknown, np.maximum(loss, floor), expected)
        allowed = unit * (1 + np.abs(np.nan_to_num(loss)))
        losses.add(loss[:, None], expected[:, None], allowed[:, None], start, trace.sequences)
    return [order, named, losses]


def _parts(trace: Trace, path: str, finding: Finding, together: int = 16 * CHUNK) -> Iterator[tuple[int, Array]]:
    """Steps of an array, a piece at a time; what cannot be read becomes the finding's note."""
    for start in range(0, trace.steps, together):
        try:
            yield start, trace.arrays.read(path, slice(start, min(start + together, trace.steps)))
        except TraceError as error:
            finding.readable, finding.note = False, error.message
            return
