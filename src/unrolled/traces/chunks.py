"""Chunks and shards as Zarr v3 lays them out on the disk.

zarr-python writes a shard again as a whole for every chunk that is added to it; a recording adds chunks for as long as
the shard lasts. So the shard files are put together here, chunk after chunk, and read by any Zarr reader.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import google_crc32c
import numpy as np
import numpy.typing as npt
from numcodecs.zstd import Zstd  # pyright: ignore[reportUnknownVariableType]

from unrolled.traces.format import CHUNK, COLUMNS, SHARD

Array: TypeAlias = npt.NDArray[Any]

LEVEL = 1  # the mantissas of states hardly shrink: higher levels cost time and save nothing
_ZSTD = cast(Any, Zstd(level=LEVEL))
EMPTY = 2**64 - 1


def encode_chunk(values: Array) -> bytes:
    """One chunk: little-endian values, zstd, then crc32c of that."""
    return b"".join(_encode(values))


def _encode(values: Array) -> tuple[bytes, bytes]:
    packed = cast(bytes, _ZSTD.encode(np.ascontiguousarray(values, values.dtype.newbyteorder("<"))))
    return packed, checksum(packed)


def checksum(data: bytes) -> bytes:
    """crc32c, as the codec stores it."""
    return struct.pack("<I", cast(int, google_crc32c.value(data)))  # pyright: ignore


def pad(values: Array, shape: tuple[int, ...]) -> Array:
    """Fills up an edge chunk, which Zarr stores whole, with its array's fill value: NaN, or 0 for whole numbers."""
    if values.shape == shape:
        return values
    whole = np.full(shape, np.nan if values.dtype.kind == "f" else 0, values.dtype)
    whole[tuple(slice(size) for size in values.shape)] = values
    return whole


def encode_shard(values: Array, chunks: tuple[int, ...], shard: tuple[int, ...]) -> bytes:
    """A shard file of `values`, which fill it or, at an array's edge, less: chunks beyond the edge are left out."""
    grid = [whole // part for whole, part in zip(shard, chunks, strict=True)]
    pieces: list[bytes] = []
    places: list[tuple[int, int]] = []
    end = 0
    for at in np.ndindex(*grid):
        part = values[tuple(slice(a * c, (a + 1) * c) for a, c in zip(at, chunks, strict=True))]
        piece = encode_chunk(pad(part, chunks)) if part.size else b""
        pieces.append(piece)
        places.append((end, len(piece)) if piece else (EMPTY, EMPTY))
        end += len(piece)
    return b"".join([*pieces, encode_index(places, len(places))])


def encode_index(places: Sequence[tuple[int, int]], chunks: int) -> bytes:
    """The end of a shard: offset and size of each of its `chunks`, as far as they are there, with crc32c."""
    index = np.full((chunks, 2), EMPTY, "<u8")
    index[: len(places)] = places
    content = index.tobytes()
    return content + checksum(content)


def encode_rows(values: Array) -> tuple[bytes, list[int]]:
    """The chunks of one signal `(steps, neurons)` back to back, and how many bytes each has: those of the first `CHUNK`
    steps, from the first neurons to the last, then those of the next."""
    width = min(COLUMNS, values.shape[1])
    parts = [
        _encode(pad(values[first : first + CHUNK, left : left + width], (CHUNK, width)))
        for first in range(0, len(values), CHUNK)
        for left in range(0, values.shape[1], width)
    ]
    sizes = [len(packed) + len(check) for packed, check in parts]
    return b"".join(piece for part in parts for piece in part), sizes


class ShardFile:
    """One shard that grows: chunks back to back, then the index of their places with its crc32c.

    Args:
        path: where it grows; `close` says where it goes once it is whole.
        across: chunks side by side, over the neurons.
    """

    def __init__(self, path: Path, across: int) -> None:
        self.path = path
        self.across = across
        self._places: list[tuple[int, int]] = []
        self._end = 0
        self._file: BinaryIO = path.open("wb")

    def add(self, chunks: bytes, sizes: Sequence[int]) -> None:
        """Appends the next steps' chunks, see `encode_rows`."""
        self._file.write(chunks)
        for size in sizes:
            self._places.append((self._end, size))
            self._end += size

    def close(self, target: Path) -> None:
        """Writes the index and gives the file its final name."""
        self._file.write(encode_index(self._places, SHARD // CHUNK * self.across))
        self._file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)

    def abandon(self) -> None:
        """Throws away what is there."""
        self._file.close()
        self.path.unlink(missing_ok=True)
