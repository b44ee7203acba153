"""What holds for every command: bad input is one line on standard error, exit 2, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.training.making import TINY, as_options, names_in
from unrolled.cli import run

TRAIN = ["train", "text0.txt", "--out", "new", *as_options({**TINY, "steps": 2})]

TASK = ["train", "task:counter", "--out", "new", "--steps", "2"]

EVALUATE = ["evaluate", "run", "text0.txt"]

TRACE = ["trace", "run", "text0.txt", "--out", "new", "--limit", "20"]

SAMPLE = ["sample", "run", "--length", "5"]

EXPORT = ["export", "trace", "--format", "figure", "--out"]

COMPLETE = ["complete", "run", "--prefix", "the ra"]

BAD: dict[str, tuple[list[str], str]] = {
    "no such command": (["trian"], "no command 'trian'; there are: ablate, bench, check, complete, demo"),
    "a command that is near": (["trian"], "Did you mean 'train'? See --help."),
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
    "sample: streams": ([*SAMPLE, "--streams", "0"], "--streams cannot be '0': it is a whole number from 1 to 65,536."),
    "reproduce: seeds": (["reproduce", "counter", "--out", "new", "--seeds", "x"], "a whole number from 1 to 1,000."),
    "reproduce: out is a run": (["reproduce", "counter", "--out", "run"], "run is a run; nothing else is written into"),
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
    "export: out is a trace": ([*EXPORT, "trace", "--overwrite"], "trace is a trace; nothing else is written into it"),
    "export: out is a run": ([*EXPORT, "run", "--overwrite"], "run is a run; nothing else is written into it"),
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


@pytest.mark.parametrize("arguments", [TRAIN, EVALUATE, TRACE, SAMPLE, COMPLETE], ids=lambda arguments: arguments[0])
def test_verbose_says_which_engine_runs_and_why(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run([*arguments, "--verbose", "--engine", "reference"]) == 0
    assert "engine reference: it was asked for" in capsys.readouterr().err.splitlines()
    assert run([*(part if part != "new" else "newer" for part in arguments), "--engine", "reference"]) == 0
    assert "it was asked for" not in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folders_that_may_not_be_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = here / "locked"
    locked.mkdir(0o500)
    for arguments in (TRAIN, TRACE):
        assert run([part if part != "new" else "locked/new" for part in arguments]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith("unrolled: ")


def test_a_port_in_use_is_told_before_the_demo_trains(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["demo", "--port", str(taken.getsockname()[1]), "--no-browser"]) == 2
    assert "in use" in capsys.readouterr().err.splitlines()[-1]
    assert not Path("demo").exists()


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
