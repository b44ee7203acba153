"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from unrolled.errors import DiskFullError, OutputExistsError, TraceError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that its name never holds a part of it; safe on the disk when it returns."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        sync([part])
        part.replace(path)
        sync([path.parent])
    except OSError:
        part.unlink(missing_ok=True)
        raise


def sync(paths: Iterable[Path]) -> None:
    """Waits until files and folders lie safely on the disk."""
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows has no handle to flush a folder with
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def disk_errors(what: str, hint: str) -> Generator[None]:
    """Turns a full or unwritable disk into one line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(f"No room on the disk for {what}.", hint) from error
        raise TraceError(f"Cannot write {what}: {error.strerror or error}.", "Look at the folder's rights.") from error


def free_bytes(path: Path) -> int:
    """Room left on the disk that will hold `path`."""
    import shutil

    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def refuse_existing(path: Path) -> None:
    """Raises OutputExistsError for anything but an empty folder or nothing."""
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise OutputExistsError(
            f"{path} exists already.", "Choose another --out, go on with --resume, or replace it with --overwrite."
        )
