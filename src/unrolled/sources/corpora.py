"""Texts that lie on the machine already: `corpus:python` and `corpus:java`."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from unrolled.errors import SourceError, UnknownNameError
from unrolled.sources.members import folder_files
from unrolled.sources.text import Reading, TextSource, text_at

# Tests hold files that are broken on purpose; what is installed is not the standard library.
_NOT_ENTERED = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
_JDKS = Path("/usr/lib/jvm")
_OF_THIS_MACHINE = ("!_sysconfigdata*", "!config-*/*")


def open_corpus(name: str, reading: Reading) -> TextSource:
    """The source `corpus:python` or `corpus:java`; an `include` takes the place of their own.

    Raises:
        UnknownNameError: there is no such corpus.
        SourceError: it is not on this machine; the message says what to install.
    """
    opener = CORPORA.get(name.removeprefix("corpus:"))
    if opener is None:
        raise UnknownNameError("corpus", name.removeprefix("corpus:"), CORPORA)
    return opener(name, reading)


def _python(name: str, reading: Reading) -> TextSource:
    """The `.py` files of the running Python's standard library, without its tests and what differs by machine."""
    folder = Path(sysconfig.get_path("stdlib"))
    if not (folder / "os.py").is_file():
        raise SourceError(
            f"The running Python keeps no source files of its standard library in {folder}.",
            "Give a folder of Python files with --include '*.py'.",
        )
    include = (*(reading.include or ("*.py",)), *_OF_THIS_MACHINE)
    return TextSource(name, partial(folder_files, folder, _NOT_ENTERED), True, replace(reading, include=include))


def _java(name: str, reading: Reading) -> TextSource:
    """The `.java` files of a JDK's `src.zip`."""
    return text_at(_java_sources(), name, replace(reading, include=reading.include or ("*.java",)))


def _java_sources() -> Path:
    places: list[Path] = []
    if home := os.environ.get("JAVA_HOME"):
        places += [Path(home, "lib/src.zip"), Path(home, "src.zip")]
    if java := shutil.which("java"):
        home_of_java = Path(java).resolve().parent.parent
        places += [home_of_java / "lib/src.zip", home_of_java / "src.zip"]
    places += sorted(_JDKS.glob("*/lib/src.zip"))
    for place in places:
        if place.is_file():
            return place
    raise SourceError(
        "No JDK with its source code (lib/src.zip) was found by JAVA_HOME, beside java on PATH or in /usr/lib/jvm.",
        "Install one, such as openjdk-21-source beside openjdk-21-jdk on Debian, or set JAVA_HOME to one that has it.",
    )


CORPORA: dict[str, Callable[[str, Reading], TextSource]] = {"python": _python, "java": _java}
