"""A process that records on request, each time in a child of its own that the test may kill.

One line of JSON in: what to record; out: `pid N`, `done STEPS` after each slice, at last `ended STATUS`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from tests.traces.making import Names, make_network, make_symbols
from unrolled.traces.format import SHARD
from unrolled.traces.record import record_run


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # whole at once: the child writes to the same pipe


def published(out: Path) -> int:
    """Steps that the trace says are complete; 0 where there is none yet."""
    path = out / "zarr.json"
    return json.loads(path.read_text())["attributes"]["complete_steps"] if path.exists() else 0


def reporter(out: Path) -> Callable[..., None]:
    """Says what was computed. Once a shard was, it waits until that is on the disk: the first that is whole is
    published at once, though beside the computation, and without it no kill would find anything to go on with."""
    begun = published(out)

    def progress(done: int, total: int, /, **numbers: object) -> None:
        while begun < done // SHARD * SHARD and done < total and published(out) == begun:
            os.sched_yield()
        say(f"done {done}")

    return progress


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        asked = json.loads(line)
        network = make_network("rnn", layers=1, hidden=3)
        child = os.fork()
        if child == 0:
            say(f"pid {os.getpid()}")
            record_run(
                network,
                Names(),
                make_symbols(*asked["lengths"]),
                out=Path(asked["out"]),
                resume=True,
                progress=reporter(Path(asked["out"])),
            )
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"ended {status}")


if __name__ == "__main__":
    main()
