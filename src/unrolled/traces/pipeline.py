"""Work that goes on beside the computation: several threads make, one stores what they made, in its order."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TypeVar

import torch

T = TypeVar("T")


class Pipeline:
    """Makes things in several threads at once and stores them in one, in the order in which they were given.

    What is made and stored has to be C most of the time (numpy, torch, zstd, files): Python itself runs one thread.

    Args:
        workers: threads that make; PyTorch uses one thread in each.
        depth: things that may be on their way, from `give` until they are stored. No more memory is held, however slow
            the disk is.

    Attributes:
        error: the first one that making or storing raised. Nothing is stored after it.
    """

    def __init__(self, workers: int, depth: int) -> None:
        self.error: BaseException | None = None
        self._room = BoundedSemaphore(depth)
        self._workers = ThreadPoolExecutor(workers, "trace-make", torch.set_num_threads, (1,))
        self._storing = ThreadPoolExecutor(1, "trace-store", torch.set_num_threads, (1,))

    def give(self, make: Callable[[], T], store: Callable[[T], None]) -> None:
        """Has `make` called by any worker, then `store` with what it returned; waits while there is no room.

        Raises:
            What an earlier `make` or `store` raised.
        """
        self._room.acquire()
        if self.error is not None:
            self._room.release()
            raise self.error
        self._storing.submit(self._store, self._workers.submit(make), store)

    def finish(self) -> None:
        """Waits until everything is stored; raises as `give` does."""
        self.close()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Waits until everything that was given is stored, or dropped after an error, and lets go of the threads."""
        self._storing.shutdown()
        self._workers.shutdown()

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


def share_threads() -> tuple[int, int]:
    """How many threads compute and how many work beside them: half and half of those that PyTorch may use.

    An engine's threads meet at every step of a batch of one; were there more threads than processors, each meeting
    would wait for the one that has none. So computing gets no more than the rest leaves.
    """
    threads = torch.get_num_threads()
    computing = max(1, threads // 2)
    return computing, max(1, threads - computing)


@contextmanager
def compute_threads(count: int) -> Generator[None]:
    """PyTorch and the engines use `count` threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
