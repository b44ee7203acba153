"""Count: N a's, an X, and as many b's.

Ten LSTM neurons learn aᴺXbᴺ for N up to 10. How far do they count, which neuron does it, and how are its states and
gates while it does? Then the best that we know how to train under the same limits.
"""

from __future__ import annotations

from statistics import median

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Trained, Watched, percent
from unrolled.neurons.measures import correlation, sharpness
from unrolled.sources.tasks.counter import Counter
from unrolled.training.exam import counts_right_to

SOURCE, TRAINED_TO, MOST = "task:counter", 10, 1500
FAR = {"steps": 20_000, "batch": 64, "schedule": "constant", "gradient_clip": 0.1, "loss_on": "knowable"}
FAR_BY_CELL = {
    "lstm": {"learning_rate": 0.2, "forget_bias": 12.0},
    "peephole": {"learning_rate": 0.3, "forget_bias": 40.0},
}
"""The best recipe found so far. A forget gate that starts wide open (a peephole LSTM's also sees how far it has
counted, and must not shut for that) forgets nothing; only what can be known is learned; large steps of one size, on
gradients cut short, drive the gates on until they are open or shut to the last bit."""


def reproduce(lab: Lab) -> None:
    """Trains, finds the counting neuron, and looks at it."""
    networks = lab.train("lstm", SOURCE, lab.seeds(10))
    reached = [counts_right_to(each.loaded.network, Counter(), most=MOST) for each in networks]
    how_far(lab, networks, reached)
    watched = [lab.watch(each, questions(1, 20)) for each in networks]
    found = [counting_neuron(each) for each in watched]
    the_neuron(lab, watched, found)
    shown = int(np.argmax([abs(r) for _, r, _, _ in found]))
    pictures(lab, networks[shown], *found[shown][:2])
    hidden_is_sharpened(lab, watched)
    gates(lab, watched, found)
    farther(lab)


def questions(first: int, last: int) -> list[str]:
    """Whole examples for each N."""
    return list(Counter(minimum=first, maximum=last).sequences())


def count_of(string: str) -> list[int]:
    """The count at each step of `\\naaXbb\\n`: up by one at each a, down by one at each b."""
    changes = [{"a": 1, "b": -1}.get(letter, 0) for letter in string]
    return np.cumsum(changes).tolist()


def counting_neuron(watched: Watched) -> tuple[int, float, float, float]:
    """The neuron whose cell state goes with the count: its number, the correlation, and its mean change on an a and on
    a b, both turned so that up is up. Only N up to 10 are looked at: what it does beyond is another question."""
    known = watched.per_step(lambda string: [string.count("a") <= TRAINED_TO] * len(string)).astype(bool)
    cell, count = watched.signal("cell"), watched.per_step(count_of)
    r = correlation(cell[known], count[known])
    neuron = int(np.abs(r).argmax())
    change = np.diff(cell[:, neuron], prepend=0) * np.sign(r[neuron])
    on = {letter: float(change[known & (watched.letters == letter)].mean()) for letter in "ab"}
    return neuron, float(r[neuron]), on["a"], on["b"]


def how_far(lab: Lab, networks: list[Trained], reached: list[int]) -> None:
    lab.heading("How far they count")
    lab.say(
        f"""{len(networks)} networks of 10 LSTM neurons, trained on N from 1 to {TRAINED_TO} by the defaults of
        `unrolled train task:counter`. Each is asked for N = 1, 2, 3, … and must write exactly N b's and the newline.
        The median network counts right to {median(reached):g}, the best to {max(reached)}."""
    )
    lab.table(("seed", "counts right to"), [(each.seed, far) for each, far in zip(networks, reached, strict=True)])
    lab.number("counts_right_to", reached)
    lab.judge("counter-learns", [far >= TRAINED_TO for far in reached], f"right to {min(reached)} at least")
    lab.judge(
        "counter-goes-beyond",
        [far > TRAINED_TO for far in reached],
        f"right to {min(reached)} to {max(reached)}, median {median(reached):g}",
    )
    lab.judge("counter-breaks", [far < MOST for far in reached], f"the best breaks at {max(reached) + 1}")


