"""Several seeds in one go: each run is, bit for bit, the one that `train` makes of its seed alone."""

from __future__ import annotations

import hashlib
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.making import (
    PLAIN,
    TINY,
    TINY_TASK,
    as_options,
    names_in,
    numbers_of,
    stop_at,
    train_tiny,
    write_text,
)
from tests.training.test_resume import start, wait_for_metrics
from tests.training.training_process import TrainingProcess, training_process
from unrolled.cli import run as run_command
from unrolled.errors import OutputExistsError, RunError, SettingsError, UnknownNameError, UnrolledError
from unrolled.training.comparison import compare
from unrolled.training.loop import Outcome
from unrolled.training.train import train_seeds

COUNTER = "task:counter"

SIDE_BY_SIDE = [
    pytest.param(COUNTER, {}, id="counter"),
    pytest.param("task:selective-counter", {"cell": "gru", "loss_on": "knowable"}, id="lengths-that-differ"),
    pytest.param("task:state-memorizer", {"cell": "peephole", "layers": 2}, id="peephole"),
    pytest.param("task:copy-machine", {"cell": "rnn", "gradient_clip": 0.0}, id="rnn"),
    pytest.param("text", {"layers": 2, "threads": 2}, id="text"),
]
ONE_BY_ONE = [
    pytest.param("text", {"dropout": 0.3, "recurrent_dropout": 0.2}, id="random-states"),
    pytest.param(COUNTER, {"cell": "rnn", "activation": "relu"}, id="relu"),
    pytest.param(COUNTER, {"engine": "torch"}, id="another-engine"),
]


def source_of(kind: str, folder: Path) -> str:
    return str(write_text(folder)) if kind == "text" else kind


def seeds_of(source: str, out: Path, seeds: int = 3, **given: Any) -> list[Outcome]:
    """Tiny runs of several seeds."""
    tiny = TINY_TASK if source.startswith("task:") else TINY
    return train_seeds(source, out, seeds, **{**tiny, **given})


def alone(source: str, folder: Path, seeds: range, **given: Any) -> None:
    """The same, one command a seed."""
    for seed in seeds:
        train_tiny(source, folder / f"seed-{seed}", seed=seed, **given)


def all_numbers(folder: Path) -> dict[str, Any]:
    return {run.name: numbers_of(run) for run in sorted(folder.iterdir())}


