"""Remember a letter: A or B, some x's, a Y, and then a or b.

Which neurons hold the letter, what do their gates do meanwhile, and what else happens while nothing happens?
"""

from __future__ import annotations

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Trained, Watched, percent
from unrolled.neurons.measures import correlation
from unrolled.sources.tasks.state_memorizer import StateMemorizer
from unrolled.training.exam import greedy_answers, share_right

SOURCE, MOST = "task:state-memorizer", 1000
HELD = 0.5
"""A cell state stands for a letter if, over the x's, it is at least this large with it and always smaller without."""


def reproduce(lab: Lab) -> None:
    """Trains, finds the neurons that hold A and B, and looks at their gates."""
    networks = lab.train("lstm", SOURCE, lab.seeds(5), loss_on="knowable")
    whether_they_can(lab, networks)
    watched = [lab.watch(each, list(StateMemorizer().sequences())) for each in networks]
    holders = [{letter: holding_neurons(each, letter) for letter in "AB"} for each in watched]
    who_holds(lab, holders)
    their_gates(lab, watched, holders)
    meanwhile(lab, watched, holders)
    kept = lab.keep(networks[0], list(StateMemorizer().sequences()), "state", "A network that remembers A or B")
    for letter, neuron in best_holders(holders[0])[:1]:
        lab.figure(
            "holding-neuron",
            figures.coloured_text(kept.trace, f"rnn.l0.cell.{neuron}"),
            f"The cell state of neuron {neuron}, which stands for {letter}, over strings with A and with B.",
        )
    signals = [f"rnn.l0.cell.{neuron}" for neuron in range(10)]
    lab.figure(
        "all-cells",
        figures.coloured_strips(kept.trace, signals, start=sum(map(len, kept.strings[:9])), limit=len(kept.strings[9])),
        "The cell states of all ten neurons of seed 0 over one string: A, ten x's, Y, a.",
    )


def whether_they_can(lab: Lab, networks: list[Trained]) -> None:
    lab.heading("How long they remember")
    right = [share_right(each.loaded.network, StateMemorizer()) for each in networks]
    reached = [remembers_to(each) for each in networks]
    lab.say(
        f"{len(networks)} networks of 10 LSTM neurons, trained on 1 to 10 x's, then asked for more and more, to {MOST}."
    )
    lab.table(
        ("seed", "right with 1 to 10 x's", "right for both letters up to"),
        [(each.seed, percent(r), to) for each, r, to in zip(networks, right, reached, strict=True)],
    )
    lab.number("share_right", right)
    lab.number("remembers_to", reached)
    lab.judge("state-learns", [share == 1 for share in right], f"{percent(min(right))} right at least")
    lab.judge("state-beyond", [to > 10 for to in reached], f"to {min(reached)} x's at least")


def remembers_to(trained: Trained) -> int:
    """The most x's, up to 1000, so that A and B are told apart right with every number of x's up to it."""
    lengths = range(1, MOST + 1)
    primes = [f"\n{letter}{'x' * n}Y" for n in lengths for letter in "AB"]
    answers = greedy_answers(trained.loaded.network, trained.loaded.vocabulary, primes, 2)
    right = [answer == prime[1].lower() + "\n" for answer, prime in zip(answers, primes, strict=True)]
    both = [a and b for a, b in zip(right[::2], right[1::2], strict=True)]
    return both.index(False) if False in both else MOST


def idle(watched: Watched) -> Array:
    """`(steps,)`: whether an x is read."""
    return watched.letters == "x"


def letter_of(watched: Watched) -> Array:
    """`(steps,)`: the letter that the step's string is about."""
    return watched.per_step(lambda string: [string[1]] * len(string))


def holding_neurons(watched: Watched, letter: str) -> list[int]:
    """Neurons whose cell state stands for a letter all along, the largest first: over all x's it is large with that
    letter, and with the other one always smaller in size."""
    size, own = np.abs(watched.signal("cell")[idle(watched)]), letter_of(watched)[idle(watched)] == letter
    with_it, without = size[own].min(axis=0), size[~own].max(axis=0)
    order = (with_it - without).argsort()[::-1]
    return [int(neuron) for neuron in order if with_it[neuron] > max(HELD, without[neuron])]


