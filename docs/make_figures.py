"""Draws the figures of the docs: `python docs/make_figures.py`.

Trains the counter and the copy machine in a temporary folder, records them, and exports what docs/reference/figures.md
shows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from unrolled.cli import run
from unrolled.traces.trace import Trace

IMAGES = Path(__file__).parent / "images"
SIGNALS = ("cell", "hidden", "forget_gate", "input_gate", "output_gate")


def call(*arguments: str) -> None:
    if run(arguments):
        raise SystemExit(f"unrolled {' '.join(arguments)} failed")


def record(task: str, folder: Path, *options: str) -> str:
    """The trace of a network that learned a task."""
    trace = str(folder / f"{task}.trace")
    call("train", f"task:{task}", "--out", str(folder / task), "--steps", "2000", *options)
    call("trace", str(folder / task), f"task:{task}", "--out", trace)
    return trace


def export(trace: str, name: str, kind: str, *options: str) -> None:
    call("export", trace, "--format", "figure", "--kind", kind, "--out", str(IMAGES / name), "--overwrite", *options)


def neurons(trace: str, *signals: str) -> list[str]:
    """The options that name these signals of a trace's most telling neuron."""
    telling = Trace.open(trace).info.telling
    assert telling is not None
    return [part for signal in signals for part in ("--neuron", f"{telling.site}.{signal}.{telling.neuron}")]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copies = record("copy-machine", Path(folder), "--layers", "2")
        export(copies, "figure-text.svg", "text")
        export(copies, "figure-prefix.svg", "by-prefix", "--at", "X", *neurons(copies, "cell", "hidden"))
        counts = record("counter", Path(folder))
        export(counts, "figure-strips.svg", "strips", "--start", "60", "--limit", "40", *neurons(counts, *SIGNALS))
        export(counts, "figure-memories.svg", "cell-against-hidden")


if __name__ == "__main__":
    main()
