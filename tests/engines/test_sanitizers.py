"""The C code under the compiler's sanitizers: memory, undefined behaviour, races between threads.

Each is also shown a fault that it must find, so that a sanitizer that watches nothing is noticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import COMPILED, needs_kernels
from unrolled.engines.compiled.build import INSTRUCTIONS, SOURCE, BuildError, compile_library, find_compiler

ROOT = Path(__file__).parents[2]
WATCHED = (
    *("-O1", "-g", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-fno-omit-frame-pointer"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
)
HERE = [name.removeprefix("compiled-") for name in COMPILED]
"""Instruction sets that this machine has."""

pytestmark = needs_kernels


def runtime(name: str) -> str:
    """Where the compiler keeps a sanitizer's library; skips where it has none."""
    try:
        compiler = find_compiler()
    except BuildError as error:
        pytest.skip(str(error))
    asked = subprocess.run([*compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    if not Path(asked.stdout.strip()).is_absolute():
        pytest.skip(f"{compiler[0]} has no {name}")
    return asked.stdout.strip()


def with_fault(folder: Path, old: str, new: str) -> Path:
    """A copy of the source with one thing wrong."""
    for file in SOURCE.parent.glob("*.c"):
        shutil.copy(file, folder)
    text = SOURCE.read_text()
    assert text.count(old) == 1
    broken = folder / SOURCE.name
    broken.write_text(text.replace(old, new))
    return broken


def run_watched(library: Path) -> subprocess.CompletedProcess[str]:
    watch = {"LD_PRELOAD": runtime("libasan.so"), "ASAN_OPTIONS": "detect_leaks=0", "UNROLLED_KERNELS": str(library)}
    return subprocess.run(
        [sys.executable, "-m", "tests.engines.odd_shapes"],
        cwd=ROOT,
        env={**os.environ, **watch, "UBSAN_OPTIONS": "print_stacktrace=1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("instructions", HERE)
def test_no_memory_but_ours_and_nothing_undefined(instructions: str, tmp_path: Path) -> None:
    runtime("libasan.so")
    library = tmp_path / "watched.so"
    compile_library(library, instructions, WATCHED)
    done = run_watched(library)
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stdout == "all shapes ran\n"
    assert done.stderr == ""


def test_a_read_past_the_end_is_found(tmp_path: Path) -> None:
    runtime("libasan.so")
    broken = with_fault(tmp_path, "lane < count ? rows[lane * inputs + k] : 0.0f", "rows[lane * inputs + k]")
    compile_library(tmp_path / "watched.so", "plain", WATCHED, broken)
    done = run_watched(tmp_path / "watched.so")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


def run_races(source: Path, instructions: str, folder: Path) -> subprocess.CompletedProcess[str]:
    runtime("libtsan.so")
    compiler, made = find_compiler(), folder / "races"
    flags = ["-O1", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsanitize=thread", f'-DKERNELS="{source}"']
    races = str(Path(__file__).with_name("races.c"))
    compiling = [*compiler, *flags, "-fopenmp", *INSTRUCTIONS[instructions], "-c", races, "-o", f"{made}.o"]
    subprocess.run(compiling, check=True)
    # Linked without -fopenmp: races.c has what the kernels need of it.
    subprocess.run([*compiler, "-fsanitize=thread", f"{made}.o", "-o", str(made), "-lm", "-lpthread"], check=True)
    done = subprocess.run(
        [str(made)], env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}, capture_output=True, text=True
    )
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("this system places memory where ThreadSanitizer cannot watch it")
    return done


@pytest.mark.parametrize("instructions", HERE)
def test_threads_do_not_race(instructions: str, tmp_path: Path) -> None:
    done = run_races(SOURCE, instructions, tmp_path)
    assert (done.returncode, done.stdout) == (0, "all shapes ran\n"), done.stdout + done.stderr[-6000:]
    assert done.stderr == ""


def test_threads_that_do_not_wait_are_found(tmp_path: Path) -> None:
    broken = with_fault(
        tmp_path, "__atomic_exchange_n(&all[me].steps, steps, __ATOMIC_SEQ_CST)", "all[me].steps = steps"
    )
    assert "data race" in run_races(broken, "plain", tmp_path).stderr
