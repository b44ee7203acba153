"""Traces to draw, and what a saved picture looks like."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from unrolled.figures import save
from unrolled.traces.format import SignalInfo, SiteInfo, SymbolKind, SymbolsInfo, TraceInfo
from unrolled.traces.trace import Trace

NEURONS = 3


def make_trace(*sequences: list[str] | str, kind: SymbolKind = "characters", seed: int = 0) -> Trace:
    """A trace in memory over these symbols, with a cell state, a hidden state and one gate of random values."""
    generator = np.random.default_rng(seed)
    labels = [label for sequence in sequences for label in sequence]
    vocabulary = tuple(dict.fromkeys(labels))
    stops = np.cumsum([len(sequence) for sequence in sequences])
    signals = (
        SignalInfo(name="cell", symbol="c", role="state", range=(None, None), neurons=NEURONS),
        SignalInfo(name="hidden", symbol="h", role="state", range=(-1, 1), neurons=NEURONS),
        SignalInfo(name="forget_gate", symbol="f", role="gate", range=(0, 1), neurons=NEURONS),
    )
    cell = generator.normal(0, 2, (len(labels), NEURONS)).astype(np.float32)
    arrays = {
        "sequences": np.stack([stops - [len(sequence) for sequence in sequences], stops], 1),
        "signals/rnn.l0/cell": cell,
        "signals/rnn.l0/hidden": np.tanh(cell),
        "signals/rnn.l0/forget_gate": generator.random((len(labels), NEURONS)).astype(np.float32),
    }
    if kind != "none":
        arrays["symbols"] = np.array([vocabulary.index(label) for label in labels], np.uint32)
    info = TraceInfo(
        title="made",
        complete_steps=len(labels),
        planned_steps=len(labels),
        symbols=SymbolsInfo(kind=kind, vocabulary=() if kind == "none" else vocabulary),
        sites=(SiteInfo(name="rnn.l0", cell="lstm", neurons=NEURONS, inputs=1, signals=signals),),
    )
    return Trace.from_arrays(info, arrays)


def poke(trace: Trace, signal: str, step: int, neuron: int, value: float) -> None:
    """Puts a value into a trace in memory."""
    trace.arrays.read(f"signals/rnn.l0/{signal}")[step, neuron] = value


def pixels(figure: Figure, folder: Path) -> np.ndarray:
    """`(height, width, 3)`: the figure as its PNG has it, two pixels a point."""
    content = save(figure, folder / "figure.png").read_bytes()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
