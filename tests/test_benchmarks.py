"""The benchmarks start, and every figure in the docs names one that is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]
    assert rows
    for row in rows:
        named = re.findall(r"benchmarks/(\w+\.py)", row)
        assert named, row
        assert all((ROOT / "benchmarks" / name).is_file() for name in named), row


def test_memory_measures_recordings() -> None:
    """The smallest whole run, of real commands: options that they no longer have would fail here."""
    path = ROOT / "benchmarks" / "memory.py"
    command = [sys.executable, path, "--runs", "1", "--steps", "50", "--wide", "2x4", "--narrow", "1x2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| 5")]
    assert len(rows) >= 3
