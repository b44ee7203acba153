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
from array import array

import numpy as np

from unrolled.neurons.hypotheses.marking import HypothesisError, Label, Labeller, mark_spans

SECONDS = 60.0
"""How long a pattern may take over a text."""

_MATCH = """
import json, re, sys
from array import array
given = json.load(sys.stdin)
pattern = re.compile(given["pattern"])
group = 1 if pattern.groups else 0
found = array("q", (at for match in pattern.finditer(given["text"]) for at in match.span(group)))
found.tofile(sys.stdout.buffer)
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

    def label(text: str) -> Label:
        return mark_spans(len(text), _spans(name, pattern, text, seconds))

    label.__doc__ = f"What {pattern} matches."
    return label


def _spans(name: str, pattern: str, text: str, seconds: float) -> list[tuple[int, int]]:
    given = json.dumps({"pattern": pattern, "text": text}).encode()
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _MATCH]
    try:
        ran = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise HypothesisError(
            f"{name!r} ({pattern}) takes more than {seconds:g} s over {len(text):,} characters.",
            "Repeat nothing that repeats itself, as (a+)+ does.",
        ) from error
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines() or [f"exit {ran.returncode}"]
        raise HypothesisError(f"{name!r} ({pattern}) failed: {lines[-1]}.")
    bounds = np.frombuffer(array("q", ran.stdout), np.int64).reshape(-1, 2)
    return [(start, stop) for start, stop in bounds.tolist() if start >= 0]
