"""Every command: good input gives its result; bad input one line on standard error, exit 2, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.making import TINY, as_options, names_in, train_tiny, write_text
from unrolled.cli import run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a run on it, one on the counter, and a trace."""
    folder = tmp_path_factory.mktemp("made")
    torch.set_num_threads(1)
    text = write_text(folder)
    train_tiny(text, folder / "run", steps=12)
    train_tiny("task:counter", folder / "counter", steps=12)
    assert run(["trace", str(folder / "run"), str(text), "--out", str(folder / "trace"), "--limit", "50"]) == 0
    (folder / "empty.txt").touch()
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 20)
    (folder / "latin.txt").write_bytes("für immer\n".encode("latin-1") * 300)
    (folder / "other.txt").write_text("Ümläut → 試す\n" * 100, encoding="utf-8")
    (folder / "no.zip").write_text("plain words\n" * 100)
    (folder / "folder").mkdir()
    (folder / "folder" / "one.md").write_text("some words\n" * 100)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path / "here", symlinks=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a command prints with `--json`, which is all that it prints."""
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def read_table(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(arguments) == 0
    return capsys.readouterr().out


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


def test_trace(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "trace", "run", "text0.txt", "--out", "new", "--limit", "30", "--signals", "cell, hidden")
    assert (found["steps"], found["sites"]) == (30, {"rnn.l0": 6})
    assert found["bytes"] == sum((here / "new" / name).stat().st_size for name in names_in(here / "new"))
    again = ["trace", "run", "text0.txt", "--out", "new", "--limit", "40", "--dtype", "float16", "--overwrite"]
    assert "40" in read_table(capsys, *again)


def test_sample(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "sample", "run", "--prime", "the", "--length", "30", "--seed", "4")
    assert found["text"].startswith("the")
    assert len(found["text"]) == 33
    printed = read_table(capsys, "sample", "run", "--prime", "the", "--length", "30", "--seed", "4")
    assert printed.removesuffix("\n") == found["text"].removesuffix("\n")
    assert printed.endswith("\n")


def test_sample_until_a_stop_string_with_odds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sample", "run", "--prime", "the", "--length", "200"]
    whole = read_json(capsys, *asked)
    stop = whole["text"][40:43]
    found = read_json(capsys, *asked, "--stop", stop)
    assert found["text"] == whole["text"][: whole["text"].index(stop, 3) + 3]
    assert "".join(each["symbol"] for each in found["odds"]) == found["text"][3:]
    assert found["odds"] == whole["odds"][: len(found["odds"])]
    assert all(0 < each["probability"] < 1 and len(each["likeliest"]) == 3 for each in found["odds"])
    assert read_table(capsys, *asked, "--stop", stop).removesuffix("\n") == found["text"].removesuffix("\n")
    several = read_json(capsys, *asked, "--stop", stop, "--streams", "3")
    assert [len(odds) for odds in several["odds"]] == [len(text) - 3 for text in several["texts"]]


def test_complete(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "complete", "run", "--prefix", "the ra", "--top", "4")
    odds = [each["probability"] for each in found["continuations"]]
    assert len(odds) == 4
    assert odds == sorted(odds, reverse=True)
    assert (found["run"], found["step"], found["prefix"], found["exact"]) == ("run", 12, "the ra", True)
    lines = read_table(capsys, "complete", "run", "--prefix", "the ra", "--top", "4").splitlines()
    assert [float(line.split()[0]) for line in lines] == pytest.approx(odds, rel=0.01, abs=1e-4)
    drawn = [each["text"].replace(" ", "·").replace("\n", "⏎") for each in found["continuations"]]
    assert [line.split()[-1] for line in lines] == drawn


def test_complete_marks_what_is_cut_and_says_what_it_may_have_missed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    narrow = ["complete", "run", "--prefix", "the", "--until", "line", "--beam", "1", "--top", "9", "--length", "3"]
    texts = {each["text"]: each["cut"] for each in read_json(capsys, *narrow)["continuations"]}
    assert sorted((len(text), cut) for text, cut in texts.items()) == [(0, False), (1, False), (2, False), (3, True)]
    assert run(narrow) == 0
    shown = capsys.readouterr()
    assert sum(line.endswith("…") for line in shown.out.splitlines()) == 1
    assert sum(line.endswith("(nothing more)") for line in shown.out.splitlines()) == 1
    assert shown.err.startswith("Others that were not looked at may be likelier")


def test_complete_a_task(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "complete", "counter", "--prefix", "aaX", "--until", "line", "--top", "300")
    texts = {each["text"]: each["probability"] for each in found["continuations"]}
    assert "bb" in texts
    assert sum(texts.values()) <= 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("run", "run"),
        ("trace", "trace"),
        ("text0.txt", "text"),
        ("latin.txt", "binary file"),
        ("binary.bin", "binary file"),
        ("run/checkpoints/12/weights.safetensors", "weights (safetensors)"),
        ("a.zip", "zip archive"),
        ("weights.pt", "weights in PyTorch's pickle format; loading it can run code, so it is not opened"),
    ],
)
def test_info(path: str, kind: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.make_archive("a", "zip", "folder")
    torch.save({"a": torch.ones(2)}, "weights.pt")
    assert read_json(capsys, "info", path)["kind"] == kind
    assert kind.split()[0] in read_table(capsys, "info", path)


def test_show_and_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "show", "trace", "rnn.l0.forget_gate.2", "--start", "10", "--limit", "7")
    assert found["neuron"] == "rnn.l0.forget_gate.2"
    assert "".join(found["symbols"]) == Path("text0.txt").read_text()[10:17]
    assert len(found["values"]) == 7
    assert len(read_table(capsys, "show", "trace", "rnn.l0.2").splitlines()) == 50
    assert isinstance(read_json(capsys, "check", "trace", "--run", "run"), dict)
    assert "✗" not in read_table(capsys, "check", "trace")


def test_names_are_shown_as_they_are(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Marks that a terminal library would take for its own, and escapes that a terminal would obey."""
    name = "[bold]x[/nothing] :smile:"
    train_tiny("text0.txt", Path(name), steps=2)
    assert name in read_table(capsys, "info", name)
    Path("evil.txt").write_text("\x1b[31mred")
    assert "\x1b" not in read_table(capsys, "info", "evil.txt")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "train" in (shown := capsys.readouterr()).out
    assert shown.err == ""
    for name in (
        "demo",
        "train",
        "evaluate",
        "trace",
        "show",
        "explore",
        "sample",
        "complete",
        "lsp",
        "check",
        "export",
        "info",
    ):
        assert run([name, "--help"]) == 0
        assert "--help" in capsys.readouterr().out


