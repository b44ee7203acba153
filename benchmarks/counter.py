"""Counting: how far networks count that were trained with the defaults, and how long the whole demo takes.

Trains `task:counter` (aᴺXbᴺ, N 1 to 10, one layer of 10 LSTM neurons) through the Python API with every default, once
for each seed. Right for N means: zero state, newline, N a's and an X given, then greedy with its own output fed back,
exactly N b's and the end. Then it times the real command `unrolled demo`, from its start until the page's address is
there: importing, training, recording, starting the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from common import UNROLLED, Report, arguments, say, workspace

import unrolled


@dataclass(frozen=True)
class Trained:
    """seconds: of training alone. counts_right_to: the largest N up to which every count is right."""

    seed: int
    seconds: float
    counts_right_to: int


def train(folder: Path, seed: int) -> Trained:
    began = monotonic()
    outcome = unrolled.train("task:counter", folder / f"seed-{seed}", seed=seed)
    return Trained(seed, monotonic() - began, outcome.summary["counts_right_to"])


def time_demo(folder: Path) -> float:
    """Seconds from the command's start until it prints the address of the page."""
    command = [*UNROLLED, "demo", "--out", str(folder / "demo"), "--port", "0", "--no-browser"]
    began = monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("http://"):
                seconds = monotonic() - began
                process.send_signal(signal.SIGINT)
                return seconds
    raise SystemExit(f"The demo ended with {process.returncode} before it showed its page.")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="networks to train (default: %(default)s)")
    parser.add_argument("--demos", type=int, default=3, help="runs of the whole demo (default: %(default)s)")
    given = parser.parse_args()
    result = Report("Counting: aᴺXbᴺ, trained on N = 1 to 10")
    with workspace(None) as folder:
        demos: list[float] = []
        for number in range(given.demos):
            say(f"demo {number + 1} of {given.demos} …")
            (folder / f"{number}").mkdir()
            demos.append(time_demo(folder / f"{number}"))
        trained: list[Trained] = []
        for seed in range(given.seeds):
            trained.append(train(folder, seed))
            say(f"seed {seed}: right up to {trained[-1].counts_right_to}, {trained[-1].seconds:.1f} s")
    if demos:
        seconds = f"{median(demos):.1f} s"
        result.table(
            "The whole demo, from the command to the page's address.",
            ["runs", "median", "most"],
            [[len(demos), seconds, f"{max(demos):.1f} s"]],
        )
        result.bar("the whole demo, median", "under 30 s", seconds, median(demos) < 30)
    if trained:
        rows = [[one.seed, f"{one.seconds:.1f} s", one.counts_right_to] for one in trained]
        result.table("Each seed, with every default.", ["seed", "training", "counts right up to N ="], rows)
        reached = [one.counts_right_to for one in trained]
        ten = sum(n >= 10 for n in reached)
        result.bar("right for all N from 1 to 10", "every seed", f"{ten} of {len(reached)}", ten == len(reached))
        result.bar("counts right up to, median", "at least 13", f"{median(reached):g}", median(reached) >= 13)
    result.numbers = {"seeds": [vars(one) for one in trained], "demo_seconds": demos}
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
