"""What the commands are tried on: a folder with texts, two runs and a trace."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.training.making import train_tiny, write_text
from unrolled.cli import run


@pytest.fixture(scope="session")
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
