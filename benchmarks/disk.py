"""Recording to the disk: every signal of a million characters, beside plain nn.LSTM, which records nothing.

In one process, in turns (A B A B …), over the same symbols: nn.LSTM piece by piece with the state carried on; the
computing alone, every signal to a sink that drops it; and `record_run`, the function behind `unrolled trace`, into a
folder, float16 where a signal allows it, until everything is safe on the disk. Medians of the rounds. Beside them, what
the disk takes for as many bytes in the same folder, written in one go.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from common import DEFAULT_TEXT, MIB, Report, arguments, say, size_on_disk, workspace
from training import make_network

from unrolled.networks import Network
from unrolled.racing import Shape
from unrolled.racing.contestants import Plain
from unrolled.sources import Corpus, open_source, prepare
from unrolled.traces.record import record_run

PIECE = 2048
"""Steps that nn.LSTM runs in one go: as one piece its inputs alone would take a gigabyte."""
AT_MOST = 1.5


def run_plain(network: Network, corpus: Corpus) -> Callable[[], None]:
    lstm, table = Plain(network).rnn, torch.eye(network.symbols)
    symbols = torch.from_numpy(corpus.symbols.astype("int64"))

    @torch.inference_mode()
    def run() -> None:
        state = None
        for piece in symbols.split(PIECE):
            _, state = lstm(table[piece], state)

    return run


def compute(network: Network, corpus: Corpus, engine: str) -> Callable[[], None]:
    names = [signal.name for signal in network.cell.signals]
    symbols = torch.from_numpy(corpus.symbols.astype("int64"))

    @torch.inference_mode()
    def run() -> None:
        state = None
        for piece in symbols.split(PIECE):
            state = network.run(piece[:, None], state, record=names, sink=lambda *_: None, engine=engine).state

    return run


def write(folder: Path, size: int) -> float:
    """Seconds to write so many bytes, which no disk can compress, and to have them safe."""
    some = os.urandom(4 * MIB)
    began = perf_counter()
    with (folder / "bytes").open("wb") as file:
        for start in range(0, size, len(some)):
            file.write(some[: size - start])
        file.flush()
        os.fsync(file.fileno())
    seconds = perf_counter() - began
    (folder / "bytes").unlink()
    return seconds


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is read (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1_000_000, help="characters (default: %(default)s)")
    parser.add_argument("--size", default="1x128", metavar="LAYERSxNEURONS", help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--engine", default="auto", help="which of ours (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    given = parser.parse_args()
    layers, neurons = map(int, given.size.split("x"))
    corpus = prepare(open_source(given.text, limit=given.steps))
    network = make_network(Shape(layers, neurons, 1, 1, len(corpus.vocabulary))).eval()
    with workspace(given.folder) as folder:
        out = folder / "disk.trace"

        def record() -> None:
            record_run(network, corpus.vocabulary, [corpus.symbols], out=out, dtype="float16", engine=given.engine)

        ways = {"nn.LSTM": run_plain(network, corpus), "compute": compute(network, corpus, given.engine),
                "record": record}  # fmt: skip
        seconds: dict[str, list[float]] = {way: [] for way in [*ways, "write"]}
        size = 0
        for number in range(given.rounds):
            for way, work in ways.items():
                say(f"round {number + 1} of {given.rounds}: {way} …")
                seconds[way].append(timed(work))
            size = size_on_disk(out)
            shutil.rmtree(out)
            say(f"round {number + 1} of {given.rounds}: the same bytes …")
            seconds["write"].append(write(folder, size))
    took = {way: median(values) for way, values in seconds.items()}
    base = took["nn.LSTM"]
    what = {
        "nn.LSTM": "plain `nn.LSTM`, nothing recorded",
        "compute": "every signal computed, and dropped",
        "record": f"every signal on the disk, float16, {size / MIB:,.0f} MiB",
        "write": f"{size / MIB:,.0f} MiB written in one go, with fsync",
    }
    result = Report("Recording to the disk")
    result.table(
        f"{given.steps:,} characters through {layers} × {neurons} neurons; medians of {given.rounds} rounds.",
        ["what", "seconds", "÷ nn.LSTM", "MiB/s"],
        [[what[way], f"{value:.2f}", f"{value / base:.2f}",
          f"{size / MIB / value:,.0f}" if way in {"record", "write"} else ""] for way, value in took.items()],
    )  # fmt: skip
    ratio = took["record"] / base
    result.bar("every signal on the disk ÷ nn.LSTM", f"at most {AT_MOST}", f"{ratio:.2f}", ratio <= AT_MOST)
    result.numbers = {"seconds": seconds, "bytes": size}
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
