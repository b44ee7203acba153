"""Which neuron stands for what: every neuron by every signal against every hypothesis, with what chance gives."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from unrolled.errors import SettingsError, UnknownNameError
from unrolled.networks import Network
from unrolled.neurons.find.findings import Finding, Findings, Rival, Sought, read_findings
from unrolled.neurons.find.labels import LabelStore, Question, control_task
from unrolled.neurons.find.parts import Parts
from unrolled.neurons.find.rates import shifts_needed
from unrolled.neurons.find.search import Search
from unrolled.neurons.find.shifts import most_shifts
from unrolled.neurons.find.stream import RecordedTrace, RunningNetwork, Stream
from unrolled.neurons.hypotheses.marking import Classes, Label
from unrolled.progress import Progress, silent
from unrolled.traces.trace import Trace

__all__ = ["Finding", "Findings", "Rival", "Sought", "find", "find_in_trace", "read_findings", "repeated"]

Array: TypeAlias = npt.NDArray[Any]

SURPRISE = "surprise"
"""The hypothesis that needs the network itself: nats that the symbol which was just read cost it."""
ENOUGH = 10
"""Steps at which a label says one thing, in each part, that it takes to say anything of it."""
UNTRAINED_STEPS = 200_000
"""Steps at most that an untrained network reads."""
SHIFTS, MOST_SHIFTS = 500, 20_000
"""How often each label is moved, and how often at most: the sums of every move are in memory."""
FALSE_DISCOVERIES = 0.05


def find(
    network: Network,
    sequences: Sequence[Array],
    labels: Mapping[str, Label | Classes],
    *,
    about: Mapping[str, str] | None = None,
    surprise: bool = True,
    signals: Sequence[str] = (),
    q: float = FALSE_DISCOVERIES,
    shifts: int = SHIFTS,
    untrained: bool = True,
    controls: bool = True,
    seed: int = 0,
    engine: str = "auto",
    progress: Progress = silent,
) -> Findings:
    """Which neurons of a network tell which labels, while it reads; nothing of its signals is stored.

    The first quarter of the text screens all neurons by their correlation with each label; the second chooses among the
    best 50, by the area under the ROC curve; the other half tells all scores. What chance gives is found by moving
    each label along that half in a circle. A hypothesis is believed at a false-discovery rate `q` over all that were
    tried (Benjamini and Hochberg 1995), and so are those of its neurons whose chance to be so good among all its
    candidates is small enough at the same rate (Benjamini and Bogomolov 2014), if their interval lies above chance.

    Args:
        sequences: each `(steps,)` of whole numbers, each read from a state of zeros.
        labels: by name, each over all steps of all sequences in a row.
        about: what each says, in a line.
        surprise: whether the network's own surprise is asked about too.
        signals: names of those to look at; all by default.
        shifts: how often each label is moved, 0 to 20,000; more where many hypotheses need it, fewer where half of the
            text has not so many steps.
        untrained: whether an untrained network of the same shape reads the text too, up to 200,000 steps of it.
        controls: whether a control task is set beside each hypothesis.
        seed: of the control tasks, the untrained network and the sample that sets bins.

    Raises:
        SourceError: the text is shorter than 200 steps.
        SettingsError: a label has another length than the text, or an option is out of its range.
        UnknownNameError: the network has no such signal.
    """
    _check_signals(signals, [signal.name for signal in network.cell.signals])
    asked = _Asked(about or {}, surprise, q, shifts, controls, seed)
    stream = RunningNetwork(network, sequences, signals, engine)
    symbols = np.concatenate([np.asarray(sequence) for sequence in sequences])
    with LabelStore(stream.steps) as store:
        questions = _ask(labels, store)
        rivals: dict[str, Rival] = {}
        if untrained:
            short = _first(sequences, UNTRAINED_STEPS)
            fresh = RunningNetwork(_untrained(network, seed), short, signals, engine)
            rivals = asked.rivals(fresh, _spans(short), questions, store, progress)
        return asked.findings(stream, _spans(sequences), questions, symbols, store, progress, rivals)


def find_in_trace(
    trace: Trace,
    labels: Mapping[str, Label | Classes],
    *,
    about: Mapping[str, str] | None = None,
    surprise: bool = True,
    signals: Sequence[str] = (),
    q: float = FALSE_DISCOVERIES,
    shifts: int = SHIFTS,
    controls: bool = True,
    seed: int = 0,
    progress: Progress = silent,
) -> Findings:
    """As `find`, of what a trace holds; there is no untrained network to compare with."""
    _check_signals(signals, [signal.name for site in trace.info.sites for signal in site.signals])
    asked = _Asked(about or {}, surprise and trace.loss is not None, q, shifts, controls, seed)
    symbols = np.zeros(trace.steps, np.int64) if trace.symbols is None else trace.symbols
    stream = RecordedTrace(trace, signals)
    with LabelStore(stream.steps) as store:
        found = asked.findings(stream, trace.sequences, _ask(labels, store), symbols, store, progress, {})
    return replace(found, source=dict(trace.info.source))


class _Asked:
    """What is asked of a text, whatever reads it."""

    def __init__(
        self, about: Mapping[str, str], surprise: bool, q: float, shifts: int, controls: bool, seed: int
    ) -> None:
        if not 0 < q < 1:
            raise SettingsError(f"The false-discovery rate is above 0 and below 1, not {q:g}.")
        if not 0 <= shifts <= MOST_SHIFTS:
            raise SettingsError(f"Labels can be moved 0 to {MOST_SHIFTS:,} times, not {shifts:.6g} times.")
        self._about = {SURPRISE: "Nats that the symbol just read cost the network: how little it expected it", **about}
        self._surprise, self._q, self._shifts, self._controls, self._seed = surprise, q, shifts, controls, seed

    def rivals(
        self, stream: Stream, spans: Sequence[range], asked: Sequence[Question], store: LabelStore, progress: Progress
    ) -> dict[str, Rival]:
        """The best neuron of each hypothesis alone, over the text's first steps."""
        parts = Parts.of(spans)
        questions, _ = self._that_vary([question.first(stream.steps) for question in asked], parts, store)
        search = Search(questions, {}, _names(stream), parts, store, shifts=0, seed=self._seed)
        stream.run(parts.cuts, search.take, progress)
        return search.rivals()

    def findings(
        self,
        stream: Stream,
        spans: Sequence[range],
        asked: Sequence[Question],
        symbols: Array,
        store: LabelStore,
        progress: Progress,
        rivals: Mapping[str, Rival],
    ) -> Findings:
        """Runs the whole text through."""
        parts = Parts.of(spans)
        questions, skipped = self._that_vary(asked, parts, store)
        controls = {
            each.name: control_task(each.name, each, symbols, store, self._seed)
            for each in questions
            if self._controls and each.name != SURPRISE
        }
        shifts = self._moves(len(questions), parts.tell)
        search = Search(questions, controls, _names(stream), parts, store, shifts=shifts, seed=self._seed)
        stream.run(parts.cuts, search.take, progress)
        return Findings(
            steps=stream.steps,
            chosen=(parts.screen.start, parts.choose.stop),
            told=(parts.tell.start, parts.tell.stop),
            neurons=sum(stream.signals.values()),
            q=self._q,
            shifts=shifts,
            hypotheses=search.sought(self._q, self._about, rivals),
            skipped=skipped,
        )

    def _moves(self, hypotheses: int, part: range) -> int:
        """How often each label is moved: so often, if the part allows it, that one hypothesis alone can be believed."""
        if not self._shifts:
            return 0
        needed = shifts_needed(hypotheses, self._q)
        if needed > MOST_SHIFTS:
            raise SettingsError(
                f"A false-discovery rate of {self._q:g} over {hypotheses} hypotheses asks for {needed:.3g} moves of "
                f"each label; at most {MOST_SHIFTS:,} are made.",
                f"Ask for {hypotheses / MOST_SHIFTS:.2g} or more, or fewer hypotheses.",
            )
        return min(max(self._shifts, needed), most_shifts(part))

    def _that_vary(
        self, asked: Sequence[Question], parts: Parts, store: LabelStore
    ) -> tuple[list[Question], dict[str, str]]:
        """Those of which each part has enough, with the network's surprise; and why the others are skipped."""
        steps = [slice(part.start, part.stop) for part in (parts.screen, parts.choose, parts.tell)]
        kept: list[Question] = []
        for each in asked:
            if all(each.varies(part, ENOUGH) for part in steps):
                kept.append(each)
            store.let_go()
        skipped = {each.name: "the text has too little of it" for each in asked if each not in kept}
        return [*kept, *([store.pending(SURPRISE)] if self._surprise else [])], skipped


