"""`unrolled sample` and `complete`: what is printed is what the network writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.asking import read_json, read_table
from unrolled.cli import run


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
