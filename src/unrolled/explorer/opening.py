"""Opening a file below a folder so that nothing outside that folder can be reached."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

# O_NONBLOCK: opening a named pipe must not wait for its writer. O_BINARY exists on Windows alone.
FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
STEP_BY_STEP = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


def is_plain_name(name: str) -> bool:
    """Whether `name` names one entry of a folder on every system: no separators, no `..`, no drive, no NUL."""
    return name not in ("", ".", "..") and not any(character in name for character in "/\\:\0")


def open_below(root: Path, parts: Sequence[str]) -> int:
    """A descriptor of the regular file `root/part/part/…`, open for reading.

    `root` itself may be reached through links (the user named it); below it no link is followed, on any level, also
    not one that is put there between a check and the opening: each folder is opened from the one above it.

    Raises:
        FileNotFoundError: there is no such file, it is no regular file, a link is on the way, or a name is not plain.
        OSError: the file is there and cannot be opened.
    """
    if not parts or not all(is_plain_name(part) for part in parts):
        raise FileNotFoundError
    try:
        descriptor = _open_step_by_step(root, parts) if STEP_BY_STEP else _open_checked(root, parts)
    except (NotADirectoryError, IsADirectoryError, ValueError) as error:
        raise FileNotFoundError from error
    except OSError as error:
        if error.errno in _LINK_OR_NO_NAME:
            raise FileNotFoundError from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError
    return descriptor


def is_file_below(root: Path, parts: Sequence[str]) -> bool:
    """Whether `open_below` can open `root/part/part/…`."""
    try:
        os.close(open_below(root, parts))
    except OSError:
        return False
    return True


def _open_step_by_step(root: Path, parts: Sequence[str]) -> int:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], FILE_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _open_checked(root: Path, parts: Sequence[str]) -> int:
    """Where the system cannot open from a folder (Windows): the resolved path must be the path itself."""
    root = root.resolve(strict=True)
    path = root.joinpath(*parts)
    if path.resolve(strict=True) != path:
        raise FileNotFoundError
    return os.open(path, FILE_FLAGS)


def _errors() -> frozenset[int]:
    import errno

    # ELOOP: O_NOFOLLOW met a link (EMLINK and EFTYPE on the BSDs); the others: no file can have that name.
    names = ("ELOOP", "EMLINK", "EFTYPE", "ENAMETOOLONG", "EILSEQ", "EINVAL", "ENXIO")
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_LINK_OR_NO_NAME = _errors()
