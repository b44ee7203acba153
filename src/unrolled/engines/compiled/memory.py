"""Memory that is used again: fresh pages from the system cost as much as filling them."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Sequence
from math import prod
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

SMALLEST = 1 << 18
"""Floats from which memory is kept: below, the allocator keeps it by itself."""
MOST_KEPT = 1 << 26
"""Floats (256 MiB) that are kept while nobody uses them."""
_ALIGNMENT = 64

_kept: list[npt.NDArray[Any]] = []
_lock = Lock()
"""Held while `_kept` is read or changed."""
_returned: deque[npt.NDArray[Any]] = deque()
"""Given back, not yet in `_kept`: memory comes back whenever Python frees an object, even while this thread holds the
lock, so that it must not wait for it."""


def empty(shape: Sequence[int]) -> Tensor:
    """A float32 tensor with anything in it; its memory comes back here when the last view of it is gone."""
    size = prod(shape)
    if size < SMALLEST:
        return torch.empty(tuple(shape), dtype=torch.float32)
    block = _take(size)
    view = block[:size]
    weakref.finalize(view, _give_back, block).atexit = False
    return torch.from_numpy(view).reshape(tuple(shape))


def _take(size: int) -> npt.NDArray[Any]:
    """The smallest kept block that is large enough and not far too large, or a new one."""
    with _lock:
        _sort_in()
        fitting = [at for at, block in enumerate(_kept) if size <= len(block) <= 2 * size]
        if fitting:
            return _kept.pop(min(fitting, key=lambda at: len(_kept[at])))
    raw = np.empty(size * 4 + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size * 4].view(np.float32)


def _give_back(block: npt.NDArray[Any]) -> None:
    _returned.append(block)
    if _lock.acquire(blocking=False):
        try:
            _sort_in()
        finally:
            _lock.release()


def _sort_in() -> None:
    """Keeps what came back, the newest, as much as is allowed."""
    while _returned:
        _kept.append(_returned.popleft())
    while sum(map(len, _kept)) > MOST_KEPT:
        _kept.pop(0)
