"""A regular expression as a hypothesis.

Python's matcher can take years over a pattern such as (a+)+$, and nothing but the end of its process stops it. So it
runs in a process of its own, which is ended when its time is up.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
import weakref
from contextlib import suppress
from threading import Event, Lock, Timer

from unrolled.neurons.hypotheses.marking import HypothesisError, Label, Labeller, mark_spans

SECONDS = 60.0
"""How long a pattern may take over a text."""

_MATCH = """
import json, re, sys
pattern = re.compile(json.loads(sys.argv[1]))
group = 1 if pattern.groups else 0
for line in sys.stdin:
    print(json.dumps([match.span(group) for match in pattern.finditer(json.loads(line))]), flush=True)
"""


def pattern_labeller(name: str, pattern: str, seconds: float = SECONDS) -> Labeller:
    """True on what a pattern matches, on its first group where it has one.

    Args:
        name: for messages.
        seconds: how long it may take over a text.

    Raises:
        HypothesisError: it is no regular expression; the labeller raises it where it takes too long.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what later versions may read otherwise
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise HypothesisError(
            f"{name!r} is no regular expression: {error}.", "Python's re says how they look."
        ) from error
    matcher = _Matcher(f"{name!r} ({pattern})", pattern, seconds)

    def label(text: str) -> Label:
        return mark_spans(len(text), matcher.spans(text))

    label.__doc__ = f"What {pattern} matches."
    return label


class _Matcher:
    """A process that matches one pattern, text after text; it ends with this object, or when a text took too long."""

    def __init__(self, what: str, pattern: str, seconds: float) -> None:
        self._what, self._pattern, self._seconds = what, pattern, seconds
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the pattern matches, or its group does.

        Raises:
            HypothesisError: it takes too long, or fails.
        """
        late = Event()
        with self._lock:
            process, self._process = self._process or self._start(), None

            def stop() -> None:
                late.set()
                process.kill()

            timer = Timer(self._seconds, stop)
            timer.start()
            try:
                answer = _ask(process, text)
            finally:  # Ctrl-C too: a timer that runs on would keep the program from ending
                timer.cancel()
            if not answer:
                _end(process)
                raise self._failed(len(text), late.is_set())
            self._process = process
        return [(start, stop) for start, stop in json.loads(answer) if start >= 0]

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _MATCH, json.dumps(self._pattern)]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True, encoding="ascii")
        weakref.finalize(self, _end, process)
        return process

    def _failed(self, length: int, late: bool) -> HypothesisError:
        if not late:
            return HypothesisError(f"{self._what} failed over {length:,} characters.", "Is there memory enough?")
        return HypothesisError(
            f"{self._what} takes more than {self._seconds:g} s over {length:,} characters.",
            "Repeat nothing that repeats itself, as (a+)+ does.",
        )


def _ask(process: subprocess.Popen[str], text: str) -> str:
    """The answer in JSON; empty where the process has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(text) + "\n")
        process.stdin.flush()
    except OSError:
        return ""
    return process.stdout.readline()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(OSError):  # what was not read yet
            pipe.close()