def who_holds(lab: Lab, holders: list[dict[str, list[int]]]) -> None:
    lab.heading("Who holds the letter")
    lab.say(
        f"""A neuron stands for A if, on every x of every string, its cell state is larger (in size) after A than it
        ever is after B, and at least {HELD}. Likewise for B."""
    )
    lab.table(
        ("seed", "stand for A", "stand for B"),
        [(at, *(", ".join(map(str, each[letter])) or "none" for letter in "AB")) for at, each in enumerate(holders)],
    )
    lab.number("holders", holders)
    for letter in "AB":
        have = [bool(each[letter]) for each in holders]
        lab.judge(f"state-{letter.lower()}-neuron", have, f"found in {sum(have)} of {len(have)} networks")


def best_holders(holders: dict[str, list[int]]) -> list[tuple[str, int]]:
    """The clearest neuron of each letter that has one."""
    return [(letter, found[0]) for letter, found in holders.items() if found]


def their_gates(lab: Lab, watched: list[Watched], holders: list[dict[str, list[int]]]) -> None:
    lab.heading("Their gates")
    lab.say("Means over the clearest neuron of each letter, in strings with its letter:")
    rows: list[tuple[int, str, int, dict[str, float]]] = []
    for at, (each, found) in enumerate(zip(watched, holders, strict=True)):
        letters, owner = each.letters, letter_of(each)
        for letter, neuron in best_holders(found):
            own, end = owner == letter, np.append(letters[1:] == "\n", True) & (letters != "\n")
            where = {
                "own": letters == letter,
                "x": (letters == "x") & own,
                "Y": (letters == "Y") & own,
                "end": end & own,
            }
            means = {
                f"{gate}_{name}": float(each.signal(gate)[mask, neuron].mean())
                for gate in ("input_gate", "forget_gate")
                for name, mask in where.items()
            }
            rows.append((at, letter, neuron, means))
    lab.table(
        ("seed", "letter", "neuron", "i on its letter", "i on x", "f on x", "f on Y", "f at the end"),
        [
            (
                at,
                letter,
                neuron,
                m["input_gate_own"],
                m["input_gate_x"],
                m["forget_gate_x"],
                m["forget_gate_Y"],
                m["forget_gate_end"],
            )
            for at, letter, neuron, m in rows
        ],
        "At the end: on the a or b, after which nothing is left to remember.",
    )
    lab.number(
        "gates", [{"seed": at, "letter": letter, "neuron": neuron, **means} for at, letter, neuron, means in rows]
    )
    shut, opened = [m["input_gate_x"] for *_, m in rows], [m["forget_gate_x"] for *_, m in rows]
    ends = [min(m["forget_gate_Y"], m["forget_gate_end"]) for *_, m in rows]
    lab.judge("state-input-shut", [value < 0.1 for value in shut], f"mean on x {span(shut)}")
    lab.judge("state-forget-open", [value > 0.9 for value in opened], f"mean on x {span(opened)}")
    lab.judge(
        "state-forget-shuts",
        [end < 0.5 < keep for end, keep in zip(ends, opened, strict=True)],
        f"mean at Y or after {span(ends)}",
    )


def span(values: list[float]) -> str:
    """`0.02 to 0.94`."""
    return f"{min(values):.2f} to {max(values):.2f}" if values else "of 0 holding neurons"


def meanwhile(lab: Lab, watched: list[Watched], holders: list[dict[str, list[int]]]) -> None:
    lab.heading("What happens meanwhile")
    awake, counting = list[float](), list[float]()
    for each, found in zip(watched, holders, strict=True):
        hidden = np.abs(each.signal("hidden")[idle(each)])
        own = letter_of(each)[idle(each)]
        awake += [float(hidden[own == letter, neuron].mean()) for letter, neuron in best_holders(found)]
        so_far = each.per_step(lambda string: [string[: t + 1].count("x") for t in range(len(string))])
        r = [
            np.abs(
                correlation(
                    each.signal("cell")[idle(each) & (letter_of(each) == letter)],
                    so_far[idle(each) & (letter_of(each) == letter)],
                )
            )
            for letter in "AB"
        ]
        counting.append(float(np.minimum(*r).max()))
    lab.say(
        """Is the hidden state of the holding neurons awake over the x's, though nothing is asked yet? And does some
        neuron count the x's: the largest correlation of a cell state with their number, after A and after B alike
        (the weaker of the two)?"""
    )
    lab.table(("seed", "best correlation with the number of x's"), list(enumerate(counting)))
    lab.number("hidden_over_x", awake)
    lab.number("counts_x", counting)
    lab.judge("state-hidden-awake", [value > 0.1 for value in awake], f"mean |h| over the x's {span(awake)}")
    lab.judge("state-counts", [r > 0.95 for r in counting], f"correlation {span(counting)}")
