"""How long work tells how far it is: the worker calls, the command line (or nobody) shows."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called often and cheaply by long work; `done` and `total` in the same unit, `numbers` to show beside."""

    def __call__(self, done: int, total: int, /, **numbers: float | str) -> None: ...


def silent(done: int, total: int, /, **numbers: float | str) -> None:
    """Shows nothing."""
