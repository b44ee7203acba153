"""What is held while a network reads, in words: which neurons, of which signal, at what value, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from unrolled.engines import Edit
from unrolled.errors import SettingsError
from unrolled.networks import SITE, Network
from unrolled.traces.chunks import Array
from unrolled.traces.names import Name, parse_name
from unrolled.traces.record import describe_layers
from unrolled.traces.rerun import refuse_other_weights
from unrolled.traces.trace import Trace

Signal: TypeAlias = tuple[str, str]
"""A layer's name and a signal's: `("l0", "cell")`."""

Kind: TypeAlias = Literal["zero", "mean", "clamp", "patch"]

_ALLOWED = "--mode is zero, mean, mean=TRACE, clamp=V or patch=SOURCE"


@dataclass(frozen=True)
class Selection:
    """Neurons of one signal of one layer.

    layer, signal: such as `l0` and `cell`; neurons: their numbers, rising.
    """

    layer: str
    signal: str
    neurons: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        """Such as `rnn.l0.cell.7`, one a neuron."""
        return [str(Name(f"{SITE}.{self.layer}", self.signal, neuron)) for neuron in self.neurons]


def select(network: Network, names: Sequence[str], signal: str = "") -> tuple[Selection, ...]:
    """The neurons that names mean, by layer and signal.

    Args:
        names: such as `rnn.l0.7`, `rnn.l0.forget_gate.7`, or `rnn.l0.forget_gate` for a whole signal.
        signal: what a name without a signal means; the cell state where there is one, else the hidden state.

    Raises:
        UnknownNameError: there is no such layer, signal or neuron.
        SettingsError: there is no name.
    """
    if not names:
        raise SettingsError("No neuron was named to hold.", "Name one, such as rnn.l0.7 or rnn.l0.forget_gate.7.")
    sites = describe_layers(network.cell, network.rnn.stack())
    found: dict[Signal, set[int]] = {}
    for given in names:
        name = parse_name(given, sites)
        if signal and str(name) != given:  # it names no signal of its own
            name = parse_name(str(replace(name, signal=signal)), sites)
        size = next(site for site in sites if site.name == name.site).signal(name.signal).neurons
        neurons = range(size) if name.neuron is None else (name.neuron,)
        found.setdefault((name.site.removeprefix(f"{SITE}."), name.signal), set()).update(neurons)
    return tuple(Selection(layer, own, tuple(sorted(neurons))) for (layer, own), neurons in found.items())


@dataclass(frozen=True)
class Mode:
    """At what neurons are held.

    kind: `zero`; `mean`, each at its own mean; `clamp`, all at `value`; `patch`, each at what it is while the network
    reads another text.
    source: of `patch` the other text, of `mean` the trace whose means are taken; empty for the text that is read.
    """

    kind: Kind
    value: float = 0.0
    source: str = ""

    def __str__(self) -> str:
        if self.kind == "clamp":
            return f"clamp={self.value:g}"
        return f"{self.kind}={self.source}" if self.source else self.kind


ZERO = Mode("zero")


def parse_mode(given: str) -> Mode:
    """A mode from its words: `zero`, `mean`, `mean=TRACE`, `clamp=0.5`, `patch=other.txt`.

    Raises:
        SettingsError: it is none of these.
    """
    kind, equals, rest = given.partition("=")
    if given == "zero":
        return ZERO
    if kind == "mean" and bool(equals) == bool(rest):
        return Mode("mean", source=rest)
    if kind == "clamp":
        return Mode("clamp", value=parse_value(rest, given))
    if kind == "patch" and rest:
        return Mode("patch", source=rest)
    raise SettingsError(f"There is no mode {given!r}: {_ALLOWED}.")


def parse_value(given: str, whole: str) -> float:
    """A number to hold neurons at; SettingsError where it is none, in a line that has `whole` in it."""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not abs(value) <= torch.finfo(torch.float32).max:
        raise SettingsError(f"{whole!r} holds at {given!r}, which is no finite number.", "Give one, such as 0.5 or -1.")
    return value


def check_steps(span: range, steps: int) -> None:
    """Refuses a span that a text of so many steps does not have; SettingsError."""
    if not 0 <= span.start < span.stop <= steps:
        raise SettingsError(
            f"There are no steps {span.start}:{span.stop} in a text of {steps:,}.",
            f"Give START below STOP, both in 0:{steps}.",
        )


def parse_holds(network: Network, given: Sequence[str]) -> tuple[Edit, ...]:
    """Edits from words such as `rnn.l0.7=0.5`, for all steps.

    Raises:
        SettingsError: there is no value, or it is no number.
        UnknownNameError: there is no such neuron.
    """
    edits: list[Edit] = []
    for each in given:
        name, equals, value = each.rpartition("=")
        if not equals:
            raise SettingsError(f"--hold cannot be {each!r}: it is NEURON=VALUE, such as rnn.l0.7=0.")
        held = parse_value(value, each)
        edits += [Edit(part.layer, part.signal, held, part.neurons) for part in select(network, [name])]
    return tuple(edits)


class Moments(NamedTuple):
    """Mean and variance of every neuron of a signal, each `(neurons,)`."""

    mean: Array
    variance: Array


class Values(Protocol):
    """What every neuron of some signals would be held at."""

    def over(self, start: int, stop: int, *, fresh: bool) -> Mapping[Signal, Tensor]:
        """From step `start` to `stop`, of each signal `(neurons,)` or `(steps, 1, neurons)`.

        Asked in the order of time; `fresh` where a sequence begins at `start`.
        """
        ...


class Constants:
    """The same at every step: `values` `(neurons,)` by signal."""

    def __init__(self, values: Mapping[Signal, Tensor]) -> None:
        self._values = values

    def over(self, start: int, stop: int, *, fresh: bool) -> Mapping[Signal, Tensor]:
        return self._values


class Donor:
    """What they are while the network reads another text, step by step beside the first.

    Args:
        symbols: `(steps,)`, the other text. Where it has ended it is read on, as the first symbol of the vocabulary
            again and again, only to keep step: what that gives is not to be held.
        signals: those that are wanted.
    """

    def __init__(self, network: Network, symbols: Array, signals: Sequence[Signal], *, engine: str = "auto") -> None:
        self._network, self._symbols, self._signals, self._engine = network, symbols, signals, engine
        self._state: Mapping[str, Tensor] | None = None

    @torch.no_grad()
    def over(self, start: int, stop: int, *, fresh: bool) -> Mapping[Signal, Tensor]:
        device = next(self._network.parameters()).device
        symbols = np.zeros((stop - start, 1), np.int64)
        left = self._symbols[start:stop]
        symbols[: len(left), 0] = left
        result = self._network.run(
            torch.from_numpy(symbols).to(device),
            None if fresh else self._state,
            record=sorted({signal for _, signal in self._signals}),
            engine=self._engine,
        )
        self._state = result.state
        return {(layer, signal): result.signals[layer][signal] for layer, signal in self._signals}


class Recorded:
    """What they were over steps of a trace, step by step beside the text; where those have ended, nothing is held.

    Args:
        steps: of the trace.
        signals: those that are wanted.

    Raises:
        UnknownNameError: the trace has not recorded one of them.
    """

    def __init__(self, trace: Trace, steps: range, signals: Sequence[Signal]) -> None:
        self._values = {
            (layer, signal): torch.from_numpy(
                trace.read(f"{SITE}.{layer}", signal, steps.start, steps.stop).astype(np.float32)
            )[:, None]
            for layer, signal in signals
        }

    def over(self, start: int, stop: int, *, fresh: bool) -> Mapping[Signal, Tensor]:
        return {
            signal: values[torch.arange(start, stop).clamp(max=len(values) - 1)]
            for signal, values in self._values.items()
        }


def moments_of(trace: Trace, network: Network, signals: Sequence[Signal]) -> dict[Signal, Moments]:
    """Those of some signals over a trace.

    Raises:
        UnknownNameError: the trace has not recorded one of them.
        TraceError: it is of another network.
    """
    refuse_other_weights(trace, network)
    found: dict[Signal, Moments] = {}
    for layer, signal in signals:
        statistics = trace.statistics(f"{SITE}.{layer}.{signal}")
        found[layer, signal] = Moments(statistics.mean.astype(np.float64), statistics.variance.astype(np.float64))
    return found
