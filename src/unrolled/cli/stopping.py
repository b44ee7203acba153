"""Ctrl-C asks long work to save and stop; before it has begun, and at a second Ctrl-C, it stops at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_asked() -> Generator[Callable[[], bool]]:
    """Gives a function that says whether the user has asked to stop (Ctrl-C, or SIGTERM from a supervisor).

    Until it is called for the first time there is nothing to save, and a signal is a KeyboardInterrupt.
    """
    listening = asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked or not listening:
            raise KeyboardInterrupt
        asked = True

    def stop() -> bool:
        nonlocal listening
        listening = True
        return asked

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
