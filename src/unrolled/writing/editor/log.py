"""What the language server says on standard error, which editors show as its log."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from pygls.exceptions import JsonRpcException

import unrolled

OURS = Path(unrolled.__file__).parent


class OneLine(logging.Formatter):
    """One line a record: an editor's fault is told by its kind. A fault of our own keeps its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _is_ours(error):
            return super().format(record)
        line = record.getMessage().partition("\n")[0]  # pygls puts a traceback behind some of its messages
        if error is not None:
            told = str(error) if isinstance(error, JsonRpcException) else f"{type(error).__name__}: {error}"
            line = f"{line}: {' '.join(told.split())}"
        return f"unrolled: {line}"


def _is_ours(error: BaseException) -> bool:
    """Whether code of this package raised it, and not as an answer to the editor."""
    frames = traceback.extract_tb(error.__traceback__)
    return not isinstance(error, JsonRpcException) and any(OURS in Path(frame.filename).parents for frame in frames)


def log_in_lines() -> None:
    """Makes the protocol's library say what it has to say so."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logger = logging.getLogger("pygls")
    logger.handlers, logger.propagate = [handler], False
