"""Count, but not everything: a's with X's among them, a Y, and as many b's as there were a's.

What keeps the X's out: the input gate, or what would be stored? And which neuron tells the count at the Y?
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from random import Random

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Watched, percent
from unrolled.neurons.measures import correlation, monotone, tightness
from unrolled.sources.tasks.selective_counter import SelectiveCounter
from unrolled.training.exam import share_right

SOURCE = "task:selective-counter"
ORDERS = 20
"""Orders of each N's a's and X's that are watched."""
SILENT = 0.25
"""Below this share of its size at the Y a neuron counts as silent before."""
TIGHT = 0.002
"""About the spread that the article reports, 0.1 %."""


def reproduce(lab: Lab) -> None:
    """Trains, finds the counting neuron and the one that speaks at Y, and looks at what they do on an X."""
    networks = lab.train("lstm", SOURCE, lab.seeds(5))
    right = [share_right(each.loaded.network, SelectiveCounter()) for each in networks]
    lab.heading("Whether they can")
    lab.say(
        f"""{len(networks)} networks of 10 LSTM neurons, trained on up to 10 a's with up to 10 X's among them. Of the
        {len(list(SelectiveCounter().sequences()))} strings of the recording they answer to the last letter right:"""
    )
    lab.table(("seed", "strings right"), [(each.seed, percent(r)) for each, r in zip(networks, right, strict=True)])
    lab.number("share_right", right)
    lab.judge("selective-learns", [share == 1 for share in right], f"{percent(min(right))} right at least")
    watched = [lab.watch(each, questions()) for each in networks]
    found = [counting_neuron(each) for each in watched]
    on_an_x(lab, watched, found)
    at_the_y(lab, watched, [speaker(each) for each in watched])
    kept = lab.keep(
        networks[0], list(SelectiveCounter().sequences()), "selective", "A network that counts the a's alone"
    )
    lab.figure(
        "counting-neuron",
        figures.coloured_text(kept.trace, f"rnn.l0.cell.{found[0]}", limit=700),
        f"The cell state of the counting neuron, {found[0]}, of seed 0: it moves on a and rests on X.",
    )


def questions() -> list[str]:
    """For each N, 20 orders of its a's with 0 to 10 X's."""
    draw, strings = Random(0), list[str]()
    for n in range(1, 11):
        for order in range(ORDERS):
            letters = sorted("a" * n + "X" * (order % 11), key=lambda _: draw.random())
            strings.append(f"\n{''.join(letters)}Y{'b' * n}\n")
    return strings


def before_y(watched: Watched) -> Array:
    """`(steps,)`: whether the Y is still to come."""
    return watched.per_step(lambda string: [t < string.index("Y") for t in range(len(string))]).astype(bool)


def counting_neuron(watched: Watched) -> int:
    """The neuron whose cell state goes best with the number of a's so far, before the Y."""
    before = before_y(watched)
    so_far = watched.per_step(lambda string: [string[: t + 1].count("a") for t in range(len(string))])
    return int(np.abs(correlation(watched.signal("cell")[before], so_far[before])).argmax())


@dataclass(frozen=True)
class Speaker:
    """A neuron that is silent until the Y, or the one that comes nearest to it.

    neuron and signal: which. before: its mean size before the Y, as a share of that at the Y. spread: see `tightness`.
    """

    neuron: int
    signal: str
    before: float
    spread: float
    orderly: bool
    """Whether its value only rises, or only falls, from count to count."""

    @property
    def found(self) -> bool:
        return self.before < SILENT and self.orderly


def speaker(watched: Watched) -> Speaker:
    """Of all cell and hidden states the one that tells the count best at the Y, among those that are silent before;
    where there is none, among all."""
    counts, before, at_y = [string.count("a") for string in watched.strings], before_y(watched), watched.letters == "Y"
    speakers: list[Speaker] = []
    for signal in ("cell", "hidden"):
        values = watched.signal(signal)
        quiet = np.abs(values[before]).mean(axis=0) / np.abs(values[at_y]).mean(axis=0)
        spread, orderly = tightness(values[at_y], counts), monotone(values[at_y], counts)
        speakers += [
            Speaker(neuron, signal, float(quiet[neuron]), float(spread[neuron]), bool(orderly[neuron]))
            for neuron in range(values.shape[1])
        ]
    return min(speakers, key=lambda each: (not each.found, each.spread))


