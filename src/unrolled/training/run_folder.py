"""A run on the disk: settings, vocabulary, checkpoints, metrics, and who may write it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from unrolled.errors import OutputExistsError, RunError, SettingsError
from unrolled.files import room, sync, write_json, write_whole
from unrolled.networks.files import (
    RUN_FORMAT,
    checkpoint_path,
    checkpoint_steps,
    load_tensors,
    read_json,
    read_run_settings,
    verify,
)


class RunFolder:
    """The folder of one run, held by one process at a time. It exists only once the run has begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = (path / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise RunError(
                f"Another process is training {path} now.", "Wait for it, stop it, or take another --out."
            ) from None

    @staticmethod
    def check_free(path: Path, *, resume: bool, overwrite: bool) -> None:
        """Whether a run may be written here.

        Raises:
            SettingsError: both `resume` and `overwrite` are asked for.
            OutputExistsError: it exists and neither is.
            RunError: it is a file, or a folder that holds something other than a run.
        """
        if resume and overwrite:
            raise SettingsError("--resume and --overwrite cannot both be asked for.", "Take one of them.")
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return
        if not (path / "settings.json").is_file():
            raise RunError(f"{path} exists already and is not a run.", "Take another --out.")
        if not (resume or overwrite):
            raise OutputExistsError(
                f"{path} exists already.",
                "Go on with it by --resume, replace it by --overwrite, or take another --out.",
            )

    @classmethod
    @contextmanager
    def begin(cls, path: Path) -> Generator[RunFolder]:
        """A draft beside `path` that takes its place, whatever lay there, once the block ends without an error."""
        draft = path.with_name(f".{path.name}.draft")
        with room(path):
            draft.mkdir(parents=True, exist_ok=True)
            folder = cls(draft)
            try:
                for left in draft.iterdir():  # by a process that was killed
                    if left.name != ".lock":
                        _remove(left)
                yield folder
                if path.exists():
                    with closing(cls(path)):  # not while another process trains it
                        shutil.rmtree(path)
                draft.rename(path)
                sync(path.parent)
                folder.path = path
            except BaseException:
                folder.close()
                shutil.rmtree(draft, ignore_errors=True)
                raise

    def close(self) -> None:
        self._lock.close()

    def write_settings(self, settings: dict[str, Any]) -> None:
        write_json(self.path / "settings.json", {"format": RUN_FORMAT, **settings})

    def read_settings(self) -> dict[str, Any]:
        return read_run_settings(self.path)

    def save_checkpoint(self, step: int, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        """Writes `checkpoints/<step>/` whole or not at all, and removes those that are neither best nor last.

        Args:
            step: updates done.
            state: JSON; gets the SHA-256 of every other file.
            tensors: file name (without ending) → tensors.
        """
        final = checkpoint_path(self.path, step)
        final.parent.mkdir(exist_ok=True)
        temporary = final.parent / f".{step}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        with room(final):
            try:
                temporary.mkdir()
                sums: dict[str, str] = {}
                for name, content in tensors.items():
                    file = temporary / f"{name}.safetensors"
                    if not content:
                        continue
                    whole = save({key: value.detach().contiguous().cpu() for key, value in content.items()})
                    write_whole(file, whole)
                    sums[file.name] = hashlib.sha256(whole).hexdigest()
                write_json(temporary / "state.json", {**state, "step": step, "sha256": sums})
                sync(temporary)
                if final.exists():  # resumed at this very step: what lies there is the same
                    shutil.rmtree(temporary)
                else:
                    temporary.rename(final)
                sync(final.parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        self._remove_old(keep={step, state.get("best_step")})

    def _remove_old(self, keep: set[int | None]) -> None:
        for entry in (self.path / "checkpoints").iterdir():
            if entry.name.startswith(".") or (entry.name.isdigit() and int(entry.name) not in keep):
                shutil.rmtree(entry, ignore_errors=True)

    def last_checkpoint(self) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None:
        """State and tensors of the last checkpoint; None where there is none yet.

        Raises:
            RunError: it is damaged.
        """
        steps = checkpoint_steps(self.path)
        if not steps:
            return None
        folder = checkpoint_path(self.path, steps[-1])
        state = verify(folder)
        tensors = {Path(name).stem: load_tensors(folder / name) for name in state["sha256"]}
        return state, tensors

    def cut_metrics(self, step: int) -> None:
        """Removes the metrics that were written after update `step`, and a half-written last line."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return
        kept: list[str] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with room(path):
            temporary.write_text("".join(kept), encoding="utf-8")
            temporary.replace(path)

    def add_metrics(self, **numbers: float | str) -> None:
        """Adds one line to `metrics.jsonl`."""
        path = self.path / "metrics.jsonl"
        with room(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(numbers) + "\n")

    def write_summary(self, summary: dict[str, Any]) -> None:
        write_json(self.path / "summary.json", summary)

    def read_summary(self) -> dict[str, Any] | None:
        path = self.path / "summary.json"
        return read_json(path) if path.is_file() else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