TRAIN = ["train", "text0.txt", "--out", "new", *as_options({**TINY, "steps": 2})]
TASK = ["train", "task:counter", "--out", "new", "--steps", "2"]
EVALUATE = ["evaluate", "run", "text0.txt"]
TRACE = ["trace", "run", "text0.txt", "--out", "new", "--limit", "20"]
SAMPLE = ["sample", "run", "--length", "5"]
EXPORT = ["export", "trace", "--format", "figure", "--out"]
COMPLETE = ["complete", "run", "--prefix", "the ra"]

BAD: dict[str, tuple[list[str], str]] = {
    "no such command": (["trian"], "trian"),
    "no such option": ([*SAMPLE, "--temprature", "1"], "--temprature"),
    "argument missing": (["train", "--out", "new"], "Missing argument 'source'. See"),
    "out missing": (["train", "text0.txt"], "--out"),
    "value missing": ([*SAMPLE, "--seed"], "--seed"),
    "train: missing file": (["train", "nowhere", "--out", "new"], "no file or folder"),
    "train: empty file": (["train", "empty.txt", "--out", "new"], "empty"),
    "train: binary file": (["train", "binary.bin", "--out", "new"], "zero byte"),
    "train: wrong encoding": (["train", "latin.txt", "--out", "new"], "--encoding"),
    "train: no match": (["train", "folder", "--include", "*.java", "--out", "new"], "*.java"),
    "train: unknown task": (["train", "task:cuonter", "--out", "new"], "counter"),
    "train: unknown corpus": (["train", "corpus:latin", "--out", "new"], "python"),
    "train: task with files": ([*TASK, "--include", "*.md"], "for texts"),
    "train: task setting": (["train", "task:counter,maximum=x", "--out", "new"], "whole number"),
    "train: out exists": (["train", "text0.txt", "--out", "run"], "--resume"),
    "train: out is a file": (["train", "text0.txt", "--out", "text0.txt"], "not a run"),
    "train: out is a trace": (["train", "text0.txt", "--out", "trace", "--overwrite"], "not a run"),
    "train: out in a file": (["train", "text0.txt", "--out", "empty.txt/new"], "empty.txt is a file, not"),
    "train: both": ([*TRAIN, "--resume", "--overwrite"], "cannot both"),
    "train: negative": ([*TASK, "--hidden", "-1"], "hidden cannot be -1: it is a whole number from 1 to 65,536."),
    "train: absurd": ([*TASK, "--hidden", "65536", "--layers", "64"], "GB"),
    "train: no number": ([*TASK, "--hidden", "x"], "--hidden cannot be 'x': it is a whole number. See --help."),
    "train: out below a file": (
        ["train", "text0.txt", "--out", "empty.txt/a/new"],
        "empty.txt is a file, not a folder",
    ),
    "train: out in /proc": (["train", "text0.txt", "--out", "/proc/x"], "/proc/x cannot be written"),
    "demo: out is a file": (["demo", "--out", "empty.txt"], "empty.txt is a file, not a folder"),
    "demo: port": (["demo", "--port", "99999"], "99999"),
    "train: huge": ([*TASK, "--hidden", "9" * 400], "hidden"),
    "train: nan": ([*TASK, "--learning-rate", "nan"], "learning_rate cannot be nan"),
    "train: unknown cell": ([*TASK, "--cell", "lstmm"], "lstm, gru"),
    "train: unknown engine": ([*TASK, "--engine", "fast"], "torch"),
    "train: unknown device": ([*TASK, "--device", "tpu"], "auto, cpu, cuda"),
    "train: steps and minutes": ([*TASK, "--minutes", "1"], "Give one of them"),
    "train: negative minutes": (["train", "text0.txt", "--out", "new", "--minutes", "-1"], "above 0"),
    "train: symbols": ([*TRAIN, "--symbols", "words"], "bytes, characters"),
    "train: diverges": (
        [
            "train",
            "text0.txt",
            "--out",
            "run",
            "--overwrite",
            *as_options({**TINY, "learning_rate": 10.0, "weight_decay": 10.0, "schedule": "constant", "steps": 300}),
        ],
        "Training stopped at update",
    ),
    "evaluate: no run": (["evaluate", "nowhere", "text0.txt"], "no run folder"),
    "evaluate: a long name": (["evaluate", "a" * 5000, "text0.txt"], "aaa…: File name too long. Choose a shorter"),
    "info: a long name": (["info", "a" * 5000], "File name too long"),
    "evaluate: no file": (["evaluate", "run", "nowhere"], "no file or folder"),
    "evaluate: part": ([*EVALUATE, "--part", "tset"], "test"),
    "evaluate: empty part": ([*EVALUATE, "--part", "test"], "settled when the run is trained"),
    "evaluate: unknown characters": (["evaluate", "run", "other.txt"], "U+00DC"),
    "evaluate: task for a text": (["evaluate", "run", "task:counter"], "vocabulary lacks"),
    "evaluate: engine": ([*EVALUATE, "--engine", "fast"], "torch"),
    "evaluate: checkpoint": ([*EVALUATE, "--checkpoint", "²"], "best, last or a step"),
    "evaluate: no checkpoint": ([*EVALUATE, "--checkpoint", "7"], "there are: 12"),
    "evaluate: limit": ([*EVALUATE, "--limit", "0"], "at least 2"),
    "trace: no run": (["trace", "nowhere", "text0.txt", "--out", "new"], "no run folder"),
    "trace: no file": (["trace", "run", "nowhere", "--out", "new"], "no file or folder"),
    "trace: empty file": (["trace", "run", "empty.txt", "--out", "new"], "empty"),
    "trace: out exists": (["trace", "run", "text0.txt", "--out", "trace"], "--overwrite"),
    "trace: out is a run": (["trace", "run", "text0.txt", "--out", "run", "--overwrite"], "no trace"),
    "trace: signal": ([*TRACE, "--signals", "forget"], "forget_gate"),
    "trace: dtype": ([*TRACE, "--dtype", "int8"], "float16, float32"),
    "trace: part": ([*TRACE, "--part", "tset"], "test"),
    "trace: limit": (["trace", "run", "text0.txt", "--out", "new", "--limit", "-3"], "at least 1"),
    "trace: limit of a part": ([*TRACE, "--part", "train", "--limit", "-3"], "at least 1"),
    "trace: no symbols": ([*TRACE, "--top", "-1"], "at least one symbol a step"),
    "train: a flag without effect": ([*TASK, "--cell", "gru", "--activation", "relu"], "rnn and feedforward"),
    "train: a bias without effect": ([*TASK, "--cell", "rnn", "--forget-bias", "3"], "which has no forget gate"),
    "train: a task's encoding": ([*TASK, "--encoding", "latin-1"], "for texts"),
    "train: no zip": (["train", "no.zip", "--out", "new"], "is called .zip but is none"),
    "evaluate: limit of one": ([*EVALUATE, "--limit", "1"], "--limit"),
    "sample: no run": (["sample", "nowhere"], "no run folder"),
    "sample: temperature": ([*SAMPLE, "--temperature", "-1"], "from 0 to 100"),
    "sample: length": ([*SAMPLE, "--length", "-1"], "from 1 to"),
    "sample: prime": ([*SAMPLE, "--prime", "ü"], "cannot hold 'ü'"),
    "sample: unknown": ([*SAMPLE, "--prime", "ü", "--unknown", "no"], "unknown is"),
    "sample: stop": ([*SAMPLE, "--stop", "ü"], "The stop string holds 'ü'"),
    "complete: no run": (["complete", "nowhere"], "no run folder"),
    "complete: until": ([*COMPLETE, "--until", "word"], "until cannot be 'word': it is one of token, line."),
    "complete: beam": ([*COMPLETE, "--beam", "0"], "from 1 to 4,096"),
    "complete: prefix": (["complete", "run", "--prefix", "aü"], "The prefix cannot hold 'ü'"),
    "complete: engine": ([*COMPLETE, "--engine", "fast"], "torch"),
    "lsp: no run": (["lsp", "nowhere"], "no run folder"),
    "lsp: no checkpoint": (["lsp", "run", "--checkpoint", "7"], "there are: 12"),
    "lsp: engine": (["lsp", "run", "--engine", "fast"], "There is no engine 'fast'"),
    "lsp: unknown": (["lsp", "run", "--unknown", "é"], "unknown is 'error', 'skip' or one character"),
    "lsp: context": (["lsp", "run", "--context", "1"], "context cannot be 1"),
    "show: no trace": (["show", "nowhere", "rnn.l0.1"], "nowhere"),
    "show: a run": (["show", "run", "rnn.l0.1"], "no trace"),
    "show: no neuron": (["show", "trace", "rnn.l0.600"], "600"),
    "show: no name": (["show", "trace", "seven"], "seven"),
    "show: start": (["show", "trace", "rnn.l0.1", "--start", "900"], "900"),
    "show: negative start": (["show", "trace", "rnn.l0.1", "--start", "-9"], "-9"),
    "show: negative limit": (["show", "trace", "rnn.l0.1", "--limit", "-9"], "-9"),
    "export: no trace": (["export", "nowhere", "--out", "new.svg", "--format", "figure"], "nowhere"),
    "export: no format": (["export", "trace", "--out", "new.svg"], "--format"),
    "export: format": (["export", "trace", "--out", "new.svg", "--format", "pdf"], "there are: figure"),
    "export: suffix": ([*EXPORT, "new.gif"], ".svg or .png"),
    "export: kind": ([*EXPORT, "new.svg", "--kind", "texts"], "Did you mean 'text'?"),
    "export: palette": ([*EXPORT, "new.svg", "--palette", "red"], "classic, colourblind"),
    "export: neuron": ([*EXPORT, "new", "--neuron", "rnn.l0.1", "--neuron", "rnn.l0.600"], "0 to 5"),
    "export: two for a file": ([*EXPORT, "new.svg", "--neuron", "rnn.l0.1", "--neuron", "rnn.l0.2"], "Name a folder"),
    "export: start": ([*EXPORT, "new.svg", "--start", "900"], "900"),
    "export: limit": ([*EXPORT, "new.svg", "--limit", "0"], "--limit"),
    "export: no symbol": ([*EXPORT, "new.svg", "--kind", "by-prefix"], "--at X"),
    "export: unknown symbol": ([*EXPORT, "new.svg", "--kind", "by-prefix", "--at", "ü"], "no symbol 'ü'"),
    "export: taken": ([*EXPORT, "text0.txt"], "Figures are"),
    "export: a folder that is taken": ([*EXPORT, "folder"], "--overwrite"),
    "check: no trace": (["check", "nowhere"], "nowhere"),
    "check: no run": (["check", "trace", "--run", "nowhere"], "nowhere"),
    "info: nothing": (["info", "nowhere"], "no file or folder"),
    "info: a folder": (["info", "folder"], "neither a run"),
    "info: empty": (["info", "empty.txt"], "empty"),
    "explore: nothing": (["explore", "nowhere", "--no-browser"], "nowhere"),
    "explore: no paths": (["explore"], "Missing argument"),
    "explore: port": (["explore", "trace", "--port", "99999", "--no-browser"], "99999"),
}


