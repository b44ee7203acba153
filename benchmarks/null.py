"""The finder where there is nothing to find: how many networks show any finding at q = 0.05.

Each network has random weights, every other one circuits besides, which latch and count as trained neurons do. It
reads a text; the labels are those of an unrelated text as long: of each hypothesis that can be asked about it, and of
what the circuits stand for. So whatever is believed is chance. Half of the texts are made up, half are slices of a
source, far from each other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

from common import DEFAULT_TEXT, Report, arguments, say
from find import read_text

from unrolled.neurons.circuits import CIRCUITS, babble, plant
from unrolled.neurons.find import Findings, find
from unrolled.neurons.hypotheses import Classes, Label, hypotheses_for, labellers
from unrolled.sources import Vocabulary

ALLOWED = 0.08
"""Of the networks; 5 % are to be expected at most, and 16 of 200 are few enough in 97 of 100 cases then."""


def labels_of(text: str, source: str) -> dict[str, Label | Classes]:
    """What can be asked about a text from a source, and what the circuits stand for."""
    circuits = {circuit.hypothesis: circuit.label for circuit in (make() for make in CIRCUITS.values())}
    return {name: label(text) for name, label in (labellers(hypotheses_for(source)) | circuits).items()}


def seek(text: str, labels: Mapping[str, Label | Classes], hidden: int, seed: int, planted: bool, q: float) -> Findings:
    """What a random network that reads a text knows of labels."""
    vocabulary = Vocabulary.of(text)
    circuits = [make() for make in CIRCUITS.values()] if planted else []
    network = plant(circuits, vocabulary, hidden=hidden, seed=seed).network
    options = {"untrained": False, "controls": False, "surprise": False, "seed": seed, "q": q}
    return find(network, [vocabulary.encode(text)], labels, **options)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is cut in slices (default: %(default)s)")
    parser.add_argument("--networks", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20_000, help="characters of each text (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=32, help="neurons of each network (default: %(default)s)")
    parser.add_argument("--q", type=float, default=0.05, help="false-discovery rate (default: %(default)s)")
    given = parser.parse_args()
    steps, slices = given.steps, given.networks // 2 + 1
    whole = read_text(given.text, 2 * steps * slices)
    apart = len(whole) // slices
    shows, asked, of = Counter[tuple[str, bool]](), Counter[str](), Counter[tuple[str, bool]]()
    for seed in range(given.networks):
        made_up, planted = seed % 2 == 0, seed // 2 % 2 == 1
        kind = "babble" if made_up else given.text
        if made_up:
            text, other = babble(steps, 2 * seed), babble(steps, 2 * seed + 1)
        else:
            here, far = seed // 2, (seed // 2 + slices // 2) % slices
            text, other = (whole[at * apart :][:steps] for at in (here, far))
        labels = labels_of(other, "babble" if made_up else given.text)
        findings = seek(text, labels, given.hidden, seed, planted, given.q)
        wrong = [tested.name for tested in findings.hypotheses if tested.found]
        of[kind, planted] += 1
        shows[kind, planted] += bool(wrong)
        asked.update(wrong)
        if wrong or seed % 20 == 0:
            say(f"network {seed + 1} of {given.networks}: {', '.join(wrong) or 'nothing'}")
    result = Report("Nothing to find")
    result.table(
        f"1 × {given.hidden} neurons, {steps:,} characters, labels of an unrelated text; q = {given.q:g}.",
        ["text", "circuits in it", "networks", "that show a finding"],
        [[kind, "yes" if planted else "no", of[kind, planted], shows[kind, planted]] for kind, planted in sorted(of)],
    )
    if asked:
        rows = asked.most_common()
        result.table("Hypotheses that were believed.", ["hypothesis", "networks"], rows)
    total, most = shows.total(), int(ALLOWED * given.networks)
    result.bar("networks that show any finding", f"at most {most} of {given.networks}", str(total), total <= most)
    result.numbers = {"shows": total, "networks": given.networks, "hypotheses": dict(asked)}
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
