"""Evidence for one neuron: what it does, where, how that looks, what it changes, and who else does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.cells import Memory
from unrolled.errors import RunError, TraceError
from unrolled.networks import Network
from unrolled.networks.files import read_run_settings
from unrolled.neurons.columns import Block, read_blocks
from unrolled.neurons.contexts import Place, Surroundings
from unrolled.neurons.effects import Effect, effect_of
from unrolled.neurons.examples import QUANTILES, Examples, Histogram, Quantile
from unrolled.neurons.history import memory_of
from unrolled.neurons.likeness import Counterpart, Neighbour, counterpart, neighbours
from unrolled.neurons.measures import half_life, saturation
from unrolled.neurons.roles import HORIZONS, Fit, Fits, Role, SymbolChanges, factors, role_of, two_levels
from unrolled.progress import Progress, silent
from unrolled.traces.names import Name, parse_neuron
from unrolled.traces.rerun import load_recorded, refuse_other_weights
from unrolled.traces.trace import Trace, nothing_recorded

FARTHEST = 4096
"""Steps over which a role is tried at most."""


@dataclass(frozen=True)
class Summary:
    """Over all steps of the trace."""

    min: float
    max: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Gate:
    """Of one of the neuron's gates: its mean, and the shares of the steps at which it is shut and open."""

    signal: str
    mean: float
    shut: float
    open: float


@dataclass(frozen=True)
class Evidence:
    """What is known of one neuron; docs/reference/evidence.md explains each part.

    Attributes:
        highest, lowest: where it fires most, best first, at most once in a stretch of the text.
        half_life: steps after which half of its state is left; None where all is kept, or nothing is known of that.
        role: the first role that holds, of `fits`.
        training_steps: how far back the training looked; None where no run was given.
        effect: on the odds; None where no run was given.
        others: its counterparts in other traces.
    """

    neuron: str
    steps: int
    statistics: Summary
    histogram: Histogram
    highest: tuple[Place, ...]
    lowest: tuple[Place, ...]
    quantiles: tuple[Quantile, ...]
    gates: tuple[Gate, ...]
    half_life: float | None
    role: Role | None
    fits: tuple[Fit, ...]
    training_steps: int | None
    effect: Effect | None
    neighbours: tuple[Neighbour, ...]
    others: tuple[Counterpart, ...]

    def to_json(self) -> dict[str, Any]:
        """The keys of docs/reference/evidence.md."""
        return asdict(self)


def gather(
    trace: Trace,
    neuron: str,
    *,
    trained: tuple[Network, int] | None = None,
    others: Sequence[Trace] = (),
    near: bool = True,
    progress: Progress = silent,
) -> Evidence:
    """The evidence for one neuron, in passes over the trace that hold a block of it at a time.

    Args:
        neuron: such as `rnn.l0.7` (its main signal) or `rnn.l0.hidden.7`.
        trained: the network that the trace was recorded from, see `load_trained`: then the effect on the odds is told,
            and how a role holds beyond the steps that training looked back.
        others: traces of the same text, by other seeds, cells or checkpoints.
        near: whether neurons like it are sought in the trace itself, for which every neuron is read.
        progress: told the steps of the search for neurons like it.

    Raises:
        UnknownNameError: no such neuron.
        TraceError: nothing was recorded, values are no numbers, or a trace is of something else.
    """
    name = parse_neuron(neuron, trace.info.sites)
    if not trace.steps_of(name.site):
        raise nothing_recorded(trace)
    # What does not belong together is refused before the long work.
    counterparts = tuple(counterpart(trace, name, other, progress=progress) for other in others)
    summary = _summary(trace, name)
    survey = _Survey(trace, name, summary)
    training = trained[1] if trained else None
    fits = survey.fits(training)
    low, *_, high = (survey.examples.quantile(share) for share in QUANTILES)
    text = Surroundings(trace, name.site)
    return Evidence(
        neuron=str(name),
        steps=trace.steps_of(name.site),
        statistics=summary,
        histogram=survey.examples.histogram(),
        highest=survey.examples.highest(text),
        lowest=survey.examples.lowest(text),
        quantiles=survey.examples.quantiles(text),
        gates=survey.gates,
        half_life=survey.half_life,
        role=role_of(fits),
        fits=fits,
        training_steps=training,
        effect=effect_of(trace, name, trained[0], low, high) if trained else None,
        neighbours=neighbours(trace, name, progress=progress) if near else (),
        others=counterparts,
    )


