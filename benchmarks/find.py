"""The finder on networks of which the answer is known: circuits set by hand, among random neurons.

Each network has every circuit that its text gives something to do and its cell can hold, half of them turned round. It
is asked about what the circuits stand for, and about the same hypotheses of another text, which nothing can know.
Recall: planted neurons that are believed, and those that rank first. Precision: of all neurons that are believed to
tell a hypothesis well, those that belong to a circuit; the random neurons read the same text, so that of many
hypotheses they do know a little.

The newline counter is left out: its number only grows, as does whatever drifts, and a text has but one such trend.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import product

from common import DEFAULT_TEXT, Report, arguments, say

from unrolled.neurons.circuits import CIRCUITS, Planting, babble, plant
from unrolled.neurons.find import Findings, find
from unrolled.sources import Vocabulary, open_source, prepare

WELL = {"AUC": 0.9, "correlation": 0.8}
"""From this score on a neuron tells a hypothesis well."""
ELSEWHERE = " of another text"
WAYS = (("lstm", 0.0), ("lstm", 0.5), ("gru", 0.0))
"""Cells, and how much of the circuits leaks into the random neurons."""


@dataclass
class Count:
    """How often it came out well, of how many."""

    planted: int = 0
    believed: int = 0
    first: int = 0
    tellers: int = 0
    of_circuits: int = 0
    findings: int = 0
    wrong: int = 0

    def __iadd__(self, other: Count) -> Count:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def read_text(source: str, characters: int) -> str:
    """The start of a source, without curly quotation marks: only the straight ones are the toggle's."""
    corpus = prepare(open_source(source, limit=characters))
    return corpus.vocabulary.decode(corpus.symbols).translate(dict.fromkeys(map(ord, "“”")))


def texts(source: str, steps: int, seeds: int) -> Iterator[tuple[str, list[str], list[str]]]:
    """Of each kind of text: its name, one text for each seed and one more, the circuits that have something to do."""
    usual = [name for name in CIRCUITS if name not in {"quote latch", "newline counter"}]
    curly = ["quote latch" if name == "quote toggle" else name for name in usual]
    yield "babble", [babble(steps, seed) for seed in range(seeds + 1)], usual
    yield "babble with “ ”", [babble(steps, seed, "“”") for seed in range(seeds + 1)], curly
    whole = read_text(source, 2 * steps * (seeds + 1))
    yield source, [whole[2 * steps * seed :][:steps] for seed in range(seeds + 1)], usual


def count(findings: Findings, planting: Planting) -> Count:
    """Holds what was found against what is known."""
    found = Count(planted=len(planting.planted))
    for told in planting.planted:
        asked = [tested for tested in findings.hypotheses if tested.name == told.hypothesis]
        for tested in asked:
            neurons = {(each.name, each.direction) for each in tested.neurons if each.found}
            found.believed += (told.name, told.direction) in neurons
            best = tested.best
            found.first += best is not None and best.found and neuron_of(best.name) == told.neuron
    for tested in findings.hypotheses:
        found.findings += tested.found
        if tested.name.endswith(ELSEWHERE):
            found.wrong += tested.found
        else:
            well = [each for each in tested.neurons if each.found and abs(each.score) >= WELL[tested.measure]]
            found.tellers += len(well)
            found.of_circuits += sum(neuron_of(each.name) in planting.circuits for each in well)
    return found


def neuron_of(name: str) -> str:
    """`rnn.l0.7` of `rnn.l0.cell.7`."""
    site, _, number = name.rpartition(".")
    return f"{site.rpartition('.')[0]}.{number}"


def seek(text: str, other: str, names: list[str], cell: str, layers: int, hidden: int, leak: float, seed: int) -> Count:
    """Plants, finds and counts."""
    circuits = [CIRCUITS[name]() for name in names]
    fitting = [circuit for circuit in circuits if cell == "lstm" or not circuit.counts]
    turned = [circuit.turned() if at % 2 == seed % 2 else circuit for at, circuit in enumerate(fitting)]
    vocabulary = Vocabulary.of(text)
    planting = plant(turned, vocabulary, cell=cell, hidden=hidden, layers=layers, seed=seed, leak=leak)  # pyright: ignore[reportArgumentType]
    labels = {circuit.hypothesis: circuit.label(text) for circuit in turned}
    labels |= {circuit.hypothesis + ELSEWHERE: circuit.label(other) for circuit in turned}
    options = {"untrained": False, "controls": False, "surprise": False, "seed": seed}
    return count(find(planting.network, [vocabulary.encode(text)], labels, **options), planting)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="the third text (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=4, help="networks of each row (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=50_000, help="characters of each text (default: %(default)s)")
    parser.add_argument("--sizes", nargs="+", default=["1x64", "2x256"], metavar="LAYERSxNEURONS")
    given = parser.parse_args()
    result, total = Report("Planted circuits"), Count()
    rows: list[list[object]] = []
    for (kind, each, names), size in product(list(texts(given.text, given.steps, given.seeds)), given.sizes):
        layers, hidden = map(int, size.split("x"))
        for cell, leak in WAYS:
            say(f"{kind}, {cell} {size}, leak {leak:g} …")
            counted = Count()
            for seed in range(given.seeds):
                counted += seek(each[seed], each[seed + 1], names, cell, layers, hidden, leak, seed)
            total += counted
            rows.append([kind, cell, size, f"{leak:g}", counted.planted, counted.believed, counted.first,
                         f"{counted.of_circuits} of {counted.tellers}",
                         f"{counted.wrong} of {counted.findings}"])  # fmt: skip
            result.numbers[f"{kind}, {cell} {size}, leak {leak:g}"] = vars(counted)
    result.table(
        f"{given.seeds} networks a row, {given.steps:,} characters each. Tells well: AUC {WELL['AUC']} or more, "
        f"correlation {WELL['correlation']} or more.",
        ["text", "cell", "layers × neurons", "leak", "planted", "believed", "ranked first",
         "of circuits, of all that tell well", "of another text, of all believed"],
        rows,
    )  # fmt: skip
    result.bar("planted neurons believed", "all", f"{total.believed} of {total.planted}",
               total.believed == total.planted)  # fmt: skip
    result.bar("ranked first", "all", f"{total.first} of {total.planted}", total.first == total.planted)
    share = total.wrong / max(1, total.findings)
    result.bar("of another text, of all hypotheses believed", "at most 5 % (q)", f"{share:.1%}", share <= 0.05)
    precision = total.of_circuits / max(1, total.tellers)
    result.bar("of circuits, of all that tell well", "95 % or more", f"{precision:.1%}", precision >= 0.95)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
