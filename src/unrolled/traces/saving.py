"""Writes a trace that was read or recorded in memory to a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from unrolled.errors import TraceError
from unrolled.traces.beginning import open_writer
from unrolled.traces.format import SHARD, Dtype, SiteInfo
from unrolled.traces.gathering import Outcome
from unrolled.traces.layout import initial_path
from unrolled.traces.trace import Trace

SLICE = 4096


def save_trace(trace: Trace, path: Path, *, sites: tuple[str, ...], dtype: Dtype, overwrite: bool) -> Trace:
    """See `Trace.save`."""
    chosen = [trace.info.site(trace.name(site).site) for site in sites] or list(trace.info.sites)
    steps, sequences = _timeline(trace, chosen)
    main = steps == trace.steps and sequences == trace.sequences
    info = trace.info.model_copy(
        update={
            "sites": tuple(chosen),
            "complete_steps": 0,
            "planned_steps": steps,
            "predictions": trace.info.predictions if main else None,
            "frames": trace.info.frames if main else None,
            "symbols": trace.info.symbols if main else trace.info.symbols.model_copy(update={"kind": "none"}),
        }
    )
    initial = {
        initial_path(site.name, state): value for site in chosen for state, value in trace.initial(site.name).items()
    }
    writer = open_writer(
        path,
        info,
        symbols=trace.symbols if main else None,
        sequences=np.array([(sequence.start, sequence.stop) for sequence in sequences], np.int64),
        initial=initial,
        frames=trace.frames if main else None,
        dtype=dtype,
        overwrite=overwrite,
    )
    assert writer is not None
    assert SHARD % SLICE == 0
    with writer:
        for start in range(0, steps, SLICE):
            stop = min(start + SLICE, steps)
            for site in chosen:
                names = [signal.name for signal in site.signals]
                writer.add(site.name, {name: trace.read(site.name, name, start, stop) for name in names})
            if info.predictions is not None:
                writer.add_outcome(partial(_outcome, trace, slice(start, stop)))
            writer.commit()
        writer.finish()
    return Trace.open(path)


def _outcome(trace: Trace, steps: slice) -> Outcome:
    read = trace.arrays.read
    return read("loss", steps), read("predictions/symbols", steps), read("predictions/probabilities", steps)


def _timeline(trace: Trace, chosen: list[SiteInfo]) -> tuple[int, list[range]]:
    """Steps and sequences that the sites share; a stored trace has one time for all its sites."""
    groups: dict[tuple[tuple[int, int], ...], list[str]] = {}
    for site in chosen:
        key = tuple((sequence.start, sequence.stop) for sequence in trace.sequences_of(site.name))
        groups.setdefault(key, []).append(site.name)
    if len(groups) > 1:
        parts = " | ".join(f"{', '.join(names)} ({key[-1][1]} steps)" for key, names in groups.items())
        first = next(iter(groups.values()))
        raise TraceError(
            f"These sites ran over different steps and cannot be one stored trace: {parts}.",
            f"Save them apart, as in trace.save(path, sites={first!r}).",
        )
    return trace.steps_of(chosen[0].name), trace.sequences_of(chosen[0].name)
