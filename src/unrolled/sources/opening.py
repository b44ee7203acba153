"""From what a user writes to a source."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from unrolled.errors import DiskFullError, SettingsError, SourceError
from unrolled.sources.archives import Limits
from unrolled.sources.corpora import open_corpus
from unrolled.sources.source import Source, Symbols
from unrolled.sources.tasks import TASKS
from unrolled.sources.tasks.source import open_task
from unrolled.sources.text import Reading, TextSource, text_at

STDIN = "stdin.txt"


def open_source(
    spec: str,
    *,
    include: Sequence[str] = (),
    encoding: str = "utf-8",
    symbols: Symbols = "characters",
    limit: int | None = None,
    folder: Path | None = None,
    limits: Limits | None = None,
) -> Source:
    """The source that a user asks for.

    Args:
        spec: `task:NAME` or `task:NAME,key=value,…`; `corpus:python`, `corpus:java`; `-` for standard input; else the
            path of a file, folder or archive.
        include: patterns that choose files of a folder, archive or corpus, see `unrolled.sources.members.chosen`.
        encoding: of the characters.
        symbols: `characters` or `bytes`.
        limit: read at most so many symbols.
        folder: where standard input is kept, as `stdin.txt`. Where that file exists already it is read, and standard
            input is not: so a run that is taken up again finds its text.
        limits: how much an archive may unpack to.

    Raises:
        SourceError: it cannot be read as asked.
        SettingsError: an argument is not allowed, or not for this source.
        UnknownNameError: there is no such task, setting of a task, or corpus.
    """
    reading = Reading(tuple(include), encoding, symbols, limit, limits or Limits())
    if spec.startswith("task:"):
        if include or symbols != "characters" or encoding != "utf-8":
            raise SettingsError(f"{spec} is no text: include, encoding and symbols are for texts.")
        return open_task(spec, limit)
    if spec.startswith("corpus:"):
        return open_corpus(spec, reading)
    if spec == "-":
        return _standard_input(reading, folder)
    if not spec:
        raise SourceError("The source is empty.", "Give a file, a folder, an archive, -, task:NAME or corpus:NAME.")
    if spec in TASKS.names() and not os.path.lexists(spec):
        raise SourceError(f"There is no file or folder {spec!r}.", f"The task is called task:{spec}.")
    return text_at(Path(spec), spec, reading)


def _standard_input(reading: Reading, folder: Path | None) -> TextSource:
    """Standard input can be read but once, so it is kept in a file and read from there."""
    if folder is not None:
        kept = folder / STDIN
        if not kept.exists():
            _copy_standard_input(folder).replace(kept)
        return text_at(kept, "-", reading)
    temporary = _copy_standard_input(Path(tempfile.gettempdir()))
    try:
        source = text_at(temporary, "-", reading)
    except BaseException:
        temporary.unlink()
        raise
    weakref.finalize(source, temporary.unlink, missing_ok=True)
    return source


def _copy_standard_input(folder: Path) -> Path:
    standard_input = sys.stdin
    if standard_input is None:  # pyright: ignore[reportUnnecessaryComparison]  (it is None where it was closed)
        raise SourceError("Standard input is closed.", "Pipe a text to it, or name a file.")
    try:
        number, temporary = tempfile.mkstemp(prefix=".stdin-", dir=folder)
    except OSError as error:
        raise SourceError(f"Standard input cannot be kept in {str(folder)!r}: {error.strerror}.") from error
    try:
        with os.fdopen(number, "wb") as file:
            shutil.copyfileobj(standard_input.buffer, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        Path(temporary).unlink()
        if isinstance(error, OSError):
            why = f"Standard input cannot be kept in {str(folder)!r}: {error.strerror}."
            raise DiskFullError(why, "Make room there.") from error
        raise
    return Path(temporary)
