"""What breaks without some neurons: the loss with them held, beside that of random neurons of like variance held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from unrolled.engines import Edit
from unrolled.errors import SettingsError
from unrolled.networks import Network
from unrolled.neurons.answers import Answer
from unrolled.neurons.controls import draw_controls
from unrolled.neurons.holding import (
    ZERO,
    Constants,
    Donor,
    Mode,
    Moments,
    Recorded,
    Selection,
    Signal,
    Values,
    check_steps,
    moments_of,
    select,
)
from unrolled.neurons.lockstep import Slice, Text, measure_signals, read_side_by_side
from unrolled.neurons.moments import Moment, WorstMoments
from unrolled.neurons.tally import Change, Tally
from unrolled.progress import Progress, silent
from unrolled.sources.vocabulary import Vocabulary
from unrolled.traces.chunks import Array
from unrolled.traces.trace import Trace
from unrolled.writing.sample import sample

DRAWS = 5
WORST_SYMBOLS, PRIME = 10, 100
"""Rows of a table by next symbol; symbols of the text that samples begin with."""


@dataclass(frozen=True)
class Intervention:
    """What is held.

    Args:
        neurons: such as `rnn.l0.7`, `rnn.l0.forget_gate.7`, `rnn.l0.cell`.
        mode: at what.
        signal: what a neuron's name without a signal means; empty for the cell or hidden state.
        steps: the span of the text in which they are held; None for all of it.
        where: they are held where this hypothesis is true; None for everywhere.
        other: of the mode `patch`: the symbols `(steps,)` of the other text, of as many steps as it is held for.
        recorded: of the mode `patch`, in place of `other`: steps of a trace of this network, whose values are taken.
        trace: one of this network, whose means and variances are taken; None for those over the text.
    """

    neurons: tuple[str, ...]
    mode: Mode = ZERO
    signal: str = ""
    steps: range | None = None
    where: Answer | None = None
    other: Array | None = None
    recorded: tuple[Trace, range] | None = None
    trace: Trace | None = None


@dataclass(frozen=True)
class Broken:
    """The loss where a hypothesis is true and where it is not; None where no prediction is made there.

    symbols: of the predictions made where it is true, by the symbol that came, those that lost most first.
    """

    name: str
    about: str
    true: Change | None
    false: Change | None
    symbols: tuple[Change, ...]


@dataclass(frozen=True)
class Samples:
    """What the network writes after a prime, as it is and with the neurons held, by the same random numbers."""

    prime: str
    before: str
    after: str
    seed: int


@dataclass(frozen=True)
class Ablation:
    """What holding some neurons did.

    neurons: those that were held; mode: at what; span, where: the steps at which.
    steps: predictions that were measured; overall: the change over them all.
    symbols: by the symbol that came, those that lost most first; hypotheses: where each is true and where not.
    controls: the neurons of each draw; variances: the mean variance of the held neurons, then of each draw.
    moments: the steps whose loss changed most.
    samples: None where what is held hangs on the text, or none were asked for.
    """

    neurons: tuple[str, ...]
    mode: str
    span: tuple[int, int] | None
    where: str | None
    steps: int
    overall: Change
    symbols: tuple[Change, ...]
    hypotheses: tuple[Broken, ...]
    controls: tuple[tuple[str, ...], ...]
    variances: tuple[float, ...]
    moments: tuple[Moment, ...]
    samples: Samples | None

    def to_json(self) -> dict[str, Any]:
        """As docs/reference/ablation.md says."""
        found = asdict(self)
        held = {"neurons": found.pop("neurons"), "mode": found.pop("mode"), "steps": found.pop("span")}
        return {"held": {**held, "where": found.pop("where")}, **found}


@torch.no_grad()
def ablate(
    network: Network,
    vocabulary: Vocabulary,
    text: Text,
    held: Intervention,
    *,
    hypotheses: Sequence[Answer] = (),
    symbols: str = "",
    draws: int = DRAWS,
    length: int = 200,
    edge: str = "",
    seed: int = 0,
    engine: str = "auto",
    each: Callable[[Slice], None] = lambda read: None,
    measuring: Progress = silent,
    progress: Progress = silent,
) -> Ablation:
    """Reads a text as it is, with neurons held, and with random neurons of like variance held, all side by side.

    Memory is flat in the length of the text, but for the labels of hypotheses: one byte a step for each.

    Args:
        network: put into evaluation mode.
        hypotheses: those that the loss is broken down by.
        symbols: next symbols that are in every table, whatever they lost.
        draws: of random neurons, each as many as are held; 0 for none.
        length: of the samples, in symbols; 0 for none.
        edge: what begins and ends every sequence of a task; empty for a text.
        seed: of the random neurons, the intervals and the samples.
        each: is given every slice as it is read.
        measuring, progress: told the steps of the measurement, and of the comparison after it.

    Raises:
        UnknownNameError: there is no such neuron or signal.
        VocabularyError: one of `symbols` is not in the vocabulary.
        SettingsError: the span or what is patched in does not fit, or the hypothesis is nowhere true.
        TraceError: the trace is of another network.
        ModelError: held so, the network computes no numbers any more.
    """
    parts, chosen = select(network, held.neurons, held.signal), vocabulary.encode(symbols).tolist()
    _check(held, len(text))
    when = _when(held, len(text))
    network.eval()
    signals = [(part.layer, part.signal) for part in parts]
    if held.trace is not None:
        moments = moments_of(held.trace, network, signals)
    else:
        moments = measure_signals(network, text, signals, engine=engine, progress=measuring)
    controls = draw_controls(parts, moments, draws, seed)
    values = _values(held, network, moments, engine)
    tallies, worst = _Tallies(network.symbols, len(text), len(controls), hypotheses), WorstMoments()
    readings = [parts, *controls]
    for read in read_side_by_side(network, text, readings, values, when=when, engine=engine, progress=progress):
        tallies.add(read)
        worst.add(read)
        each(read)
    overall = tallies.overall.change("all", seed)
    assert overall is not None  # a text has one prediction at least
    edits = _constant_edits(parts, values) if when is None and length else []
    return Ablation(
        neurons=tuple(name for part in parts for name in part.names),
        mode=str(held.mode),
        span=None if held.steps is None else (held.steps.start, held.steps.stop),
        where=None if held.where is None else held.where.name,
        steps=overall.steps,
        overall=overall,
        symbols=_by_symbol(tallies.overall, vocabulary, chosen, seed),
        hypotheses=tuple(tallies.broken(vocabulary, chosen, seed)),
        controls=tuple(tuple(name for part in draw for name in part.names) for draw in controls),
        variances=tuple(_mean_variance(reading, moments) for reading in readings),
        moments=worst.told(text, vocabulary),
        samples=_samples(network, vocabulary, text, edits, edge, engine, length, seed) if edits else None,
    )


def _check(held: Intervention, steps: int) -> None:
    """Refuses a span that the text does not have, and what is patched in where it does not fit."""
    if held.steps is not None:
        check_steps(held.steps, steps)
    _check_patch(held, steps if held.steps is None else held.steps.stop)


def _check_patch(held: Intervention, needed: int) -> None:
    given = [len(each) for each in (held.other, held.recorded and held.recorded[1]) if each is not None]
    if len(given) != (held.mode.kind == "patch"):
        raise SettingsError(
            "The mode patch needs another text or steps of a recording, and no other mode takes one.",
            "Give the mode and one of them, or neither.",
        )
    if given and given[0] < needed:
        raise SettingsError(
            f"What is patched in has {given[0]:,} symbols; its values are to be held up to step {needed:,}.",
            f"Hold them within 0:{given[0]}, read less of the text, or give more.",
        )


def _values(held: Intervention, network: Network, moments: Mapping[Signal, Moments], engine: str) -> Values:
    if held.other is not None:
        return Donor(network, held.other, list(moments), engine=engine)
    if held.recorded is not None:
        return Recorded(*held.recorded, list(moments))
    like = network.readout.weight
    if held.mode.kind == "mean":
        return Constants({name: torch.as_tensor(each.mean).to(like) for name, each in moments.items()})
    return Constants({name: torch.full((len(each.mean),), held.mode.value).to(like) for name, each in moments.items()})


def _when(held: Intervention, steps: int) -> Array | None:
    """The steps at which something is held, `(steps,)` of bool; None for all. SettingsError where there are none."""
    if held.steps is None and held.where is None:
        return None
    when = np.ones(steps, bool) if held.where is None else held.where.label.astype(bool)
    if held.steps is not None:
        when[: held.steps.start] = when[held.steps.stop :] = False
    if held.where is not None and not when.any():
        within = "the text" if held.steps is None else f"{held.steps.start}:{held.steps.stop}"
        raise SettingsError(f"{held.where.name!r} is true at no step of {within}: nothing would be held.")
    return when


def _constant_edits(parts: Sequence[Selection], values: Values) -> list[Edit]:
    """What holds at every step of any text; nothing where the values hang on the text."""
    if not isinstance(values, Constants):
        return []
    held = values.over(0, 1, fresh=True)
    return [
        Edit(part.layer, part.signal, held[part.layer, part.signal][list(part.neurons)], part.neurons) for part in parts
    ]


class _Tallies:
    """The losses over all predictions, and over those made where each hypothesis is true."""

    def __init__(self, symbols: int, steps: int, controls: int, hypotheses: Sequence[Answer]) -> None:
        self.overall, *self._true = (Tally(symbols, steps, controls) for _ in range(1 + len(hypotheses)))
        self._hypotheses = hypotheses

    def add(self, read: Slice) -> None:
        there = read.targets.numpy() >= 0
        steps, targets = np.arange(read.start, read.stop)[there], read.targets.numpy()[there]
        losses = read.losses().numpy()[there]
        self.overall.add(steps, targets, losses)
        for hypothesis, tally in zip(self._hypotheses, self._true, strict=True):
            true = hypothesis.label[steps]
            tally.add(steps[true], targets[true], losses[true])

    def broken(self, vocabulary: Vocabulary, chosen: Sequence[int], seed: int) -> list[Broken]:
        return [
            Broken(
                hypothesis.name,
                hypothesis.about,
                tally.change(hypothesis.name, seed),
                self.overall.without(tally).change(f"not {hypothesis.name}", seed),
                _by_symbol(tally, vocabulary, chosen, seed),
            )
            for hypothesis, tally in zip(self._hypotheses, self._true, strict=True)
        ]


def _by_symbol(tally: Tally, vocabulary: Vocabulary, chosen: Sequence[int], seed: int) -> tuple[Change, ...]:
    """Those that were chosen, then those that lost most."""
    which = dict.fromkeys([*chosen, *tally.worst_symbols(WORST_SYMBOLS)])
    changes = (tally.change(vocabulary.symbols[symbol], seed, symbol) for symbol in which)
    return tuple(change for change in changes if change is not None)


def _mean_variance(reading: Sequence[Selection], moments: Mapping[Signal, Moments]) -> float:
    found = [moments[part.layer, part.signal].variance[list(part.neurons)] for part in reading]
    return float(np.concatenate(found).mean())


def _samples(
    network: Network,
    vocabulary: Vocabulary,
    text: Text,
    edits: Sequence[Edit],
    edge: str,
    engine: str,
    length: int,
    seed: int,
) -> Samples:
    head = text.symbols[: 0 if edge else PRIME]
    # Of bytes the very ones, also where a character is cut: U+FFFD in its place would be read as other bytes.
    prime = vocabulary.decode_bytes(head).decode("utf-8", "surrogateescape")
    before, after = (
        "".join(
            sample(network, vocabulary, prime, edge=edge, engine=engine, edits=own, length=length, seed=seed)
        ).removeprefix(prime)
        for own in ((), edits)
    )
    return Samples(vocabulary.decode(head), before, after, seed)
