"""`unrolled info`, `show` and `check`, and how names are shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tests.cli.asking import read_json, read_table
from tests.training.making import train_tiny


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


def test_info_says_what_is_damaged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "damaged" not in read_json(capsys, "info", "run")
    Path("run/summary.json").write_text("{")
    Path("run/checkpoints/12/weights.safetensors").write_bytes(b"")
    damaged = read_json(capsys, "info", "run")["damaged"]
    assert [part for part in ("summary.json", "weights.safetensors") if part in " ".join(damaged)] == [
        "summary.json",
        "weights.safetensors",
    ]


def test_info_knows_the_articles_recordings(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.json").write_text(json.dumps({"chars": ["a", "b"], "cs0": [[0, 1]] * 3, "cs1": [], "name": "Two"}))
    found = read_json(capsys, "info", "a.json")
    assert "lstm-explorer" in found["kind"]
    assert (found["name"], found["steps"], found["layers"]) == ("Two", 2, {"layer 0": "3 neurons"})
    Path("b.json").write_text('{"chars": 3}')
    assert read_json(capsys, "info", "b.json")["kind"] == "text"


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