class _Survey:
    """The first pass over a neuron: its distribution, its gates, its changes."""

    def __init__(self, trace: Trace, name: Name, summary: Summary) -> None:
        self._trace, self._name = trace, name
        site = trace.info.site(name.site)
        self._memory = _memory(trace, name)
        own = site.signal(name.signal).neurons  # a hidden state that is projected has no gates of its own
        gates = [each.name for each in site.signals if each.role == "gate" and each.neurons == own]
        self._signals = tuple(dict.fromkeys([*gates, *(self._memory.reads if self._memory else ())]))
        self.examples = Examples(trace.steps_of(name.site), summary.min, summary.max)
        self._changes = SymbolChanges(len(trace.vocabulary))
        self._symbolic = False
        sums, halvings, steps = {gate: np.zeros(3) for gate in gates}, 0.0, 0
        for block in self._blocks():
            keep, _ = factors(self._memory, block)
            self.examples.add(block)
            self._changes.add(block, keep)
            self._symbolic = block.symbols is not None
            count = len(block.values)
            for gate in gates:
                values = block.signals[gate][:, None]
                sums[gate] += count * np.array([values.mean(), *(share[0] for share in saturation(values))])
            halvings += 0.0 if keep is None else count / float(half_life(keep[:, None])[0])
            steps += count
        self.gates = tuple(Gate(gate, *(total / steps).tolist()) for gate, total in sums.items())
        self.half_life = steps / halvings if halvings else None

    def _blocks(self) -> Iterator[Block]:
        return read_blocks(self._trace, self._name, self._signals)

    def fits(self, training: int | None) -> tuple[Fit, ...]:
        """The second pass: how well each role holds, with a run also at the steps that training looked back, and at
        four times as many."""
        longest = max(len(sequence) for sequence in self._trace.sequences_of(self._name.site))
        wanted = {*HORIZONS, *((training, 4 * training) if training else ())}
        horizons = sorted(steps for steps in wanted if steps < min(longest, FARTHEST)) or [1]
        levels = two_levels(self.examples.centres, self.examples.fine)
        changes = self._changes.means if self._symbolic else np.empty(0)
        fits = Fits(levels, changes, self._memory is not None, horizons)
        for block in self._blocks():
            fits.add(block, *factors(self._memory, block))
        return fits.result()


def _summary(trace: Trace, name: Name) -> Summary:
    table = trace.statistics(f"{name.site}.{name.signal}")
    low, high, mean, variance, _ = (float(column[name.neuron or 0]) for column in table)
    if not np.isfinite([low, high, mean, variance]).all():
        raise TraceError(f"{name} holds values that are no numbers.", "'unrolled check TRACE' says where.")
    return Summary(low, high, mean, variance**0.5)


def _memory(trace: Trace, name: Name) -> Memory | None:
    """How the neuron's signal is kept and written; None where that is not known."""
    try:
        return memory_of(trace, name)
    except TraceError:
        return None


def load_trained(trace: Trace, run: str | Path) -> tuple[Network, int]:
    """The network that a trace was recorded from, and how many steps back its training looked.

    Raises:
        RunError: the run cannot be read.
        TraceError: the trace is of another network.
    """
    unroll = read_run_settings(Path(run))["training"].get("unroll")
    if not isinstance(unroll, int):
        raise RunError(f"{run}/settings.json is damaged: it has no training.unroll.", "Train the run again.")
    network = load_recorded(run, trace).network
    refuse_other_weights(trace, network)
    return network, unroll
