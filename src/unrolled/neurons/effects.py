"""What a neuron does to the odds of the next symbol: by the readout's weights, and measured by holding it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unrolled.engines import Edit
from unrolled.engines.reference import ReferenceEngine
from unrolled.networks import SITE, Network
from unrolled.traces.chunks import Array
from unrolled.traces.names import Name
from unrolled.traces.rerun import choose_windows, read_symbols, state_before
from unrolled.traces.trace import Trace

SHOWN = 10
"""Symbols that are raised most, and lowered most."""


@dataclass(frozen=True)
class Change:
    """A symbol, and by how much its log-odds change, in nats."""

    symbol: str
    change: float


@dataclass(frozen=True)
class Changes:
    """The symbols that become more likely and those that become less, each with the largest change first."""

    raises: tuple[Change, ...]
    lowers: tuple[Change, ...]


@dataclass(frozen=True)
class Measured(Changes):
    """What changes in the mean of ln p from the neuron held at `low` to it held at `high`."""

    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """Attributes:
    weights: how much the log-odds of each symbol rise, against the mean symbol, for 1 more of the hidden neuron; None
        below the last layer.
    measured: see `Measured`.
    """

    weights: Changes | None
    measured: Measured


def effect_of(trace: Trace, name: Name, network: Network, low: float, high: float, seed: int = 0) -> Effect:
    """The effect of one neuron.

    Args:
        network: the one that the trace was recorded from, see `refuse_other_weights`.
        low, high: the values that the neuron is held at, in its own signal.
        seed: chooses the windows of the text over which it is held.
    """
    last = name.site == f"{SITE}.{network.rnn.stack().layers[-1].name}"
    weights = None
    if last and name.signal in ("hidden", "cell"):
        column = network.readout.weight.detach()[:, name.neuron or 0].double().numpy()
        weights = Changes(*_ranked(column - column.mean(), trace.vocabulary))
    measured = _measure(trace, name, network, low, high, seed)
    return Effect(weights, Measured(*_ranked(measured, trace.vocabulary), low, high))


def _measure(trace: Trace, name: Name, network: Network, low: float, high: float, seed: int) -> Array:
    """`(symbols,)`: mean of ln p with the neuron held high less that with it held low, over windows of the text that
    begin in the states that were recorded before them."""
    starts, lengths, known = choose_windows(trace, seed)
    symbols, _ = read_symbols(trace, starts, lengths, network.symbols)
    state = {key: value.float() for key, value in state_before(trace, network, starts).items()} if known else {}
    layer = name.site.removeprefix(f"{SITE}.")
    inside = torch.arange(symbols.shape[0])[:, None] < torch.as_tensor(lengths)

    def scores(value: float) -> Tensor:
        held = Edit(layer, name.signal, value, [name.neuron or 0])
        with torch.no_grad():
            stack, inputs = network.rnn.stack(), network.encoder(symbols)
            result = ReferenceEngine().run(stack, inputs, state or None, lengths=torch.as_tensor(lengths), edits=[held])
            return torch.log_softmax(network.readout(result.outputs).double(), -1)[inside].mean(0)

    return (scores(high) - scores(low)).numpy()


def _ranked(changes: Array, symbols: Sequence[str]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    order = [int(at) for at in np.argsort(-changes, kind="stable")]
    best = tuple(Change(symbols[at], float(changes[at])) for at in order[:SHOWN] if changes[at] > 0)
    worst = tuple(Change(symbols[at], float(changes[at])) for at in order[::-1][:SHOWN] if changes[at] < 0)
    return best, worst
