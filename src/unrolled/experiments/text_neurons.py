"""What the recipes on texts have in common: which neuron of the network stands for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab
from unrolled.experiments.text_networks import Learned, judge
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.answers import Answer
from unrolled.neurons.find import Sought, find
from unrolled.neurons.hypotheses import Label, labeller
from unrolled.neurons.lockstep import Text
from unrolled.neurons.measures import auc
from unrolled.traces.trace import Trace

SIGNALS = ("cell", "hidden")
FOUND = {"AUC": 0.9, "correlation": 0.8}
"""A neuron is said to stand for what it tells at least so well on text that it was not chosen on."""
KNOWS_MORE = 0.75
"""The AUC from which on a neuron is said to know more than a simpler hypothesis, where that one holds."""
CONTEXT = 12_000_000
"""Characters before a passage that its labels are worked out with: what is opened there, which words are names."""


@dataclass(frozen=True)
class Search:
    """What was found.

    Attributes:
        best: each hypothesis with its best neuron; one of which the text has too little is not there.
        values: `(steps,)` of each of these neurons on the part that scores are told on, turned so that up is yes.
        labels: `(steps,)` of each hypothesis there.
    """

    best: Mapping[str, Sought]
    values: Mapping[str, Array]
    labels: Mapping[str, Label]

    def told_apart(self, hypothesis: str, among: str) -> float:
        """The AUC of a hypothesis' best neuron over the steps alone at which a simpler one holds: 0.5 where the neuron
        knows no more than that."""
        asked = self.labels[among]
        return float(auc(self.values[hypothesis][asked][:, None], self.labels[hypothesis][asked])[0])


def find_neurons(lab: Lab, learned: Learned, hypotheses: Sequence[str]) -> Search:
    """Seeks, in every layer's cell and hidden state, the best neuron for each hypothesis."""
    lab.heading("Which neuron stands for what")
    lab.tell("looking for neurons")
    passage = learned.held_out[: learned.plan.watched]
    text = learned.before[-CONTEXT:] + passage
    # None of those that are sought here is a class.
    labels = {name: cast(Label, labeller(name)(text))[-len(passage) :] for name in hypotheses}
    loaded = learned.trained.loaded
    symbols = loaded.vocabulary.encode(passage)
    findings = find(loaded.network, [symbols], labels, signals=SIGNALS, surprise=False)
    lab.say(
        f"""Every neuron of every layer, by its cell state and its hidden state, is compared with each hypothesis over
        {len(passage):,} characters of held-out text: the best is chosen on the first half, and its score is that on the
        second. It counts as found from an AUC of {FOUND["AUC"]:g} or a correlation of {FOUND["correlation"]:g} on,
        if it is not chance."""
    )
    names = ("hypothesis", "neuron", "goes", "score", "95 %", "by chance", "untrained network", "found")
    best = {tested.name: tested for tested in findings.hypotheses if tested.neurons}
    lab.table(names, [_row(name, best.get(name)) for name in hypotheses])
    lab.number("neurons", {name: _numbers(best.get(name)) for name in hypotheses})
    start = findings.told[0]
    trace = lab.watch(learned.trained, [passage], SIGNALS).trace
    values = {name: _turned(trace, tested, start) for name, tested in best.items()}
    found = Search(best, values, {name: label[start:] for name, label in labels.items()})
    _show(lab, learned, passage[start:], found)
    return found


def judge_neuron(lab: Lab, learned: Learned, claim: str, found: Search, hypothesis: str, among: str = "") -> None:
    """Whether the best neuron is good enough, as `FOUND` says.

    Args:
        among: a simpler hypothesis, which the neuron must know more than: over the steps alone at which that one holds,
            it must reach `KNOWS_MORE`.
    """
    tested = found.best.get(hypothesis)
    if tested is None or tested.best is None:
        lab.judge(claim, None, "there is too little of it in the text")
        return
    because = f"{tested.best.name}: {tested.measure} {tested.best.score:.3f} on held-out text"
    more = 1.0
    if among:
        more = found.told_apart(hypothesis, among)
        lab.number(f"{hypothesis}-among-{among}", more)
        because += f", {more:.3f} where `{among}` holds"
    judge(lab, learned, claim, is_found(tested) and more >= KNOWS_MORE, because)


