"""One neuron's values and what belongs to them, block by block in the order in which the network read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.traces.chunks import Array
from unrolled.traces.format import SHARD
from unrolled.traces.names import Name
from unrolled.traces.trace import Trace


@dataclass(frozen=True)
class Block:
    """Steps in the order of reading: of a reverse layer from the last to the first.

    Attributes:
        steps: `(steps,)`, their numbers.
        values: `(steps,)` of float64, the neuron's.
        signals: `(steps,)` of float64 each, other signals of the same neuron.
        symbols: `(steps,)` of int64, the numbers of the symbols; None where there are none.
        begins: `(steps,)`, whether the network read nothing before it in its sequence.
    """

    steps: Array
    values: Array
    signals: Mapping[str, Array]
    symbols: Array | None
    begins: Array


def read_blocks(trace: Trace, name: Name, signals: Sequence[str] = ()) -> Iterator[Block]:
    """All blocks of a neuron; what is read at a time does not grow with the trace."""
    sequences = trace.sequences_of(name.site)
    reverse = trace.info.site(name.site).direction == "reverse"
    edges = np.array([span.stop - 1 if reverse else span.start for span in sequences])
    symbolic = trace.arrays.has("symbols") and sequences == trace.sequences
    order = slice(None, None, -1 if reverse else 1)
    starts = range(0, sequences[-1].stop, SHARD)
    for start in starts[order]:
        stop = min(start + SHARD, sequences[-1].stop)

        def column(signal: str, start: int = start, stop: int = stop) -> Array:
            return trace.read(name.site, signal, start, stop, name.neuron)[order].astype(np.float64)

        begins = np.zeros(stop - start, np.bool_)
        begins[edges[(edges >= start) & (edges < stop)] - start] = True
        read = trace.arrays.read("symbols", slice(start, stop))[order].astype(np.int64) if symbolic else None
        others = {signal: column(signal) for signal in signals}
        yield Block(np.arange(start, stop)[order], column(name.signal), others, read, begins[order])
