"""What the system, or the reader of options, refused: in words that a user knows."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unrolled.errors import UnknownNameError

MOST_SHOWN = 60
"""Letters of a name that is too long."""
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def by_the_system(error: OSError) -> tuple[str, str]:
    """Message and hint for what the system refused; drafts and temporary files go by their final names."""
    why = error.strerror or str(error)
    if error.filename is None:
        return f"The system says: {why}.", "Mend that and try again."
    path = Path(str(error.filename))
    if error.errno == errno.ENAMETOOLONG:  # not even asked about again
        return f"{str(path)[:MOST_SHOWN]}…: {why}.", "Choose a shorter name."
    for place in (path, *path.parents):
        if isinstance(error, FileExistsError | NotADirectoryError) and place.exists() and not place.is_dir():
            return f"{place} is a file, not a folder.", "Choose another place."
    final = Path(*(_final(part) for part in path.parts))
    if final != path:
        return f"{final} cannot be written: {why}.", "Choose another place."
    return f"{path}: {why}.", "Mend that and try again."


def _final(name: str) -> str:
    """`x` for the draft `.x.draft`, and the like."""
    found = re.fullmatch(r"\.(.+?)(?:\.[0-9]+)?\.(?:draft|old|tmp)", name)
    return found[1] if found else name


def by_the_options(error: Exception, told: str) -> str:
    """What is wrong with an option or a command's name, as a sentence.

    Args:
        error: Typer's, whose cause is Pydantic's where a value is of another kind or out of its range.
        told: what Typer says itself.
    """
    cause, option = error.__cause__, getattr(error, "param", None)
    if isinstance(cause, ValidationError) and option is not None:
        first = cause.errors()[0]
        least, most = getattr(option, "min", None), getattr(option, "max", None)
        bounded = isinstance(least, int) and isinstance(most, int)
        kind = "a whole number" if bounded else _KINDS.get(str(first["type"]).partition("_")[0])
        names: list[Any] = list(option.opts)
        if kind and names:
            bounds = f" from {least:,} to {most:,}" if bounded else ""
            return f"{names[0]} cannot be {str(first['input'])[:40]!r}: it is {kind}{bounds}."
    if unknown := re.match("No such command '(.*?)'", told):
        context: Any = getattr(error, "ctx", None)
        return str(UnknownNameError("command", unknown[1], context.command.commands))
    return told if told.endswith((".", "?", "!")) else f"{told}."
