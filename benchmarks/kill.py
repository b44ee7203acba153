"""Killing: training and recording, killed with SIGKILL at random moments, go on to the very same numbers.

Each trial begins the real command anew, in a process of its own, and kills it after a random time within what the whole
takes. Then every reader looks at what is there: the run or trace may be missing or unfinished, but whatever a reader
accepts must be a part of the undisturbed one: the same weights at the same update, the same bytes up to the same step.
A reader that fails in any other way than with its own clear error counts as a failure too. Then the command runs
again with --resume, to the end: weights, metrics and arrays must be those of the undisturbed run, bit for bit.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from common import DEFAULT_TEXT, Report, arguments, say, workspace

from unrolled import Trace, UnrolledError, load_network
from unrolled.cli import run as run_command
from unrolled.cli.info import describe

PROCESSES = multiprocessing.get_context("forkserver")
HEAVY = ["torch", "unrolled.training.train", "unrolled.traces.record", "unrolled.cli.commands"]


def child(command: Sequence[str]) -> None:
    """The command as a person gives it, without its output."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    sys.exit(run_command(command))


def execute(command: Sequence[str], kill_after: float | None = None) -> tuple[float, int]:
    """Runs a command, or kills it after so many seconds; how long it ran and how it ended."""
    began = monotonic()
    process = PROCESSES.Process(target=child, args=(command,))
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
    assert process.exitcode is not None
    return monotonic() - began, process.exitcode


@dataclass
class Tally:
    """What came out of the trials."""

    what: str
    seconds: float
    kills: int = 0
    begun: int = 0
    left_something: int = 0
    identical: int = 0
    different: list[str] = field(default_factory=list[str])
    """What resumes ended in that was not the same."""
    faults: list[str] = field(default_factory=list[str])
    """What readers accepted that was no part of the undisturbed one, or stumbled over."""

    def fault(self, line: str) -> None:
        say(f"FAULT: {line}")
        self.faults.append(line)


Look = Callable[[Path, Tally], bool]
"""Reads whatever lies at a path and notes faults; whether anything was there."""


def trials(what: str, command: Callable[[Path], list[str]], look: Look, same: Callable[[Path, Path], str],
           folder: Path, count: int, draw: random.Random) -> Tally:  # fmt: skip
    """Kills a command `count` times, each time begun anew."""
    whole = folder / "whole"
    for number in (1, 2):  # the first warms the system's caches
        shutil.rmtree(whole, ignore_errors=True)
        seconds, code = execute(command(whole))
        if code:
            raise SystemExit(f"{what} ended with {code} before anything was killed.")
        say(f"{what}, undisturbed, {number} of 2: {seconds:.1f} s")
    tally = Tally(what, seconds)
    look(whole, tally)
    while tally.kills < count:
        out = folder / "killed"
        after = draw.uniform(0, seconds)
        _, code = execute(command(out), after)
        if code == -signal.SIGKILL:
            tally.kills += 1
            tally.begun += look(out, tally)
            tally.left_something += bool(half_written(folder))
            _, code = execute([*command(out), "--resume"])
            difference = f"it ended with {code}" if code else same(whole, out)
            tally.identical += not difference
            if difference:
                tally.different.append(f"killed after {after:.3f} s, then {difference}")
                say(f"DIFFERENT: {tally.different[-1]}")
            say(f"{what}: kill {tally.kills} of {count} after {after:.2f} s")
        for left in folder.iterdir():
            if left != whole:
                shutil.rmtree(left)
    return tally


def half_written(folder: Path) -> list[Path]:
    """What has a temporary name."""
    return [path for path in folder.rglob("*") if path.suffix in {".tmp", ".part", ".shard", ".draft"}]


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


class Runs:
    """Reads runs; knows the weights that each update was first seen with."""

    def __init__(self) -> None:
        self.weights: dict[int, str] = {}

    def look(self, path: Path, tally: Tally) -> bool:
        try:
            found = describe(path)
            step = load_network(path, "last").step
        except UnrolledError:
            return False
        except Exception as error:
            tally.fault(f"a reader failed on {path.name} with {error!r}")
            return True
        for number in found["checkpoints"]:
            weights = digest(path / "checkpoints" / str(number) / "weights.safetensors")
            if self.weights.setdefault(number, weights) != weights:
                tally.fault(f"update {number} has other weights than before")
        if found["finished"] and step != max(self.weights):
            tally.fault(f"it says that it is finished at update {step}")
        return True

    def same(self, whole: Path, resumed: Path) -> str:
        """What differs; empty where nothing does."""
        for path in sorted(whole.rglob("*")):
            other = resumed / path.relative_to(whole)
            if path.suffix in {".safetensors"} or path.name == "vocabulary.json":
                if not other.is_file() or digest(path) != digest(other):
                    return f"{path.relative_to(whole)} differs"
            elif path.name == "metrics.jsonl" and metrics(path) != metrics(other):
                return "the metrics differ"
        return ""


