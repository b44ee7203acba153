"""The compiled kernels: found, loaded, and their functions typed."""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.compiled.build import built_path, sources_digest
from unrolled.engines.compiled.memory import empty

LANES = {4: "plain", 8: "avx2", 16: "avx512"}
"""Floats that one instruction takes, and the instruction set whose library is made for as many; see `build.py`."""

_INT, _POINTER = ctypes.c_int64, ctypes.c_void_p
_SIGNATURES = {
    "unrolled_blocks": [_INT],
    "unrolled_packed_size": [_INT] * 4,
    "unrolled_pack_forward": [_INT] * 4 + [_POINTER] * 2 + [_INT],
    "unrolled_pack_back": [_INT] * 4 + [_POINTER] * 2 + [_INT],
    "unrolled_ready_size": [_POINTER, _INT],
    "unrolled_make_ready": [_POINTER, _POINTER, _INT, _POINTER],
    "unrolled_forward": [_POINTER],
    "unrolled_back": [_POINTER],
    "unrolled_dropout": [_INT, _INT, ctypes.c_double, _POINTER, _POINTER, _INT],
    "unrolled_multiply_space": [_INT] * 2,
    "unrolled_multiply": [_INT] * 3 + [_POINTER, _INT, _INT, _POINTER, _INT, _POINTER, _INT, _INT, _POINTER, _INT],
    "unrolled_add_by_symbol": [_INT, _INT, _POINTER, _POINTER, _POINTER, _INT],
    "unrolled_bins": [_INT] * 3 + [_POINTER] * 3 + [_INT],
    "unrolled_count": [_INT] * 5 + [_POINTER] * 3 + [_INT],
    "unrolled_add_by_class": [_INT] * 5 + [_POINTER] * 3 + [_INT],
}
_NUMBERS = (
    *("cell", "activation", "steps", "batch", "inputs", "x_stride", "neurons", "padded", "direction", "threads"),
    "first_step",
)
_ARRAYS = (
    *("lengths", "gates", "states", "hidden", "x", "x_panels", "bias", "table", "symbols"),
    *("first_hidden", "first_cell", "panels", "extra", "holds", "held"),
    *("from_outputs", "from_hidden", "from_cell", "from_first", "from_gates"),
)


class LayerCall(ctypes.Structure):
    """`layer` of kernels.c."""

    _fields_ = [(name, _INT) for name in _NUMBERS] + [(name, _POINTER) for name in _ARRAYS]


