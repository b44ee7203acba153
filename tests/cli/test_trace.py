"""`unrolled trace`, also where it is stopped, resumed or asked for one symbol."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cli.asking import read_json, read_table
from tests.training.making import names_in, train_tiny, write_text
from unrolled.cli import run
from unrolled.traces.format import SHARD
from unrolled.traces.trace import Trace


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    text = write_text(folder)
    train_tiny(text, folder / "run", steps=3)
    content = text.read_text()
    text.write_text(content * (3 * SHARD // len(content) + 1))
    text.rename(folder / "text.txt")
    return folder


def test_trace(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "trace", "run", "text0.txt", "--out", "new", "--limit", "30", "--signals", "cell, hidden")
    assert (found["steps"], found["sites"]) == (30, {"rnn.l0": 6})
    assert found["bytes"] == sum((here / "new" / name).stat().st_size for name in names_in(here / "new"))
    again = ["trace", "run", "text0.txt", "--out", "new", "--limit", "40", "--dtype", "float16", "--overwrite"]
    assert "40" in read_table(capsys, *again)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_recording_says_how_to_go_on(sent: signal.Signals, trained: Path, tmp_path: Path) -> None:
    # The signal is sent by the process to itself, within the first slice after a whole shard.
    code = f"""
import os
from unrolled.cli import main, screen
class Bar(screen.ProgressBar):
    sent = False
    def __call__(self, done, total, /, **numbers):
        if self.what == "recording" and done > {SHARD} and not Bar.sent:
            Bar.sent = True
            os.kill(os.getpid(), {int(sent)})
screen.ProgressBar = Bar
main()
"""
    arguments = ["trace", str(trained / "run"), str(trained / "text.txt"), "--out", str(tmp_path / "t")]
    shown = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert shown.returncode == 130, shown.stderr
    total = len((trained / "text.txt").read_text())
    kept = Trace.open(tmp_path / "t").steps
    last = f"stopped at step {kept:,} of {total:,}, so far all is saved; go on with --resume"
    assert shown.stderr.splitlines()[-1] == last
    assert kept in {SHARD, 2 * SHARD}


def test_the_same_text_under_another_name_goes_on(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["trace", str(trained / "run"), str(trained / "text.txt"), "--out", str(tmp_path / "t"), "--limit", "40"]
    assert run(command) == 0
    shutil.copy(trained / "text.txt", tmp_path / "other.txt")
    command[2] = str(tmp_path / "other.txt")
    assert run([*command, "--resume"]) == 0
    capsys.readouterr()
    assert run([*command, "--resume", "--overwrite"]) == 2
    assert "cannot both be asked for" in capsys.readouterr().err
    (tmp_path / "other.txt").write_text((trained / "text.txt").read_text()[1:])
    assert run([*command, "--resume"]) == 2
    assert "source.sha256 (was " in capsys.readouterr().err
    assert run([*command[:-1], "41", "--resume"]) == 2
    assert "source.limit (was 40, now 41)" in capsys.readouterr().err


def test_one_symbol(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "t")
    assert run(["trace", str(trained / "run"), str(trained / "text.txt"), "--out", out, "--limit", "1"]) == 0
    assert Trace.open(out).steps == 1
    assert run(["check", out, "--run", str(trained / "run")]) == 0
    capsys.readouterr()
    assert run(["show", out, "rnn.l0.0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == [(trained / "text.txt").read_text()[0]]
