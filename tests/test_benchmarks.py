"""The benchmarks start, and every figure in the docs names one that is there."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unrolled import Trace

ROOT = Path(__file__).parents[1]
BENCHMARKS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "common.py")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_it_starts_and_says_what_it_does(path: Path) -> None:
    """In a process of its own, as people run it; so its imports are tried too."""
    command = [sys.executable, "-W", "error", path, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    documented = re.search(r'^"""(.+?)\n', path.read_text(encoding="utf-8"))
    assert documented is not None
    assert documented[1] in said
    assert "--json" in said


def test_the_readme_explains_each() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+\.py)`", text)) == {path.name for path in BENCHMARKS} | {"common.py"}


def test_every_figure_names_a_command_that_is_there() -> None:
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    table = text.split("\n\n## ")[0].splitlines()
    rows = [line for line in table if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        named = re.findall(r"benchmarks/(\w+\.py)", row)
        assert named, row
        assert all((ROOT / "benchmarks" / name).is_file() for name in named), row


def test_a_recording_is_made_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real commands: options that they no longer have fail here."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    memory = importlib.import_module("memory")
    text = tmp_path / "text"
    text.write_text("what can be read is read once more. " * 40, encoding="utf-8")
    network = memory.make_run(tmp_path, str(text), layers=2, hidden=4, limit=1000)
    ran = memory.record(network, str(text), 700, tmp_path / "trace")
    assert ran.seconds > 0
    assert ran.peak_bytes > 50 * 2**20  # Python with PyTorch in it: bytes, not kibibytes
    assert Trace.open(tmp_path / "trace").steps == 700
    memory.run_plain(network, str(text), 700)
