"""A process that records on request, each time in a child of its own that the test may kill.

One line of JSON in: what to record; out: `pid N`, `done STEPS` after each slice, at last `ended STATUS`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from tests.traces.making import Names, make_network, make_symbols
from unrolled.traces.record import record_run


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # whole at once: the child writes to the same pipe


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
                progress=lambda done, total, /, **numbers: say(f"done {done}"),
            )
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"ended {status}")


if __name__ == "__main__":
    main()
