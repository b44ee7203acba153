"""What is held in a layer, as the kernels want it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from unrolled.cells.cell import Cell
from unrolled.engines.compiled.kernels import LayerCall
from unrolled.engines.edit import Hold
from unrolled.engines.engine import reverse


class _Entry(ctypes.Structure):
    """`hold` of kernels.c."""

    _fields_ = [
        ("signal", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("value", "mask", "where")),
        *((name, ctypes.c_int64) for name in ("value_step", "value_row", "where_step", "where_row")),
    ]


class Holds:
    """Holds of a layer, vector by vector; the kernels read from it while it lives.

    Args:
        holds: in float32, on the CPU; the last of those that hold the same number wins.
        cell, neurons: the layer's.
        lanes: neurons of a vector.
    """

    def __init__(self, holds: Sequence[Hold], cell: Cell, neurons: int, lanes: int) -> None:
        signals = [signal.name for signal in cell.signals]
        self._kept: list[Tensor] = []
        found: list[tuple[int, int, _Entry]] = []
        for hold in holds:
            number = signals.index(hold.signal)
            found += [(vector, number, entry) for vector, entry in self._entries(hold, number, neurons, lanes)]
        found.sort(key=lambda each: each[:2])  # those of one signal stay in their order
        vectors = torch.tensor([vector for vector, _, _ in found], dtype=torch.int64)
        self._begins = torch.searchsorted(vectors, torch.arange(-(-neurons // lanes) + 1))
        self._array = (_Entry * len(found))(*(entry for _, _, entry in found))

    def give_to(self, call: LayerCall) -> None:
        """Lets a layer's call point to them, in place of others."""
        call.holds = ctypes.addressof(self._array) if len(self._array) else None
        call.held = self._begins.data_ptr()

    def _entries(self, hold: Hold, signal: int, neurons: int, lanes: int) -> list[tuple[int, _Entry]]:
        """The vectors that a hold touches, and what is held of each."""
        held = range(neurons)[hold.neurons] if isinstance(hold.neurons, slice) else hold.neurons
        vectors = sorted({neuron // lanes for neuron in held})
        place = {vector: n * lanes for n, vector in enumerate(vectors)}
        at, width = [place[neuron // lanes] + neuron % lanes for neuron in held], len(vectors) * lanes
        value = hold.value.new_zeros(*hold.value.shape[:2], width)
        value[..., at] = hold.value.detach()
        mask = torch.zeros(width, dtype=torch.int32)
        mask[at] = -1
        where = None if hold.where is None else hold.where.contiguous()
        self._kept += [value, mask, *([] if where is None else [where])]
        entries: list[tuple[int, _Entry]] = []
        for vector, first in place.items():
            entry = _Entry(signal=signal, value=value[..., first:].data_ptr(), mask=mask[first:].data_ptr())
            entry.value_step, entry.value_row = _strides(value)
            if where is not None:
                entry.where, (entry.where_step, entry.where_row) = where.data_ptr(), _strides(where)
            entries.append((vector, entry))
        return entries


def turned(hold: Hold, lengths: Tensor) -> Hold:
    """The hold for a layer that reads each sequence turned round within its own length."""
    value, where, batch = hold.value, hold.where, len(lengths)
    if len(value) > 1:
        value = reverse(value.expand(-1, batch, -1), lengths)
    return replace(hold, value=value, where=None if where is None else reverse(where.expand(-1, batch), lengths))


def _strides(values: Tensor) -> tuple[int, int]:
    """From one step and from one row to the next; 0 where there is one for all."""
    (steps, rows), (step, row) = values.shape[:2], values.stride()[:2]
    return step if steps > 1 else 0, row if rows > 1 else 0
