"""Writing so that nothing half-written is ever found under its final name."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unrolled.errors import DiskFullError


@contextmanager
def room(path: Path) -> Generator[None]:
    """Turns a full disk into one clear line.

    Raises:
        DiskFullError: the disk (or a quota, or a file size limit) stopped a write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise DiskFullError(
                f"There is no room left to write {path}.",
                "Free some space and go on with --resume; what is there is whole.",
            ) from error
        raise


def sync(path: Path) -> None:
    """Waits until a file or folder lies safely on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all, also after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with room(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON as `write_whole` does."""
    write_whole(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
