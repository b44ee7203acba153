"""Gates: what they do in every task, and whether a network can do without one.

The article closes with three guesses about gates and one about networks that lack a gate. Here they are as numbers,
over all four tasks, for every cell that has such a gate; those of networks that watch films are in `movie`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled import figures
from unrolled.experiments.lab import Array, Lab, Trained, Watched, percent
from unrolled.neurons.measures import half_life, saturation
from unrolled.sources.tasks import TASKS
from unrolled.sources.tasks.task import EDGE, Task
from unrolled.sources.tasks.task import make as make_task
from unrolled.training.exam import share_right

CELLS = ("lstm", "peephole", "coupled", "no-input-gate", "gru", "rnn")
USELESS = {"selective-counter": "X", "state-memorizer": "x"}
"""What a task's strings hold that tells nothing."""
STRINGS = 200


@dataclass(frozen=True)
class Case:
    """The networks of one cell on one task, and what each did over the task's strings."""

    task: str
    cell: str
    networks: list[Trained]
    watched: list[Watched]

    def mean(self, measure: Callable[[Watched], Array]) -> float:
        """The mean of a measure over all neurons of all networks."""
        return float(np.mean([measure(each).mean() for each in self.watched]))


def reproduce(lab: Lab) -> None:
    """Trains every cell on every task, and measures its gates."""
    cases = [train_case(lab, task, cell) for task in TASKS.names() for cell in CELLS]
    who_can(lab, cases)
    gated = [case for case in cases if case.cell in ("lstm", "peephole", "coupled", "no-input-gate")]
    hidden_shut(lab, gated)
    forget_open(lab, gated)
    input_shut(lab, gated)
    how_saturated(lab, cases)
    without(lab, cases)


def train_case(lab: Lab, task: str, cell: str) -> Case:
    layers = 2 if task == "copy-machine" else 1
    # Where all counts that can be learned, some networks never find the one letter that is to be remembered.
    loss_on = "knowable" if task == "state-memorizer" else "all"
    networks = lab.train(f"{task}-{cell}", f"task:{task}", lab.seeds(3), cell=cell, layers=layers, loss_on=loss_on)
    strings = list(make_task(TASKS.get(task), "").sequences())[:STRINGS]
    if task == "state-memorizer":
        lab.keep(networks[0], strings, f"{cell}-remembers", f"{networks[0].loaded.network.cell.title} remembers A or B")
    return Case(task, cell, networks, [lab.watch(each, strings) for each in networks])


def task_of(case: Case) -> Task:
    return make_task(TASKS.get(case.task), "")


def remembering(case: Case, watched: Watched) -> Array:
    """`(steps,)`: whether something must be kept and nothing of it is asked yet: after the first symbol of the
    question, until the mark."""
    mark = task_of(case).mark
    return watched.per_step(lambda s: [1 < t < s.rindex(mark) for t in range(len(s))]).astype(bool)


def answering(case: Case, watched: Watched) -> Array:
    """`(steps,)`: whether what was kept is asked: from the mark until the last symbol of the answer is foretold."""
    mark = task_of(case).mark
    return watched.per_step(lambda s: [s.rindex(mark) <= t < len(s) - 2 for t in range(len(s))]).astype(bool)


def over(watched: Watched) -> Array:
    """`(steps,)`: whether all is answered: the step that foretells the newline is past, nothing is left to keep."""
    return watched.letters == EDGE


def who_can(lab: Lab, cases: list[Case]) -> None:
    lab.heading("Which cell learns which task")
    lab.say(
        f"""Ten neurons (copy machine: two layers of ten), 3000 updates;
        {len(cases[0].networks)} seeds each. The share of strings answered right, the worst and the best seed:"""
    )
    table: dict[str, dict[str, list[float]]] = {}
    for case in cases:
        right = [share_right(each.loaded.network, task_of(case), most=STRINGS) for each in case.networks]
        table.setdefault(case.cell, {})[case.task] = right
    lab.table(
        ("cell", *TASKS.names()),
        [(cell, *(span(right) for right in by_task.values())) for cell, by_task in table.items()],
    )
    lab.number("share_right", table)
    lab.figure(
        "cells-and-tasks",
        figures.grid(
            np.array([[np.mean(right) for right in by_task.values()] for by_task in table.values()]),
            rows=list(table),
            columns=list(TASKS.names()),
            title="Share of strings answered right",
        ),
        "Every cell on every task, mean over the seeds.",
    )


def span(values: list[float]) -> str:
    low, high = percent(min(values)), percent(max(values))
    return low if low == high else f"{low} to {high}"


def hidden_shut(lab: Lab, cases: list[Case]) -> None:
    lab.heading("Is the hidden state shut while memory is idle?")
    lab.say(
        """Mean |h| over all neurons while something must be kept and is not asked for yet, and while it is asked. The
        output gate alone, likewise. Were the guess right, the first numbers would be near zero."""
    )
    rows = [
        (
            case.task,
            case.cell,
            *(
                case.mean(lambda w, s=s, when=when, c=case: np.abs(w.signal(s, w_last(w))[when(c, w)]))
                for s in ("hidden", "output_gate")
                for when in (remembering, answering)
            ),
        )
        for case in cases
    ]
    lab.table(("task", "cell", "|h| idle", "|h| asked", "o idle", "o asked"), rows)
    lab.number("hidden_idle_and_asked", [list(row) for row in rows])
    lstm = [row for row in rows if row[1] == "lstm"]
    lab.judge(
        "gates-hidden-shut",
        [idle < 0.1 for _, _, idle, *_ in lstm],
        "LSTM, mean |h| while idle: " + ", ".join(f"{task} {idle:.2f}" for task, _, idle, *_ in lstm),
    )


