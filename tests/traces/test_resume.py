"""A recording that is killed at any moment is never taken for a whole one, and goes on to the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.traces.making import Names, make_network, make_symbols
from unrolled.errors import OutputExistsError, TraceError
from unrolled.traces.format import SHARD
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

LENGTHS = [SHARD + 5000, *[700] * 20, 3, SHARD + 100, *[9] * 30]
"""Long sequences that carry their state across shards, and batches of short ones that lie across their borders."""
STEPS = sum(LENGTHS)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")

Recorder = Callable[[Path, float | None], tuple[int, int]]


@pytest.fixture
def record() -> Iterator[Recorder]:
    """Records into a folder and kills the process once it has done that share of the steps; returns what it reported
    first, and its status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.traces.recorder_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(out: Path, kill_at: float | None) -> tuple[int, int]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"out": str(out), "lengths": LENGTHS}) + "\n")
        process.stdin.flush()
        pid, first = 0, 0
        for line in process.stdout:
            word, number = line.split()
            if word == "pid":
                pid = int(number)
            if word == "done":
                first = first or int(number)
            if word == "ended":
                return first, int(number)
            if kill_at is not None and (kill_at == 0 or (word == "done" and int(number) >= kill_at * STEPS)):
                sum(range(random.randrange(1, 300_000)))  # somewhere in what it does next
                os.kill(pid, signal.SIGKILL)
                kill_at = None
        raise AssertionError("the recording process ended")

    with process:
        yield run
        process.stdin.close()


def files(root: Path) -> dict[str, bytes]:
    """Every file of a trace; the time of its making left out."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    document = json.loads(found["zarr.json"])
    del document["attributes"]["created"]
    return {**found, "zarr.json": json.dumps(document).encode()}


def test_killed_recordings_are_unfinished_and_end_in_the_same_bytes(record: Recorder, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert record(whole, None)[1] == 0
    right = Trace.open(whole)
    assert right.info.whole
    symbols = np.concatenate(make_symbols(*LENGTHS))
    generator = random.Random(5)
    resumed_late = 0
    for attempt in range(4):
        out = tmp_path / f"killed{attempt}"
        last = 0
        for kill_at in sorted([0.0, *(generator.random() for _ in range(4))]):
            first, status = record(out, kill_at)
            if status == 0:
                break  # it was done before the signal came
            assert status == signal.SIGKILL
            if not out.exists():
                continue
            trace = Trace.open(out)
            assert trace.steps >= last
            assert first == 0 or first > last, "it began again at its beginning"
            resumed_late += last > 0
            last = trace.steps
            assert np.array_equal(trace.symbols, symbols[:last])  # type: ignore[arg-type]
            assert np.array_equal(trace.read("rnn.l0", "hidden"), right.read("rnn.l0", "hidden", 0, last))
            assert np.array_equal(trace.loss, right.loss[:last], equal_nan=True)  # type: ignore[index,arg-type]
        assert record(out, None)[1] == 0
        assert files(out) == files(whole)
    assert resumed_late > 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"killed{n}" for n in range(4)), "whole"])


class StoppedError(Exception):
    """Ends a recording in the middle."""


def stop_after(steps: int) -> Callable[..., None]:
    def progress(done: int, total: int, /, **numbers: object) -> None:
        if done >= steps:
            raise StoppedError

    return progress


def test_what_a_resume_needs_and_lacks_is_told(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 9000)
    with pytest.raises(StoppedError):
        record_run(network, Names(), symbols, out=tmp_path / "t", progress=stop_after(SHARD + 3000))
    (state,) = (tmp_path / "t" / "resume").glob("*.safetensors")
    kept = load_file(state)
    save_file({name: value for name, value in kept.items() if not name.endswith("cell:leaps")}, state)
    for _ in range(2):  # it lets go of the trace each time
        with pytest.raises(TraceError, match=r"What a resume of .* needs is missing or damaged"):
            record_run(network, Names(), symbols, out=tmp_path / "t", resume=True)
    save_file(kept, state)
    assert record_run(network, Names(), symbols, out=tmp_path / "t", resume=True).info.whole


def test_an_unfinished_trace_shows_what_is_complete_and_says_so(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 9000)
    with pytest.raises(StoppedError):
        record_run(network, Names(), symbols, out=tmp_path / "t", progress=stop_after(SHARD + 3000))
    trace = Trace.open(tmp_path / "t")
    assert trace.steps == SHARD
    assert trace.sequences == [range(SHARD)]
    assert trace["rnn.l0.cell"].shape == (SHARD, 3)  # type: ignore[union-attr]
    assert "unfinished: 9,000 steps are missing" in repr(trace)
    with pytest.raises(OutputExistsError, match="--resume"):
        record_run(network, Names(), symbols, out=tmp_path / "t")


def test_a_short_sequence_across_a_shards_end_goes_on_within_it(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD - 10, 100, 5000)
    with pytest.raises(StoppedError):
        record_run(network, Names(), symbols, out=tmp_path / "t", progress=stop_after(SHARD))
    assert Trace.open(tmp_path / "t").steps == SHARD
    record_run(network, Names(), symbols, out=tmp_path / "t", resume=True)
    record_run(network, Names(), symbols, out=tmp_path / "whole")
    assert files(tmp_path / "t") == files(tmp_path / "whole")


def test_nothing_but_the_same_recording_goes_on(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 5000)
    out = tmp_path / "t"
    with pytest.raises(StoppedError):
        record_run(network, Names(), symbols, out=out, progress=stop_after(SHARD))
    other = [array.copy() for array in symbols]
    other[0][-1] = (other[0][-1] + 1) % 8
    for arguments, says in (
        ((make_network(layers=1, hidden=3, seed=2), symbols), "model"),
        ((network, other), "symbols"),
        ((network, [symbols[0][:-1], symbols[0][-1:]]), "sequences"),
        ((network, [symbols[0][:-1]]), "planned_steps"),
    ):
        with pytest.raises(TraceError, match=says):
            record_run(arguments[0], Names(), arguments[1], out=out, resume=True)
    with pytest.raises(TraceError, match="sites"):
        record_run(network, Names(), symbols, out=out, resume=True, signals=["cell"])
    with pytest.raises(TraceError, match="code"):
        record_run(network, Names(), symbols, out=out, resume=True, dtype="float16")
    assert record_run(network, Names(), symbols, out=out, resume=True).info.whole
    before = files(out)
    assert record_run(network, Names(), symbols, out=out, resume=True).info.whole
    assert files(out) == before


def test_a_damaged_resume_is_refused(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 5000)
    out = tmp_path / "t"
    with pytest.raises(StoppedError):
        record_run(network, Names(), symbols, out=out, progress=stop_after(SHARD))
    state = out / "resume" / f"{SHARD}.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(TraceError, match="--overwrite"):
        record_run(network, Names(), symbols, out=out, resume=True)


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 5000)
    out = tmp_path / "t"
    refused = 0

    def meet(done: int, total: int, /, **numbers: object) -> None:
        nonlocal refused
        for options in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(TraceError, match="another process"):
                record_run(network, Names(), symbols, out=out, **options)  # type: ignore[arg-type]
            refused += 1

    assert record_run(network, Names(), symbols, out=out, progress=meet).info.whole
    assert refused >= 4