@pytest.mark.parametrize(("kind", "settings"), [*SIDE_BY_SIDE, *ONE_BY_ONE])
def test_each_seed_is_what_it_would_be_alone(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    source = source_of(kind, tmp_path)
    alone(source, tmp_path / "alone", range(4, 7), **settings)
    outcomes = seeds_of(source, tmp_path / "together", seed=4, **settings)
    assert [outcome.seed for outcome in outcomes] == [4, 5, 6]
    assert all(outcome.finished for outcome in outcomes)
    assert all_numbers(tmp_path / "together") == all_numbers(tmp_path / "alone")
    assert names_in(tmp_path / "together") == names_in(tmp_path / "alone")
    for seed in (4, 5, 6):
        for name in ("settings.json", "vocabulary.json"):
            one, other = (tmp_path / folder / f"seed-{seed}" / name for folder in ("together", "alone"))
            assert one.read_bytes() == other.read_bytes()
    weights = {outcome.path.joinpath("checkpoints/40/weights.safetensors").read_bytes() for outcome in outcomes}
    assert len(weights) == 3


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        *((*each.values, "3 seeds, side by side") for each in SIDE_BY_SIDE),
        *((*each.values, "seed-0, 1 of 3") for each in ONE_BY_ONE),
    ],
)
def test_small_networks_learn_side_by_side(kind: str, settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    told: list[str] = []
    seeds_of(source_of(kind, tmp_path), tmp_path / "runs", steps=1, tell=told.append, **settings)
    assert told[1] == said


@pytest.mark.parametrize(("kind", "settings"), [SIDE_BY_SIDE[1], SIDE_BY_SIDE[-1], ONE_BY_ONE[0]])
def test_stopped_seeds_go_on_bit_for_bit(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """Also where only some of them had begun, as with networks that learn one after the other."""
    source = source_of(kind, tmp_path)
    seeds_of(source, tmp_path / "whole", **settings)
    out = tmp_path / "stopped"
    for calls in (23, 8):
        outcomes = seeds_of(source, out, **settings, resume=True, stop=stop_at(calls))
        assert any(outcome.stopped for outcome in outcomes)
    seeds_of(source, out, **settings, resume=True)
    assert all_numbers(out) == all_numbers(tmp_path / "whole")


@pytest.mark.parametrize(("kind", "settings"), [SIDE_BY_SIDE[0], SIDE_BY_SIDE[-1]])
def test_seeds_at_different_steps_catch_up(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """As after a kill between the checkpoints of two: one has ended, one has not begun, two are on their way."""
    source, out = source_of(kind, tmp_path), tmp_path / "runs"
    seeds_of(source, tmp_path / "whole", 4, **settings)
    for seed, steps in ((0, 17), (1, 40), (3, 5)):
        train_tiny(source, out / f"seed-{seed}", seed=seed, stop=stop_at(steps), **settings)
    counted: list[tuple[int, int]] = []
    told: list[str] = []
    seeds_of(
        source,
        out,
        4,
        **settings,
        resume=True,
        progress=lambda done, total, /, **numbers: counted.append((done, total)),
        tell=told.append,
    )
    assert all_numbers(out) == all_numbers(tmp_path / "whole")
    # The one that has not begun makes 5 steps, then two make 12, then three make 23.
    steps = [62 + n for n in range(1, 6)] + [67 + 2 * n for n in range(1, 13)] + [91 + 3 * n for n in range(1, 24)]
    assert counted == [(done, 160) for done in steps]
    assert "going on from step 0 to 40" in told


@pytest.fixture(scope="module")
def process() -> Iterator[TrainingProcess]:
    with training_process() as started:
        yield started


def test_kill_9_at_any_moment(process: TrainingProcess, tmp_path: Path) -> None:
    """Each seed has a checkpoint after every update here, so that kills fall between those of two seeds."""
    settings = {**TINY_TASK, "steps": 14, "seeds": 3}
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert process.train(COUNTER, whole, settings, checkpoint_seconds=1e9)[1] == 0
    generator, went_on, kill_at = random.Random(3), 0, 0
    for _ in range(4):
        first, status = process.train(COUNTER, out, settings, kill_at=kill_at, spin=generator.randrange(1, 200_000))
        if status == 0:
            break
        assert status == signal.SIGKILL
        went_on += first > 3
        kill_at = max(first, kill_at) + generator.randrange(1, 14)
    first, status = process.train(COUNTER, out, settings)
    assert status == 0
    assert went_on + (first > 3) >= 1
    assert all_numbers(out) == all_numbers(whole)
    assert {path.name for path in out.iterdir()} == {"seed-0", "seed-1", "seed-2"}


def poison(run: Path) -> None:
    """A weight in a run's checkpoint becomes no number."""
    (path,) = run.glob("checkpoints/*/weights.safetensors")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = load_file(path)
    weights["readout.bias"][0] = torch.nan
    save_file(weights, path)
    sums = path.with_name("SHA256SUMS")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.mark.parametrize(("kind", "settings"), [SIDE_BY_SIDE[0], SIDE_BY_SIDE[-1], ONE_BY_ONE[2]])
def test_a_seed_that_diverges_lets_the_others_go_on(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    source, out = source_of(kind, tmp_path), tmp_path / "runs"
    seeds_of(source, tmp_path / "whole", **settings)
    for seed in (0, 1, 2):
        train_tiny(source, out / f"seed-{seed}", seed=seed, stop=stop_at(10), **settings)
    poison(out / "seed-1")
    kept = (out / "seed-1" / "checkpoints" / "10" / "weights.safetensors").read_bytes()
    outcomes = seeds_of(source, out, **settings, resume=True)
    assert [outcome.finished for outcome in outcomes] == [True, False, True]
    assert [outcome.stopped for outcome in outcomes] == [False, False, False]
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "Training stopped at update 10: the loss is not a number" in str(outcomes[1].error)
    for name in ("seed-0", "seed-2"):
        assert numbers_of(out / name) == numbers_of(tmp_path / "whole" / name)
    assert [path.name for path in (out / "seed-1" / "checkpoints").iterdir()] == ["10"]
    assert (out / "seed-1" / "checkpoints" / "10" / "weights.safetensors").read_bytes() == kept
    assert json.loads((out / "seed-1" / "summary.json").read_text())["finished"] is False


def test_a_seed_that_diverges_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    seeds_of(COUNTER, Path("runs"), stop=stop_at(10))
    poison(Path("runs/seed-1"))
    command = ["train", COUNTER, "--seeds", "3", "--out", "runs", "--resume", *as_options(TINY_TASK)]
    assert run_command(command) == 2
    printed, said = capsys.readouterr()
    assert "diverged at step 10" in printed
    assert len(printed.splitlines()) == 6
    assert said.splitlines()[-1].startswith("unrolled: Diverged: seed 1, of 3 in all. Training stopped at update 10")


BAD: list[Any] = [
    pytest.param({"seeds": 0}, SettingsError, "--seeds cannot be 0: it is a whole number from 1 to 1000", id="none"),
    pytest.param({"seeds": 1001}, SettingsError, "--seeds cannot be 1001", id="too-many"),
    pytest.param({"seed": 2**63 - 2}, SettingsError, "seed cannot be", id="last-seed-too-large"),
    pytest.param({"source": "-"}, SettingsError, "standard input", id="standard-input"),
    pytest.param({"source": "text", "steps": None}, SettingsError, "needs --steps", id="no-steps"),
    pytest.param({"hiden": 3}, UnknownNameError, "hidden", id="unknown-setting"),
    pytest.param({"source": "task:countre"}, UnknownNameError, "counter", id="no-task"),
    pytest.param({"resume": True, "overwrite": True}, SettingsError, "cannot both", id="both"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), BAD)
def test_what_is_wrong_leaves_nothing_behind(
    wrong: dict[str, Any], error: type[UnrolledError], says: str, tmp_path: Path
) -> None:
    given = {"source": COUNTER, **wrong}
    source = source_of(given.pop("source"), tmp_path)
    before = names_in(tmp_path)
    with pytest.raises(error, match=says) as caught:
        seeds_of(source, tmp_path / "new" / "runs", **given)
    assert "\n" not in str(caught.value)
    assert names_in(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_folders_that_are_taken(tmp_path: Path) -> None:
    train_tiny(COUNTER, tmp_path / "run", steps=2)
    train_tiny(COUNTER, tmp_path / "runs" / "seed-2", seed=2, steps=2)
    (tmp_path / "file").touch()
    before = names_in(tmp_path)
    for resume in (False, True):
        with pytest.raises(RunError, match="is a run already"):
            seeds_of(COUNTER, tmp_path / "run", steps=2, resume=resume)
        with pytest.raises(RunError, match="is a file"):
            seeds_of(COUNTER, tmp_path / "file", steps=2, resume=resume)
    with pytest.raises(OutputExistsError, match="seed-2 exists already"):
        seeds_of(COUNTER, tmp_path / "runs", steps=2)
    assert names_in(tmp_path) == before
    seeds_of(COUNTER, tmp_path / "runs", steps=3, overwrite=True)
    assert [numbers["summary"]["step"] for numbers in all_numbers(tmp_path / "runs").values()] == [3, 3, 3]


def test_seeds_go_on_as_they_were_begun_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    seeds_of(COUNTER, out, 2, hidden=7, stop=stop_at(3))
    before = names_in(tmp_path)
    with pytest.raises(SettingsError, match="hidden 7, not 6"):
        seeds_of(COUNTER, out, 3, resume=True)
    assert names_in(tmp_path) == before
    train_seeds(COUNTER, out, 3, resume=True)  # the third as the others, though nothing says so
    seeds_of(COUNTER, tmp_path / "whole", hidden=7)
    assert all_numbers(out) == all_numbers(tmp_path / "whole")
    train_tiny(COUNTER, out / "seed-3", seed=3, steps=5)
    with pytest.raises(RunError, match=r"seed-3 and .*seed-0 were begun with different settings"):
        train_seeds(COUNTER, out, 4, resume=True)


def test_seeds_begin_with_the_weights_of_another_run(tmp_path: Path) -> None:
    train_tiny(COUNTER, tmp_path / "earlier", steps=5)
    alone(COUNTER, tmp_path / "alone", range(3), initial=tmp_path / "earlier")
    seeds_of(COUNTER, tmp_path / "together", initial=tmp_path / "earlier")
    assert all_numbers(tmp_path / "together") == all_numbers(tmp_path / "alone")


def outcome(seed: int, **summary: Any) -> Outcome:
    finished = bool(summary)
    return Outcome(Path(f"seed-{seed}"), seed, finished, 9, {"finished": finished, **summary})


def test_the_best_seed_passes_the_exam_best() -> None:
    of_task = [
        outcome(seed, share_right=share, counts_right_to=to, nats_per_symbol=nats)
        for seed, (share, to, nats) in enumerate([(1.0, 17, 0.2), (1.0, 31, 0.3), (0.9, 31, 0.1), (1.0, 31, 0.25)])
    ]
    found = compare([*of_task, outcome(4)])
    assert found["best"] == 3
    assert found["median"]["counts_right_to"] == 31
    assert found["median"]["nats_per_symbol"] == pytest.approx(0.225)
    of_text = [outcome(seed, nats_per_symbol=nats, accuracy=0.5) for seed, nats in enumerate((2.0, 1.5, 1.75))]
    assert compare(of_text)["best"] == 1
    nothing = compare([outcome(0)])
    assert (nothing["best"], nothing["median"]) == (None, None)


def test_the_command_shows_every_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", COUNTER, "--seeds", "3", "--seed", "5", *as_options({**PLAIN, **TINY_TASK})]
    assert run_command([*command, "--out", "table"]) == 0
    table, said = capsys.readouterr()
    assert run_command([*command, "--out", "json", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["seed"] for run in found["runs"]] == [5, 6, 7]
    assert found["folder"] == "json"
    lines = [line.split() for line in table.splitlines()]
    assert lines[0] == ["table"]
    assert lines[1] == ["seed", "nats", "bits", "share", "right", "counts", "right", "to"]
    for run, line in zip(found["runs"], lines[2:5], strict=True):
        last = json.loads((tmp_path / run["run"] / "metrics.jsonl").read_text().splitlines()[-1])
        assert run["nats_per_symbol"] == last["nats_per_symbol"]
        assert line[0] == str(run["seed"])
        assert float(line[1]) == pytest.approx(run["nats_per_symbol"], abs=1e-4)
        assert ("best" in line) == (run["seed"] == found["best"])
    middle = median(run["nats_per_symbol"] for run in found["runs"])
    assert found["median"]["nats_per_symbol"] == middle
    assert float(lines[5][1]) == pytest.approx(middle, abs=1e-4)
    assert f"next: unrolled trace table/seed-{found['best']} {COUNTER}" in said
    one = f"table/seed-{found['best']}"
    for other in (["info", one], ["evaluate", one, COUNTER], ["trace", one, COUNTER, "--out", "trace"]):
        assert run_command(other) == 0


def test_minutes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs"
    assert run_command(["train", COUNTER, "--seeds", "3", "--minutes", "1", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--seeds takes no --minutes" in line
    assert not out.exists()


def test_ctrl_c_saves_every_seed(tmp_path: Path) -> None:
    """A real Ctrl-C; all go on, as if they had never been stopped."""
    settings = {**TINY_TASK, "steps": 6000}
    process = start(tmp_path, COUNTER, "--out", "runs", "--seeds", "3", *as_options(settings))
    wait_for_metrics(process, tmp_path / "runs" / "seed-2")
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate()
    assert process.returncode == 130
    assert "stopped, all saved; go on with --resume" in said
    assert "Traceback" not in said
    (step,) = {numbers["summary"]["step"] for numbers in all_numbers(tmp_path / "runs").values()}
    assert 0 < step < 6000
    assert printed.count(f"stopped at step {step:,}") == 3
    seeds_of(COUNTER, tmp_path / "runs", resume=True, stop=stop_at(20), **settings)
    seeds_of(COUNTER, tmp_path / "whole", stop=stop_at(step + 20), **settings)
    weights = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).glob("*/checkpoints/*/weights.safetensors")
        }
        for name in ("runs", "whole")
    ]
    assert len(weights[0]) == 3
    assert weights[0] == weights[1]


@pytest.mark.parametrize("settings", [{}, {"dropout": 0.2}], ids=["side-by-side", "one-by-one"])
def test_a_text_is_read_once_for_all_seeds(settings: dict[str, Any], tmp_path: Path) -> None:
    source, read = source_of("text", tmp_path), [0, 0]

    def count(at: int) -> Any:
        def progress(done: int, total: int, /, **numbers: float | str) -> None:
            read[at] += 1

        return progress

    train_tiny(source, tmp_path / "alone", steps=2, reading_progress=count(0), **settings)
    seeds_of(source, tmp_path / "together", steps=2, reading_progress=count(1), **settings)
    assert read[0] == read[1] > 0
