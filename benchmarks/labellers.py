"""Labellers: the labels of hypotheses against those of independent parsers; how long they take, and what memory.

- Python: the standard library, against the tokenizer and the syntax tree of the running Python.
- Java: the sources of a JDK, against tree-sitter.
- Prose: Python's own documentation, which comes with it, or a file, against a machine that reads one character after
  the other.

Files are drawn at random, always the same ones. A share of 99.9 % of the characters must agree. Then every hypothesis
that applies is timed on a longer text.
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import Report, arguments, say
from independent.letters import label_letters
from independent.python import UNKNOWN, label_python

from unrolled.errors import UnrolledError
from unrolled.neurons.hypotheses import Classes, hypotheses_for, labeller
from unrolled.sources import open_source

Labels = dict[str, np.ndarray]

BAR = 0.999
"""The share of the characters that must agree."""
JAVA = ("java.base/java/*.java", "java/*.java")


def draw_files(source: str, include: tuple[str, ...], characters: int) -> list[str]:
    """Files of a source in an order of chance, so many that they have at least that many characters."""
    files: dict[str, str] = {}
    for block in open_source(source, include=include).blocks():
        assert isinstance(block.text, str)
        files[block.place] = files.get(block.place, "") + block.text
    places = sorted(files)
    random.Random(0).shuffle(places)
    drawn: list[str] = []
    while places and sum(map(len, drawn)) < characters:
        drawn.append(files[places.pop()])
    return drawn


def of_python(characters: int) -> tuple[str, Labels]:
    return label_python(draw_files("corpus:python", (), characters))


def of_java(characters: int) -> tuple[str, Labels]:
    from independent.java import label_java

    return label_java(draw_files("corpus:java", JAVA, characters))


def of_prose(characters: int, file: Path | None = None) -> tuple[str, Labels]:
    text = prose(file)[:characters]
    return text, label_letters(text)


def prose(file: Path | None) -> str:
    """A file, or the chapters of Python's documentation that its `help` shows."""
    if file is not None:
        return file.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def agreement(text: str, expected: Labels) -> dict[str, float]:
    """Of each hypothesis, the share of the characters of which both say the same."""
    shares: dict[str, float] = {}
    for name, wanted in expected.items():
        label = labeller(name)(text)
        found = np.array([*label.names, ""])[label.codes] if isinstance(label, Classes) else label
        same = (found == wanted) | ((found != found) & (wanted != wanted))
        shares[name] = float(same[wanted != UNKNOWN].mean() if wanted.dtype.kind == "U" else same.mean())
    return shares


def compare(result: Report, characters: int, file: Path | None) -> None:
    makers: dict[str, tuple[str, Callable[[], tuple[str, Labels]]]] = {
        "Python's tokenize and ast": ("Python", lambda: of_python(characters)),
        "tree-sitter": ("Java", lambda: of_java(characters)),
        "one character after the other": ("prose", lambda: of_prose(characters, file)),
    }
    rows: list[list[str]] = []
    worst: dict[str, float] = {}
    for parser, (what, make) in makers.items():
        say(f"labelling {what} …")
        try:
            text, expected = make()
        except (UnrolledError, ImportError) as error:
            say(f"{what} is left out: {error}")
            result.numbers[what] = None
            continue
        shares = agreement(text, expected)
        for name, share in shares.items():
            says = expected[name]
            held = float((says != "").mean() if says.dtype.kind == "U" else np.nan_to_num(says).astype(bool).mean())
            rows.append([f"`{name}`", parser, f"{len(text):,}", f"{100 * held:.2f} %", f"{100 * share:.3f} %"])
        worst[what] = min(shares.values())
        result.numbers[what] = {"characters": len(text), "agree": shares}
    columns = ["hypothesis", "held against", "characters", "true, or not 0", "agree"]
    result.table("Characters of which both say the same.", columns, rows)
    for what, share in worst.items():
        result.bar(f"labels of {what}", f"at least {100 * BAR:g} % agree", f"{100 * share:.3f} %", share >= BAR)


def measure(result: Report, source: str, text: str) -> None:
    """Time and memory of every hypothesis that applies to a source."""
    names, rows = hypotheses_for(source), []
    seconds: dict[str, float] = {}
    for name in names:
        label = labeller(name)
        label(text[:100])  # loads what it needs
        began = time.perf_counter()
        label(text)
        seconds[name] = time.perf_counter() - began
    slowest = sorted(seconds, key=lambda name: -seconds[name])[:5]
    rows = [[f"`{name}`", f"{seconds[name]:.2f}"] for name in slowest]
    rows.append([f"all {len(names)}", f"{sum(seconds.values()):.2f}"])
    result.table(
        f"Seconds for {len(text):,} characters of {source}, the slowest five.", ["hypothesis", "seconds"], rows
    )
    peaks: dict[str, int] = {}
    for name in names:
        tracemalloc.start()
        labeller(name)(text + " ")  # a text that nothing is kept of
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    most = max(peaks, key=lambda name: peaks[name])
    many = f"{peaks[most] / len(text):.0f} bytes a character (`{most}`)"
    result.table(f"Memory at most, of {source}.", ["", ""], [["beyond the text, with the label itself", many]])
    result.numbers[source] = {"characters": len(text), "seconds": seconds, "peak_bytes": peaks}


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--characters", type=int, default=100_000, help="that are compared (default: %(default)s)")
    parser.add_argument("--long", type=int, default=1_000_000, help="that are timed (default: %(default)s)")
    parser.add_argument("--prose", type=Path, metavar="FILE", help="prose in UTF-8, instead of Python's documentation")
    given = parser.parse_args()
    result = Report("Labellers")
    compare(result, given.characters, given.prose)
    for source, text in (
        ("corpus:python", "".join(draw_files("corpus:python", (), given.long))[: given.long]),
        ("prose.txt", prose(given.prose)[: given.long]),
    ):
        say(f"timing {source} …")
        measure(result, source, text)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
