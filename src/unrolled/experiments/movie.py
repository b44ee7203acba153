"""Film: what is happening, where a frame alone does not tell.

Bacon in a hand is shopping if he has entered the supermarket, else cooking; closed eyes are sunbathing at the beach and
sleep by night. Five cells with equally many parameters label every frame. How long can the frame that tells lie back,
which neurons keep place, time and progress, and how calm is the state that keeps them?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, percent
from unrolled.films import (
    COMPARED,
    GAPS,
    FilmResult,
    compare_cells,
    load_film_network,
    make_films,
    record_films,
    signals,
)
from unrolled.neurons.measures import half_life, saturation

LONG = 50
"""The gap at which cells are judged."""
PLACES = ("beach", "supermarket")


def reproduce(lab: Lab) -> None:
    """Trains five cells on drawn films, and measures what they remember."""
    results = train(lab)
    against_the_gap(lab, results)
    what_is_kept(lab, results["lstm"])
    how_calm(lab, results)
    how_gated(lab, list(results))
    network, _ = load_film_network(lab.folder / "runs" / "lstm-0")
    traces = lab.folder / "traces"
    traces.mkdir(exist_ok=True)
    record_films(network, make_films(7, 10), traces / "films", title="An LSTM that watches films", overwrite=True)


def train(lab: Lab) -> Mapping[str, list[FilmResult]]:
    """Every cell with every seed, in `runs`; what is there already is measured as it is."""
    seeds, results = range(lab.seeds(5)), dict[str, list[FilmResult]]()
    lab.tell(f"{len(seeds)} seeds of {len(COMPARED)} cells watch films")
    progress = lab.progress("watching films", "networks")
    for number, result in enumerate(compare_cells(seeds=seeds, out=lab.folder / "runs"), 1):
        results.setdefault(result.cell, []).append(result)
        progress(number, len(seeds) * len(COMPARED))
        lab.check_stop()
    return results


def accuracies(results: list[FilmResult]) -> Array:
    """`(seeds, gaps)`: the share right of the frames that do not tell alone."""
    return np.array([[score.accuracy for score in each.by_gap] for each in results])


def against_the_gap(lab: Lab, results: Mapping[str, list[FilmResult]]) -> None:
    lab.heading("How far back they remember")
    first = results["lstm"][0]
    lab.say(
        f"""Cells of about {first.parameters:,} parameters each, {len(results["lstm"])} seeds. Only frames that do not
        tell alone are counted, on films that nobody learned from; the gap is how many frames ago the one that tells was
        shown. A guess from the frame alone, the best that there is without a memory, is right in
        {percent(min(s.guess for s in first.by_gap))} to {percent(max(s.guess for s in first.by_gap))}."""
    )
    found = {cell: accuracies(each) for cell, each in results.items()}
    guess = np.array([[score.guess for score in first.by_gap]])
    lab.figure(
        "accuracy-by-gap",
        figures.lines(
            GAPS,
            {**found, "guess": guess},
            title="Frames that do not tell alone",
            logarithmic=True,
            x_name="frames since the one that tells",
            y_name="share labelled right",
            y_range=(None, 1.01),
        ),
        "Mean over the seeds; the bands reach from the worst to the best.",
    )
    lab.table(
        ("cell", "neurons", *(f"gap {gap}" for gap in GAPS)),
        [(cell, results[cell][0].neurons, *map(percent, found[cell].mean(axis=0))) for cell in results],
    )
    lab.number("accuracy_by_gap", found)
    lab.number("guess_by_gap", guess[0])
    far = {cell: values[:, GAPS.index(LONG)] for cell, values in found.items()}
    alone = found["feedforward"] - np.array([score.chance for score in first.by_gap])
    lab.judge(
        "movie-learns", (far["lstm"] >= 0.95).tolist(), f"LSTM {percent(far['lstm'].min())} right at least, gap {LONG}"
    )
    lab.judge(
        "movie-frame-alone",
        bool((alone < 0.02).all()),
        f"feed-forward {percent(far['feedforward'].max())} right, gap {LONG}",
    )
    lab.judge(
        "movie-rnn-forgets",
        [bool(each[GAPS.index(LONG)] < each[0] - 0.05) for each in found["rnn"]],
        f"RNN {percent(found['rnn'][:, 0].mean())} right at gap 1, {percent(far['rnn'].mean())} at gap {LONG}",
    )


def what_is_kept(lab: Lab, results: list[FilmResult]) -> None:
    lab.heading("Neurons for place, time and progress")
    lab.say(
        """Of each part of the hidden world that labels depend on, the LSTM neuron that keeps it best: chosen over some
        films, scored over others. A score is the AUC (0.5 nothing, 1 perfect); for progress, the correlation with the
        steps cooked."""
    )
    keepers = {
        keeper.what: [next(k for k in each.keepers if k.what == keeper.what) for each in results]
        for keeper in results[0].keepers
    }
    lab.table(
        ("part of the world", "best neuron, seed 0", "score, seed 0", "worst seed"),
        [
            (what, f"{own[0].signal} {own[0].neuron}", own[0].score, min(k.score for k in own))
            for what, own in keepers.items()
        ],
    )
    lab.number("keepers", {what: [k.score for k in own] for what, own in keepers.items()})
    scores = {what: [k.score for k in own] for what, own in keepers.items()}
    place = [min(seed) for seed in zip(*(scores[name] for name in PLACES), strict=True)]
    for claim, values, enough in (
        ("movie-place-neuron", place, 0.9),
        ("movie-time-neuron", scores["night"], 0.9),
        ("movie-progress-neuron", scores["cooked"], 0.7),
        ("movie-death-neuron", scores["death"], 0.9),
    ):
        lab.judge(claim, [value >= enough for value in values], f"score {min(values):.2f} to {max(values):.2f}")


def how_calm(lab: Lab, results: Mapping[str, list[FilmResult]]) -> None:
    lab.heading("How fast the state changes")
    lab.say("How far a state moves from frame to frame, as a share of its own deviation; mean over neurons and seeds.")
    rows = [
        (cell, signal, float(np.mean([each.changes[signal] for each in own])))
        for cell, own in results.items()
        for signal in own[0].changes
    ]
    lab.table(("cell", "state", "change a frame"), rows)
    lab.number("changes", [list(row) for row in rows])
    calm = [own.changes["cell"] for own in results["lstm"]]
    restless = [own.changes["hidden"] for own in results["rnn"]]
    lab.judge(
        "movie-calm-cell",
        [a < b for a, b in zip(calm, restless, strict=True)],
        f"LSTM's cell state {np.mean(calm):.2f}, RNN's state {np.mean(restless):.2f}",
    )


def how_gated(lab: Lab, cells: Sequence[str]) -> None:
    """The recipe `gates` asks the same of the other tasks; what is of use is known of drawn films too."""
    lab.heading("What the gates do")
    lab.say(
        """Means over all neurons and seeds. A frame tells something if the hidden world is another after it; most do
        not. Memory is asked where the frame alone does not tell what is happening, and idle elsewhere. Something must
        be remembered as long as there is a place, a night, a death or something on the fire. Shut is below 0.1, open
        above 0.9; the half-life is the median neuron's, in frames."""
    )
    films = make_films(8, 40)
    new = np.zeros(films.worlds.shape, bool)
    new[:, 1:] = films.worlds[:, 1:] != films.worlds[:, :-1]
    full, asked = np.any([each > 0 for each in films.hidden().values()], axis=0), films.uncertain
    rows: list[list[object]] = []
    for cell in cells:
        networks = [load_film_network(lab.folder / "runs" / f"{cell}-{seed}")[0] for seed in range(lab.seeds(5))]
        seen = [signals(network, films) for network in networks]
        for role in networks[0].rnn.cell.signals:
            if role.role == "gate" or (role.name == "hidden" and "output_gate" in seen[0]):
                values = [np.abs(each[role.name]) for each in seen]
                shown = role.name.replace("_", " ") if role.role == "gate" else "|h|"
                rows.append([cell, shown, *_gated(role.name, values, new, full, asked)])
    names = ("new", "nothing new", "to remember", "nothing to remember", "asked", "idle", "shut", "open", "half-life")
    lab.table(("cell", "signal", *names), rows)
    lab.number("gates", rows)


def _gated(name: str, values: Sequence[Array], new: Array, full: Array, asked: Array) -> list[object]:
    """What one signal of a cell's networks does, `(films, steps, neurons)` each."""
    means = [float(np.mean([each[when].mean() for each in values])) for when in (new, ~new, full, ~full, asked, ~asked)]
    parts = [saturation(each.reshape(-1, each.shape[-1])) for each in values]
    shut, opened = (percent(float(np.mean([part[at] for part in parts]))) for at in (0, 1))
    if name not in ("forget_gate", "update_gate"):
        return [*means, shut, opened, ""]
    lives = [half_life(each.reshape(-1, each.shape[-1])) for each in values]
    return [*means, shut, opened, f"{float(np.median(lives)):.3g}"]