def switch_off(lab: Lab, learned: Learned, found: Search, hypothesis: str, symbols: str) -> None:
    """Whether the network uses the neuron that tells a hypothesis best: it is held at zero over the text that scores
    are told on, beside ten draws of random neurons of like variance.

    Args:
        symbols: those that are hard to foretell without it.
    """
    sought = found.best.get(hypothesis)
    if sought is None or sought.best is None:
        return
    lab.heading(f"Without the neuron for {hypothesis}")
    lab.tell(f"switching off {sought.best.name}")
    vocabulary, label = learned.trained.loaded.vocabulary, found.labels[hypothesis]
    passage = learned.held_out[: learned.plan.watched][-len(label) :]
    measured = ablate(
        learned.trained.loaded.network,
        vocabulary,
        Text(vocabulary.encode(passage)),
        Intervention((sought.best.name,)),
        hypotheses=(Answer(hypothesis, sought.about, label),),
        symbols="".join(symbol for symbol in symbols if symbol in vocabulary.symbols),
        draws=10,
        length=0,
    )
    (there,) = measured.hypotheses
    changes = {each.name: each for each in (measured.overall, there.true, there.false) if each is not None}
    changes |= {f"next symbol {each.name!r}": each for each in there.symbols if each.name in symbols}
    lab.say(
        f"""{sought.best.name}, which tells it best, is held at zero. What the loss rises by, in nats a symbol, over all
        predictions, where it is true and where not, and of those where it is true on some next symbols."""
    )
    lab.table(
        ("over", "predictions", "rises by", "95 %", "random neurons", "times as much"),
        [
            (
                over,
                change.steps,
                f"{change.change:+.4f}",
                "–" if change.low is None else f"{change.low:+.4f} to {change.high:+.4f}",
                f"{np.mean(np.abs(change.controls)):.4f}",
                "–" if change.ratio is None else f"{change.ratio:.1f}",
            )
            for over, change in changes.items()
        ],
        f"Without {sought.best.name}; beside it the mean size of what ten random neurons of like variance do.",
    )
    lab.number(f"without-{hypothesis}", {over: change.to_json() for over, change in changes.items()})


def is_found(tested: Sought | None) -> bool:
    """Whether a neuron tells a label well enough to be said to stand for it."""
    return (
        tested is not None and tested.best is not None and tested.found and tested.best.score >= FOUND[tested.measure]
    )


def _row(name: str, tested: Sought | None) -> Sequence[object]:
    if tested is None or tested.best is None:
        return (name, "–", "–", "too little of it", "–", "–", "–", "–")
    best = tested.best
    return (
        name,
        best.name,
        "up" if best.direction > 0 else "down",
        f"{tested.measure} {best.score:.3f}",
        f"{best.low:.3f} to {best.high:.3f}",
        "–" if tested.null is None else f"{tested.null:.3f}",
        "–" if tested.untrained is None else f"{tested.untrained.score:.3f}",
        is_found(tested),
    )


def _numbers(tested: Sought | None) -> dict[str, object] | None:
    if tested is None or tested.best is None:
        return None
    untrained = None if tested.untrained is None else tested.untrained.score
    return {**asdict(tested.best), "measure": tested.measure, "null": tested.null, "untrained": untrained}


def _turned(trace: Trace, tested: Sought, start: int) -> Array:
    assert tested.best is not None
    values = trace[tested.best.name]
    assert isinstance(values, np.ndarray)
    return tested.best.direction * values[start:]


SHOWN, KEPT = 700, 6000
"""Characters of a figure, and of the recording that it is taken from."""


def _show(lab: Lab, learned: Learned, passage: str, found: Search) -> None:
    """Pictures of the neurons that were found, each where what it stands for begins."""
    kept = lab.keep(learned.trained, [passage[:KEPT]], "held-out", "Held-out text")
    for name, tested in found.best.items():
        if tested.best is None or not is_found(tested):
            continue
        positive = (found.labels[name][:KEPT] > 0).nonzero()[0]
        first = int(positive[0]) if len(positive) else 0
        start = passage.rfind("\n", 0, first) + 1
        lab.figure(
            f"neuron-{name}",
            figures.coloured_text(kept.trace, tested.best.name, start=start, limit=min(SHOWN, KEPT - start)),
            f"{name}: {tested.best.name}, {tested.measure} {tested.best.score:.3f}.",
        )
