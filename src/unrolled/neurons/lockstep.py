"""One text read side by side: by a network as it is, and by the same network with neurons held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from unrolled.engines import Edit
from unrolled.errors import ModelError, SourceError
from unrolled.networks import Network
from unrolled.neurons.holding import Moments, Selection, Signal, Values
from unrolled.progress import Progress, silent
from unrolled.traces.chunks import Array
from unrolled.traces.summary import Statistics, Stretch

LONGEST, SHORTEST = 1024, 32
"""Steps that are read at a time."""
NUMBERS = 2**21
"""Of the scores of one slice, about."""


@dataclass(frozen=True)
class Text:
    """What is read.

    Args:
        symbols: `(steps,)`.
        boundaries: `(sequences, 2)`, where each begins and ends; None where it is one.
        state: what the network carries into the first step, each `(layers, 1, neurons)`; zeros where None.

    Raises:
        SourceError: no sequence has two symbols, to foretell one from the other.
    """

    symbols: Array
    boundaries: Array | None = None
    state: Mapping[str, Tensor] | None = None
    starts: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        bounds = np.array([[0, len(self.symbols)]]) if self.boundaries is None else self.boundaries
        if not len(bounds) or np.diff(bounds).max() < 2:
            raise SourceError("There is no symbol to foretell: a sequence needs at least two.", "Give a longer text.")
        object.__setattr__(self, "boundaries", bounds)
        object.__setattr__(self, "starts", frozenset(int(start) for start in bounds[:, 0]))

    def __len__(self) -> int:
        return len(self.symbols)

    def slices(self, longest: int) -> Iterator[tuple[int, int]]:
        """Where to read from and to: no slice leads from one sequence to the next."""
        for steps in self.sequences:
            yield from pairwise([*steps[::longest], steps.stop])

    def window(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The symbols that are read `(steps, 1)`, and those that come next `(steps,)`, −1 where a sequence ends."""
        read = torch.from_numpy(self.symbols[start : stop + 1].astype(np.int64))
        following = torch.full((stop - start,), -1, dtype=torch.int64)
        more = stop not in self.starts and stop < len(self)
        following[: stop - start - 1 + more] = read[1 : stop - start + more]
        return read[: stop - start, None], following

    @property
    def sequences(self) -> list[range]:
        """The steps of each."""
        assert self.boundaries is not None
        return [range(start, stop) for start, stop in self.boundaries.tolist()]


@dataclass(frozen=True)
class Slice:
    """What was foretold over some steps, by every reading side by side.

    targets: `(steps,)`, the symbol that came next, −1 where none did.
    held: `(steps,)` of bool, whether anything was held while that step's symbol was read.
    log_odds: `(steps, readings, symbols)` in float64: first as the network is, then with neurons held.
    """

    start: int
    stop: int
    targets: Tensor
    held: Tensor
    log_odds: Tensor

    def losses(self) -> Tensor:
        """Nats `(steps, readings)`; what stands where nothing came next means nothing."""
        wanted = self.targets.clamp(min=0)[:, None, None].expand(-1, self.log_odds.shape[1], 1)
        return -self.log_odds.gather(2, wanted)[..., 0]


@torch.no_grad()
def read_side_by_side(
    network: Network,
    text: Text,
    readings: Sequence[Sequence[Selection]],
    values: Values,
    *,
    when: Array | None = None,
    engine: str = "auto",
    progress: Progress = silent,
) -> Iterator[Slice]:
    """Reads a text as often as there are readings, and once as it is before them: all as rows of one batch.

    Args:
        readings: what each holds.
        values: at what.
        when: `(steps,)` of bool, at which steps; None for all.

    Raises:
        ModelError: held so, the network computes no numbers any more.
    """
    device = next(network.parameters()).device
    rows = 1 + len(readings)
    longest = int(min(max(NUMBERS // (rows * network.symbols), SHORTEST), LONGEST))
    state: Mapping[str, Tensor] | None = None
    done = 0
    for start, stop in text.slices(longest):
        fresh = start in text.starts
        if fresh:
            state = _widened(text.state, rows) if start == 0 else None
        read, targets = text.window(start, stop)
        held = torch.ones(stop - start, dtype=torch.bool) if when is None else torch.from_numpy(when[start:stop])
        edits = _edits(readings, values.over(start, stop, fresh=fresh), held)
        result = network.run(read.expand(-1, rows).to(device), state, edits=edits, engine=engine)
        state = result.state
        scores = network.readout(result.outputs).double().cpu()
        if not bool(scores.isfinite().all()):
            raise ModelError("Held so, the network's numbers overflow.", "Hold at a smaller value.")
        done += stop - start
        progress(done, len(text))
        yield Slice(start, stop, targets, held, torch.log_softmax(scores, dim=-1))


def _widened(state: Mapping[str, Tensor] | None, rows: int) -> dict[str, Tensor] | None:
    return None if state is None else {name: value.expand(-1, rows, -1).clone() for name, value in state.items()}


def _edits(readings: Sequence[Sequence[Selection]], values: Mapping[Signal, Tensor], held: Tensor) -> list[Edit]:
    """What each reading holds over one slice, in its own row of the batch."""
    edits: list[Edit] = []
    for row, reading in enumerate(readings, 1):
        where = torch.zeros(len(held), 1 + len(readings), dtype=torch.bool)
        where[:, row] = held
        for part in reading if bool(held.any()) else ():
            value = values[part.layer, part.signal][..., list(part.neurons)]
            edits.append(Edit(part.layer, part.signal, value, part.neurons, where=where))
    return edits


@torch.no_grad()
def measure_signals(
    network: Network, text: Text, signals: Sequence[Signal], *, engine: str = "auto", progress: Progress = silent
) -> dict[Signal, Moments]:
    """Of every neuron of some signals while the network reads a text."""
    device = next(network.parameters()).device
    state: Mapping[str, Tensor] | None = None
    found: dict[Signal, Statistics] = {}
    done = 0
    for start, stop in text.slices(LONGEST):
        if start in text.starts:
            state = text.state if start == 0 else None
        read, _ = text.window(start, stop)
        result = network.run(read.to(device), state, record=sorted({signal for _, signal in signals}), engine=engine)
        state = result.state
        for layer, signal in signals:
            new = Stretch.of(result.signals[layer][signal][:, 0].float().cpu().numpy()).statistics
            before = found.get((layer, signal))
            found[layer, signal] = new if before is None else before.merged(new)
        done += stop - start
        progress(done, len(text))
    return {name: Moments(each.mean, each.squares / each.count) for name, each in found.items()}
