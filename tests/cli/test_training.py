"""`unrolled train` and `evaluate`: every kind of source, and a run that reads its own text again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.asking import read_json, read_table
from tests.training.making import TINY, as_options
from unrolled.cli import run


def test_train(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "text0.txt", "--out", "new", *as_options({**TINY, "steps": 5})]
    found = read_json(capsys, *arguments)
    assert (found["run"], found["finished"], found["step"], found["hidden"]) == ("new", True, 5, 6)
    assert 0 < found["nats_per_symbol"] < 4
    assert read_json(capsys, *arguments, "--resume")["step"] == 5
    assert "nats_per_symbol" in read_table(capsys, *arguments, "--overwrite")
    settings = json.loads((here / "new" / "settings.json").read_text())
    assert {name: {**settings["network"], **settings["training"]}[name] for name in TINY} == {**TINY, "steps": 5}


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("folder", ["--include", "*.md"]),
        ("binary.bin", ["--symbols", "bytes"]),
        ("latin.txt", ["--encoding", "latin-1"]),
        ("text0.txt", ["--limit", "2000"]),
        ("task:copy-machine", ["--loss-on", "knowable"]),
        ("text0.txt", ["--initial", "run", "--dropout", "0.1"]),
    ],
)
def test_train_on_every_kind_of_source(
    source: str, options: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = as_options({**TINY, "steps": 3, "validation": 0})
    assert read_json(capsys, "train", source, "--out", "new", *tiny, *options)["finished"]


def test_evaluate(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "evaluate", "run", "text0.txt", "--part", "validation")
    whole = read_json(capsys, "evaluate", "run", "text0.txt")
    assert 0.09 < found["symbols"] / whole["symbols"] < 0.11
    assert found["bits_per_symbol"] == pytest.approx(found["nats_per_symbol"] / 0.6931471805599453)
    counter = read_json(capsys, "evaluate", "counter", "task:counter,maximum=12")
    assert {"share_right", "counts_right_to", "accuracy"} <= set(counter)
    assert "accuracy" in read_table(capsys, "evaluate", "run", "other.txt", "--unknown", "skip")


def test_a_runs_own_text_is_divided_as_in_training(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = as_options({**TINY, "steps": 2, "validation": 0.25})
    assert run(["train", "latin.txt", "--out", "new", "--encoding", "latin-1", "--limit", "1200", *tiny]) == 0
    found = read_json(capsys, "evaluate", "new", "latin.txt", "--part", "validation")
    assert found["symbols"] == 299
    assert read_json(capsys, "evaluate", "new", "latin.txt", "--limit", "400")["symbols"] == 399
    assert run(["evaluate", "new", "latin.txt", "--encoding", "ascii"]) == 2
    shown = capsys.readouterr().err
    assert "--encoding latin-1" in shown
    assert "--symbols" not in shown


@pytest.mark.parametrize(
    ("source", "options", "piped"),
    [
        ("two words; rm -r $HOME/", ["--include", "*.md"], None),
        ("-", ["--encoding", "latin-1"], "latin.txt"),
    ],
)
def test_what_comes_next_can_be_pasted(
    source: str, options: list[str], piped: str | None, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By a real shell: the same text, read as it was in training, into a trace of as many steps."""
    shutil.copytree("folder", "two words; rm -r $HOME")
    shutil.copy("binary.bin", "two words; rm -r $HOME")
    unrolled = [sys.executable, "-m", "unrolled"]
    command = ["train", source, "--out", "./-a run", *as_options({**TINY, "steps": 2}), *options]
    with Path(piped or os.devnull).open("rb") as given:
        trained = subprocess.run([*unrolled, *command], stdin=given, stderr=subprocess.PIPE, text=True)
    line = trained.stderr.splitlines()[-1].removeprefix("next: ")
    assert line.startswith("unrolled trace './-a run' ")
    assert line.endswith(" --out './-a run.trace'")
    settings = json.loads(Path("-a run/settings.json").read_text())
    pasted = f"{shlex.quote(sys.executable)} -m {line} --json"
    traced = subprocess.run(pasted, shell=True, capture_output=True, text=True)
    assert traced.returncode == 0, traced.stderr
    assert json.loads(traced.stdout)["steps"] == settings["source"]["length"]


@pytest.mark.parametrize(
    ("table", "name", "value", "says"),
    [
        ("training", "test", "x", "settings.json is damaged: test"),
        ("source", "encoding", ["utf-8"], "settings.json is damaged: encoding"),
        ("source", "limit", "many", "settings.json is damaged: limit"),
        ("network", "forget_bias", float("inf"), "it is not whole JSON"),
    ],
)
def test_settings_that_another_hand_has_changed(
    table: str, name: str, value: object, says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkpoint's sums are those of the changed file, so nothing but reading it can find the damage."""
    settings = json.loads(Path("run/settings.json").read_text())
    settings[table][name] = value
    Path("run/settings.json").write_text(json.dumps(settings))
    sums = Path("run/checkpoints/12/SHA256SUMS")
    digest = hashlib.sha256(Path("run/settings.json").read_bytes()).hexdigest()
    sums.write_text(re.sub(r"\w+(?=  ../../settings.json)", digest, sums.read_text()))
    for command in (["evaluate", "run", "text0.txt"], ["trace", "run", "text0.txt", "--out", "new"]):
        assert run(command) == 2
        assert says in capsys.readouterr().err
        assert not Path("new").exists()
