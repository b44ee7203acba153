"""A run that was stopped or killed at any moment ends in the same numbers, to the bit, as one that never was."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.making import (
    TINY,
    TINY_TASK,
    as_options,
    make_text,
    metrics_of,
    names_in,
    numbers_of,
    stop_at,
    train_tiny,
    write_text,
)
from tests.training.training_process import TrainingProcess, kill_and_resume, training_process
from unrolled.errors import RunError
from unrolled.training import loop

KILLS = 4
"""Kills of each run; `benchmarks/kill.py` does more."""

WITH_CHANCE: dict[str, Any] = {"layers": 2, "dropout": 0.3, "recurrent_dropout": 0.2}
"""Random states and a carried state: whatever a checkpoint forgets of them changes the weights."""

KINDS = [
    pytest.param("text", {"cell": "lstm", **WITH_CHANCE}, id="text-lstm"),
    pytest.param("text", {"cell": "gru", **WITH_CHANCE, "schedule": "decay", "decay_every": 7}, id="text-gru"),
    pytest.param("text", {"cell": "peephole", **WITH_CHANCE, "embedding": 3}, id="text-peephole"),
    pytest.param("task:counter", {"cell": "lstm", "loss_on": "knowable"}, id="task-lstm"),
    pytest.param("task:copy-machine", {"cell": "gru", **WITH_CHANCE}, id="task-gru"),
]


@pytest.fixture(scope="module")
def process() -> Iterator[TrainingProcess]:
    with training_process() as started:
        yield started


def source_of(kind: str, folder: Path) -> str:
    return str(write_text(folder)) if kind == "text" else kind


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_a_stopped_run_goes_on_bit_for_bit(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    source = source_of(kind, tmp_path)
    train_tiny(source, tmp_path / "whole", **settings)
    out = tmp_path / "stopped"
    # Streams of about 1000 symbols end after 62 updates of 16; 23 and 31 lie within, between two looks at validation.
    first = train_tiny(source, out, **settings, stop=stop_at(23))
    assert (first.finished, first.step) == (False, 23)
    assert json.loads((out / "summary.json").read_text())["finished"] is False
    second = train_tiny(source, out, **settings, resume=True, stop=stop_at(8))
    assert (second.finished, second.step) == (False, 31)
    last = train_tiny(source, out, **settings, resume=True)
    assert (last.finished, last.step) == (True, 40)
    assert numbers_of(out) == numbers_of(tmp_path / "whole")


def test_streams_that_begin_again_do_so_after_a_stop_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 updates of 16 symbols read a short text several times over: its beginning must not see its end.

    A line of metrics is the mean of six updates here, and the stop falls between two lines.
    """
    monkeypatch.setattr(loop, "METRICS", 10)
    source = write_text(tmp_path, words=250)
    train_tiny(source, tmp_path / "whole", steps=60)
    assert train_tiny(source, tmp_path / "stopped", steps=60, stop=stop_at(17)).step == 17
    train_tiny(source, tmp_path / "stopped", steps=60, resume=True)
    assert numbers_of(tmp_path / "stopped") == numbers_of(tmp_path / "whole")


def test_a_seed_repeats_and_another_differs(tmp_path: Path) -> None:
    source = write_text(tmp_path)
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        train_tiny(source, tmp_path / name, seed=seed, dropout=0.2)
    one, two, three = (numbers_of(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one["checkpoints/40/weights.safetensors"] != three["checkpoints/40/weights.safetensors"]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("text", {**TINY, **WITH_CHANCE, "cell": "peephole", "steps": 14, "validate_every": 4}),
        ("task:counter", {**TINY_TASK, "cell": "gru", "steps": 14}),
    ],
    ids=["text-peephole", "task-gru"],
)
def test_kill_9_at_any_moment(kind: str, settings: dict[str, Any], process: TrainingProcess, tmp_path: Path) -> None:
    """Checkpoints are written after every update here, so that many kills fall into the writing of one."""
    source = source_of(kind, tmp_path)
    whole = tmp_path / "whole"
    assert process.train(source, whole, settings, checkpoint_seconds=1e9)[1] == 0
    out = tmp_path / "killed"
    went_on = kill_and_resume(process, source, out, settings, KILLS, random.Random(3))
    assert went_on >= 1
    assert numbers_of(out) == numbers_of(whole)
    assert names_in(out) >= names_in(whole)
    assert not [name for name in names_in(out) if name.endswith(".tmp")]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"whole", "killed"}


def test_killed_before_the_first_checkpoint_it_begins_again(process: TrainingProcess, tmp_path: Path) -> None:
    source = source_of("text", tmp_path)
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert process.train(source, whole, TINY, checkpoint_seconds=1e9)[1] == 0
    _, status = process.train(source, out, TINY, kill_at=7, checkpoint_seconds=1e9)
    assert status == signal.SIGKILL
    assert not list((out).glob("checkpoints/[0-9]*"))
    assert len(metrics_of(out)) >= 7
    assert process.train(source, out, TINY, checkpoint_seconds=1e9) == (1, 0)
    assert numbers_of(out) == numbers_of(whole)


