"""Writing so that nothing half-written is ever found under its final name."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unrolled.errors import DiskFullError, OutputExistsError

LARGE = 2**20
"""Bytes of a file that is not left in the system's cache."""


GO_ON = "Free some space and go on with --resume; what is there is whole."


@contextmanager
def room(path: Path, hint: str = GO_ON) -> Generator[None]:
    """Turns a full disk into one clear line.

    Args:
        path: what is written.
        hint: what the user can do.

    Raises:
        DiskFullError: the disk (or a quota, or a file size limit) stopped a write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFullError(f"There is no room left to write {path}.", hint) from error
        raise


WHOLE = {"settings.json": "a run", "zarr.json": "a trace"}
"""What a folder is that holds a file of that name: a thing of its own, to which nothing is added."""


def check_adding(folder: Path) -> None:
    """Refuses a folder that is a run or a trace.

    Raises:
        OutputExistsError: it is.
    """
    for name, what in WHOLE.items():
        if (folder / name).is_file():
            raise OutputExistsError(f"{folder} is {what}; nothing else is written into it.", "Choose another --out.")


def sync(*paths: Path) -> None:
    """Waits until files and folders lie safely on the disk.

    A large file then leaves the system's cache: a recording of many gigabytes would fill it, and push out of it what
    others read again.
    """
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows has no handle to flush a folder with
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
            if hasattr(os, "posix_fadvise") and os.fstat(handle).st_size >= LARGE:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def free_bytes(path: Path) -> int:
    """Room left on the disk that will hold `path`."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def write_whole(path: Path, content: bytes, hint: str = GO_ON) -> None:
    """Writes a file that is there whole or not at all, also after a power cut; `hint` is as `room` takes it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with room(path, hint):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_json(path: Path, value: Any, hint: str = GO_ON) -> None:
    """Writes JSON as `write_whole` does."""
    write_whole(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(), hint)
