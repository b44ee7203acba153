"""What the recipes on texts have in common: train on one, let the network write, and measure that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unrolled.experiments.lab import Lab, Trained
from unrolled.experiments.written.copied import longest_copied
from unrolled.experiments.written.share import Share
from unrolled.files import write_whole
from unrolled.sources import Parts, open_source, prepare
from unrolled.training.evaluate import evaluate_text
from unrolled.writing.sample import sample

TEMPERATURES = (0.5, 0.75, 1.0)
ENOUGH = 3
"""Cases in all of which a share can say something."""
PARTS = {"validation": 0.05, "test": 0.05}
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
