"""Recording: its cost grows with the length, and nothing else does.

Every signal of 10,000, 100,000 and 1,000,000 symbols goes to a sink, piece by piece with the state carried on, as the
recorder runs it (without the disk: that is `disk.py`). Seconds a step come from one process, in turns (A B A B …),
medians of the rounds; the peak memory of each length from a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from common import MIB, Report, arguments, run, say

PIECE = 16_384
"""Steps that are run in one go."""
SYMBOLS = 96
WITHIN, MORE = 1.10, 32 * MIB


def streaming(layers: int, neurons: int, engine: str, steps: int) -> Callable[[], int]:
    """Records so many symbols into a sink that looks at every block; gives the steps that it saw."""
    import torch
    from training import make_network

    from unrolled.racing import Shape

    network = make_network(Shape(layers, neurons, 1, 1, SYMBOLS)).eval()
    names = [signal.name for signal in network.cell.signals]
    generator = torch.Generator()

    @torch.inference_mode()
    def record() -> int:
        generator.manual_seed(0)
        seen, state = 0, None

        def sink(layer: str, start: int, signals: Mapping[str, torch.Tensor]) -> None:
            nonlocal seen
            seen += len(signals["hidden"]) if layer == "l0" else 0

        for start in range(0, steps, PIECE):
            symbols = torch.randint(SYMBOLS, (min(PIECE, steps - start), 1), generator=generator)
            state = network.run(symbols, state, record=names, sink=sink, engine=engine).state
        return seen

    return record


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--size", default="1x128", metavar="LAYERSxNEURONS", help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=1_000_000, help="the longest (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="of all rounds (default: %(default)s)")
    parser.add_argument("--engine", default="auto", help="which of ours (default: %(default)s)")
    parser.add_argument("--once", type=int, metavar="STEPS", help="only record so many steps, once")
    given = parser.parse_args()
    layers, neurons = map(int, given.size.split("x"))
    if given.once:
        assert streaming(layers, neurons, given.engine, given.once)() == given.once
        return 0
    lengths = [given.steps // 100, given.steps // 10, given.steps]
    same = [sys.executable, __file__, "--size", given.size, "--engine", given.engine]
    peaks: list[int] = []
    for steps in lengths:
        say(f"{steps:,} steps in a process of their own …")
        peaks.append(run([*same, "--once", str(steps)]).peak_bytes)

    from unrolled.racing import race  # only now: a child's peak begins with its parent's

    say("all lengths in turns …")
    again = {steps: max(1, given.steps // steps // 10) for steps in lengths}  # a short turn would be a rough one

    def turn(steps: int) -> Callable[[], None]:
        record = streaming(layers, neurons, given.engine, steps)

        def repeated() -> None:
            for _ in range(again[steps]):
                record()

        return repeated

    times = race({str(steps): turn(steps) for steps in lengths}, seconds=given.seconds)
    each = {steps: times[str(steps)].median / again[steps] / steps for steps in lengths}
    result = Report("Length")
    result.table(
        f"{layers} × {neurons} neurons, one sequence, every signal to a sink.",
        ["steps", "microseconds a step", "beside the shortest", "peak memory"],
        [[f"{steps:,}", f"{each[steps] * 1e6:.3f}", f"{each[steps] / each[lengths[0]]:.3f}", f"{peak / MIB:,.0f} MiB"]
         for steps, peak in zip(lengths, peaks, strict=True)],
    )  # fmt: skip
    apart, more = max(each.values()) / min(each.values()), max(peaks) - peaks[0]
    result.bar("time a step, the dearest length beside the cheapest", f"at most {WITHIN:.2f}", f"{apart:.3f}",
               apart <= WITHIN)  # fmt: skip
    result.bar("peak memory, beside the shortest", f"at most {MORE // MIB} MiB more", f"{more / MIB:+.0f} MiB",
               more <= MORE)  # fmt: skip
    result.numbers = {"seconds_a_step": each, "peak_bytes": dict(zip(lengths, peaks, strict=True))}
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
