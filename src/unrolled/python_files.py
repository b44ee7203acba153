"""Files of Python that a user names: they are loaded, and what failed in them is told in one line."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType


def load_module(path: Path, name: str) -> ModuleType:
    """Runs a file of Python, which may do whatever its user may.

    Args:
        path: ends in .py.
        name: under which what it defines, such as a dataclass, looks itself up.

    Raises:
        BaseException: whatever the file raises; `fault_in` tells it.
    """
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def fault_in(path: Path, error: BaseException) -> str:
    """What went wrong in a file, and in which of its lines: one line, without a point at its end."""
    own = str(path.absolute())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    if isinstance(error, SyntaxError) and error.filename == own:
        lines.append(error.lineno)
    place = f"{path}, line {lines[-1]}" if lines else str(path)
    said = str(error).partition("\n")[0]
    return f"{place}: {type(error).__name__}: {said}".rstrip(" .:")
