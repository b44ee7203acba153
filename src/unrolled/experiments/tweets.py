"""Tweets: two layers learn short messages.

They read a file of messages, one a line, with hashtags, links and mentions in them. What they write is measured:
whether its parts are well-formed, and what is copied. Then the neurons that know hashtags, names, phrases and slogans.
"""

from __future__ import annotations

import random
from functools import partial

from unrolled.errors import SourceError
from unrolled.experiments.code import ALWAYS, MOSTLY
from unrolled.experiments.lab import Lab, Reads
from unrolled.experiments.text_networks import (
    Learned,
    Plan,
    compare,
    judge,
    judge_shares,
    learn,
    plan_for,
    tell_copied,
    tell_network,
    write,
)
from unrolled.experiments.text_neurons import find_neurons, judge_neuron, switch_off
from unrolled.experiments.written import messages
from unrolled.files import write_whole
from unrolled.sources import open_source

MESSAGES = "messages.txt"
READS = Reads("a file of short messages, one a line")

TWO_CORES = Plan(
    "two cores",
    {"layers": 2, "hidden": 384, "batch": 32, "unroll": 100, "learning_rate": 0.003, "steps": 7000},
    loss=1.5,
    watched=60_000,
)
GPU = Plan(
    "a GPU",
    {"layers": 2, "hidden": 1024, "batch": 64, "unroll": 128, "learning_rate": 0.002, "steps": 6000},
    loss=1.4,
    watched=60_000,
)

NEURONS = {
    "hashtag-mention-link": "tweets-position-neuron",
    "all-capitals": "tweets-capitals-neuron",
    "proper-noun": "tweets-proper-noun-neuron",
    "auxiliary-be": "tweets-auxiliary-neuron",
    "quoted": "tweets-quote-neuron",
    "slogan": "tweets-slogan-neuron",
}
"""What is looked for, and the claim that there is a neuron for it."""
SIMPLER = {"proper-noun": "capitalised-word", "auxiliary-be": "be"}
"""What a neuron must know more than: a name is not just any word with a capital."""
MORE = ("hashtag", "mention", "link", "capital", "capitalised-word", "be")
HASHTAGS, MENTIONS, LINKS = "hashtags well-formed", "mentions well-formed", "links well-formed"
WORDS, COPIES, QUOTES = "words that the training text has", "messages copied", "quotation marks closed"


def reproduce(lab: Lab) -> None:
    """Trains, lets it write, measures, and looks for neurons."""
    explore(lab, plan_for(TWO_CORES, GPU))


def learn_messages(lab: Lab, plan: Plan) -> Learned:
    """The network of this recipe, which the quiz takes too.

    It reads the messages in an order of chance, always the same one, and each but once: so what is held out is of the
    same times as what is learned, and none of it has been learned.

    Raises:
        SourceError: the source holds no messages.
    """
    assert lab.source is not None
    text = "".join(block.text for block in open_source(lab.source).blocks() if isinstance(block.text, str))
    lines = list(dict.fromkeys(line for line in text.split("\n") if line))
    if not lines:
        raise SourceError(f"{lab.source} holds no messages.", "Give a text with one message a line.")
    random.Random(0).shuffle(lines)
    shuffled = lab.folder / MESSAGES
    shuffled.parent.mkdir(parents=True, exist_ok=True)
    write_whole(shuffled, "".join(f"{line}\n" for line in lines).encode())
    return learn(lab, plan, str(shuffled))


def explore(lab: Lab, plan: Plan) -> None:
    """The recipe with any plan."""
    learned = learn_messages(lab, plan)
    tell_network(lab, learned)
    how_good(lab, learned, write(lab, learned))
    found = find_neurons(lab, learned, [*NEURONS, *MORE])
    for hypothesis, claim in NEURONS.items():
        judge_neuron(lab, learned, claim, found, hypothesis, SIMPLER.get(hypothesis, ""))
    switch_off(lab, learned, found, "quoted", '"”')


def how_good(lab: Lab, learned: Learned, written: dict[str, str]) -> None:
    lab.heading("How good the messages are")
    known, lines = messages.words(learned.training), set(learned.training.split("\n"))
    shares = compare(
        lab,
        learned,
        written,
        {
            HASHTAGS: messages.hashtags_formed,
            MENTIONS: messages.mentions_formed,
            LINKS: messages.links_formed,
            QUOTES: messages.quotes_closed,
            WORDS: partial(messages.words_known, known=known),
            COPIES: partial(messages.messages_copied, known=lines),
        },
    )
    judge_shares(lab, learned, "tweets-hashtags", shares[HASHTAGS], ALWAYS)
    judge_shares(lab, learned, "tweets-mentions", shares[MENTIONS], ALWAYS)
    judge_shares(lab, learned, "tweets-links", shares[LINKS], MOSTLY)
    longest = tell_copied(lab, learned, written)
    copies = [share.value or 0.0 for share in shares[COPIES]]
    because = f"runs of {min(longest)} to {max(longest)} characters; copied: {', '.join(map(str, shares[COPIES]))}"
    judge(lab, learned, "tweets-own-words", [share < 0.1 for share in copies], because)
