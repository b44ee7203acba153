"""What this machine can do at most: multiply-adds, activations, reads and writes a second, by size.

A few loops in C, compiled when the script runs (`cc`, or what CC names), measure the processor itself, on as many
threads as PyTorch takes: multiply-adds that never leave the registers; an exponential with its division, side by side
and one after the other; reading and writing memory of several sizes. Without a compiler PyTorch's own operations are
measured instead, which reach less; the table says so. The other scripts take their limits from here: whatever a row of
theirs does at least, divided by what the machine can do at most, is the time that it cannot go below.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from time import perf_counter

import torch
from common import AVX2, MIB, Report, arguments, say

from unrolled.racing import Shape

SIZES = tuple(2**power for power in (15, 17, 19, 20, 21, 22, 23, 24, 25, 26, 28))
"""Bytes that all threads together go through: caches of every level, and memory."""
TRIES, SECONDS = 20, 0.02
"""Each rate is the best of so many tries of about so many seconds: a peak is what nothing disturbed."""

SOURCE = r"""
#include <stdint.h>
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12
typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

int64_t lanes(void) { return LANES; }

static float total(vec value) { float sum = 0; for (int i = 0; i < LANES; i++) sum += value[i]; return sum; }

/* CHAINS sums side by side: more than one instruction's latency, few enough for the registers. */
float multiply_adds(float *unused, int64_t count, int64_t turns) {
    vec sums[CHAINS], a = (vec){0} + 0.999f, b = (vec){0} + 0.001f;
    for (int i = 0; i < CHAINS; i++) sums[i] = (vec){0} + (float)i;
    for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * a + b;
    vec sum = {0};
    for (int i = 0; i < CHAINS; i++) sum += sums[i];
    return total(sum);
}

/* 1 / (1 + e^x), e^x = 2^n e^r: as short as float32 allows. */
static inline vec logistic(vec x) {
    vec shifted = x * 1.442695f + 12582912.0f, n = shifted - 12582912.0f, r = x - n * 0.6931472f;
    vec power = (vec)(((ivec)shifted << 23) + 0x3f800000);
    vec e = ((((0.00836878f * r + 0.0416684f) * r + 0.166665f) * r + 0.5f) * r + 1.0f) * r + 1.0f;
    return 1.0f / (1.0f + e * power);
}

float activations(float *unused, int64_t count, int64_t turns) {
    vec x[4];
    for (int i = 0; i < 4; i++) x[i] = (vec){0} + (float)i;
    for (int64_t turn = 0; turn < turns; turn++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) x[i] = logistic(x[i]);
    return total(x[0] + x[1] + x[2] + x[3]);
}

float chain(float *unused, int64_t count, int64_t turns) {
    vec x = {0};
    for (int64_t turn = 0; turn < turns; turn++) x = logistic(x);
    return total(x);
}

float reads(float *from, int64_t count, int64_t turns) {
    vec sums[8] = {{0}};
    for (int64_t turn = 0; turn < turns; turn++)
        for (const vec *at = (vec *)from, *end = (vec *)(from + count); at < end; at += 8)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) sums[i] += at[i];
    vec sum = {0};
    for (int i = 0; i < 8; i++) sum += sums[i];
    return total(sum);
}

