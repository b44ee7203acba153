"""`unrolled find`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import unrolled
from tests.cli.asking import read_json, read_table
from unrolled.cli import run


def test_of_a_run_that_reads(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, "find", "run", "text0.txt", "--hypothesis", "vowel", "--hypothesis", "e=re:e")
    assert found["format"] == "unrolled-findings/1"
    assert {each["name"] for each in found["hypotheses"]} == {"vowel", "e", "surprise"}
    assert found["told"] == [found["chosen"][1], found["steps"]]
    assert found["source"]["run"] == "run"
    (vowel,) = [each for each in found["hypotheses"] if each["name"] == "vowel"]
    assert vowel["untrained"]["score"] > 0.5
    assert vowel["about"]
    assert "vowel" in read_table(capsys, "find", "run", "text0.txt", "--hypothesis", "vowel", "--no-untrained")


def test_of_a_trace_it_is_kept_beside_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "run", "text0.txt", "--out", "long"]) == 0
    printed = read_json(capsys, "find", "long", "--hypothesis", "vowel", "--signals", "cell,hidden")
    assert json.loads(Path("long/findings.json").read_text()) == printed
    assert {name["name"].split(".")[2] for each in printed["hypotheses"] for name in each["neurons"]} == {
        "cell",
        "hidden",
    }
    assert read_json(capsys, "info", "long")["whole"]
    assert isinstance(read_json(capsys, "check", "long"), dict)


def test_a_tasks_strings_are_read_again_and_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--hidden", "4", "--steps", "3", "--no-trace"]
    assert run(["train", "task:counter", "--out", "counting", *[each for each in options if each != "--no-trace"]]) == 0
    found = read_json(capsys, "find", "counting", "task:counter", "--no-untrained", "--signals", "hidden")
    assert found["steps"] >= 20_000
    assert "a-count" in {each["name"] for each in found["hypotheses"]}


def test_of_a_recorded_task_its_own_hypotheses_are_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "counter", "task:counter,maximum=20", "--out", "long"]) == 0
    found = read_json(capsys, "find", "long", "--signals", "hidden")
    asked = {each["name"] for each in found["hypotheses"]} | set(found["skipped"])
    assert asked == {"line-position", "a-count", "after-x", "left-after-x", "next-symbol", "surprise"}


def test_of_numbers_a_table_of_ones_own_can_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    recorded = unrolled.trace(torch.nn.LSTM(3, 6, batch_first=True).eval(), torch.randn(2, 200, 3))
    recorded.save(tmp_path / "numbers")
    values = recorded["lstm.l0.cell"].reshape(-1, 6)[:, 4]
    table = tmp_path / "up.csv"
    table.write_text("up\n" + "".join(f"{int(each)}\n" for each in values > np.median(values)))
    asked = ["find", str(tmp_path / "numbers"), "--signals", "cell", "--shifts", "50"]
    found = read_json(capsys, *asked, "--hypothesis", f"positive=csv:{table}:up")
    assert [each["neurons"][0]["name"] for each in found["hypotheses"]] == ["lstm.l0.cell.4"]
    assert run(asked) == 2
    assert "what was read here is numbers. Of such steps a table of your own can tell" in capsys.readouterr().err


def test_findings_that_cannot_be_kept_are_told_all_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trace", "run", "text0.txt", "--out", "long"]) == 0
    Path("long/findings.json").mkdir()  # in the way of the file
    capsys.readouterr()
    assert run(["find", "long", "--hypothesis", "vowel", "--signals", "cell", "--shifts", "20", "--json"]) == 2
    told = capsys.readouterr()
    assert "vowel" in {each["name"] for each in json.loads(told.out)["hypotheses"]}
    assert len(told.err.strip().splitlines()) == 1
    assert "findings.json" in told.err


@pytest.mark.parametrize("width", [40, 76, 130])
def test_no_terminal_is_too_narrow_for_a_neurons_name(width: int, here: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "unrolled",
        "find",
        "run",
        "text0.txt",
        "--signals",
        "output_gate",
        "--shifts",
        "20",
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": str(width)}
    asked = [*command, "--hypothesis", "a-very-long-name-for-a-vowel=re:[aeiou]", "--no-untrained"]
    shown = subprocess.run(asked, capture_output=True, text=True, env=environment)
    assert shown.returncode == 0, shown.stderr
    assert max(map(len, shown.stdout.splitlines())) <= width
    assert "a-very-long-name-for-a-vowel" in shown.stdout
    assert re.search(r"[+−]rnn\.l0\.output_gate\.[0-9]\b", shown.stdout)
    assert re.search(r"AUC 0\.\d{3} \[0\.\d\d, [01]\.\d\d\]", shown.stdout)
    assert ("2, 4, 8" in shown.stdout) == (width == 130)


def test_it_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    listed = read_json(capsys, "find", "--list")["hypotheses"]
    assert {"name", "group", "kind", "about", "example", "causal", "needs", "missing"} <= set(listed[0])
    assert "quoted" in read_table(capsys, "find", "--list")


BAD = {
    "nothing": ([], "RUN and a SOURCE, or a TRACE"),
    "no trace": (["nowhere"], "nowhere"),
    "a run without a source": (["run"], "run is a run: it needs a SOURCE"),
    "one symbol": (["run", "text0.txt", "--limit", "1"], "--limit is at least 2 symbols"),
    "a limit of a trace": (["trace", "--limit", "300"], "--limit is about the SOURCE that a run reads"),
    "a part of a trace": (["trace", "--part", "test"], "--part is about the SOURCE"),
    "files of a trace": (["trace", "--include", "*.py"], "--include is about the SOURCE"),
    "unknown hypothesis": (["trace", "--hypothesis", "vowl"], "'vowel'"),
    "bad pattern": (["trace", "--hypothesis", "x=re:("], "regular expression"),
    "unknown signal": (["trace", "--signals", "cel"], "'cell'"),
    "rate": (["trace", "--hypothesis", "vowel", "--q", "1.5"], "above 0 and below 1"),
    "shifts": (["trace", "--shifts", "3"], "20"),
    "unknown part": (["run", "text0.txt", "--part", "some"], "train"),
    "too short": (["run", "text0.txt", "--hypothesis", "vowel", "--limit", "50"], "200"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, said = BAD[case]
    assert run(["find", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "Traceback" not in error
    assert not Path("trace/findings.json").exists()


def test_a_full_disk_for_labels_is_one_line_and_nothing_stays_in_its_folder(here: Path) -> None:
    """Files of labels are mapped into memory: one with holes would end the process once the disk is full."""
    (here / "temporary").mkdir()
    limited = """
import os, resource, sys
os.environ["TMPDIR"] = "temporary"
from unrolled.cli import run
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sys.exit(run(["find", "run", "text0.txt", "--hypothesis", "vowel", "--no-untrained"]))
"""
    ended = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "temporary/unrolled-labels. Free some space there" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list((here / "temporary").iterdir())