def on_an_x(lab: Lab, watched: list[Watched], found: list[int]) -> None:
    lab.heading("What keeps an X out")
    lab.say(
        """The counting neuron is the one whose cell state goes best with the number of a's so far. Means over its steps
        on a and on X, before the Y; the candidate is turned so that up counts up:"""
    )
    rows: list[dict[str, float]] = []
    for each, neuron in zip(watched, found, strict=True):
        before, values = before_y(each), dict[str, float]()
        masks = {letter: before & (each.letters == letter) for letter in "aX"}
        change = np.diff(each.signal("cell")[:, neuron], prepend=0)
        sign = float(np.sign(change[masks["a"]].mean()))
        for letter, mask in masks.items():
            values[f"input_gate_{letter}"] = float(each.signal("input_gate")[mask, neuron].mean())
            values[f"candidate_{letter}"] = sign * float(each.signal("candidate")[mask, neuron].mean())
            values[f"change_{letter}"] = sign * float(change[mask].mean())
        rows.append(values)
    names = [f"{name}_{letter}" for name in ("input_gate", "candidate", "change") for letter in "aX"]
    lab.table(
        ("seed", "neuron", "i on a", "i on X", "g on a", "g on X", "Δc on a", "Δc on X"),
        [
            (at, f"rnn.l0.{neuron}", *(row[name] for name in names))
            for at, (neuron, row) in enumerate(zip(found, rows, strict=True))
        ],
    )
    lab.number("on_a_and_x", rows)
    gates = [(row["input_gate_a"], row["input_gate_X"]) for row in rows]
    lab.judge(
        "selective-input-shut",
        [answer for a, x in gates for answer in (x < a / 2, x < 0.1)],
        "input gate on a and on X: " + "; ".join(f"{a:.2f}, {x:.2f}" for a, x in gates),
    )
    still = [abs(row["change_X"]) / abs(row["change_a"]) for row in rows]
    lab.judge(
        "selective-cell-still",
        [share < 0.1 for share in still],
        f"an X moves it {percent(min(still))} to {percent(max(still))} of what an a does",
    )
    lab.judge(
        "selective-candidate",
        [row["candidate_X"] < row["candidate_a"] / 2 for row in rows],
        "candidate on X: " + ", ".join(f"{row['candidate_X']:.2f}" for row in rows),
    )


def at_the_y(lab: Lab, watched: list[Watched], speakers: list[Speaker]) -> None:
    lab.heading("The neuron that speaks at the Y")
    lab.say(
        f"""Sought: a cell or hidden state that is silent until the Y (its mean size is less than {percent(SILENT)} of
        that at the Y) and there only rises, or only falls, with the count. Spread: the largest standard deviation for
        one count, as a share of the whole range; strings of one count differ in where the X's stand and how many."""
    )
    lab.table(
        ("seed", "neuron", "size before Y", "spread at Y", "silent and in order"),
        [
            (at, f"rnn.l0.{each.signal}.{each.neuron}", percent(each.before), percent(each.spread), each.found)
            for at, each in enumerate(speakers)
        ],
    )
    lab.number("at_y", [asdict(each) for each in speakers])
    found = [each.found for each in speakers]
    lab.judge("selective-silent-neuron", found, f"in {sum(found)} of {len(found)} networks")
    tightest = min(each.spread for each in speakers)
    lab.judge("selective-tight", [each.spread < TIGHT for each in speakers], f"{100 * tightest:.2g} % at best")
    shown = int(np.argmin([(not each.found) + each.spread for each in speakers]))
    one, each = speakers[shown], watched[shown]
    counts = np.array([string.count("a") for string in each.strings])
    values = each.signal(one.signal)[each.letters == "Y", one.neuron]
    lab.figure(
        "value-at-y",
        figures.lines(
            np.unique(counts),
            {f"{one.signal} {one.neuron}": np.stack([values[counts == n] for n in np.unique(counts)], axis=1)},
            title="What it says at the Y",
            x_name="count of a's",
            y_name=f"{one.signal} state",
        ),
        f"Neuron {one.neuron} of seed {shown} at the Y, by the number of a's, over all orders of the X's.",
    )