float writes(float *to, int64_t count, int64_t turns) {
    vec value = {0};
    for (int64_t turn = 0; turn < turns; turn++, value += 1.0f)
        for (vec *at = (vec *)to, *end = (vec *)(to + count); at < end; at += 8)
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) at[i] = value;
    return to[0];
}
"""


@dataclass(frozen=True)
class Machine:
    """What all threads together can do at most.

    threads: how many.
    how: what was measured with.
    operations: floating-point operations a second; a multiply-add is two.
    activations: sigmoids (or tanhs) a second.
    chain: seconds of one activation that waits for another.
    reads, writes: bytes gone through → bytes a second.
    """

    threads: int
    how: str
    operations: float
    activations: float
    chain: float
    reads: dict[int, float]
    writes: dict[int, float]

    def read_rate(self, size: float) -> float:
        """Of so many bytes, read again and again."""
        return _at(self.reads, size)

    def write_rate(self, size: float) -> float:
        return _at(self.writes, size)


def _at(rates: dict[int, float], size: float) -> float:
    """The rate of the nearest size that was measured and is no smaller, else of the largest."""
    return rates[next((measured for measured in sorted(rates) if measured >= size), max(rates))]


@dataclass(frozen=True)
class Work:
    """What something must do at the very least, whoever does it.

    operations, activations: in all.
    waits: activations that wait for one another.
    reads, of: bytes read, and the size of what they are read from again and again.
    writes: bytes written, once.
    call: seconds of a call that does one step of the same.
    """

    operations: float
    activations: float
    waits: int
    reads: float
    of: float
    writes: float
    call: float = 0.0

    def floors(self, machine: Machine) -> dict[str, float]:
        """Seconds that each part would take if it were all there is, at the best rate that the machine has."""
        return {
            "multiply-adds": self.operations / machine.operations,
            "activations": self.activations / machine.activations,
            "one step waits for the next": self.waits * machine.chain,
            f"weights from {_where(self.of)}": self.reads / machine.read_rate(self.of),
            f"signals to {_where(self.writes)}": self.writes / machine.write_rate(self.writes),
            "the call itself": self.call,
        }


def _where(size: float) -> str:
    """By size alone: what the caches of this day's processors hold."""
    return "memory" if size > 32 * MIB else "cache"


def limits(work: Work, machine: Machine, seconds: float, most: int = 2) -> str:
    """The parts that take the largest shares of a time, such as `multiply-adds 61 %, activations 20 %`.

    A share of 100 % would be a time that only that part fills, at the machine's peak.
    """
    shares = sorted(((floor / seconds, name) for name, floor in work.floors(machine).items()), reverse=True)
    return ", ".join(f"{name} {share:.0%}".replace("%", " %") for share, name in shares[:most])


def forward_work(cell: str, shape: Shape, *, signals: int, call: float = 0.0) -> Work:
    """Of a pass over time that keeps so many signals."""
    blocks, activations, waits = {"rnn": (1, 1, 1), "gru": (3, 3, 2)}.get(cell, (4, 5, 2))
    rows = shape.steps * shape.batch
    inputs = shape.inputs + (shape.layers - 1) * shape.neurons
    recurrent = 4 * blocks * shape.neurons**2
    return Work(
        operations=2 * blocks * shape.neurons * (inputs + shape.layers * shape.neurons) * rows,
        activations=activations * shape.neurons * shape.layers * rows,
        waits=waits * shape.steps * shape.layers,
        reads=recurrent * shape.steps * shape.layers,
        of=recurrent,
        writes=4 * signals * shape.neurons * shape.layers * rows,
        call=call,
    )


def training_work(cell: str, shape: Shape, *, signals: int, call: float = 0.0) -> Work:
    """Of a whole training step on one-hot symbols: forward; back to the inputs of each product and to its weights.

    The first layer's product with a symbol is a look-up, whoever does it so or not.
    """
    once = forward_work(cell, shape, signals=signals, call=call)
    blocks = {"rnn": 1, "gru": 3}.get(cell, 4)
    rows = shape.steps * shape.batch
    looked_up = 2 * blocks * shape.neurons * shape.inputs * rows
    readout = 2 * shape.neurons * shape.inputs * rows
    return Work(
        operations=3 * (once.operations - looked_up + readout),
        activations=once.activations + shape.inputs * rows,
        waits=2 * once.waits,
        reads=2 * once.reads,
        of=once.of,
        writes=2 * once.writes,
        call=call,
    )


def compiled(folder: Path) -> tuple[ctypes.CDLL, str] | None:
    """The loops above and the command that made them; None without a compiler."""
    command = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(command[0]) is None:
        return None
    source, library = folder / "peak.c", folder / "peak.so"
    source.write_text(SOURCE, encoding="utf-8")
    known = (["-march=native", "-mprefer-vector-width=512"], ["-march=native"], ["-mcpu=native"], [])
    if AVX2.items() <= os.environ.items():  # what others may not use is no limit of theirs
        known = (["-mavx2", "-mfma"],)
    for native in known:
        options = ["-O3", *native, "-ffp-contract=fast", "-shared", "-fPIC"]
        done = subprocess.run([*command, *options, "-w", source, "-o", library], capture_output=True, check=False)
        if done.returncode == 0:
            return ctypes.CDLL(str(library)), f"loops in C ({command[0]} {' '.join(options[:-2])})"
    return None


