"""Write history: what each earlier step has written of a state as it stands now.

A state that is kept and written, state = keep · state₋₁ + write, is a sum over the steps before it:

    c_t = Σ_s (∏_{s<u≤t} f_u) · i_s·g_s + (∏_{u≤t} f_u) · c_init

Each term is the share of one step: it tells which symbol stored this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from unrolled.cells import CELLS, Memory
from unrolled.colours import scale_for
from unrolled.errors import TraceError
from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, SHARD
from unrolled.traces.names import Name, parse_neuron
from unrolled.traces.passage import Passage, read_passage
from unrolled.traces.trace import Trace, nothing_recorded

MATTERS = 2.0**-24
"""What is smaller than this share of the largest term is lost when float32 numbers are added."""


@dataclass(frozen=True)
class History:
    """What wrote a neuron's state at one step.

    Attributes:
        step: whose state it is, counted over all sequences.
        value: the state, as it was recorded.
        start, stop: the steps that were read; what lies further back does not matter to float32.
        shares: `(stop − start,)` of float64, what each of them wrote of the value.
        before: what is left of the state before the earliest of them.
        kept: how much of that state is left, 0 to 1: the product of all that was kept.
        initial: whether that state is the one that the sequence began with.
    """

    name: Name
    step: int
    value: float
    start: int
    stop: int
    shares: Array
    before: float
    kept: float
    initial: bool

    @property
    def sum(self) -> float:
        """All shares and what is left from before: the value, but for the rounding of what was recorded."""
        return float(self.shares.sum()) + self.before

    def to_json(self) -> dict[str, Any]:
        """The keys of docs/reference/history.md."""
        return {
            **{"neuron": str(self.name), "step": self.step, "value": self.value},
            **{"start": self.start, "stop": self.stop, "shares": self.shares.tolist()},
            **{"before": self.before, "kept": self.kept, "initial": self.initial, "sum": self.sum},
        }


def write_history(trace: Trace, neuron: str, step: int) -> History:
    """What wrote a neuron's state at a step, read back only as far as it matters.

    Args:
        neuron: such as `rnn.l0.7`; of a signal that its cell keeps and writes: the cell state, of a GRU the hidden one.
        step: counted over all sequences.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: its state is no sum of what was written, what that needs was not recorded, or no such step is there.
    """
    name = parse_neuron(neuron, trace.info.sites)
    past = _Past(trace, name, memory_of(trace, name), step)
    value = float(past.states(range(1))[0])
    kept, largest, age, length = 1.0, abs(value), 0, CHUNK // 4
    parts: list[Array] = []
    enough = False
    while not enough and age < past.ages:  # further and further back, twice as far each time
        ages = range(age, min(age + length, past.ages))
        keep, write = past.keep_and_write(ages)
        products = kept * np.cumprod(keep)
        shares = write * np.append(kept, products[:-1])
        most = np.maximum.accumulate(np.maximum(np.abs(shares), largest))
        earlier = np.abs(past.states(range(ages.start + 1, ages.stop + 1)))
        small = np.abs(products) * np.maximum(np.nan_to_num(earlier), 1) <= MATTERS * most
        enough = bool(small.any())
        read = int(small.argmax()) + 1 if enough else len(ages)
        parts.append(shares[:read])
        kept, largest = float(products[read - 1]), float(most[read - 1])
        age, length = age + read, min(2 * length, SHARD)
    whole = np.concatenate(parts)
    state = float(past.states(range(age, age + 1))[0])
    before = value - float(whole.sum()) if np.isnan(state) else kept * state
    span, ordered = past.steps(range(age)), whole if past.reverse else whole[::-1]
    return History(name, step, value, span.start, span.stop, ordered, before, kept, age == past.ages)


def memory_of(trace: Trace, name: Name) -> Memory:
    """How the cell of a neuron keeps and writes the neuron's signal.

    Raises:
        TraceError: it does not, or a signal that this needs was not recorded.
    """
    site = trace.info.site(name.site)
    memory = CELLS.get(site.cell)().memory if site.cell in CELLS.names() else None
    if memory is None:
        raise TraceError(
            f"{name} has no write history: the state of the cell {site.cell!r} is no sum of what was written."
        )
    if name.signal != memory.signal:
        raise TraceError(
            f"{name} has no write history: it is the {memory.signal} that is kept and written.",
            f"Take {Name(name.site, memory.signal, name.neuron)}.",
        )
    missing = set(memory.reads) - {signal.name for signal in site.signals}
    if missing:
        raise TraceError(
            f"The write history of {name} needs {', '.join(sorted(missing))}, which the trace does not hold.",
            "Record it with all its signals.",
        )
    return memory


class _Past:
    """A neuron's past, seen from one step: age 0 is that step, age 1 the one that the network read before it.

    `ages` is how many there are, to where the sequence begins (for a reverse layer: ends).
    """

    def __init__(self, trace: Trace, name: Name, memory: Memory, step: int) -> None:
        steps = trace.steps_of(name.site)
        if not steps:
            raise nothing_recorded(trace)
        if not 0 <= step < steps:
            raise TraceError(f"The trace has the steps 0 to {steps - 1}; step {step} was asked for.", "Change STEP.")
        sequences = trace.sequences_of(name.site)
        index = next(index for index, sequence in enumerate(sequences) if step in sequence)
        self.reverse = trace.info.site(name.site).direction == "reverse"
        self.ages = sequences[index].stop - step if self.reverse else step + 1 - sequences[index].start
        initial = trace.initial(name.site).get(name.signal)
        self._initial = np.nan if initial is None else float(initial[index, name.neuron or 0])
        self._trace, self._name, self._memory, self._step = trace, name, memory, step

    def steps(self, ages: range) -> range:
        """The steps that have these ages, in the order of the trace."""
        if self.reverse:
            return range(self._step + ages.start, self._step + ages.stop)
        return range(self._step + 1 - ages.stop, self._step + 1 - ages.start)

    def states(self, ages: range) -> Array:
        """`(ages,)`, from the last to the first; at the age that is one too many the initial state, NaN if unknown."""
        there = self._read(self._name.signal, range(ages.start, min(ages.stop, self.ages)))
        return np.append(there, self._initial) if ages.stop > self.ages else there

    def keep_and_write(self, ages: range) -> tuple[Array, Array]:
        """Each `(ages,)` of float64, from the last to the first."""
        signals = {name: torch.from_numpy(self._read(name, ages)) for name in self._memory.reads}
        return self._memory.keep(signals).numpy(), self._memory.write(signals).numpy()

    def _read(self, signal: str, ages: range) -> Array:
        span = self.steps(ages)
        values = self._trace.read(self._name.site, signal, span.start, span.stop, self._name.neuron)
        return (values if self.reverse else values[::-1]).astype(np.float64)


def read_shares(trace: Trace, history: History, *, start: int = 0, limit: int | None = None) -> Passage:
    """The text, with the share that each step wrote as its value; red and blue up to the largest share.

    Args:
        start: no earlier step than this.
        limit: steps at most, those nearest to the history's own.

    Raises:
        TraceError: no step of the history is to be shown.
    """
    first, stop = max(start, history.start), history.stop
    if first >= stop:
        raise TraceError(
            f"What wrote {history.name} at step {history.step} are the steps {history.start} to {stop - 1}; "
            f"none of them comes from step {start} on.",
            "Change --start.",
        )
    if limit is not None and history.step == history.start:  # a reverse layer has read what comes after
        stop = min(stop, first + limit)
    elif limit is not None:
        first = max(first, stop - limit)
    passage = read_passage(trace, str(history.name), start=first, limit=stop - first)
    largest = float(np.abs(history.shares).max())
    shares = history.shares[first - history.start : stop - history.start]
    return replace(passage, steps=stop, values=shares, scale=scale_for((None, None), largest=largest))
