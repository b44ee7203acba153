"""Where a trace is to be: begun, gone on with, or put in another's place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import ValidationError

from unrolled.errors import OutputExistsError, TraceError
from unrolled.files import room
from unrolled.formats import TRACE_FORMAT
from unrolled.settings import check_both
from unrolled.traces.format import TraceInfo


def read_attributes(root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The root's `zarr.json` as a whole, and the attributes in it.

    Raises:
        TraceError: there is no trace, or its description is damaged.
    """
    try:
        document = cast(object, json.loads((root / "zarr.json").read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        raise TraceError(f"{root} is no trace: it has no zarr.json.", "Record one with 'unrolled trace'.") from None
    except (OSError, ValueError) as error:
        raise TraceError(f"The trace {root} is damaged: its zarr.json cannot be read ({error}).") from None
    if not isinstance(document, dict):
        raise TraceError(f"The trace {root} is damaged: its zarr.json is no JSON object.")
    whole = cast(dict[str, Any], document)
    attributes = whole.get("attributes")
    return whole, cast(dict[str, Any], attributes) if isinstance(attributes, dict) else {}


def read_info(root: Path) -> TraceInfo:
    """The description of the trace in a folder; TraceError where there is none or it is damaged."""
    _, attributes = read_attributes(root)
    given = attributes.get("format")
    if given != TRACE_FORMAT:
        raise TraceError(
            f"{root} is not in the format {TRACE_FORMAT!r} but says {given!r}.",
            "A newer version of Unrolled may read it." if str(given).startswith("unrolled-trace/") else "",
        )
    try:
        info = TraceInfo.model_validate(attributes)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise TraceError(f"The trace {root} is damaged: its attribute {place!r}: {first['msg']}.") from None
    if info.complete_steps > info.planned_steps:
        raise TraceError(f"The trace {root} is damaged: it says that more steps are complete than planned.")
    return info


@contextmanager
def disk_errors(path: Path, hint: str) -> Generator[None]:
    """Turns a full or unwritable disk into one line for the user."""
    try:
        with room(path, hint):
            yield
    except OSError as error:
        raise TraceError(
            f"The trace {path} cannot be written: {error.strerror or error}.", "Look at the folder's rights."
        ) from error


def check_place(path: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuses a place that is taken, or is something that is no trace; see `OutputExistsError`."""
    check_both(resume=resume, overwrite=overwrite)
    if not path.exists() and not path.is_symlink():
        return
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return
    if not (resume or overwrite):
        raise OutputExistsError(
            f"{path} exists already.", "Choose another --out, go on with --resume, or replace it with --overwrite."
        )
    try:
        is_trace = not path.is_symlink() and str(read_attributes(path)[1].get("format")).startswith("unrolled-trace/")
    except TraceError:
        is_trace = False
    if not is_trace:
        raise OutputExistsError(f"{path} exists and is no trace; it will not be touched.", "Choose another --out.")


def lock(resume: Path) -> BinaryIO:
    """Holds a trace for one writer until the file is closed or the process ends."""
    resume.mkdir(exist_ok=True)
    file = (resume / "lock").open("ab")
    if os.name != "nt":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise TraceError(f"{resume.parent} is being written by another process.", "Wait until it ends.") from None
    return file


def new_folder(path: Path) -> Path:
    """A fresh folder beside `path`, in which a trace is begun; those that a killed process left are removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))


def put_in_place(fresh: Path, path: Path) -> None:
    """Gives a begun trace its name; what stood there (`check_place` allowed it) goes."""
    fresh.chmod(0o777 & ~_umask())
    if path.exists():
        lock(path / "resume").close()
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        path.rename(old / "old")
        fresh.rename(path)
        shutil.rmtree(old)
    else:
        fresh.rename(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def differences(stored: TraceInfo, asked: TraceInfo) -> list[str]:
    """What a resumed recording would do otherwise than it was begun; empty where it can go on.

    Where a run or a text lies, and what it is called, may differ: their SHA-256 says whether they are the same.
    """
    own = {"complete_steps", "created", "telling", "nats_per_symbol", "title", "model", "source"}
    before, after = stored.model_dump(exclude=own, mode="json"), asked.model_dump(exclude=own, mode="json")
    found = [_differ(name, before[name], after[name]) for name in before if before[name] != after[name]]
    for name, keys in (("model", ("sha256",)), ("source", ("sha256", "part", "limit"))):
        begun, now = getattr(stored, name), getattr(asked, name)
        found += [
            _differ(f"{name}.{key}", begun.get(key), now.get(key)) for key in keys if begun.get(key) != now.get(key)
        ]
    return found


def _differ(name: str, before: object, after: object) -> str:
    """A difference for people: what was and what is, where that is short."""
    was, now = (str("none" if value is None else value) for value in (before, after))
    if name.endswith("sha256"):
        was, now = f"{was[:12]}…", f"{now[:12]}…"
    return f"{name} (was {was}, now {now})" if len(was) + len(now) < 300 else f"{name} differs"
