"""Which arrays a trace has: their places, shapes, types and chunks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from unrolled.traces.chunks import LEVEL
from unrolled.traces.format import (
    CHUNK,
    COLUMNS,
    FRAMES_BYTES,
    PREDICTION_CHUNK,
    SHARD,
    ZOOM_CHUNK,
    Dtype,
    SignalInfo,
    SiteInfo,
    TraceInfo,
)


@dataclass(frozen=True)
class ArrayPlan:
    """One array; `shards` None where each chunk is a file of its own."""

    shape: tuple[int, ...]
    dtype: str
    axes: tuple[str, ...]
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None

    @property
    def files(self) -> tuple[int, ...]:
        """What one file holds."""
        return self.shards or self.chunks

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def signal_path(site: str, signal: str) -> str:
    return f"signals/{site}/{signal}"


def zoom_path(site: str, signal: str, level: int) -> str:
    return f"zoom/{site}/{signal}/{level}"


def statistics_path(site: str, signal: str) -> str:
    return f"statistics/{site}/{signal}"


def initial_path(site: str, state: str) -> str:
    return f"initial/{site}/{state}"


def plan_arrays(
    info: TraceInfo, sequences: int, dtype: Dtype = "float32", initial: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, ArrayPlan]:
    """Every array of a trace by its path; `initial` gives the shapes of those under `initial/`."""
    steps = info.planned_steps
    plans = {"sequences": ArrayPlan((sequences, 2), "int64", ("sequence", "bound"), (max(sequences, 1), 2))}
    if info.symbols.kind != "none":
        plans["symbols"] = ArrayPlan((steps,), "uint32", ("step",), (SHARD,))
    if info.frames is not None:
        shape = (info.frames.height, info.frames.width, 3)
        together = max(1, min(FRAMES_BYTES // math.prod(shape), steps))
        axes = ("step", "height", "width", "colour")
        plans["frames"] = ArrayPlan((steps, *shape), "uint8", axes, (together, *shape))
    if info.predictions is not None:
        plans["loss"] = ArrayPlan((steps,), "float32", ("step",), (SHARD,))
        top = info.predictions.top
        for name, kind in (("symbols", "uint32"), ("probabilities", "float32")):
            plans[f"predictions/{name}"] = ArrayPlan(
                (steps, top), kind, ("step", "rank"), (PREDICTION_CHUNK, top), (SHARD, top)
            )
    for path, shape in (initial or {}).items():
        plans[path] = ArrayPlan(shape, "float32", ("sequence", "neuron"), (min(shape[0], CHUNK), shape[1]))
    for site in info.sites:
        for signal in site.signals:
            plans |= _signal_plans(info, site, signal, dtype)
    return plans


def _signal_plans(info: TraceInfo, site: SiteInfo, signal: SignalInfo, dtype: Dtype) -> dict[str, ArrayPlan]:
    steps, neurons = info.planned_steps, signal.neurons
    width = min(COLUMNS, neurons)
    across = math.ceil(neurons / width) * width
    plans = {
        signal_path(site.name, signal.name): ArrayPlan(
            (steps, neurons),
            signal.stored_as(dtype),
            ("step", "neuron"),
            (CHUNK, width),
            (SHARD, across),
        ),
        statistics_path(site.name, signal.name): ArrayPlan(
            (neurons, 5), "float32", ("neuron", "min_max_mean_variance_largest"), (neurons, 5)
        ),
    }
    for level, block in enumerate(info.zoom.blocks):
        shape = (math.ceil(steps / block), neurons, 3)
        plans[zoom_path(site.name, signal.name, level)] = ArrayPlan(
            shape,
            "float32",
            ("block", "neuron", "min_max_mean"),
            (ZOOM_CHUNK, width, 3),
            (ZOOM_CHUNK, across, 3) if across > width else None,
        )
    return plans


def create_arrays(folder: Path, plans: Mapping[str, ArrayPlan]) -> None:
    """Makes the group and its empty arrays; what is missing later reads as NaN (whole numbers: 0)."""
    group = zarr.open_group(folder, mode="w", zarr_format=3)  # pyright: ignore[reportUnknownMemberType]
    for path, plan in plans.items():
        fill: Any = math.nan if plan.dtype.startswith("float") else 0
        group.create_array(
            path,
            shape=plan.shape,
            dtype=plan.dtype,
            chunks=plan.chunks,
            shards=plan.shards,
            compressors=[ZstdCodec(level=LEVEL), Crc32cCodec()],
            fill_value=fill,
            dimension_names=plan.axes,
        )


def open_array(folder: Path) -> zarr.Array[Any]:
    """An array that is there, to be read."""
    return zarr.open_array(folder, mode="r")  # pyright: ignore[reportUnknownMemberType]


def estimate_size(info: TraceInfo, sequences: int = 1, dtype: Dtype = "float32") -> int:
    """Bytes that a recording takes on the disk at most; compression usually saves a tenth to a third of it."""
    plans = plan_arrays(info, sequences, dtype)
    states = sum(signal.neurons * 4 for site in info.sites for signal in site.signals if signal.role == "state")
    return sum(plan.nbytes * 101 // 100 + 8192 for plan in plans.values()) + states * sequences