def metrics(path: Path) -> list[dict[str, Any]]:
    """Every line but its seconds."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


class Traces:
    """Reads traces; holds what is complete in them against the undisturbed one."""

    def __init__(self, whole: Path) -> None:
        self.whole = whole

    def look(self, path: Path, tally: Tally) -> bool:
        try:
            trace, found = Trace.open(path), describe(path)
            arrays = everything(trace)
        except UnrolledError:
            return False
        except Exception as error:
            tally.fault(f"a reader failed on {path.name} with {error!r}")
            return True
        right = Trace.open(self.whole)
        if found["whole"] != (trace.steps == right.steps):
            tally.fault(f"it says that {trace.steps} of {right.steps} steps are whole")
        for name, values in everything(right, trace.steps).items():
            if not np.array_equal(arrays[name][: trace.steps], values, equal_nan=True):
                tally.fault(f"{name} differs within the {trace.steps} steps that are said to be complete")
        return True

    def same(self, whole: Path, resumed: Path) -> str:
        """What differs; empty where nothing does."""
        mine, other = stored(whole), stored(resumed)
        different = [name for name in sorted({*mine, *other}) if mine.get(name) != other.get(name)]
        return f"{different[0]} differs" if different else ""


def everything(trace: Trace, steps: int | None = None) -> dict[str, np.ndarray]:
    """Every array over the first steps of a trace; where it says nothing of `steps`, over all that are complete."""
    stop = trace.steps if steps is None else steps
    arrays = {
        f"{site.name}.{signal.name}": trace.read(site.name, signal.name, 0, stop)
        for site in trace.info.sites
        for signal in site.signals
    }
    for name in ("symbols", "loss", "predictions/symbols", "predictions/probabilities"):
        values = trace.read_array(name, 0, stop)
        assert values is not None
        arrays[name] = values
    return arrays


def stored(root: Path) -> dict[str, Any]:
    """Every file of a trace; the time of its making left out."""
    files: dict[str, Any] = {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    document = json.loads(files["zarr.json"])
    del document["attributes"]["created"]
    return {**files, "zarr.json": document}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is read (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="kills of each (default: %(default)s)")
    parser.add_argument("--updates", type=int, default=240, help="of each training (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=80_000, help="of each recording (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # so small a network only waits for a second thread
    PROCESSES.set_forkserver_preload(HEAVY)
    draw = random.Random(given.seed)
    limit = str(given.steps)
    # So often validated, a run spends much of its time where it writes a checkpoint.
    often = ["--steps", str(given.updates), "--validate-every", "8", "--hidden", "64", "--dropout", "0.1"]

    def training(out: Path) -> list[str]:
        return ["train", given.text, "--out", str(out), "--limit", limit, *often]

    with workspace(None) as folder:
        runs = Runs()
        for name in ("runs", "traces"):
            (folder / name).mkdir()
        trained = trials("training", training, runs.look, runs.same, folder / "runs", given.kills, draw)

        def recording(out: Path) -> list[str]:
            return ["trace", str(folder / "runs" / "whole"), given.text, "--out", str(out), "--limit", limit]

        traces = Traces(folder / "traces" / "whole")
        recorded = trials("recording", recording, traces.look, traces.same, folder / "traces", given.kills, draw)
    return report([trained, recorded], given.kills).end(given.json)


def report(tallies: list[Tally], kills: int) -> Report:
    result = Report("Killed at random moments")
    result.table(
        "A half-written file counts as taken for whole where a reader accepts it and gives anything but a part of the "
        "undisturbed result.",
        ["what", "undisturbed", "kills", "readable right after", "something half-written beside", "resumed to the same",
         "half-written taken for whole"],
        [
            [one.what, f"{one.seconds:.1f} s", one.kills, one.begun, one.left_something, one.identical, len(one.faults)]
            for one in tallies
        ],
    )  # fmt: skip
    for one in tallies:
        same, right = f"{one.identical} of {one.kills}", one.identical == one.kills == kills
        result.bar(f"{one.what}: resumes that end in the same", f"{kills} of {kills}", same, right)
        result.bar(f"{one.what}: half-written taken for whole", "never", f"{len(one.faults)} times", not one.faults)
    result.numbers["trials"] = [vars(one) for one in tallies]
    return result


if __name__ == "__main__":
    sys.exit(main())
