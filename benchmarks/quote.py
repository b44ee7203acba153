"""The neuron that knows that a quotation is open: found in a network that learned prose, and then switched off.

Trains by the defaults on a text whose quotations stand in straight quotation marks ("War and Peace", for one), looks on
its last tenth, which training never learned from, for the neuron that tells best whether a quotation is open, and holds
it at zero there, beside random neurons of like variance. What closes a quotation should then be foretold worse.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from common import UNROLLED, Report, arguments, run, say, workspace

HYPOTHESIS = "quoted-in-paragraph"
MARK = '"'
TIMES = 5
"""What is asked: so many times as much as a random neuron."""


def switched_off(result: Report, learned: Path, text: str) -> None:
    of_text = [str(learned), text, "--part", "validation", "--json"]
    found = run([*UNROLLED, "find", *of_text, "--hypothesis", HYPOTHESIS]).json()
    sought = next(each for each in found["hypotheses"] if each["name"] == HYPOTHESIS)
    if not sought["found"]:
        raise SystemExit(f"No neuron tells {HYPOTHESIS!r} better than chance: learn longer.")
    neuron = sought["neurons"][0]
    name = neuron["name"]
    held = run([*UNROLLED, "ablate", *of_text, name, "--hypothesis", HYPOTHESIS, "--next", MARK]).json()
    (of,) = held["hypotheses"]
    closing = next(each for each in of["symbols"] if each["name"] == MARK)
    rows = {"all": held["overall"], "inside a quotation": of["true"], "outside": of["false"], "what closes it": closing}
    result.table(
        f"{name} tells {HYPOTHESIS} with an area under the ROC curve of {neuron['score']:.3f} "
        f"({neuron['low']:.3f} to {neuron['high']:.3f}); by chance {neuron['null']:.3f}, of an untrained network "
        f"{sought['untrained']['score']:.3f}. What the loss rises by without it, nats a symbol.",
        ["over", "predictions", "rises by", "95 %", "times as much as a random neuron"],
        [[what, f"{each['steps']:,}", *told(each)] for what, each in rows.items()],
    )
    result.bar(f"loss on closing quotes without {name}", f"{TIMES} times a random neuron or more",
               f"{closing['ratio']:.0f} times", closing["ratio"] >= TIMES)  # fmt: skip
    result.numbers |= {"neuron": neuron, "without": rows}


def told(change: dict[str, Any]) -> list[str]:
    ratio = "" if change["ratio"] is None else f"{change['ratio']:.1f}"
    return [f"{change['change']:+.4f}", f"{change['low']:+.4f} to {change['high']:+.4f}", ratio]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", help="prose")
    parser.add_argument("--minutes", type=float, default=15, help="to learn (default: %(default)s)")
    parser.add_argument("--run", type=Path, help="a run that has learned the text already")
    parser.add_argument("--out", type=Path, help="a folder that keeps the run")
    given = parser.parse_args()
    result = Report(f"The quote neuron of {Path(given.text).name}")
    with workspace(given.out) as folder:
        learned: Path = given.run or folder / "run"
        if given.run is None:
            say(f"learning for {given.minutes:g} minutes …")
            run([*UNROLLED, "train", given.text, "--out", learned, "--minutes", f"{given.minutes:g}"])
        score = run([*UNROLLED, "evaluate", learned, given.text, "--part", "validation", "--json"]).json()
        result.table("The network, on the part it did not learn from.", ["symbols", "nats a symbol"],
                     [[f"{score['symbols']:,}", f"{score['nats_per_symbol']:.4f}"]])  # fmt: skip
        switched_off(result, learned, given.text)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
