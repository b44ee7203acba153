"""Recording: peak memory, time and size on the disk.

Makes networks with random weights (what they compute costs the same) and records them with the real command
`unrolled trace`: 100,000 characters through 3 × 512 neurons, and 100,000 and 1,000,000 through 1 × 64, all signals.
Beside it runs PyTorch's own nn.LSTM over the same symbols, which records nothing.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from common import DEFAULT_TEXT, GIB, MIB, UNROLLED, Ran, Report, arguments, run, say, size_on_disk, workspace

PIECE = 2048
"""Steps that plain PyTorch runs at a time: as one piece its inputs alone would take gigabytes."""


@dataclass(frozen=True)
class Recording:
    """One row of the table; the medians of several runs."""

    name: str
    steps: int
    layers: int
    hidden: int
    seconds: float
    peak_bytes: int
    disk_bytes: int
    plain_seconds: float
    plain_peak_bytes: int


def make_run(folder: Path, text: str, layers: int, hidden: int, limit: int) -> Path:
    """A run with hardly trained weights, whose vocabulary has every character of the text up to `limit`."""
    out = folder / f"{layers}x{hidden}"
    if not out.exists():
        say(f"making a network of {layers} × {hidden} …")
        size = ["--layers", str(layers), "--hidden", str(hidden)]
        quick = ["--steps", "1", "--batch", "1", "--unroll", "2", "--validation", "0"]
        run([*UNROLLED, "train", text, "--out", out, "--limit", str(limit), *size, *quick], quiet=True)
    return out


def record(network: Path, text: str, steps: int, out: Path, *, overwrite: bool = True) -> Ran:
    """Records with the real command."""
    more = ["--overwrite"] if overwrite else []
    return run([*UNROLLED, "trace", network, text, "--out", out, "--limit", str(steps), *more])


def measure(folder: Path, network: Path, text: str, steps: int, runs: int, keep: Path | None) -> Recording:
    layers, hidden = map(int, network.name.split("x"))
    name = f"{steps:,} × {layers} × {hidden}"
    recorded: list[Ran] = []
    plain: list[Ran] = []
    out = keep or folder / "trace"
    for number in range(runs):
        say(f"{name}: run {number + 1} of {runs}, recording …")
        recorded.append(record(network, text, steps, out))
        say(f"{name}: run {number + 1} of {runs}, plain nn.LSTM …")
        plain.append(run([sys.executable, __file__, "--plain", network, text, str(steps)]))
    size = size_on_disk(out)
    if keep is None:
        shutil.rmtree(out)
    return Recording(
        name,
        steps,
        layers,
        hidden,
        median(one.seconds for one in recorded),
        max(one.peak_bytes for one in recorded),
        size,
        median(one.seconds for one in plain),
        max(one.peak_bytes for one in plain),
    )


def run_plain(network: str, text: str, steps: int) -> None:
    """What a person would write who wants no more than the outputs: nn.LSTM over the same symbols, by pieces."""
    import torch

    from unrolled import load_network
    from unrolled.sources import open_source, prepare

    loaded = load_network(network)
    settings, symbols = loaded.network.settings, len(loaded.vocabulary)
    lstm = torch.nn.LSTM(symbols, settings.hidden, settings.layers)
    lstm.load_state_dict(
        {name.removeprefix("rnn."): value for name, value in loaded.network.state_dict().items() if "rnn." in name}
    )
    table = torch.eye(symbols)
    read = torch.from_numpy(prepare(open_source(text, limit=steps), loaded.vocabulary).symbols.astype("int64"))
    state = None
    with torch.inference_mode():
        for piece in read.split(PIECE):
            _, state = lstm(table[piece], state)


def report(rows: list[Recording]) -> Report:
    result = Report("Recording every signal: memory, time, disk")
    result.table(
        "Whole processes, start and imports included; peak memory is the largest of the runs, the rest their median.",
        ["steps × layers × neurons", "seconds", "steps/s", "peak memory", "on disk",
         "plain nn.LSTM", "its peak memory", "ratio of times"],
        [
            [row.name, f"{row.seconds:.1f}", f"{row.steps / row.seconds:,.0f}", f"{row.peak_bytes / MIB:,.0f} MiB",
             f"{row.disk_bytes / GIB:.2f} GiB", f"{row.plain_seconds:.1f} s", f"{row.plain_peak_bytes / MIB:,.0f} MiB",
             f"{row.seconds / row.plain_seconds:.2f}"]
            for row in rows
        ],
    )  # fmt: skip
    result.numbers["recordings"] = [vars(row) for row in rows]
    return result


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is read (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each recording (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=100_000, help="steps of the wide and the short recording")
    parser.add_argument("--wide", default="3x512", metavar="LAYERSxNEURONS", help="(default: %(default)s)")
    parser.add_argument("--narrow", default="1x64", metavar="LAYERSxNEURONS", help="(default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="where the wide trace is to stay (benchmarks/page.py takes it)")
    parser.add_argument("--plain", nargs=3, metavar=("RUN", "TEXT", "STEPS"), help="only run nn.LSTM, once")
    given = parser.parse_args()
    if given.plain:
        run_plain(given.plain[0], given.plain[1], int(given.plain[2]))
        return 0
    short, long = given.steps, 10 * given.steps
    with workspace(None) as folder:
        wide, narrow = (make_run(folder, given.text, *map(int, size.split("x")), long)
                        for size in (given.wide, given.narrow))  # fmt: skip
        rows = [
            measure(folder, wide, given.text, short, given.runs, given.keep),
            measure(folder, narrow, given.text, short, given.runs, None),
            measure(folder, narrow, given.text, long, given.runs, None),
        ]
    result = report(rows)
    large, before, after = (row.peak_bytes for row in rows)
    result.bar(f"peak memory of {rows[0].name}", "at most 2 GiB", f"{large / GIB:.2f} GiB", large <= 2 * GIB)
    more = after - before
    result.bar(
        f"{rows[2].name} beside {rows[1].name}", "at most 100 MiB more", f"{more / MIB:+.0f} MiB", more <= 100 * MIB
    )
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