def the_neuron(lab: Lab, watched: list[Watched], found: list[tuple[int, float, float, float]]) -> None:
    lab.heading("The neuron that counts")
    lab.say(
        """The count is the number of a's so far, less the b's. In each network, the neuron whose cell state goes with
        it best (Pearson's correlation over N = 1 to 10), and how its cell state moves on an a and on a b:"""
    )
    ends = [stop_margin(each, neuron) for each, (neuron, *_) in zip(watched, found, strict=True)]
    lab.table(
        ("seed", "neuron", "correlation", "change on a", "change on b", "end told by its cell"),
        [
            (seed, f"rnn.l0.{neuron}", abs(r), up, down, percent(end))
            for seed, ((neuron, r, up, down), end) in enumerate(zip(found, ends, strict=True))
        ],
        "Last: how often one threshold on this one cell state tells the last b of a string from those before.",
    )
    lab.number(
        "counting_neurons", [{"neuron": n, "correlation": r, "on_a": up, "on_b": down} for n, r, up, down in found]
    )
    lab.number("end_told", ends)
    weakest = min(abs(r) for _, r, _, _ in found)
    lab.judge(
        "counter-one-neuron",
        [up > 0 > down for _, _, up, down in found],
        f"in {sum(up > 0 > down for _, _, up, down in found)} of {len(found)} networks",
    )
    lab.judge("counter-cell-linear", [abs(r) > 0.95 for _, r, _, _ in found], f"correlation {weakest:.3f} at least")
    lab.judge(
        "counter-one-neuron-stops",
        [end > 0.99 for end in ends],
        f"one threshold is right for {percent(min(ends))} at least",
    )


def stop_margin(watched: Watched, neuron: int) -> float:
    """How often one threshold on a neuron's cell state tells, of the b's up to N = 10, the last of its string."""
    last = watched.per_step(lambda s: [s[t] == "b" and s[t + 1 : t + 2] != "b" for t in range(len(s))]).astype(bool)
    known = watched.per_step(lambda string: [string.count("a") <= TRAINED_TO] * len(string)).astype(bool)
    among = known & (watched.letters == "b")
    values, ends = watched.signal("cell")[among, neuron], last[among]
    order = values.argsort()
    rising = np.concatenate([[0], ends[order].cumsum()])  # last ones among the k smallest
    smaller, total = np.arange(len(values) + 1), int(ends.sum())
    right = rising + (len(values) - smaller - (total - rising))  # the k smallest are the last ones
    return float(max(right.max(), (len(values) - right).max()) / len(values))


def pictures(lab: Lab, network: Trained, neuron: int, r: float) -> None:
    kept = lab.keep(network, questions(1, 20), "counter", "A network that counts: aᴺXbᴺ, N = 1 to 20")
    lab.figure(
        "counting-neuron",
        figures.coloured_text(kept.trace, f"rnn.l0.cell.{neuron}"),
        f"The cell state of neuron {neuron} over N = 1 to 20: deeper with every a, paler with every b.",
    )
    lab.figure(
        "signals",
        figures.coloured_strips(
            kept.trace,
            [f"rnn.l0.{signal}.{neuron}" for signal in ("input_gate", "forget_gate", "candidate", "cell", "hidden")],
            start=sum(map(len, kept.strings[:9])),
            limit=len(kept.strings[9]),
        ),
        f"Every signal of neuron {neuron} over one string, N = 10.",
    )
    cell, last = kept.signal("cell")[:, neuron] * np.sign(r), kept.string_of == len(kept.strings) - 1
    count = kept.per_step(count_of)
    lab.figure(
        "cell-and-count",
        figures.lines(
            np.arange(int(last.sum())),
            {"cell state": cell[last][None], "count": count[last][None].astype(float)},
            title="One string, N = 20",
            x_name="step",
            y_name="value",
        ),
        "The counting neuron's cell state, turned so that up counts up, beside the count itself.",
    )


