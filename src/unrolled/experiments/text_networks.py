"""What the recipes on texts have in common: train on one, let the network write, measure that, and look for neurons."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Trained, shown
from unrolled.experiments.written.copied import longest_copied
from unrolled.experiments.written.share import Share
from unrolled.files import write_whole
from unrolled.neurons.hypotheses import HYPOTHESES
from unrolled.neurons.hypotheses.marking import Label
from unrolled.neurons.measures import auc
from unrolled.neurons.scores import Candidate, best_neurons
from unrolled.sources import Parts, open_source, prepare
from unrolled.training.evaluate import evaluate_text
from unrolled.writing.sample import sample

TEMPERATURES = (0.5, 0.75, 1.0)
SIGNALS = ("cell", "hidden")
FOUND = {"AUC": 0.9, "correlation": 0.8}
"""A neuron is said to stand for what it tells at least so well on text that it was not chosen on."""
KNOWS_MORE = 0.75
"""The AUC from which on a neuron is said to know more than a simpler hypothesis, where that one holds."""
ENOUGH = 3
"""Cases in all of which a share can say something."""
PARTS = {"validation": 0.05, "test": 0.05}
CONTEXT = 12_000_000
"""Characters before a passage that its labels are worked out with: what is opened there, which words are names."""
STREAMS = 32


@dataclass(frozen=True)
class Plan:
    """How a recipe trains, and how long it looks.

    Attributes:
        machine: what it is made for.
        settings: of network and training; steps, not minutes, so that it repeats bit for bit.
        loss: nats a character on the test part that it is to reach. Of a network that did not, nothing is said to be
            missing.
        written: characters that it writes at each temperature.
        watched: characters of held-out text over which neurons are watched.
    """

    machine: str
    settings: Mapping[str, Any]
    loss: float
    written: int = 20_000
    watched: int = 40_000


@dataclass(frozen=True)
class Learned:
    """A network that has learned a text.

    Attributes:
        training: the text it learned from.
        before: all of the text before what is held out.
        held_out: the test part, which nothing has seen; of code, from where a file or a definition begins.
        loss: nats a character there.
    """

    trained: Trained
    plan: Plan
    training: str
    before: str
    held_out: str
    loss: float

    @property
    def reached(self) -> bool:
        """Whether it is as good as the plan says it must be."""
        return self.loss <= self.plan.loss


def plan_for(two_cores: Plan, gpu: Plan) -> Plan:
    """The plan for this machine."""
    return gpu if torch.cuda.is_available() else two_cores


def learn(
    lab: Lab, plan: Plan, source: str, include: Sequence[str] = (), begins: re.Pattern[str] | None = None
) -> Learned:
    """Trains, with the best of several seeds where several are asked for, and measures the loss on the test part.

    Args:
        source, include: what to learn from.
        begins: where held-out text may begin, so that it does not amid a comment or a block.
    """
    networks = lab.train("network", source, lab.seeds(1), include=include, **PARTS, **plan.settings)
    trained = min(networks, key=lambda each: each.summary["nats_per_symbol"])
    loaded = trained.loaded
    corpus = prepare(open_source(source, include=include), loaded.vocabulary, parts=Parts(**PARTS))
    part = corpus.part("test")
    streams = max(1, min(STREAMS, len(part) // 128))
    score = evaluate_text(loaded.network, part.symbols, streams=streams)
    text, start = loaded.vocabulary.decode(corpus.part("all").symbols), part.start
    first = begins.search(text, start) if begins else None
    start = first.start() if first else start
    training = text[: len(corpus.part("train"))]
    return Learned(trained, plan, training, text[:start], text[start:], score.nats_per_symbol)


def tell_network(lab: Lab, learned: Learned) -> None:
    """The part of the report about the network."""
    plan, loaded = learned.plan, learned.trained.loaded
    lab.heading("The network")
    settings = loaded.network.settings
    better = "reaches" if learned.reached else "does not reach"
    lab.say(
        f"""{settings.layers} layers of {settings.hidden} LSTM neurons, {loaded.network.parameter_count:,} parameters,
        have read {len(learned.training):,} characters with the plan for {plan.machine}. On held-out text they lose
        {learned.loss:.3f} nats a character ({learned.loss / math.log(2):.3f} bits), which {better} the
        {plan.loss:g} that this recipe asks for."""
    )
    lab.table(("setting", "value"), list(plan.settings.items()))
    lab.number("nats_per_symbol", learned.loss)
    lab.number("reached", learned.reached)


def write(lab: Lab, learned: Learned, prime: str = "") -> dict[str, str]:
    """Texts that the network writes at each temperature, kept in `samples/` and shown at their beginning."""
    loaded, folder = learned.trained.loaded, lab.folder / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    texts: dict[str, str] = {}
    lab.heading("What it writes")
    for seed, temperature in enumerate(TEMPERATURES):
        lab.tell(f"writing {learned.plan.written:,} characters at temperature {temperature:g}")
        manner: dict[str, Any] = {"length": learned.plan.written, "temperature": temperature, "seed": seed}
        text = "".join(sample(loaded.network, loaded.vocabulary, prime, **manner))
        write_whole(folder / f"temperature-{temperature:g}.txt", text.encode("utf-8", "replace"))
        texts[f"{temperature:g}"] = text
        lab.listing(text[:1500], f"The first of {learned.plan.written:,} characters at temperature {temperature:g}.")
    return texts


def compare(
    lab: Lab, learned: Learned, written: Mapping[str, str], measures: Mapping[str, Callable[[str], Share]]
) -> dict[str, list[Share]]:
    """Measures what was written, beside as much held-out text, which says what the measure gives of the real thing.

    Returns:
        Of each measure, its share at each temperature.
    """
    texts = {**written, "held out": learned.held_out[: learned.plan.written]}
    found = {name: [measure(text) for text in texts.values()] for name, measure in measures.items()}
    lab.table(
        ("share of", *(f"at {name}" for name in written), "held-out text"),
        [(name, *shares) for name, shares in found.items()],
        "What the network wrote at each temperature, and as many characters that people wrote.",
    )
    kept = {name: dict(zip(texts, (list(share) for share in shares), strict=True)) for name, shares in found.items()}
    lab.number("shares", kept)
    return {name: shares[: len(written)] for name, shares in found.items()}


def tell_copied(lab: Lab, learned: Learned, written: Mapping[str, str]) -> list[int]:
    """The longest run of each text that stands in the training text too; returns their lengths."""
    runs = [longest_copied(text, learned.training) for text in written.values()]
    held_out = longest_copied(learned.held_out[: learned.plan.written], learned.training)
    lab.table(
        ("written at", "longest run copied", "which begins"),
        [(name, len(run), f"`{_one_line(run)}`") for name, run in zip(written, runs, strict=True)]
        + [("held-out text", len(held_out), f"`{_one_line(held_out)}`")],
        "Characters in a row that stand in the training text too, word for word; people repeat themselves as well.",
    )
    lab.number("longest_copied", [len(run) for run in runs])
    lab.number("longest_copied_held_out", len(held_out))
    return [len(run) for run in runs]


def _one_line(run: str) -> str:
    return " ".join(run.replace("`", "'").split())[:80]


def judge_shares(lab: Lab, learned: Learned, claim: str, shares: Sequence[Share], bar: float) -> None:
    """A claim holds where a share is at least `bar`, at each temperature at which there was anything to count."""
    answers = [share.value >= bar for share in shares if share.value is not None]
    enough = sum(share.all for share in shares) >= ENOUGH
    because = ", ".join(f"{share} at {t:g}" for share, t in zip(shares, TEMPERATURES, strict=True))
    judge(lab, learned, claim, answers if enough else None, because)


def judge(lab: Lab, learned: Learned, claim: str, found: bool | list[bool] | None, because: str) -> None:
    """As `lab.judge`; what a network lacks that has not learned enough decides nothing."""
    holds = found is True or (isinstance(found, list) and all(found))
    if not holds and found is not None and not learned.reached:
        found, because = None, f"{because}; the network has not reached {learned.plan.loss:g} nats"
    lab.judge(claim, found, because)


@dataclass(frozen=True)
class Search:
    """What was found, with the steps of the second half, that scores are told on.

    Attributes:
        best: the best neuron for each hypothesis; None where the text has too little of it.
        values: `(steps,)` of each of these neurons, turned so that up is yes.
        labels: `(steps,)` of each hypothesis.
    """

    best: Mapping[str, Candidate | None]
    values: Mapping[str, Array]
    labels: Mapping[str, Label]

    def told_apart(self, hypothesis: str, among: str) -> float:
        """The AUC of a hypothesis' best neuron over the steps alone at which a simpler one holds: 0.5 where the neuron
        knows no more than that."""
        asked = self.labels[among]
        return float(auc(self.values[hypothesis][asked][:, None], self.labels[hypothesis][asked])[0])


def find_neurons(lab: Lab, learned: Learned, hypotheses: Sequence[str]) -> Search:
    """Seeks, in every layer's cell and hidden state, the best neuron for each hypothesis.

    It is chosen on the first half of the watched text, and scored on the second.
    """
    lab.heading("Which neuron stands for what")
    lab.tell("looking for neurons")
    passage = learned.held_out[: learned.plan.watched]
    text = learned.before[-CONTEXT:] + passage
    # None of those that are sought here is a class.
    labels = {name: cast(Label, HYPOTHESES.get(name)(text))[-len(passage) :] for name in hypotheses}
    trace = lab.watch(learned.trained, [passage], SIGNALS).trace
    layers = learned.trained.loaded.network.settings.layers
    signals = {f"rnn.l{at}.{name}": trace.read(f"rnn.l{at}", name) for at in range(layers) for name in SIGNALS}
    half = len(passage) // 2
    best = best_neurons(signals, labels, slice(0, half), slice(half, len(passage)))
    lab.say(
        f"""Every neuron of every layer, by its cell state and its hidden state, is compared with each hypothesis
        over {len(passage):,} characters of held-out text: the best is chosen on the first half, and its score is that
        on the second. It counts as found from an AUC of {FOUND["AUC"]:g} or a correlation of
        {FOUND["correlation"]:g} on."""
    )
    lab.table(("hypothesis", "neuron", "goes", "score where chosen", "score", "found"), _rows(best))
    lab.number("neurons", {name: None if each is None else vars(each) for name, each in best.items()})
    values = {
        name: each.direction * signals[each.signal][half:, each.neuron]
        for name, each in best.items()
        if each is not None
    }
    found = Search(best, values, {name: label[half:] for name, label in labels.items()})
    _show(lab, learned, passage[half:], found)
    return found


def judge_neuron(lab: Lab, learned: Learned, claim: str, found: Search, hypothesis: str, among: str = "") -> None:
    """Whether the best neuron is good enough, as `FOUND` says.

    Args:
        among: a simpler hypothesis, which the neuron must know more than: over the steps alone at which that one holds,
            it must reach `KNOWS_MORE`.
    """
    candidate = found.best[hypothesis]
    if candidate is None:
        lab.judge(claim, None, "there is too little of it in the text")
        return
    because = f"{candidate.name}: {candidate.measure} {candidate.held_out:.3f} on held-out text"
    more = 1.0
    if among:
        more = found.told_apart(hypothesis, among)
        lab.number(f"{hypothesis}-among-{among}", more)
        because += f", {more:.3f} where `{among}` holds"
    judge(lab, learned, claim, is_found(candidate) and more >= KNOWS_MORE, because)


def is_found(candidate: Candidate | None) -> bool:
    """Whether a neuron tells a label well enough to be said to stand for it."""
    return candidate is not None and candidate.held_out >= FOUND[candidate.measure]


def _rows(best: Mapping[str, Candidate | None]) -> list[Sequence[object]]:
    return [
        (name, "–", "–", "–", "too little of it", "–")
        if each is None
        else (
            name,
            each.name,
            "up" if each.direction > 0 else "down",
            each.chosen,
            f"{each.measure} {shown(each.held_out)}",
            is_found(each),
        )
        for name, each in best.items()
    ]


SHOWN, KEPT = 700, 6000
"""Characters of a figure, and of the recording that it is taken from."""


def _show(lab: Lab, learned: Learned, passage: str, found: Search) -> None:
    """Pictures of the neurons that were found, each where what it stands for begins."""
    kept = lab.keep(learned.trained, [passage[:KEPT]], "held-out", "Held-out text")
    for name, candidate in found.best.items():
        if candidate is None or not is_found(candidate):
            continue
        positive = (found.labels[name][:KEPT] > 0).nonzero()[0]
        first = int(positive[0]) if len(positive) else 0
        start = passage.rfind("\n", 0, first) + 1
        lab.figure(
            f"neuron-{name}",
            figures.coloured_text(kept.trace, candidate.name, start=start, limit=min(SHOWN, KEPT - start)),
            f"{name}: {candidate.name}, {candidate.measure} {candidate.held_out:.3f}.",
        )
