"""What every benchmark shares: running commands, and saying what was measured, where, when and by which command."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from time import monotonic
from typing import Any

# Nothing heavy may be imported here: a child's peak memory, as the system counts it, begins with its parent's.

DEFAULT_TEXT = "corpus:python"
"""What is read where no text is given: it needs no download."""

MIB, GIB = 2**20, 2**30
LOAD = os.getloadavg()[0]
"""How many processes wanted to run when the benchmark started; above the number of cores, times say little."""
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
"""What keeps PyTorch (its oneDNN, its own loops, its MKL) from later instructions; read when it is loaded."""
UNROLLED = [sys.executable, "-m", "unrolled"]


def say(line: str) -> None:
    """Progress, on standard error."""
    print(line, file=sys.stderr, flush=True)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    return parser


def race_arguments(description: str | None, *, rows: int, engine: str) -> argparse.ArgumentParser:
    """A parser with what the races take besides; `rows`: the sizes that there are."""
    parser = arguments(description)
    parser.add_argument("--seconds", type=float, default=20, help="of each row and table (default: %(default)s)")
    parser.add_argument("--engine", default=engine, help="which of ours (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=rows, help="only so many of the sizes")
    parser.add_argument("--no-others", action="store_true", help="leave the other ways of running an LSTM out")
    parser.add_argument("--avx2", action="store_true", help="everybody without AVX-512, as on an older processor")
    return parser


def race_as(given: argparse.Namespace) -> None:
    """Begins anew with `AVX2` set where `--avx2` asks for it: what is loaded has looked at the processor already."""
    from unrolled.engines.compiled.build import SOURCE, built_path

    kernels = str(built_path(SOURCE.parent, "avx2"))
    if given.avx2 and os.environ.get("UNROLLED_KERNELS") != kernels:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **AVX2, "UNROLLED_KERNELS": kernels})


@contextmanager
def workspace(given: Path | None) -> Iterator[Path]:
    """The given folder, which stays, or a temporary one, which goes."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
    else:
        with TemporaryDirectory(prefix="unrolled-benchmark-") as folder:
            yield Path(folder)


@dataclass(frozen=True)
class Ran:
    """A command that has ended well: its wall time, its own peak memory, and what it wrote to standard output."""

    seconds: float
    peak_bytes: int
    output: str

    def json(self) -> Any:
        return json.loads(self.output)


def run(command: Sequence[str | Path], *, quiet: bool = False) -> Ran:
    """Runs a command to its end; its progress goes to standard error, with `quiet` only where it fails.

    Raises:
        SystemExit: it failed.
    """
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        began = monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=errors if quiet else None)
        # wait4 tells of this very child; getrusage(RUSAGE_CHILDREN) would tell of the largest so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.stderr.write(errors.read())
            raise SystemExit(f"{shlex.join(map(str, command))} ended with {process.returncode}.")
        output.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        return Ran(seconds, usage.ru_maxrss * unit, output.read())


def size_on_disk(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True)
class Bar:
    """Something that must hold: what was measured, and what it may be."""

    what: str
    allowed: str
    measured: str
    holds: bool


@dataclass
class Report:
    """What a benchmark found; printed as Markdown."""

    title: str
    tables: list[tuple[str, Sequence[str], list[Sequence[str]]]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    load: float = LOAD
    packages: Sequence[str] = ()
    """What else took part: their versions are told too."""

    def table(self, caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self.tables.append((caption, columns, [[str(cell) for cell in row] for row in rows]))

    def bar(self, what: str, allowed: str, measured: str, holds: bool) -> None:
        self.bars.append(Bar(what, allowed, measured, holds))

    def end(self, json_file: Path | None) -> int:
        """Prints everything; returns the exit code: 0 where every bar holds, else 1."""
        where = self._where()
        print(f"## {self.title}\n")
        print(f"{where['machine']}; load {self.load:.1f} at the start, {where['load_at_end']} at the end  ")
        print(f"{where['date']}; {where['versions']}  ")
        print(f"`{where['command']}`\n")
        if self.load > cores() / 2 or float(where["load_at_end"]) > cores() + 1:
            print("**The machine was busy with other work: times and ratios say little.**\n")
        for caption, columns, rows in self.tables:
            print(f"{caption}\n")
            print_table(columns, rows)
        if self.bars:
            rows = [[bar.what, bar.allowed, bar.measured, "yes" if bar.holds else "**no**"] for bar in self.bars]
            print_table(["must hold", "bar", "measured", "holds"], rows)
        if json_file is not None:
            bars = [vars(bar) for bar in self.bars]
            whole = {"title": self.title, **where, "load": self.load, "bars": bars, "numbers": self.numbers}
            json_file.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return 0 if all(bar.holds for bar in self.bars) else 1

    def _where(self) -> dict[str, str]:
        names = ("unrolled", "torch", "numpy", "zarr", *self.packages)
        versions = [f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in names)]
        return {
            "machine": machine(),
            "load_at_end": f"{os.getloadavg()[0]:.1f}",
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "versions": ", ".join(versions),
            "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        }


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table with even columns."""
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, ["-" * width for width in widths], *rows]:
        print(f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |")
    print()


def machine() -> str:
    """Processor, cores that this process may use, memory, system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return f"{_processor()}, {cores()} cores, {memory:.0f} GiB; {platform.system()} {platform.machine()}"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        if name == "unrolled":  # run from a source tree that is only on the path
            from unrolled.version import __version__

            return __version__
        return "is not there"