@pytest.mark.parametrize("arguments", [TRAIN, EVALUATE, TRACE, SAMPLE, COMPLETE], ids=lambda arguments: arguments[0])
def test_verbose_says_which_engine_runs_and_why(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run([*arguments, "--verbose", "--engine", "reference"]) == 0
    assert "engine reference: it was asked for" in capsys.readouterr().err.splitlines()
    assert run([*(part if part != "new" else "newer" for part in arguments), "--engine", "reference"]) == 0
    assert "it was asked for" not in capsys.readouterr().err


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line(what: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, says = BAD[what]
    before = names_in(here)
    capsys.readouterr()
    assert run(arguments) == 2
    shown = capsys.readouterr()
    remarks = ("engine ", "20 steps, at most")
    lines = [line for line in shown.err.splitlines() if not line.startswith(remarks)]
    assert len(lines) == 1, shown.err
    assert lines[0].startswith("unrolled: ")
    assert says in lines[0]
    assert shown.out == ""
    if "--overwrite" not in arguments:
        assert names_in(here) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folders_that_may_not_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = here / "locked"
    locked.mkdir(0o500)
    for arguments in (TRAIN, TRACE):
        assert run([part if part != "new" else "locked/new" for part in arguments]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("unrolled: ")


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


def test_info_says_what_is_damaged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "damaged" not in read_json(capsys, "info", "run")
    Path("run/summary.json").write_text("{")
    Path("run/checkpoints/12/weights.safetensors").write_bytes(b"")
    damaged = read_json(capsys, "info", "run")["damaged"]
    assert [part for part in ("summary.json", "weights.safetensors") if part in " ".join(damaged)] == [
        "summary.json",
        "weights.safetensors",
    ]


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


def test_info_knows_the_articles_recordings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").write_text(json.dumps({"chars": ["a", "b"], "cs0": [[0, 1]] * 3, "cs1": [], "name": "Two"}))
    found = read_json(capsys, "info", "a.json")
    assert "lstm-explorer" in found["kind"]
    assert (found["name"], found["steps"], found["layers"]) == ("Two", 2, {"layer 0": "3 neurons"})
    Path("b.json").write_text('{"chars": 3}')
    assert read_json(capsys, "info", "b.json")["kind"] == "text"


def test_a_port_in_use_is_told_before_the_demo_trains(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["demo", "--port", str(taken.getsockname()[1]), "--no-browser"]) == 2
    assert "in use" in capsys.readouterr().err.splitlines()[-1]
    assert not Path("demo").exists()