def hidden_is_sharpened(lab: Lab, watched: list[Watched]) -> None:
    lab.heading("What is kept and what is shown")
    rows: list[tuple[float, float]] = []
    for each in watched:
        cell, hidden = each.signal("cell"), each.signal("hidden")
        largest = np.abs(cell).max(axis=0)
        rows.append((float(sharpness(cell, largest).mean()), float(sharpness(hidden, 1.0).mean())))
    lab.say(
        """The article finds the hidden state to be a sharpened cell state. Of all values of all neurons, the share that
        lies next to nothing or next to its bound (within a tenth; the bound of a cell state is its neuron's largest
        value, that of a hidden state 1):"""
    )
    lab.table(("seed", "cell state", "hidden state"), [(at, percent(c), percent(h)) for at, (c, h) in enumerate(rows)])
    lab.number("sharpness", [{"cell": c, "hidden": h} for c, h in rows])
    first = watched[0]
    lab.figure(
        "cell-against-hidden",
        figures.cell_against_hidden(first.signal("cell"), first.signal("hidden")),
        "Cell states and hidden states of all neurons of seed 0.",
    )
    sharper = [h > c for c, h in rows]
    c, h = (float(np.mean([row[at] for row in rows])) for at in (0, 1))
    lab.judge("counter-hidden-sharpened", sharper, f"sharp values: cell state {percent(c)}, hidden state {percent(h)}")


def gates(lab: Lab, watched: list[Watched], found: list[tuple[int, float, float, float]]) -> None:
    lab.heading("Its gates over the two halves")
    lab.say("Means over the counting neurons of all networks, N = 1 to 10:")
    means: dict[str, list[Array]] = {}
    for each, (neuron, *_) in zip(watched, found, strict=True):
        known = each.per_step(lambda string: [string.count("a") <= TRAINED_TO] * len(string)).astype(bool)
        for gate in ("input_gate", "forget_gate", "output_gate", "candidate"):
            values = each.signal(gate)[:, neuron]
            means.setdefault(gate, []).append(np.array([values[known & (each.letters == s)].mean() for s in "aXb"]))
    rows = {gate: np.stack(values) for gate, values in means.items()}
    sign = np.array([[np.sign(r)] for _, r, _, _ in found])
    rows["candidate"] = rows["candidate"] * sign
    lab.table(
        ("signal", "on a", "on X", "on b"),
        [(gate.replace("_", " "), *(float(value) for value in values.mean(axis=0))) for gate, values in rows.items()],
        "The candidate is turned so that up counts up.",
    )
    lab.number("gates", rows)
    forget = rows["forget_gate"][:, [0, 2]].min(axis=1)
    lab.judge("counter-forget-open", (forget > 0.9).tolist(), f"{forget.min():.3f} at least on a's and b's")
    apart = np.abs(np.diff(np.stack([rows[gate][:, [0, 2]] for gate in ("input_gate", "output_gate")]), axis=2)).max(
        axis=0
    )
    lab.judge(
        "counter-gates-by-half",
        (apart[:, 0] > 0.1).tolist(),
        f"the means differ by {apart.min():.2f} to {apart.max():.2f}",
    )


def farther(lab: Lab) -> None:
    lab.heading("The best under the same limits")
    lab.say(
        f"""Still N up to 10, ten neurons, one layer. What helps: a forget gate that starts wide open, loss on nothing
        but what can be known (all after the X), and large steps of one size to the end. Asked for N up to {MOST}. Gers
        and Schmidhuber (2001) reached N = 1000 at best with a peephole LSTM."""
    )
    for cell, settings in FAR_BY_CELL.items():
        networks = lab.train(f"far-{cell}", SOURCE, lab.seeds(10), cell=cell, **FAR, **settings)
        reached = [counts_right_to(each.loaded.network, Counter(), most=MOST) for each in networks]
        lab.number(f"far_{cell}_counts_right_to", reached)
        lab.table(
            (f"{networks[0].loaded.network.cell.title}: seed", "counts right to"),
            [
                *((each.seed, far) for each, far in zip(networks, reached, strict=True)),
                ("median", float(median(reached))),
            ],
        )
