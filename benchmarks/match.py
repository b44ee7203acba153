"""Finding all places of a long recording that have a span's pattern: `unrolled match`, as people run it.

The recording is made up and written to the disk: hidden states that wander about 0, and at some places a pattern of
eight neurons. The first of them is sought in two ways: by the eight alone (threshold 0.9: only their chunks are read,
and of these only those in which, by the zoom pyramid, the pattern can be), and by all neurons that happen to be on
there (threshold 0.05: every chunk is read). The files were just written, so they are read from the system's cache where
the memory is large enough.

For the figures in the docs: --steps 1000000 --neurons 512.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from common import MIB, UNROLLED, Report, arguments, run, say, size_on_disk, workspace

from unrolled.cells.lstm import LSTM
from unrolled.traces.beginning import open_writer
from unrolled.traces.format import SHARD, SymbolsInfo, TraceInfo, describe_site

LETTERS = "abcdefgh"
LENGTH, EVERY = 12, 50_000
"""Steps of a planted place, and from one to the next."""
PLANTED = 8
SECONDS, PEAK = 10.0, 1024 * MIB
"""What a search through 1,000,000 steps of 512 neurons may take."""


def make_trace(out: Path, steps: int, neurons: int) -> list[range]:
    """Writes a recording of hidden states; returns where the pattern is."""
    generator = np.random.default_rng(0)
    site = describe_site("rnn.l0", LSTM(), neurons=neurons, inputs=len(LETTERS), signals=("hidden",))
    symbols = SymbolsInfo(kind="characters", vocabulary=tuple(LETTERS))
    places = [range(start, start + LENGTH) for start in range(100, steps - LENGTH, EVERY)]
    chosen = generator.choice(neurons, PLANTED, replace=False)
    signs = np.where(np.arange(PLANTED) % 2, 1, -1)
    writer = open_writer(
        out,
        TraceInfo(planned_steps=steps, sites=(site,), symbols=symbols),
        symbols=generator.integers(0, len(LETTERS), steps).astype(np.uint32),
        sequences=np.array([[0, steps]]),
    )
    assert writer is not None
    with writer:
        for start in range(0, steps, SHARD):
            count = min(SHARD, steps - start)
            slow = generator.standard_normal((-(-count // 16), neurons), np.float32).repeat(16, axis=0)[:count]
            values = 0.15 * slow + 0.05 * generator.standard_normal((count, neurons), np.float32)
            values = np.clip(values, -0.85, 0.85)
            for place in places:
                inside = np.arange(max(place.start, start), min(place.stop, start + count)) - start
                values[np.ix_(inside, chosen)] = 0.95 * signs
            writer.add("rnn.l0", {"hidden": values})
            writer.commit()
        writer.finish()
    return places


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="(default: %(default)s)")
    parser.add_argument("--neurons", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    given = parser.parse_args()
    result = Report("Match")
    rows: list[list[object]] = []
    with workspace(given.folder) as folder:
        out = folder / "match.trace"
        say(f"writing {given.steps:,} steps × {given.neurons} neurons …")
        places = make_trace(out, given.steps, given.neurons)
        span = f"{places[0].start}:{places[0].stop}"
        for threshold in (0.9, 0.05):
            say(f"searching with a threshold of {threshold} …")
            ran = run(
                [*UNROLLED, "match", out, "--span", span, "--threshold", str(threshold), "--top", "100", "--json"]
            )
            found = ran.json()
            rows.append(
                [threshold, len(found["neurons"]), f"{found['places']:,}", f"{ran.seconds:.1f}",
                 f"{ran.peak_bytes / MIB:,.0f}"]
            )  # fmt: skip
            result.numbers[str(threshold)] = {"seconds": ran.seconds, "peak_bytes": ran.peak_bytes, **found}
            what = f"a search with a threshold of {threshold}"
            result.bar(what, f"at most {SECONDS:.0f} s", f"{ran.seconds:.1f} s", ran.seconds <= SECONDS)
            peak = f"{ran.peak_bytes / MIB:,.0f} MiB"
            result.bar(f"its memory, {what}", f"at most {PEAK // MIB} MiB", peak, ran.peak_bytes <= PEAK)
            if threshold == 0.9:
                spans = sorted([each["start"], each["stop"]] for each in found["matches"])
                right = spans == [[place.start, place.stop] for place in places[1:]]
                result.bar("the planted places", "all, and no others", str(len(spans)), right)
        size = size_on_disk(out) / MIB
    result.table(
        f"{given.steps:,} steps of {given.neurons} hidden states, {size:,.0f} MiB; Python's start counts too.",
        ["threshold", "chosen neurons", "places", "seconds", "peak MiB"],
        rows,
    )
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