def best(work: Callable[[int, int], object], threads: int, seconds: float) -> float:
    """Turns a second of all threads together, at best; `work(thread, turns)` does some of them."""
    turns = 1
    while (took := _timed(work, 1, turns)) < seconds / 10:
        turns *= 10
    turns = max(1, ceil(turns * seconds / took))
    return max(threads * turns / _timed(work, threads, turns) for _ in range(TRIES))


def _timed(work: Callable[[int, int], object], threads: int, turns: int) -> float:
    """Seconds from the common start until the last thread is done."""
    gate, ends = Barrier(threads), [0.0] * threads
    starts = list(ends)

    def one(thread: int) -> None:
        gate.wait()
        starts[thread] = perf_counter()
        work(thread, turns)
        ends[thread] = perf_counter()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(threads)))
    return max(ends) - min(starts)


def measure_by_loops(library: ctypes.CDLL, how: str, seconds: float) -> Machine:
    threads = torch.get_num_threads()
    for name in ("multiply_adds", "activations", "chain", "reads", "writes"):
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64], ctypes.c_float
    library.lanes.restype = ctypes.c_int64
    lanes = library.lanes()

    def rate(name: str, count: int = 0, threads: int = threads) -> float:
        memory = [torch.zeros(count + 64) for _ in range(threads)]  # each thread has its own
        places = [one.data_ptr() + -one.data_ptr() % 64 for one in memory]
        function = getattr(library, name)
        return best(lambda thread, turns: function(places[thread], count, turns), threads, seconds)

    floats = {size: size // 4 // threads // 256 * 256 for size in SIZES}
    return Machine(
        threads,
        f"{how}, {lanes} floats an instruction",
        rate("multiply_adds") * 12 * lanes * 2,
        rate("activations") * 4 * lanes,
        1 / rate("chain", threads=1),
        {size: rate("reads", count) * count * 4 for size, count in floats.items()},
        {size: rate("writes", count) * count * 4 for size, count in floats.items()},
    )


def measure_by_torch(seconds: float) -> Machine:
    """With what is there without a compiler; each operation takes all threads by itself."""

    def rate(operation: Callable[[], object]) -> float:
        return best(lambda _, turns: [operation() for _ in range(turns)], 1, seconds)

    side = 1024
    a, b, out = (torch.ones(side, side) for _ in range(3))
    some = torch.zeros(1 << 16)
    memory = {size: torch.zeros(size // 4) for size in SIZES}
    return Machine(
        torch.get_num_threads(),
        "PyTorch's operations, for want of a C compiler that works; the machine may reach more",
        rate(lambda: torch.mm(a, b, out=out)) * 2 * side**3,
        rate(lambda: torch.sigmoid_(some)) * some.numel(),
        0.0,
        {size: rate(one.sum) * size for size, one in memory.items()},
        {size: rate(lambda one=one: one.fill_(1.0)) * size for size, one in memory.items()},
    )


@cache
def measure(seconds: float = SECONDS) -> Machine:
    """Takes a few seconds.

    Args:
        seconds: of each try of each rate.
    """
    say("measuring what this machine can do at most …")
    with TemporaryDirectory(prefix="unrolled-benchmark-") as folder:
        made = compiled(Path(folder))
        return measure_by_loops(*made, seconds) if made else measure_by_torch(seconds)


def size_name(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // 1024} KiB"


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each try (default: %(default)s)")
    given = parser.parse_args()
    found = measure(given.seconds)
    result = Report("What this machine can do at most")
    result.table(
        f"{found.threads} threads; {found.how}. The best of {TRIES} tries.",
        ["what", "rate"],
        [
            ["operations of multiply-adds in registers", f"{found.operations / 1e9:,.0f} GFLOP/s"],
            ["sigmoids side by side", f"{found.activations / 1e9:.2f} G/s"],
            ["a sigmoid that waits for another", f"{found.chain * 1e9:.1f} ns"],
        ],
    )
    result.table(
        "Memory that is gone through again and again, by its size, all threads together.",
        ["size", "read", "written"],
        [[size_name(size), *(f"{rates[size] / 1e9:,.1f} GB/s" for rates in (found.reads, found.writes))]
         for size in SIZES],
    )  # fmt: skip
    result.numbers = asdict(found)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
