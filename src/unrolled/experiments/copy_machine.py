"""Copy: three letters, an X, the same three letters.

What do the neurons know at the X: the letter at a certain place, or the letter that comes next?
"""

from __future__ import annotations

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Watched, percent
from unrolled.neurons.measures import variance_explained
from unrolled.sources.tasks.copy_machine import CopyMachine
from unrolled.training.exam import share_right

LAYERS, PLACES = 2, range(3)
TELLS = 0.5
"""A neuron is said to stand for what explains at least this share of its variance."""


def reproduce(lab: Lab) -> None:
    """Trains, and looks at every neuron's value at the X and while it copies."""
    networks = lab.train("lstm", "task:copy-machine", lab.seeds(5), layers=LAYERS)
    right = [share_right(each.loaded.network, CopyMachine()) for each in networks]
    lab.heading("Whether they can")
    lab.say(f"{len(networks)} networks of two layers of 10 LSTM neurons. Of the 27 strings they copy:")
    lab.table(("seed", "strings right"), [(each.seed, percent(r)) for each, r in zip(networks, right, strict=True)])
    lab.number("share_right", right)
    lab.judge("copy-learns", [share == 1 for share in right], f"{percent(min(right))} right at least")
    watched = [lab.watch(each, list(CopyMachine().sequences())) for each in networks]
    at_the_x(lab, watched)
    places_or_next(lab, watched)
    harder(lab)
    lab.keep(networks[0], list(CopyMachine().sequences()), "copy", "A network that copies three letters")


def at_the_x(lab: Lab, watched: list[Watched]) -> None:
    lab.heading("At the X")
    lab.say(
        """When the X is read, everything about the three letters must be in the state. η² is the share of a cell
        state's variance over the 27 strings that a letter at one place explains."""
    )
    explained, gaps = np.zeros((len(watched), len(PLACES))), list[float]()
    for seed, each in enumerate(watched):
        cells = np.concatenate([each.signal("cell", layer)[each.letters == "X"] for layer in range(LAYERS)], axis=1)
        for place in PLACES:
            explained[seed, place] = variance_explained(cells, [string[1 + place] for string in each.strings]).max()
        gaps.append(smallest_gap(cells))
    lab.table(
        ("seed", "η², first letter", "second", "third", "two closest strings"),
        [(seed, *explained[seed], percent(gap)) for seed, gap in enumerate(gaps)],
        "Of each, the best neuron of both layers. Last: how far the two closest strings are apart in the one cell that "
        "keeps all 27 apart best, as a share of its range; were they spread evenly it would be 4 %.",
    )
    lab.number("variance_explained_at_x", explained)
    lab.number("closest_strings_at_x", gaps)
    best, worst = explained.max(axis=1), explained.min(axis=1)
    lab.judge("copy-prefix-in-values", (best > TELLS).tolist(), f"η² of the best neuron {best.min():.2f} at least")
    lab.judge(
        "copy-one-place-a-neuron",
        (worst > TELLS).tolist(),
        f"η² {worst.min():.2f} to {worst.max():.2f} for the place told worst",
    )
    lab.judge("copy-first-letter", (explained[:, 0] > TELLS).tolist(), f"η² {explained[:, 0].min():.2f} at least")
    lab.judge(
        "copy-one-cell-all",
        [gap > 0.01 for gap in gaps],
        f"the two closest strings are {percent(min(gaps))} to {percent(max(gaps))} of the range apart",
    )
    for layer in range(LAYERS):
        each = watched[0]
        at_x = each.letters == "X"
        lab.figure(
            f"by-prefix-{layer}",
            figures.by_prefix(
                [string[1:4] for string in each.strings],
                each.signal("cell", layer)[at_x],
                [f"rnn.l{layer}.cell.{neuron}" for neuron in range(each.signal("cell", layer).shape[1])],
                title=f"Layer {layer}, cell state at the X",
            ),
            f"Seed 0: the cell state of each neuron of layer {layer} at the X, by the letters that were read.",
        )


def smallest_gap(values: Array) -> float:
    """The distance of the two closest strings in the cell that keeps them farthest apart, as a share of its range."""
    ordered = np.sort(values, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.diff(ordered, axis=0).min(axis=0) / (ordered[-1] - ordered[0])
    return float(np.nan_to_num(gaps).max())


def places_or_next(lab: Lab, watched: list[Watched]) -> None:
    lab.heading("Places, or what comes next?")
    lab.say(
        """The article asks whether neurons keep the letter at a certain place, or foretell the one that comes next.
        While the network copies (on the X and the first two copied letters), the two differ: the letter of a place
        stays, the next letter changes from step to step. For each neuron of the upper layer, η² of its hidden state for
        the next letter, against the largest η² for the letter of a fixed place."""
    )
    shares: list[float] = []
    rows: list[tuple[int, float, float, int]] = []
    for at, each in enumerate(watched):
        copying = each.per_step(
            lambda string: [string.index("X") <= t < string.index("X") + 3 for t in range(len(string))]
        ).astype(bool)
        following = each.per_step(lambda string: [*string[1:], "\n"])[copying]
        hidden = each.signal("hidden", LAYERS - 1)[copying]
        next_one = variance_explained(hidden, following)
        fixed = np.stack(
            [
                variance_explained(
                    hidden, each.per_step(lambda string, p=place: [string[1 + p]] * len(string))[copying]
                )
                for place in PLACES
            ]
        ).max(axis=0)
        foretell = int((next_one > fixed).sum())
        shares.append(foretell / len(next_one))
        rows.append((at, float(next_one.mean()), float(fixed.mean()), foretell))
    lab.table(
        ("seed", "mean η², next letter", "mean η², fixed place", "neurons that foretell"),
        rows,
        "Of 10 neurons of the upper layer.",
    )
    lab.number("next_against_place", [{"seed": at, "next": a, "place": b, "foretell": n} for at, a, b, n in rows])
    lab.judge(
        "copy-next-not-position",
        [share > 0.5 for share in shares],
        "they foretell rather than keep: " + ", ".join(percent(share) for share in shares) + " of the neurons",
    )


def harder(lab: Lab) -> None:
    lab.heading("Longer strings, more letters")
    lab.say(
        "The same network, trained as long, on longer strings and larger alphabets: the share of strings copied right."
    )
    lengths, letters, seeds = (3, 5, 7), (2, 3, 5), min(2, lab.seeds(2))
    found = np.zeros((len(letters), len(lengths)))
    for row, many in enumerate(letters):
        for column, length in enumerate(lengths):
            source = f"task:copy-machine,length={length},letters={many}"
            networks = lab.train(f"length-{length}-letters-{many}", source, seeds, layers=LAYERS)
            task = CopyMachine(length=length, letters=many)
            found[row, column] = np.mean([share_right(each.loaded.network, task, most=200) for each in networks])
    lab.number("share_right_by_letters_and_length", found)
    lab.figure(
        "harder",
        figures.grid(
            found,
            rows=[f"{many} letters" for many in letters],
            columns=[f"length {length}" for length in lengths],
            title="Share of strings copied right",
        ),
        "How accuracy falls with the length of the strings and the size of the alphabet.",
    )
