"""Work that goes on beside the computation: several threads make, one stores what they made, in its order."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Event
from typing import TypeVar

import torch

T = TypeVar("T")


NEAR = 400_000
"""Bytes of a layer's weights that one processor keeps close: of more, each that helps takes its part."""


@dataclass(frozen=True)
class Sharing:
    """How computing and what goes on beside it share the processors.

    Attributes:
        computing: threads that compute.
        workers: threads that work beside them.
        in_turns: whether the workers rest while there is room for more to do, and computing rests while they work.
    """

    computing: int
    workers: int
    in_turns: bool = False


def share_threads(weights: int = 0) -> Sharing:
    """Shares the threads that PyTorch may use.

    An engine's threads meet at every step of a batch of one: were there more threads than processors, each meeting
    would wait for the one that has none. So computing and the workers get half of them each and go on at once; but
    where the weights of a layer are large, an engine with all threads is more than twice as fast as one with half of
    them, and they take turns.

    Args:
        weights: bytes of the weights of the largest layer.
    """
    threads = torch.get_num_threads()
    if weights > NEAR:
        return Sharing(threads, threads, in_turns=threads > 1)
    computing = max(1, threads // 2)
    return Sharing(computing, max(1, threads - computing))


class Pipeline:
    """Makes things in several threads at once and stores them in one, in the order in which they were given.

    What is made and stored has to be C most of the time (numpy, torch, zstd, files): Python itself runs one thread.

    Args:
        sharing: how many threads make (PyTorch uses one thread in each), and whether they wait until there is no more
            room; then everything that was given is made and stored before `give` returns.
        depth: things that may be on their way, from `give` until they are stored. No more memory is held, however slow
            the disk is.

    Attributes:
        error: the first one that making or storing raised. Nothing is stored after it.
    """

    def __init__(self, sharing: Sharing, depth: int) -> None:
        self.error: BaseException | None = None
        self._depth = depth
        self._in_turns = sharing.in_turns
        self._turn = Event()
        self._room = BoundedSemaphore(depth)
        self._workers = ThreadPoolExecutor(sharing.workers, "trace-make", torch.set_num_threads, (1,))
        self._storing = ThreadPoolExecutor(1, "trace-store", torch.set_num_threads, (1,))

    def give(self, make: Callable[[], T], store: Callable[[T], None]) -> None:
        """Has `make` called by any worker, then `store` with what it returned; waits while there is no room.

        Raises:
            What an earlier `make` or `store` raised.
        """
        if not self._room.acquire(blocking=False):
            self._wait_for_room()
        if self.error is not None:
            self._room.release()
            raise self.error
        self._storing.submit(self._store, self._workers.submit(self._make, make), store)

    def _wait_for_room(self) -> None:
        self._turn.set()
        if self._in_turns:
            for _ in range(self._depth):
                self._room.acquire()
            self._turn.clear()
            self._room.release(self._depth - 1)
        else:
            self._room.acquire()

    def finish(self) -> None:
        """Waits until everything is stored; raises as `give` does."""
        self.close()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Waits until everything that was given is stored, or dropped after an error, and lets go of the threads."""
        self._turn.set()
        self._storing.shutdown()
        self._workers.shutdown()

    def _make(self, make: Callable[[], T]) -> T:
        if self._in_turns:
            self._turn.wait()
        return make()

    def _store(self, made: Future[T], store: Callable[[T], None]) -> None:
        try:
            if self.error is None:
                store(made.result())
            else:
                made.cancel()
        except BaseException as error:
            self.error = error
        finally:
            self._room.release()


@contextmanager
def compute_threads(count: int) -> Generator[None]:
    """PyTorch and the engines use `count` threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
