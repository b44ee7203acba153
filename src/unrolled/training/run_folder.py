"""A run on the disk: settings, vocabulary, checkpoints, metrics, and who may write it."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from unrolled.errors import OutputExistsError, RunError
from unrolled.files import room, sync, write_json, write_whole
from unrolled.formats import RUN_FORMAT, SUMS_FILE
from unrolled.networks.files import (
    RUN_FILES,
    checkpoint_path,
    checkpoint_steps,
    file_sha256,
    load_tensors,
    read_json,
    read_run_settings,
    verify,
)
from unrolled.settings import check_both

METRICS = "metrics.jsonl"


class RunFolder:
    """The folder of one run, held by one process at a time. It exists only once the run has begun.

    Args:
        path: the folder, which is there.
        name: what an error calls it.

    Raises:
        RunError: another process holds it.
    """

    def __init__(self, path: Path, name: Path | None = None) -> None:
        self.path = path
        self._lock = (path / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise RunError(
                f"Another process is training {name or path} now.", "Wait for it, stop it, or take another --out."
            ) from None

    @staticmethod
    def check_free(path: Path, *, resume: bool, overwrite: bool) -> None:
        """Whether a run may be written here.

        Raises:
            SettingsError: both `resume` and `overwrite` are asked for.
            OutputExistsError: it exists and neither is.
            RunError: it is a file, or a folder that holds something other than a run.
        """
        check_both(resume=resume, overwrite=overwrite)
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return
        if not (path / "settings.json").is_file() or (overwrite and not _is_run(path)):
            raise RunError(f"{path} exists already and is not a run; it will not be touched.", "Take another --out.")
        if not (resume or overwrite):
            raise OutputExistsError(
                f"{path} exists already.",
                "Go on with it by --resume, replace it by --overwrite, or take another --out.",
            )

    @classmethod
    @contextmanager
    def begin(cls, path: Path, *, overwrite: bool) -> Generator[RunFolder]:
        """A draft beside `path` that takes its place once the block ends without an error; else nothing is left of it.

        Args:
            overwrite: whether a run that lies there is replaced.

        Raises:
            RunError: another process holds the draft or the run that is to be replaced.
            OutputExistsError: another process has made a run there in the meantime.
        """
        draft, aside = path.with_name(f".{path.name}.draft"), path.with_name(f".{path.name}.old")
        with room(path), _made(path.parent):
            draft.mkdir(exist_ok=True)
            folder = cls(draft, path)
            try:
                for left in draft.iterdir():  # by a process that was killed
                    if left.name != ".lock":
                        _remove(left)
                yield folder
                cls.check_free(path, resume=False, overwrite=overwrite)
                if path.exists():
                    with closing(cls(path)):  # not while another process trains it
                        shutil.rmtree(aside, ignore_errors=True)
                        path.rename(aside)
                draft.rename(path)
                sync(path.parent)
                folder.path = path
            except BaseException:
                folder.close()
                shutil.rmtree(draft, ignore_errors=True)
                raise
            shutil.rmtree(aside, ignore_errors=True)

    def close(self) -> None:
        """Lets other processes have it."""
        self._lock.close()

    def tidy(self) -> None:
        """Removes what a killed process left half-written."""
        for left in [*self.path.glob(".*.tmp"), *(self.path / "checkpoints").glob(".*.tmp")]:
            _remove(left)

    def write_settings(self, settings: dict[str, Any]) -> None:
        """Writes `settings.json`; adds the format."""
        write_json(self.path / "settings.json", {"format": RUN_FORMAT, **settings})

    def read_settings(self) -> dict[str, Any]:
        """What `settings.json` holds; RunError where it is damaged."""
        return read_run_settings(self.path)

    def save_checkpoint(self, step: int, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        """Writes `checkpoints/<step>/` whole or not at all, and removes those that are neither best nor last.

        Args:
            step: updates done.
            state: JSON.
            tensors: file name (without ending) → tensors.
        """
        final = checkpoint_path(self.path, step)
        final.parent.mkdir(exist_ok=True)
        temporary = final.parent / f".{step}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        with room(final):
            try:
                temporary.mkdir()
                self._write_checkpoint(temporary, {**state, "step": step}, tensors)
                if (self.path / METRICS).exists():
                    sync(self.path / METRICS)
                temporary.rename(final)
                sync(final.parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        self._remove_old(keep={step, state.get("best_step")})

    def _write_checkpoint(self, folder: Path, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        for name, content in tensors.items():
            if content:
                whole = save({key: value.detach().contiguous().cpu() for key, value in content.items()})
                write_whole(folder / f"{name}.safetensors", whole)
        write_json(folder / "state.json", state)
        sums = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
        sums |= {name: file_sha256(self.path / Path(name).name) for name in RUN_FILES}
        write_whole(folder / SUMS_FILE, "".join(f"{value}  {name}\n" for name, value in sums.items()).encode())

    def _remove_old(self, keep: set[int | None]) -> None:
        for step in checkpoint_steps(self.path):
            if step not in keep:
                going = self.path / "checkpoints" / f".{step}.tmp"  # half of it must never be found under its name
                checkpoint_path(self.path, step).rename(going)
                shutil.rmtree(going, ignore_errors=True)

    def last_checkpoint(self) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None:
        """State and tensors of the last checkpoint; None where there is none yet.

        Raises:
            RunError: it is damaged.
        """
        steps = checkpoint_steps(self.path)
        if not steps:
            return None
        folder = checkpoint_path(self.path, steps[-1])
        files = [Path(name) for name in verify(folder)]
        tensors = {file.stem: load_tensors(folder / file) for file in files if file.suffix == ".safetensors"}
        return read_json(folder / "state.json"), tensors

    def cut_metrics(self, step: int) -> None:
        """Removes the metrics that were written after update `step`, and a half-written last line."""
        path = self.path / METRICS
        if not path.exists():
            return
        kept: list[str] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                continue
        write_whole(path, "".join(kept).encode())

    def add_metrics(self, **numbers: float | str) -> None:
        """Adds one line to `metrics.jsonl`."""
        path = self.path / METRICS
        with room(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(numbers, allow_nan=False) + "\n")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Writes `summary.json`: how the run stands."""
        write_json(self.path / "summary.json", summary)


@contextmanager
def _made(folder: Path) -> Generator[None]:
    """Makes a folder and those above it; takes the new ones away again where the block ends in an error."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for each in new:
            with suppress(OSError):  # not made, or something else lies in it by now
                each.rmdir()
        raise


def _is_run(path: Path) -> bool:
    """Whether a folder was made by training; other programs call a file `settings.json` too."""
    try:
        return str(read_json(path / "settings.json").get("format")).startswith("unrolled-run/")
    except RunError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
