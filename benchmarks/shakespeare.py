"""Learning a text in a given time, by the defaults.

Runs the real command `unrolled train TEXT --minutes M`, takes its wall time, then `unrolled evaluate` on the last
tenth, which training never learned from, the state carried through. The default holds out that tenth whole to choose
the best checkpoint by; here its first half does that (validation), and nothing looks at its second half until the end
(test). Nothing else is set. The bars, on the whole tenth, are for tiny Shakespeare (1,115,394 characters) on two cores.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from common import DEFAULT_TEXT, UNROLLED, Report, arguments, run, say, workspace

TINY_SHAKESPEARE = 1_115_394
"""Characters, by which the text is known."""
PARTS = ("validation", "test")
BARS = {3.0: 1.58, 6.0: 1.47, 10.0: 1.44}
"""Minutes → nats a character at most."""


@dataclass(frozen=True)
class Learned:
    """wall_seconds: of the whole training command; nats, bits, accuracy: a character of the last tenth; validation,
    test: nats of its halves.
    """

    minutes: float
    wall_seconds: float
    steps: int
    hidden: int
    parameters: int
    nats: float
    bits: float
    accuracy: float
    validation: float
    test: float


def learn(folder: Path, text: str, minutes: float) -> Learned:
    out = folder / f"{minutes:g}-minutes"
    halves = ["--validation", "0.05", "--test", "0.05"]
    trained = run([*UNROLLED, "train", text, "--out", out, "--minutes", f"{minutes:g}", *halves, "--json"])
    summary = trained.json()
    say("evaluating …")
    scores = [run([*UNROLLED, "evaluate", out, text, "--part", part, "--json"]).json() for part in PARTS]
    steps = [score["symbols"] for score in scores]
    tenth = {
        what: sum(score[what] * count for score, count in zip(scores, steps, strict=True)) / sum(steps)
        for what in ("nats_per_symbol", "bits_per_symbol", "accuracy")
    }
    return Learned(
        minutes,
        trained.seconds,
        summary["steps"],
        summary["hidden"],
        summary["parameters"],
        tenth["nats_per_symbol"],
        tenth["bits_per_symbol"],
        tenth["accuracy"],
        *(score["nats_per_symbol"] for score in scores),
    )


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what to learn (default: %(default)s)")
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 6.0, 10.0], help="(default: 3 6 10)")
    parser.add_argument("--out", type=Path, help="a folder that keeps the runs")
    given = parser.parse_args()
    result = Report(f"Learning {Path(given.text).name} by the defaults")
    learned: list[Learned] = []
    with workspace(given.out) as folder:
        for minutes in given.minutes:
            say(f"training for {minutes:g} minutes …")
            learned.append(learn(folder, given.text, minutes))
    result.table(
        "Nats and bits a character on the last tenth, the state carried through; nats of its halves.",
        ["minutes asked", "wall time", "updates", "neurons", "parameters", "nats", "bits", "accuracy", *PARTS],
        [
            [f"{one.minutes:g}", f"{one.wall_seconds:.0f} s", f"{one.steps:,}", one.hidden, f"{one.parameters:,}",
             f"{one.nats:.4f}", f"{one.bits:.4f}", f"{one.accuracy:.1%}", f"{one.validation:.4f}",
             f"{one.test:.4f}"]
            for one in learned
        ],
    )  # fmt: skip
    for one in learned:
        late = f"at most {one.minutes:g} min"
        result.bar(
            "wall time of training", late, f"{one.wall_seconds / 60:.2f} min", one.wall_seconds <= one.minutes * 60
        )
        path = Path(given.text)
        known = path.is_file() and len(path.read_text(encoding="utf-8", errors="replace")) == TINY_SHAKESPEARE
        if known and one.minutes in BARS:
            bar = BARS[one.minutes]
            result.bar(f"nats after {one.minutes:g} min", f"at most {bar}", f"{one.nats:.4f}", one.nats <= bar)
    result.numbers["learned"] = [vars(one) for one in learned]
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
