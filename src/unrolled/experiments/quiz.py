"""Quiz: which message did a person write?

The network of the recipe `tweets` writes messages; a page shows some of them with a real one among them, which the
network has never seen, and keeps score. The answer says how likely the network itself finds each.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from unrolled.errors import SourceError
from unrolled.experiments import tweets
from unrolled.experiments.lab import Lab, percent
from unrolled.experiments.text_networks import Learned, Plan, plan_for
from unrolled.files import write_whole
from unrolled.training.evaluate import evaluate_sequences
from unrolled.writing.sample import sample

READS = tweets.READS

ROUNDS, OTHERS = 10, 3
TEMPERATURE = 0.7
SHORTEST, LONGEST = 40, 240
"""Characters of a message that is shown."""
MOST = 100_000
"""Characters that the network writes at most, until there are messages enough."""


class Message(NamedTuple):
    """A message, whether a person wrote it, and its perplexity a character under the network."""

    text: str
    real: bool
    perplexity: float


def reproduce(lab: Lab) -> None:
    """Trains, unless `tweets` beside it has, and makes the page."""
    explore(lab, plan_for(tweets.TWO_CORES, tweets.GPU))


def explore(lab: Lab, plan: Plan) -> None:
    """The recipe with any plan."""
    learned = tweets.learn_messages(replace(lab, folder=lab.folder.parent / "tweets"), plan)
    lab.tell("writing messages")
    rounds = make_rounds(learned)
    write_whole(lab.folder / "quiz.html", make_page(rounds).encode())
    lab.heading("The page")
    lab.say("[Play](quiz.html): pick the message that a person wrote. The page needs no network.")
    lab.heading("The key")
    lab.say(
        """The perplexity of a message is e to the power of its loss in nats a character, its end included: the network
        might as well have chosen at each place among so many characters, all alike."""
    )
    lab.table(
        ("round", "the real one", "its perplexity", "perplexity of the others"),
        [
            (at, _shortened(real.text), real.perplexity, ", ".join(f"{each.perplexity:.2f}" for each in others))
            for at, (real, others) in enumerate(map(_parted, rounds), 1)
        ],
    )
    found = [real.perplexity > max(each.perplexity for each in others) for real, others in map(_parted, rounds)]
    share = sum(found) / len(found)
    lab.say(f"Whoever picks what surprises the network most is right in {percent(share)} of the rounds.")
    lab.number("rounds", [[each._asdict() for each in messages] for messages in rounds])
    lab.number("real_surprises_most", share)


def make_rounds(learned: Learned) -> list[list[Message]]:
    """Messages that the network wrote, and in each round a held-out one among them, always in the same order.

    Raises:
        SourceError: the text holds too few messages, or the network wrote too few, that can be shown.
    """
    known = set(learned.training.split("\n"))
    written = write_enough(learned, known, ROUNDS * OTHERS)
    real = fit_to_show(learned.held_out, known)
    if len(real) < ROUNDS or len(written) < ROUNDS * OTHERS:
        raise SourceError(
            f"A quiz of {ROUNDS} rounds takes {ROUNDS} held-out messages of {SHORTEST} to {LONGEST} characters and "
            f"{ROUNDS * OTHERS} such from the network; there are {len(real)} and {len(written)}.",
            "Give a longer file, one message a line." if len(real) < ROUNDS else "Train the network longer.",
        )
    chance = random.Random(0)
    chosen = iter(written)
    rounds: list[list[Message]] = []
    for text in chance.sample(real, ROUNDS):
        messages = [Message(text, True, perplexity(learned, text))]
        messages += [Message(other, False, perplexity(learned, other)) for other in islice(chosen, OTHERS)]
        chance.shuffle(messages)
        rounds.append(messages)
    return rounds


def write_enough(learned: Learned, known: AbstractSet[str], many: int) -> list[str]:
    """The first messages of the network that can be shown: as many as are asked for, or all that it wrote in `MOST`
    characters."""
    loaded, text = learned.trained.loaded, ""
    found: list[str] = []
    for piece in sample(loaded.network, loaded.vocabulary, length=MOST, temperature=TEMPERATURE, seed=1):
        text += piece
        found = fit_to_show(text, known) if "\n" in piece else found
        if len(found) >= many:
            break
    return found[:many]


def fit_to_show(text: str, known: AbstractSet[str]) -> list[str]:
    """The messages of a text that are of a length to be shown, and that are not known; each once, the last left out,
    as it may be cut off."""
    lines = (line.strip() for line in text.split("\n")[:-1])
    return list(dict.fromkeys(line for line in lines if SHORTEST <= len(line) <= LONGEST and line not in known))


def perplexity(learned: Learned, message: str) -> float:
    """Of a message under the network, for each of its characters and the newline after it."""
    loaded = learned.trained.loaded
    symbols = loaded.vocabulary.encode(f"\n{message}\n")
    return math.exp(evaluate_sequences(loaded.network, [symbols]).nats_per_symbol)


def make_page(rounds: Sequence[Sequence[Message]]) -> str:
    """One page of HTML with everything in it."""
    told = [{"messages": [each._asdict() for each in messages]} for messages in rounds]
    # No message may end the script that it stands in.
    inside = json.dumps(told, ensure_ascii=True).replace("<", "\\u003c")
    return files("unrolled.experiments").joinpath("quiz.html").read_text("utf-8").replace("{{rounds}}", inside)


def _parted(messages: Sequence[Message]) -> tuple[Message, list[Message]]:
    """The real one, and the others."""
    (real,) = (each for each in messages if each.real)
    return real, [each for each in messages if not each.real]


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