class Parameters(ctypes.Structure):
    """`parameters` of kernels.c."""

    _fields_ = [(name, _POINTER) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ch")]


@dataclass(frozen=True)
class Kernels:
    """A loaded library; lanes: floats that one of its instructions takes."""

    functions: Any
    lanes: int

    def padded(self, neurons: int) -> int:
        """Places that so many neurons take."""
        return -(-neurons // self.lanes) * self.lanes

    def pack(self, cell: int, weights: Tensor, places: int, *, back: bool) -> Tensor:
        """A matrix `(blocks · neurons, inputs)` as the kernels of a cell read it in the pass forward, or back."""
        (rows, inputs), direction = weights.shape, "back" if back else "forward"
        neurons = rows // int(self.functions.unrolled_blocks(cell))
        packed = empty((int(self.functions.unrolled_packed_size(cell, inputs, places, int(back))),))
        weights, pack = weights.contiguous(), getattr(self.functions, f"unrolled_pack_{direction}")
        pack(cell, inputs, neurons, places, weights.data_ptr(), packed.data_ptr(), torch.get_num_threads())
        return packed

    def make_ready(self, call: LayerCall, parameters: Parameters, *, by_symbol: bool) -> Tensor:
        """Lets a layer's call point to its parameters, made ready for the pass forward; whoever calls keeps them."""
        ready = empty((int(self.functions.unrolled_ready_size(ctypes.byref(call), int(by_symbol))),))
        pointers = ctypes.byref(call), ctypes.byref(parameters)
        self.functions.unrolled_make_ready(*pointers, int(by_symbol), ready.data_ptr())
        return ready

    def forward(self, call: LayerCall) -> None:
        self.functions.unrolled_forward(ctypes.byref(call))

    def back(self, call: LayerCall) -> None:
        self.functions.unrolled_back(ctypes.byref(call))

    def multiply(self, a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> Tensor:
        """out (rows, columns) = a (rows, depth) · b (depth, columns), or added to it.

        One of a's strides is 1; the rows of b and out are contiguous.
        """
        threads = torch.get_num_threads()
        (rows, depth), columns = a.shape, b.shape[1]
        space = torch.empty(self.functions.unrolled_multiply_space(columns, threads))
        arrays = (a.data_ptr(), *a.stride(), b.data_ptr(), b.stride(0), out.data_ptr(), out.stride(0))
        self.functions.unrolled_multiply(rows, columns, depth, *arrays, int(add), space.data_ptr(), threads)
        return out

    def drop(self, values: Tensor, share: float, seed: int) -> Tensor:
        """Contiguous values with a share of them zero, the rest scaled up; the same again for the same seed."""
        out = torch.empty_like(values)
        self.functions.unrolled_dropout(
            values.numel(), seed, share, values.data_ptr(), out.data_ptr(), torch.get_num_threads()
        )
        return out

    def add_by_symbol(self, symbols: Tensor, values: Tensor, count: int) -> Tensor:
        """(count, width): the sums of the rows of `values` (rows, width) that belong to each symbol."""
        (rows, width), threads = values.shape, torch.get_num_threads()
        # Many rows are added to few sums: part by part, so that a small number is not added to a large sum.
        part = max(256, 8 * count)
        sums, symbols = values.new_zeros(-(-rows // part), count, width), symbols.flatten()
        for at, partial in enumerate(sums):
            some, own = values[at * part : (at + 1) * part], symbols[at * part : (at + 1) * part]
            self.functions.unrolled_add_by_symbol(
                len(some), width, own.data_ptr(), some.data_ptr(), partial.data_ptr(), threads
            )
        return sums[0] if len(sums) == 1 else sums.sum(0)

    def bins(self, edges: Tensor, values: Tensor) -> Tensor:
        """(rows, steps) of int16: how many of its row's rising edges (rows, count) are below each value (rows, steps);
        as `torch.searchsorted`, several times faster where the values come in no order."""
        out = torch.empty(values.shape, dtype=torch.int16)
        pointers = edges.data_ptr(), values.data_ptr(), out.data_ptr()
        self.functions.unrolled_bins(*values.shape, edges.shape[1], *pointers, torch.get_num_threads())
        return out

    def count(self, bins: Tensor, codes: Tensor, all_bins: int, counts: Tensor) -> None:
        """Adds to `counts` (rows, groups of bins, classes) of int64 what lies in each of its equal groups of `all_bins`
        bins, (rows, steps) of int16, and has each code, (steps,) of int8, −1 for none."""
        (rows, steps), (_, fewer, classes) = bins.shape, counts.shape
        bins, codes = bins.contiguous(), codes.contiguous()
        pointers = bins.data_ptr(), codes.data_ptr(), counts.data_ptr()
        sizes = rows, steps, all_bins, all_bins // fewer, classes
        self.functions.unrolled_count(*sizes, *pointers, torch.get_num_threads())

    def add_by_class(self, codes: Tensor, values: Tensor, classes: int) -> Tensor:
        """(moves, classes, width): the sums of those rows of `values` (steps, width) at which a move has each class.

        Codes are of int8, (moves, steps), each from 0 to `classes` − 1, or −1 for none; a move's steps are contiguous.
        """
        (moves, steps), (_, width) = codes.shape, values.shape
        values, out = values.contiguous(), torch.empty(moves, classes, width)
        pointers = codes.data_ptr(), values.data_ptr(), out.data_ptr()
        sizes = moves, codes.stride(0), steps, width, classes
        self.functions.unrolled_add_by_class(*sizes, *pointers, torch.get_num_threads())
        return out


@cache
def find_kernels() -> Kernels | str:
    """The kernels for this processor, or why there are none, in one clause.

    `UNROLLED_KERNELS` names another library, or nothing to do without.
    """
    given = os.environ.get("UNROLLED_KERNELS")
    if given == "":
        return "UNROLLED_KERNELS is empty: the compiled kernels are switched off"
    try:
        if given:
            return load_kernels(Path(given))
        there = libraries()
        if not there:
            return "its kernels were not built when unrolled was installed, for want of a C compiler"
        return load_kernels(there[-1])
    except (OSError, AttributeError) as error:
        return f"its kernels cannot be loaded ({error})"


def libraries() -> list[Path]:
    """Those that were built and that this processor can run, the fastest last."""
    folder = Path(__file__).parent
    plain = built_path(folder, LANES[4])
    if not plain.is_file():
        return []
    _open_threads_library()
    best = int(_open(plain).unrolled_best_lanes())
    able = [built_path(folder, name) for lanes, name in LANES.items() if lanes <= best]
    return [path for path in able if path.is_file()]


def load_kernels(path: Path) -> Kernels:
    """The kernels of a library.

    Raises:
        OSError: it is missing or no library, it wants functions that are not there, or it was made from other sources.
        AttributeError: it has not the functions that it should have.
    """
    _open_threads_library()
    functions = _open(path)
    functions.unrolled_sources.restype = ctypes.c_char_p
    if functions.unrolled_sources().decode() != sources_digest():
        raise OSError(f"{path.name} is of another version; python -m unrolled.engines.compiled.build makes it anew")
    for name, arguments in _SIGNATURES.items():
        function = getattr(functions, name)
        function.argtypes, function.restype = arguments, None
    for name in ("unrolled_blocks", "unrolled_packed_size", "unrolled_ready_size", "unrolled_multiply_space"):
        getattr(functions, name).restype = _INT
    return Kernels(functions, int(functions.unrolled_lanes()))


def _open(path: Path) -> ctypes.CDLL:
    """Opens a library whole: what it misses shows now, where it can be told, and not when it is called."""
    return ctypes.CDLL(str(path), mode=getattr(os, "RTLD_NOW", 0))


def _open_threads_library() -> None:
    """Lets the kernels use the OpenMP that PyTorch has loaded: two in one process would fight over the processor."""
    maps = Path("/proc/self/maps")
    loaded = re.findall(r"/\S*/lib[gi]?omp\S*\.so\S*", maps.read_text()) if maps.is_file() else []
    if loaded:
        ctypes.CDLL(min(loaded, key=lambda path: "/torch" not in path), mode=ctypes.RTLD_GLOBAL)
