"""What finding costs: beside scikit-learn, beside the tracing itself, and its memory with the length of the text.

Areas under the ROC curve of all neurons × hypotheses, by the finder's bins, beside scikit-learn's roc_auc_score and
SciPy's Mann-Whitney U one by one, which are timed on some of the pairs. Then the whole search (every signal, every
hypothesis that can be asked, screening, shifts and control tasks) beside the tracing that it needs, all signals to
something that drops them; in turns. Last, the peak memory of the search in processes of their own.

scikit-learn and SciPy are optional: pip install -r benchmarks/requirements.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from time import perf_counter
from typing import Any

from common import DEFAULT_TEXT, MIB, Report, arguments, run, say

TIMES, NEAR, MORE = 100, 1e-3, 100 * MIB
"""What is asked: so much faster, so near, so little more memory."""
LETTERS, BACK = "etaoin", 8
"""The hypotheses of the first table: whether a letter stood so many steps back at most."""
AT_ONCE = 64
"""Neurons that are put in bins at a time."""
LENGTHS = (16, 4, 1)
"""Memory is measured at the whole length divided by these."""


def beside_others(result: Report, steps: int, neurons: int, pairs: int) -> None:
    """The numbers and the time of areas under the ROC curve."""
    import numpy as np

    from unrolled.networks import NetworkSettings
    from unrolled.neurons.circuits import babble, random_network
    from unrolled.neurons.circuits.known import back
    from unrolled.neurons.find.bins import BINS
    from unrolled.sources import Vocabulary
    from unrolled.traces.record import record_run

    if find_spec("sklearn") is None or find_spec("scipy") is None:
        result.table("Areas under the ROC curve.", ["scikit-learn"],
                     [["is not installed: pip install -r benchmarks/requirements.txt"]])  # fmt: skip
        return
    from scipy.stats import mannwhitneyu
    from sklearn.metrics import roc_auc_score

    text = babble(steps)
    vocabulary = Vocabulary.of(text)
    network = random_network(NetworkSettings(hidden=neurons), vocabulary, seed=0)
    say(f"recording {steps:,} × {neurons} …")
    values = np.asarray(record_run(network, vocabulary, [vocabulary.encode(text)], signals=["cell"])["rnn.l0.cell"])
    labels = [back(text, far, letter) for letter in LETTERS for far in range(BACK)]
    say("ours …")
    began = perf_counter()
    ours = areas(values, labels)
    seconds = {"ours": (perf_counter() - began) / ours.size}
    chosen = [divmod(int(at), neurons) for at in np.random.default_rng(1).choice(ours.size, pairs, replace=False)]
    others: dict[str, Callable[[Any, Any], float]] = {
        "scikit-learn": lambda label, value: float(roc_auc_score(label, value)),
        "SciPy": lambda label, value: (
            float(mannwhitneyu(value[label], value[~label]).statistic) / (label.sum() * (~label).sum())
        ),
    }
    rows = [["ours, binned", f"{seconds['ours'] * 1e6:,.1f}", "", ""]]
    for name, area in others.items():
        say(f"{name} …")
        began = perf_counter()
        theirs = [area(labels[label], values[:, neuron]) for label, neuron in chosen]
        seconds[name] = (perf_counter() - began) / pairs
        off = max(abs(ours[pair] - area) for pair, area in zip(chosen, theirs, strict=True))
        faster = seconds[name] / seconds["ours"]
        rows.append([name, f"{seconds[name] * 1e6:,.1f}", f"{faster:,.0f}", f"{off:.1e}"])
        result.bar(f"beside {name}", f"same numbers to {NEAR:g}", f"{off:.1e}", off <= NEAR)
        if name == "scikit-learn":
            result.bar("beside scikit-learn", f"{TIMES} times faster or more", f"{faster:,.0f}", faster >= TIMES)
    result.table(
        f"Areas under the ROC curve of {neurons} neurons × {len(labels)} hypotheses over {steps:,} steps, {BINS} bins; "
        f"the others on {pairs} of the pairs.",
        ["who", "microseconds a pair", "times as long as ours", "largest difference"],
        rows,
    )
    result.packages = ("scikit-learn", "scipy")
    result.numbers["seconds_a_pair"] = seconds


def areas(values: Any, labels: Sequence[Any]) -> Any:
    """Areas under the ROC curve as the finder has them, `(labels, neurons)`, of values `(steps, neurons)`."""
    import numpy as np

    from unrolled.neurons.find.bins import BINS, Bins, auc_of, count

    steps, neurons = values.shape
    drawn = np.sort(np.random.default_rng(0).choice(steps, min(steps, 2048), replace=False))
    found = np.empty((len(labels), neurons))
    for first in range(0, neurons, AT_ONCE):
        some = values[:, first : first + AT_ONCE]
        codes = Bins(some[drawn], np.ones(len(drawn), bool)).of(some.T)
        for at, label in enumerate(labels):
            counts = np.zeros((len(codes), BINS, 2), np.int64)
            count(codes, label.astype(np.int8), counts)
            found[at, first : first + AT_ONCE] = auc_of(counts)
    return found


def make(source: str, size: str, steps: int) -> tuple[Any, Any, Mapping[str, Any]]:
    """A network with random weights, the symbols it reads, and every hypothesis' label, made when it is asked for."""
    from unrolled.networks import Network, NetworkSettings
    from unrolled.neurons.hypotheses import hypotheses_for, labellers
    from unrolled.neurons.labelling import StepLabels
    from unrolled.sources import open_source, prepare

    layers, hidden = map(int, size.split("x"))
    corpus = prepare(open_source(source, limit=steps))
    settings = NetworkSettings.parse({"layers": layers, "hidden": hidden})
    labels = StepLabels(labellers(hypotheses_for(source)), [corpus.vocabulary.spell(corpus.symbols)], "characters")
    return Network(settings, len(corpus.vocabulary)).eval(), corpus.symbols, labels


