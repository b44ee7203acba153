"""The errors a user can mend: each says what was given, what is allowed and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class UnrolledError(Exception):
    """Something the user can mend.

    Args:
        message: one line, what was given and what is allowed.
        hint: one line, what to do next.

    The command line prints both and exits with 2; the server answers with `status` and
    `{"error": {"code", "message", "hint"}}`.
    """

    code: ClassVar[str] = "unrolled"
    status: ClassVar[int] = 400

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class UnknownNameError(UnrolledError):
    """A name that is not in a registry; the message lists the valid ones."""

    code = "unknown-name"
    status = 404

    def __init__(self, what: str, given: str, allowed: Iterable[str]) -> None:
        names = sorted(allowed)
        near = get_close_matches(given, names, n=1)
        super().__init__(
            f"There is no {what} {given!r}; there are: {', '.join(names) or 'none'}.",
            f"Did you mean {near[0]!r}?" if near else "",
        )


class SettingsError(UnrolledError):
    """A setting that is unknown or out of its range."""

    code = "settings"


class SourceError(UnrolledError):
    """A text, archive or task that cannot be read as asked."""

    code = "source"


class VocabularyError(UnrolledError):
    """A symbol that the vocabulary does not hold."""

    code = "vocabulary"


class ModelError(UnrolledError):
    """A network that does not fit what is asked of it."""

    code = "model"


class RunError(UnrolledError):
    """A run folder that is missing, damaged, in use or not whole."""

    code = "run"


class TraceError(UnrolledError):
    """A trace that is missing, damaged, unfinished or does not add up."""

    code = "trace"


class DivergedError(UnrolledError):
    """Training whose loss became NaN, infinite or exploded."""

    code = "diverged"


class StoppedError(UnrolledError):
    """Somebody asked to stop; all that was done is saved."""

    code = "stopped"


class OutputExistsError(UnrolledError):
    """An output path that exists already."""

    code = "output-exists"
    status = 409


class DiskFullError(UnrolledError):
    """No room for what is to be written."""

    code = "disk-full"
    status = 507


class MissingPartError(UnrolledError):
    """An optional dependency that is not installed."""

    code = "missing-part"
    status = 501


class ServerError(UnrolledError):
    """A server that cannot start as asked (port in use, no such folder)."""

    code = "server"
