"""A process that trains on request, each time in a child of its own that whoever asked may kill.

One line of JSON in: `source`, `out`, `checkpoint_seconds`, the step to `wait_at` for a signal (null: none) and the
`settings` of training, which may say how many `seeds`; out: `pid N`, `step N` after each update, at last
`ended STATUS`. The child resumes what is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class TrainingProcess:
    """The other side of it: asks for a training and kills the child at random."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def train(
        self,
        source: str,
        out: Path,
        settings: dict[str, Any],
        *,
        kill_at: int | None = None,
        spin: int | None = None,
        checkpoint_seconds: float = 0.0,
    ) -> tuple[int, int]:
        """Trains until it ends, or is killed after it has reported step `kill_at` (0: when it has begun).

        Args:
            spin: turns of a loop to wait for between the report and the kill, while the child goes on; None kills it
                at that very step.
            checkpoint_seconds: seconds between two checkpoints; 0 writes one after each update.

        Returns:
            The first step that was reported (0 where none was), and the status: 0, or the number of the signal.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {
            "source": source,
            "out": str(out),
            "checkpoint_seconds": checkpoint_seconds,
            "wait_at": kill_at if spin is None else None,
            "settings": settings,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        pid, first = 0, 0
        for line in self._process.stdout:
            word, number = line.split()
            if word == "pid":
                pid = int(number)
            if word == "step":
                first = first or int(number)
            if word == "ended":
                return first, int(number)
            if kill_at is not None and (kill_at == 0 or (word == "step" and int(number) >= kill_at)):
                sum(range(spin or 0))  # somewhere in what it does next
                os.kill(pid, signal.SIGKILL)
                kill_at = None
        raise AssertionError("the training process ended")


@contextmanager
def training_process() -> Generator[TrainingProcess]:
    """Starts the process; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.training.training_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    with process:
        yield TrainingProcess(process)
        assert process.stdin is not None
        process.stdin.close()


def kill_and_resume(
    process: TrainingProcess, source: str, out: Path, settings: dict[str, Any], kills: int, generator: random.Random
) -> int:
    """Kills one training after the other at random moments, then lets it end; how many went on from a checkpoint."""
    went_on = 0
    kill_at = 0
    for _ in range(kills):
        first, status = process.train(source, out, settings, kill_at=kill_at, spin=generator.randrange(1, 200_000))
        if status == 0:
            break  # it was done before the signal came
        assert status == signal.SIGKILL
        went_on += first > 1
        kill_at = max(first, kill_at) + generator.randrange(1, max(2, 2 * settings["steps"] // kills))
    first, status = process.train(source, out, settings)
    assert status == 0
    return went_on + (first > 1)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # whole at once: the child writes to the same pipe


def _reporter(wait_at: int | None) -> Callable[..., None]:
    def report(done: int, total: int, /, **numbers: float) -> None:
        _say(f"step {done}")
        if done == wait_at:
            signal.pause()

    return report


def main() -> None:
    import torch

    from unrolled.training import loop
    from unrolled.training.train import train, train_seeds

    torch.set_num_threads(1)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _say(f"pid {os.getpid()}")
            loop.CHECKPOINT_SECONDS = asked["checkpoint_seconds"]
            (train_seeds if "seeds" in asked["settings"] else train)(
                asked["source"],
                asked["out"],
                resume=True,
                progress=_reporter(asked["wait_at"]),
                **asked["settings"],
            )
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(f"ended {status}")


if __name__ == "__main__":
    main()