def searching(source: str, size: str, steps: int) -> dict[str, Callable[[], object]]:
    """What takes turns."""
    from unrolled.neurons.find import find
    from unrolled.neurons.find.stream import RunningNetwork

    network, symbols, labels = make(source, size, steps)
    return {
        "tracing": lambda: RunningNetwork(network, [symbols]).run((), lambda _: None),
        "the search": lambda: find(network, [symbols], labels, untrained=False),
        "the search without control tasks": lambda: find(network, [symbols], labels, untrained=False, controls=False),
    }


def beside_tracing(result: Report, source: str, size: str, steps: int, seconds: float) -> None:
    from unrolled.racing import race

    say(f"the search beside the tracing, {size}, {steps:,} steps …")
    times = race(searching(source, size, steps), seconds=seconds)
    tracing = times["tracing"]
    rows = [
        [name, f"{each.median:.2f}", f"{steps / each.median:,.0f}", f"{each.ratio(tracing):.2f}"]
        for name, each in times.items()
    ]
    result.table(
        f"{size} neurons, {steps:,} steps of {source}, all signals, all hypotheses.",
        ["what", "seconds", "steps a second", "beside the tracing"],
        rows,
    )
    added = times["the search"].ratio(tracing) - 1
    result.bar("time that the search adds", "at most the tracing's own", f"{added:.2f} of it", added <= 1)
    result.numbers["seconds"] = {name: each.median for name, each in times.items()}


def by_length(result: Report, source: str, size: str, steps: int) -> None:
    peaks: dict[int, int] = {}
    for length in (steps // part for part in LENGTHS):
        say(f"{length:,} steps in a process of their own …")
        command = [sys.executable, __file__, source, "--narrow", size, "--once", str(length)]
        peaks[length] = run(command).peak_bytes
    result.table(
        f"Peak memory of the search, {size} neurons, labels and text included.",
        ["steps", "MiB"],
        [[f"{length:,}", f"{peak / MIB:,.0f}"] for length, peak in peaks.items()],
    )
    shortest, *_, longest = peaks.values()
    result.bar("peak memory, longest beside shortest", f"at most {MORE // MIB} MiB more",
               f"{(longest - shortest) / MIB:+.0f} MiB", longest - shortest <= MORE)  # fmt: skip
    result.numbers["peak_bytes"] = peaks


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is read (default: %(default)s)")
    parser.add_argument("--size", default="3x512", metavar="LAYERSxNEURONS", help="beside the tracing")
    parser.add_argument("--steps", type=int, default=50_000, help="beside the tracing (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="of all turns (default: %(default)s)")
    parser.add_argument("--narrow", default="1x128", metavar="LAYERSxNEURONS", help="for the memory")
    parser.add_argument("--long", type=int, default=200_000, help="steps for the memory (default: %(default)s)")
    parser.add_argument("--neurons", type=int, default=512, help="for the areas (default: %(default)s)")
    parser.add_argument("--values", type=int, default=100_000, help="steps for the areas (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=100, help="that the others score (default: %(default)s)")
    parser.add_argument("--once", type=int, metavar="STEPS", help="only search so many steps, once")
    given = parser.parse_args()
    if given.once:
        searching(given.text, given.narrow, given.once)["the search"]()
        return 0
    result = Report("What finding costs")
    by_length(result, given.text, given.narrow, given.long)  # first: a child's peak begins with its parent's
    beside_others(result, given.values, given.neurons, given.pairs)
    beside_tracing(result, given.text, given.size, given.steps, given.seconds)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