def w_last(watched: Watched) -> int:
    """The number of the uppermost layer."""
    return len(watched.trace.info.sites) - 1


def forget_open(lab: Lab, cases: list[Case]) -> None:
    lab.heading("Is the forget gate open while something must be remembered, and shut after?")
    rows = [
        (
            case.task,
            case.cell,
            case.mean(lambda w, c=case: w.signal("forget_gate")[remembering(c, w) | answering(c, w)]),
            case.mean(lambda w: w.signal("forget_gate")[over(w)]),
        )
        for case in cases
    ]
    lab.table(("task", "cell", "f while needed", "f on the newline"), rows, "First layer, mean over all neurons.")
    lab.number("forget_needed_and_over", [list(row) for row in rows])
    lstm = [row for row in rows if row[1] == "lstm"]
    lab.judge(
        "gates-forget-open",
        [answer for _, _, needed, after in lstm for answer in (needed > 0.9, after < 0.5)],
        "LSTM, while needed and after: " + "; ".join(f"{task} {a:.2f}, {b:.2f}" for task, _, a, b in lstm),
    )


def input_shut(lab: Lab, cases: list[Case]) -> None:
    lab.heading("Is the input gate shut on what is of no use?")
    rows: list[tuple[str, str, float, float]] = []
    for case in cases:
        if case.task in USELESS and case.cell in ("lstm", "peephole", "coupled"):
            useless = USELESS[case.task]

            def on(letters: str, case: Case = case) -> float:
                return case.mean(
                    lambda w: w.signal("input_gate")[remembering(case, w) & np.isin(w.letters, list(letters))]
                )

            rows.append(
                (case.task, case.cell, on(useless), on("aAB") if case.task == "selective-counter" else first(case))
            )
    lab.table(("task", "cell", "i on the useless", "i on the useful"), rows, "Mean over all neurons.")
    lab.number("input_useless_and_useful", [list(row) for row in rows])
    lstm = [row for row in rows if row[1] == "lstm"]
    lab.judge(
        "gates-input-shut",
        [useless < 0.1 for _, _, useless, _ in lstm],
        "LSTM, on the useless and on the useful: " + "; ".join(f"{task} {a:.2f}, {b:.2f}" for task, _, a, b in lstm),
    )


def first(case: Case) -> float:
    """Mean input gate on the letter to be remembered."""
    return case.mean(lambda w: w.signal("input_gate")[np.isin(w.letters, ["A", "B"])])


def how_saturated(lab: Lab, cases: list[Case]) -> None:
    lab.heading("How far open, how far shut, how long a memory")
    lab.say(
        """Shares of all neurons and steps at which a gate is shut (below 0.1) or open (above 0.9), and the median
        neuron's half-life: after how many steps half of its memory is left, by its forget gate's mean logarithm."""
    )
    rows: list[tuple[object, ...]] = []
    between: list[float] = []
    for case in cases:
        for gate in (s.name for s in case.networks[0].loaded.network.cell.signals if s.role == "gate"):
            parts = [saturation(each.signal(gate)) for each in case.watched]
            shut, opened = (float(np.mean([part[at] for part in parts])) for at in (0, 1))
            lives = (
                [half_life(each.signal(gate)) for each in case.watched]
                if gate in ("forget_gate", "update_gate")
                else []
            )
            rows.append(
                (
                    case.task,
                    case.cell,
                    gate.replace("_", " "),
                    percent(shut),
                    percent(opened),
                    f"{float(np.median(lives)):.3g}" if lives else "",
                )
            )
            if case.cell == "lstm":
                between.append(1 - shut - opened)
    lab.table(("task", "cell", "gate", "shut", "open", "half-life, steps"), rows)
    lab.number("saturation", [list(row) for row in rows])
    lab.judge(
        "gates-saturated",
        [share < 0.5 for share in between],
        f"LSTM, between shut and open: {percent(min(between))} to {percent(max(between))} of all",
    )


def without(lab: Lab, cases: list[Case]) -> None:
    lab.heading("Without an input gate")
    lab.say(
        """What does a network do that cannot shut its input gate, on a symbol of no use? Mean over all neurons and over
        the useless symbols: the size of what is stored (i·g; without a gate, g); and how much of the cell state is
        kept."""
    )
    rows: list[tuple[str, str, float, float]] = []
    for case in cases:
        if case.task in USELESS and case.cell in ("lstm", "coupled", "no-input-gate"):
            letter = USELESS[case.task]

            def stored(w: Watched, case: Case = case, letter: str = letter) -> Array:
                here = remembering(case, w) & (w.letters == letter)
                gate = w.signal("input_gate") if case.cell != "no-input-gate" else 1.0
                return np.abs(gate * w.signal("candidate"))[here]

            kept = case.mean(lambda w, c=case, s=letter: w.signal("forget_gate")[remembering(c, w) & (w.letters == s)])
            rows.append((case.task, case.cell, case.mean(stored), kept))
    lab.table(("task", "cell", "stored, |i·g|", "kept, f"), rows)
    lab.number("without_input_gate", [list(row) for row in rows])
    for cell, claim in (("no-input-gate", "gates-no-input-gate"), ("coupled", "gates-coupled")):
        right = {
            case.task: [share_right(each.loaded.network, task_of(case), most=STRINGS) for each in case.networks]
            for case in cases
            if case.cell == cell and case.task in USELESS
        }
        lab.judge(
            claim,
            [share == 1 for shares in right.values() for share in shares],
            "strings right: " + ", ".join(f"{task} {span(shares)}" for task, shares in right.items()),
        )
