"""Opens a writer: on a new trace, or where an earlier recording ended."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unrolled.errors import TraceError
from unrolled.files import sync
from unrolled.traces.chunks import Array
from unrolled.traces.columns import write_array
from unrolled.traces.format import Dtype, TraceInfo
from unrolled.traces.layout import ArrayPlan, create_arrays, open_array, plan_arrays
from unrolled.traces.pipeline import Sharing, share_threads
from unrolled.traces.place import check_place, differences, disk_errors, new_folder, put_in_place, read_info
from unrolled.traces.writer import TraceWriter, write_attributes


def open_writer(
    path: Path,
    info: TraceInfo,
    *,
    symbols: Array | None,
    sequences: Array,
    initial: Mapping[str, Array] | None = None,
    frames: Array | None = None,
    dtype: Dtype = "float32",
    resume: bool = False,
    overwrite: bool = False,
    sharing: Sharing | None = None,
) -> TraceWriter | None:
    """A writer for the trace at `path`; None where `resume` finds it whole.

    Args:
        path: the folder; new, or an unfinished trace with `resume`, or any trace with `overwrite`.
        info: what the trace will say of itself; `complete_steps` 0.
        symbols: `(steps,)`, indices into the vocabulary; None where `info.symbols.kind` is `none`.
        sequences: `(sequences, 2)`, start and stop of each; they follow each other without gaps.
        initial: `initial/<site>/<state>` → `(sequences, neurons)`.
        frames: `(steps, height, width, 3)` of uint8, the pictures that were seen; None where `info.frames` is.
        dtype: of the signals that have bounds.
        sharing: what computes meanwhile; half of the threads by default.

    Raises:
        OutputExistsError: something is there and neither option allows to touch it.
        TraceError: the unfinished trace is of other symbols, another network or other options; or it is in use.
        DiskFullError: no room even for the beginning.
    """
    check_place(path, resume=resume, overwrite=overwrite)
    shapes = {name: value.shape for name, value in (initial or {}).items()}
    plans = plan_arrays(info, len(sequences), dtype, shapes)
    given = {"symbols": symbols, "frames": frames}
    fixed = {"sequences": sequences, **(initial or {})} | {name: v for name, v in given.items() if v is not None}
    if resume and (path / "zarr.json").exists():
        _check_same(path, info, plans, fixed)
        stored = read_info(path)
        if stored.whole:
            shutil.rmtree(path / "resume", ignore_errors=True)  # left where it was killed at the very end
            return None
        return TraceWriter(path, stored, plans, sharing or share_threads())
    with disk_errors(path, "Make room, or choose another --out."):
        fresh = new_folder(path)
        try:
            create_arrays(fresh, plans)
            for name, values in fixed.items():
                write_array(fresh / name, values.astype(plans[name].dtype), plans[name])
            write_attributes(fresh, info)
            (fresh / "resume").mkdir()
            sync(*fresh.rglob("*"))
            put_in_place(fresh, path)
            sync(path.parent)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return TraceWriter(path, info, plans, sharing or share_threads())


def _check_same(path: Path, info: TraceInfo, plans: Mapping[str, ArrayPlan], fixed: Mapping[str, Array]) -> None:
    """Nothing but the same recording may go on."""
    other = differences(read_info(path), info)
    if not other:
        try:
            stored = {name: open_array(path / name) for name in plans}
            other = [
                f"{name} differs"
                for name, plan in plans.items()
                if (stored[name].shape, stored[name].dtype, stored[name].chunks, stored[name].shards)
                != (plan.shape, np.dtype(plan.dtype), plan.chunks, plan.shards)
            ]
            other = other or [
                f"{name} differ" for name, value in fixed.items() if not np.array_equal(stored[name][...], value)
            ]
        except Exception as error:  # zarr has many ways to say that a file is missing or damaged
            raise TraceError(f"The trace {path} is damaged: {error}.", "Record it again with --overwrite.") from error
    if other:
        raise TraceError(
            f"{path} was begun otherwise: {', '.join(other)}.",
            "Give the same run, source and options, or record it again with --overwrite.",
        )
