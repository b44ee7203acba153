"""A stretch of a trace's steps: what stands there, one neuron's values, and their colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.colours import Palette, Scale, scale_for
from unrolled.errors import TraceError
from unrolled.traces.chunks import Array
from unrolled.traces.format import SymbolKind
from unrolled.traces.names import Name, parse_neuron
from unrolled.traces.symbols import character, draw
from unrolled.traces.trace import Trace, nothing_recorded


@dataclass(frozen=True)
class Passage:
    """Steps `start` to `stop` of the `steps` that a neuron's site has.

    Attributes:
        kind: of the symbols.
        labels: `(stop − start,)`, what stands at each step.
        values: `(stop − start,)`, the neuron's.
        ends: `(stop − start,)`, whether a line ends after the step: after newlines, and with each sequence.
    """

    name: Name
    start: int
    stop: int
    steps: int
    kind: SymbolKind
    labels: list[str]
    values: Array
    ends: Array
    scale: Scale

    @property
    def drawn(self) -> list[str]:
        """The labels as they can be seen."""
        return [draw(character(label, self.kind)) for label in self.labels]


def read_passage(
    trace: Trace, neuron: str, *, start: int = 0, limit: int | None = None, palette: Palette = "classic"
) -> Passage:
    """What a neuron makes of a stretch of steps.

    Args:
        neuron: such as `rnn.l0.7` (its main signal) or `rnn.l0.forget_gate.7`.
        start: the first step, counted over all sequences.
        limit: steps at most; None for all.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: the steps are not there.
    """
    name = parse_neuron(neuron, trace.info.sites)
    steps = trace.steps_of(name.site)
    if not steps:
        raise nothing_recorded(trace)
    if not 0 <= start < steps or (limit is not None and limit < 1):
        raise TraceError(
            f"The trace has the steps 0 to {steps - 1}; from {start}, {limit} were asked for.",
            "Change --start or --limit.",
        )
    stop = steps if limit is None else min(steps, start + limit)
    # A site that ran over other steps than the symbols has no symbols: its steps go by their numbers.
    symbolic = trace.sequences_of(name.site) == trace.sequences
    kind = trace.info.symbols.kind if symbolic else "none"
    labels = trace.labels(start, stop) if symbolic else [str(step) for step in range(start, stop)]
    lasts = np.array([span.stop - 1 for span in trace.sequences_of(name.site)])
    newlines = np.array([character(label, kind) == "\n" for label in labels])
    return Passage(
        name=name,
        start=start,
        stop=stop,
        steps=steps,
        kind=kind,
        labels=labels,
        values=trace.read(name.site, name.signal, start, stop, name.neuron),
        ends=newlines | np.isin(np.arange(start, stop), lasts),
        scale=scale_of(trace, name, palette),
    )


def read_passages(
    trace: Trace,
    neurons: Sequence[str],
    *,
    start: int = 0,
    limit: int | None = None,
    palette: Palette = "classic",
) -> list[Passage]:
    """What several neurons make of the same steps, see `read_passage`; TraceError where theirs are not the same."""
    passages = [read_passage(trace, neuron, start=start, limit=limit, palette=palette) for neuron in neurons]
    for other in passages[1:]:
        if (other.kind, other.labels) != (passages[0].kind, passages[0].labels):
            raise TraceError(f"{passages[0].name} and {other.name} ran over different steps.", "Take them one by one.")
    return passages


def scale_of(trace: Trace, name: Name, palette: Palette = "classic") -> Scale:
    """A neuron's colours: over the bounds of its signal, or up to its own largest absolute value in the trace."""
    signal = trace.info.site(name.site).signal(name.signal)
    largest = None
    if None in signal.range:
        largest = float(trace.statistics(f"{name.site}.{name.signal}").largest[name.neuron or 0])
    return scale_for(signal.range, gate=signal.role == "gate", largest=largest, palette=palette)