def _ask(labels: Mapping[str, Label | Classes], store: LabelStore) -> list[Question]:
    """Each label is looked up but once, and need not be kept by who gives it."""
    questions: list[Question] = []
    for name, label in labels.items():
        length = len(label)
        if length != store.steps:
            raise SettingsError(f"The label {name!r} has {length:,} steps; the text has {store.steps:,}.")
        questions.append(store.ask(name, label))
    return questions


def _names(stream: Stream) -> list[str]:
    return [f"{signal}.{at}" for signal, neurons in stream.signals.items() for at in range(neurons)]


def _check_signals(asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            raise UnknownNameError("signal", name, dict.fromkeys(known))


def repeated(sequences: Sequence[Array], steps: int, seed: int) -> list[Array]:
    """All sequences again and again, each time in an order of chance, until they have so many steps."""
    generator = np.random.default_rng(seed)
    many: list[Array] = []
    while sum(map(len, many)) < steps:
        many += [sequences[at] for at in generator.permutation(len(sequences))]
    return many


def _spans(sequences: Sequence[Array]) -> list[range]:
    ends = np.cumsum([len(sequence) for sequence in sequences]).tolist()
    return [range(end - len(sequence), end) for sequence, end in zip(sequences, ends, strict=True)]


def _first(sequences: Sequence[Array], steps: int) -> list[Array]:
    """The first steps of all, at most so many."""
    kept: list[Array] = []
    for sequence in sequences:
        if steps > 0:
            kept.append(sequence[:steps])
            steps -= len(sequence)
    return kept


def _untrained(network: Network, seed: int) -> Network:
    """A network of the same shape with fresh weights; the random state of others stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Network(copy.deepcopy(network.settings), network.symbols)
    return fresh.to(next(network.parameters()).device).eval()
