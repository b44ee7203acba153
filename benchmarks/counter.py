"""Counting: how far networks count that were trained with the defaults, and how long that and the whole demo take.

Trains `task:counter` (aᴺXbᴺ, N 1 to 10, one layer of 10 LSTM neurons) through the Python API with every default, all
seeds in one go, and in turn with that one after the other, for the times; the weights must be the same. Right for N
means: zero state, newline, N a's and an X given, then greedy with its own output fed back, exactly N b's and the end.
Before that it times the real command `unrolled demo`, from its start until the page's address is there: importing,
training, recording, starting the server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import monotonic

from common import UNROLLED, Report, arguments, say, workspace

import unrolled


def in_one_go(folder: Path, seeds: int) -> tuple[float, list[int]]:
    """Seconds for all seeds, and the largest N up to which each counts right; each with its exam and its checkpoint."""
    began = monotonic()
    outcomes = unrolled.train_seeds("task:counter", folder, seeds)
    return monotonic() - began, [outcome.summary["counts_right_to"] for outcome in outcomes]


def one_after_the_other(folder: Path, seeds: int) -> float:
    """Seconds for the same runs."""
    began = monotonic()
    for seed in range(seeds):
        unrolled.train("task:counter", folder / f"seed-{seed}", seed=seed)
    return monotonic() - began


def weights_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("seed-*/checkpoints/*/weights.safetensors"))]


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
    parser.add_argument("--turns", type=int, default=5, help="times that they are trained (default: %(default)s)")
    parser.add_argument("--demos", type=int, default=3, help="runs of the whole demo (default: %(default)s)")
    given = parser.parse_args()
    result = Report("Counting: aᴺXbᴺ, trained on N = 1 to 10")
    with workspace(None) as folder:
        demos: list[float] = []
        for number in range(given.demos):
            say(f"demo {number + 1} of {given.demos} …")
            (folder / f"{number}").mkdir()
            demos.append(time_demo(folder / f"{number}"))
        seconds: dict[str, list[float]] = {"in one go": [], "one after the other": []}
        reached: list[int] = []
        for turn in range(given.turns if given.seeds else 0):
            say(f"{given.seeds} seeds, turn {turn + 1} of {given.turns} …")
            together, alone = folder / f"together-{turn}", folder / f"alone-{turn}"
            taken, reached = in_one_go(together, given.seeds)
            seconds["in one go"].append(taken)
            seconds["one after the other"].append(one_after_the_other(alone, given.seeds))
            if weights_of(together) != weights_of(alone):
                raise SystemExit("The seeds learned something else in one go than one after the other.")
    if demos:
        typical = f"{median(demos):.1f} s"
        result.table(
            "The whole demo, from the command to the page's address.",
            ["runs", "median", "most"],
            [[len(demos), typical, f"{max(demos):.1f} s"]],
        )
        result.bar("the whole demo, median", "under 30 s", typical, median(demos) < 30)
    if reached:
        columns = ["seed", "counts right up to N ="]
        result.table("Each seed, with every default.", columns, list(enumerate(reached)))
        base = median(seconds["one after the other"])
        rows = [[how, f"{median(each):.2f} s", f"{median(each) / base:.2f}"] for how, each in seconds.items()]
        result.table(f"{given.seeds} seeds, median of {given.turns} in turn.", ["how", "seconds", "ratio"], rows)
        ten = sum(n >= 10 for n in reached)
        result.bar("right for all N from 1 to 10", "every seed", f"{ten} of {len(reached)}", ten == len(reached))
        result.bar("counts right up to, median", "at least 13", f"{median(reached):g}", median(reached) >= 13)
    result.numbers = {"counts_right_to": reached, "seconds": seconds, "demo_seconds": demos}
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