def test_half_written_things_are_neither_runs_nor_checkpoints(tmp_path: Path) -> None:
    source, out = write_text(tmp_path), tmp_path / "run"
    train_tiny(source, tmp_path / "whole")
    train_tiny(source, out, stop=stop_at(12))
    checkpoints = out / "checkpoints"
    torn = checkpoints / ".39.tmp"
    torn.mkdir()
    (torn / "weights.safetensors").write_bytes(b"half of it")
    (out / ".summary.json.123.tmp").write_text('{"finish')
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 13, "part": "train", "nats_per_symbol": 2.0}\n{"step": 1')
    draft = tmp_path / ".other.draft"
    draft.mkdir()
    (draft / "settings.json").write_text("{")
    train_tiny(source, out, resume=True)
    assert numbers_of(out) == numbers_of(tmp_path / "whole")
    assert names_in(out) == names_in(tmp_path / "whole")
    train_tiny(source, tmp_path / "other")
    assert not draft.exists()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("threads", 10**30, "is damaged"),
        ("threads", -1, "is damaged"),
        ("exploded", None, "does not fit the run"),
        ("step", [4], "is damaged"),
        ("loss_sum", float("nan"), "not whole JSON"),
    ],
)
def test_a_state_that_another_hand_has_changed_is_refused(name: str, value: Any, says: str, tmp_path: Path) -> None:
    source = write_text(tmp_path)
    train_tiny(source, tmp_path / "run", stop=stop_at(4))
    (state,) = (tmp_path / "run" / "checkpoints").glob("*/state.json")
    before = hashlib.sha256(state.read_bytes()).hexdigest()
    state.write_text(json.dumps({**json.loads(state.read_text()), name: value}))
    sums = state.with_name("SHA256SUMS")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(state.read_bytes()).hexdigest()))
    with pytest.raises(RunError, match=says):
        train_tiny(source, tmp_path / "run", resume=True)


def test_metrics_are_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    source, out = write_text(tmp_path), tmp_path / "run"
    train_tiny(source, out, stop=stop_at(25))
    lines = [json.dumps({"step": step, "part": "train", "nats_per_symbol": 9.0}) for step in (25, 26, 30)]
    kept = (out / "metrics.jsonl").read_text()
    (out / "metrics.jsonl").write_text(kept + "\n".join(lines[1:]) + "\n")
    train_tiny(source, out, resume=True)
    for part, every in (("train", 1), ("validation", 10)):
        steps = [line["step"] for line in metrics_of(out) if line["part"] == part]
        assert steps == list(range(every, 41, every))
    assert all(line["nats_per_symbol"] < 9 for line in metrics_of(out))


def test_best_and_last_are_kept_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)  # one after each update
    # Held out is what the rest does not prepare for: each word the other way round.
    other = tmp_path / "text.txt"
    other.write_text(make_text(900) + make_text(100)[::-1])
    settings = {"learning_rate": 0.1, "steps": 60, "validate_every": 3}
    train_tiny(other, tmp_path / "run", **settings)
    looks = [line for line in metrics_of(tmp_path / "run") if line["part"] == "validation"]
    best = min(looks, key=lambda line: line["nats_per_symbol"])["step"]
    assert best < 60, "the settings of this test do not do what they should"
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {str(best), "60"}
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["best_step"] == best
    # The best is known to a run that goes on after it.
    train_tiny(other, tmp_path / "stopped", **settings, stop=stop_at(best + 2))
    train_tiny(other, tmp_path / "stopped", **settings, resume=True)
    assert numbers_of(tmp_path / "stopped") == numbers_of(tmp_path / "run")


def test_a_finished_run_that_is_resumed_stays_as_it_is(tmp_path: Path) -> None:
    source, out = write_text(tmp_path), tmp_path / "run"
    train_tiny(source, out)
    before = numbers_of(out)
    assert train_tiny(source, out, resume=True).finished
    assert numbers_of(out) == before


def test_the_clock_and_the_number_of_checkpoints_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_text(tmp_path)
    train_tiny(source, tmp_path / "few", dropout=0.2)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    train_tiny(source, tmp_path / "many", dropout=0.2)
    assert numbers_of(tmp_path / "few") == numbers_of(tmp_path / "many")


def start(folder: Path, *arguments: str, text: str | None = None) -> subprocess.Popen[str]:
    """`unrolled train` in a process of its own, in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unrolled", "train", *arguments],
        cwd=folder,
        text=True,
        stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    if text is not None:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    return process


def wait_for_metrics(process: subprocess.Popen[str], run: Path) -> None:
    """Returns once training has written its first line of metrics."""
    while not (run / "metrics.jsonl").is_file() or not (run / "metrics.jsonl").stat().st_size:
        assert process.poll() is None, process.communicate()


def test_ctrl_c_saves_and_standard_input_is_kept(tmp_path: Path) -> None:
    """A real Ctrl-C of a run on standard input; it goes on without it, here, as if all had been done here."""
    settings = {**TINY, "steps": 6000}
    process = start(tmp_path, "-", "--out", "run", *as_options(settings), text=make_text())
    wait_for_metrics(process, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "all saved; go on with --resume" in said
    assert "Traceback" not in said
    assert (tmp_path / "run" / "stdin.txt").read_text() == make_text()
    stopped_at = json.loads((tmp_path / "run" / "summary.json").read_text())["step"]
    assert 0 < stopped_at < 6000
    last = stopped_at + 20
    assert train_tiny("-", tmp_path / "run", resume=True, stop=stop_at(20), **settings).step == last
    train_tiny(write_text(tmp_path), tmp_path / "whole", stop=stop_at(last), **settings)
    name = f"checkpoints/{last}/weights.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
