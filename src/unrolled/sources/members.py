"""The files that a text comes from: one file, or those of a folder or archive that were asked for."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from unrolled.errors import SourceError


@dataclass(frozen=True)
class Member:
    """One file: its path inside the folder or archive (with `/`), how to read it, its size by an archive's word."""

    path: str
    open: Callable[[], IO[bytes]]
    size: int = 0


@dataclass(frozen=True)
class Members:
    """What a folder or archive holds, hidden files left out; `links` of it were not followed.

    `expect` is told how many bytes are to be read, and refuses what is over the limits.
    """

    found: list[Member]
    links: int = 0
    expect: Callable[[int], None] = lambda size: None


Opener = Callable[[], AbstractContextManager[Members]]


def open_file(path: Path, instead: str = "") -> IO[bytes]:
    """Opens a regular file, and nothing else: a pipe would wait, a device has no end.

    Args:
        path: of the file.
        instead: what the user can give where there is none; by default, any source.

    Raises:
        SourceError: it is missing, of another kind, or may not be read.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise SourceError(
            f"There is no file or folder {str(path)!r}.",
            instead or "A source is a file, a folder, an archive, - for standard input, task:NAME or corpus:NAME.",
        ) from error
    except (OSError, ValueError) as error:
        raise unreadable(str(path), error) from error
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        if stat.S_ISDIR(mode):
            raise SourceError(f"{str(path)!r} is a folder.", instead or "Name a file in it.")
        raise SourceError(
            f"{str(path)!r} is neither a file nor a folder but a pipe, device or socket.",
            instead or "Give - as the source and pipe the text to standard input.",
        )
    return os.fdopen(number, "rb")


def unreadable(what: str, error: Exception) -> SourceError:
    """A file that the system does not let us read."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return SourceError(f"{what} cannot be read: {reason}.")


@contextmanager
def one_file(path: Path) -> Generator[Members, None, None]:
    """A file by itself."""
    yield Members([Member(path.name, lambda: open_file(path))])


@contextmanager
def folder_files(folder: Path, without: frozenset[str] = frozenset()) -> Generator[Members, None, None]:
    """The files below a folder. Links are not followed, hidden files and folders (such as `.git`) are left out.

    Args:
        folder: where to begin.
        without: names of folders that are not entered.

    Raises:
        SourceError: a folder in it may not be read.
    """
    found: list[Member] = []
    links = 0

    def fail(error: OSError) -> None:
        raise unreadable(f"The folder {error.filename!r}", error) from error

    for root, folders, files in os.walk(folder, onerror=fail):
        links += sum(Path(root, name).is_symlink() for name in folders)
        folders[:] = [name for name in folders if not name.startswith(".") and name not in without]
        for name in files:
            path = Path(root, name)
            if path.is_symlink():
                links += 1
            elif path.is_file() and not name.startswith("."):
                found.append(Member(path.relative_to(folder).as_posix(), _opener(path)))
    yield Members(found, links)


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: open_file(path)


def chosen(members: Members, include: Sequence[str], where: str) -> list[Member]:
    """The members that were asked for, sorted by path; what is hidden is left out.

    Args:
        members: all that there are.
        include: patterns such as `*.java`, of which one must match. A pattern without `/` is matched against the
            file's name, one with `/` against its whole path; `*` matches anything, `/` too. A pattern that begins with
            `!` leaves out what it matches. With none, every file is chosen.
        where: what holds them, for the message.

    Raises:
        SourceError: none is left; the message says which endings there are.
    """
    wanted = [pattern for pattern in include if not pattern.startswith("!")] or ["*"]
    unwanted = [pattern[1:] for pattern in include if pattern.startswith("!")]
    visible = [member for member in members.found if not any(p.startswith(".") for p in member.path.split("/"))]
    found = [
        member
        for member in visible
        if any(_matches(member.path, pattern) for pattern in wanted)
        and not any(_matches(member.path, pattern) for pattern in unwanted)
    ]
    if not found:
        raise SourceError(_none_found(visible, members.links, include, where), "Choose files by --include '*.ENDING'.")
    return sorted(found, key=lambda member: member.path)


def _matches(path: str, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(PurePosixPath(path).name, pattern)
    # `**/x` means x at any depth, the top included.
    return fnmatchcase(path, pattern) or (pattern.startswith("**/") and fnmatchcase(path, pattern[3:]))


def _none_found(visible: list[Member], links: int, include: Sequence[str], where: str) -> str:
    endings = Counter(sorted(PurePosixPath(member.path).suffix or "no ending" for member in visible))
    listed = ", ".join(f"{ending} ({count})" for ending, count in endings.most_common(5))
    asked = f" that matches {' or '.join(map(repr, include))}" if include else ""
    unfollowed = f" Links are not followed ({links} there)." if links else ""
    return f"{where} holds no file{asked}; its most frequent endings: {listed or 'none, it is empty'}.{unfollowed}"
