"""`unrolled bench`: real races, short; what it says of engines is so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from unrolled.cli import run
from unrolled.engines import ENGINES

SHORT = ["bench", "--seconds", "1"]


def run_apart(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the kernels are looked for once a process."""
    command = [sys.executable, "-W", "error", "-m", "unrolled", *SHORT, *options]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env={**os.environ, **environment}, check=False
    )


def test_it_says_what_each_engine_takes_and_which_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SHORT) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    lines = [line.split() for line in shown.splitlines()]
    for name in ("nn.LSTM", "torch", "reference"):
        times = [line for line in lines if line[:1] == [name]]
        assert len(times) == 5
        for _, milliseconds, unit, ratio, bar in times:
            assert unit == "ms"
            assert float(milliseconds) > 0
            assert abs(len(bar) - min(36.0, 12 * float(ratio))) <= 1
    assert "unrolled takes the engine" in shown


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SHORT, "--cell", "gru", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["cell"] == "gru"
    assert found["threads"] >= 1
    assert ("lanes" in found["kernels"]) != ("missing" in found["kernels"])
    assert [each["task"] for each in found["races"]] == ["record"] * 3 + ["train"] * 2
    for each in found["races"]:
        assert sorted([*each["ratios"], *each["why_not"]]) == sorted(ENGINES.names())
        assert each["taken"] in each["ratios"]


def test_without_kernels_it_says_so_and_takes_what_is_left() -> None:
    done = run_apart(UNROLLED_KERNELS="", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    assert "compiled kernels: none" in done.stdout
    assert done.stdout.count("compiled   takes no part") == 5
    assert "takes the engine torch for recording and training: compiled: UNROLLED_KERNELS is empty" in done.stdout


def test_an_encoding_without_blocks_has_bars_all_the_same() -> None:
    done = run_apart(UNROLLED_KERNELS="", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "1.00  ############\n" in done.stdout
    assert "1 x 10 neurons" in done.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--cell", "peephole"], "gru, lstm, rnn"),
        (["--seconds", "0"], "--seconds cannot be 0: it is a number from 1 to 600."),
        (["--seconds", "nan"], "--seconds cannot be nan"),
        (["--seconds", "x"], "--seconds"),
        (["--engine", "torch"], "--engine"),
    ],
)
def test_bad_options_are_one_line(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *options]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert says in shown.err
