"""Where a trace's arrays lie: in a Zarr group on the disk, or in memory. Both are read the same way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from zarr import Array as ZarrArray

from unrolled.errors import TraceError
from unrolled.traces.chunks import Array
from unrolled.traces.layout import open_array


class Arrays(Protocol):
    """Arrays by their paths in the format, such as `signals/rnn.l0/cell`."""

    def has(self, path: str) -> bool: ...

    def shape(self, path: str) -> tuple[int, ...]: ...

    def dtype(self, path: str) -> np.dtype[Any]: ...

    def read(self, path: str, *where: slice) -> Array:
        """The part that slices (start and stop given, no step) of the first axes select."""
        ...


class MemoryArrays:
    """Arrays in memory."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = dict(arrays)

    def has(self, path: str) -> bool:
        return path in self._arrays

    def shape(self, path: str) -> tuple[int, ...]:
        return self._arrays[path].shape

    def dtype(self, path: str) -> np.dtype[Any]:
        return self._arrays[path].dtype

    def read(self, path: str, *where: slice) -> Array:
        return self._arrays[path][where]


class StoredArrays:
    """Arrays of a Zarr group in a folder; what is missing or damaged is reported with its place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: dict[str, ZarrArray[Any]] = {}

    def has(self, path: str) -> bool:
        return (self.root / path / "zarr.json").is_file()

    def shape(self, path: str) -> tuple[int, ...]:
        return self._array(path).shape

    def dtype(self, path: str) -> np.dtype[Any]:
        return np.dtype(self._array(path).dtype)

    def read(self, path: str, *where: slice) -> Array:
        array = self._array(path)
        full = (*where, *(slice(0, size) for size in array.shape[len(where) :]))
        bounds = [slice(*part.indices(size)[:2]) for part, size in zip(full, array.shape, strict=True)]
        if any(part.start >= part.stop for part in bounds):
            return np.empty([max(0, part.stop - part.start) for part in bounds], array.dtype)
        self._refuse_missing(path, array, bounds)
        try:
            return np.asarray(array[tuple(bounds)])
        except Exception as error:  # zarr and its codecs have many ways to say that bytes are wrong
            raise self._located(path, array, bounds, error) from error

    def _array(self, path: str) -> ZarrArray[Any]:
        if path not in self._opened:
            try:
                self._opened[path] = open_array(self.root / path)
            except Exception as error:
                raise TraceError(
                    f"The trace {self.root} is damaged: its array {path} is missing or cannot be read.",
                    "Record it again.",
                ) from error
        return self._opened[path]

    def _refuse_missing(self, path: str, array: ZarrArray[Any], bounds: list[slice]) -> None:
        """A chunk file that is not there would read as fill values."""
        for place in _chunks(bounds, array.shards or array.chunks):
            key = array.metadata.encode_chunk_key(place)
            if not (self.root / path / key).is_file():
                raise TraceError(f"The trace {self.root} is damaged: {path}/{key} is missing.", "Record it again.")

    def _located(self, path: str, array: ZarrArray[Any], bounds: list[slice], error: Exception) -> TraceError:
        """The first chunk that cannot be read, in words."""
        where = ""
        for place in _chunks(bounds, array.chunks):
            corners = zip(place, array.chunks, array.shape, strict=True)
            parts = [slice(p * size, min((p + 1) * size, end)) for p, size, end in corners]
            try:
                array[tuple(parts)]
            except Exception as first:
                axes = getattr(array.metadata, "dimension_names", None) or [f"axis {n}" for n in range(array.ndim)]
                spans = [f"{axis}s {part.start} to {part.stop - 1}" for axis, part in zip(axes, parts, strict=True)]
                where, error = f" in {', '.join(spans)}", first
                break
        reason = str(error).partition("\n")[0].partition(". Stored:")[0] or type(error).__name__
        return TraceError(f"The trace {self.root} is damaged: {path}{where}: {reason}.", "Record it again.")


def _chunks(bounds: list[slice], chunks: tuple[int, ...]) -> product[tuple[int, ...]]:
    """The chunks that a selection touches."""
    return product(
        *(range(part.start // chunk, -(-part.stop // chunk)) for part, chunk in zip(bounds, chunks, strict=True))
    )
