"""Makes the libraries from kernels.c with the machine's C compiler, GCC or Clang.

The build of the wheel calls it; where that found no compiler, `python -m unrolled.engines.compiled.build` makes up for
it later. It runs before anything is installed, so it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-std=gnu11", "-fno-math-errno", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden")
INSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512dq", "-mfma"),
}
"""Instruction sets, and what the compiler is told to use them; plain code runs everywhere."""


class BuildError(Exception):
    """There is no compiler, or it failed; says so in one line."""


def find_compiler() -> list[str]:
    """The command that compiles C: $CC, or the first of cc, gcc and clang.

    Raises:
        BuildError: there is none.
    """
    asked = shlex.split(os.environ.get("CC", ""))
    for command in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    raise BuildError(f"there is no C compiler ({' '.join(asked) or 'cc, gcc or clang'})")


def instruction_sets() -> list[str]:
    """Those that this kind of machine may have; which one it has is found out when the kernels are loaded."""
    return list(INSTRUCTIONS) if platform.machine().lower() in {"x86_64", "amd64"} else ["plain"]


def sources_digest() -> str:
    """One short word for all sources; another as soon as one of them changes."""
    digest = hashlib.sha256()
    for source in sorted(SOURCE.parent.glob("*.c")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def built_path(folder: Path, name: str) -> Path:
    """Where the library for an instruction set lies."""
    return folder / f"kernels-{name}.so"


def compile_library(out: Path, instructions: str, flags: Sequence[str] = FLAGS, source: Path = SOURCE) -> None:
    """Compiles kernels.c into the shared library `out`, which appears whole or not at all.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    compiler, made = find_compiler(), out.with_name(f"{out.name}.{os.getpid()}")
    compiled = made.with_suffix(".o")
    made_from = f'-DUNROLLED_SOURCES="{sources_digest()}"'
    every = [*flags, *INSTRUCTIONS[instructions], made_from, "-c", str(source), "-o", str(compiled)]
    try:
        try:
            _call([*compiler, "-fopenmp", *every])
            threads = b"__kmpc_" not in compiled.read_bytes()
        except BuildError:
            threads = False
        if not threads:  # no OpenMP, or not GNU's, which is the one that PyTorch has: one thread does the work
            _call([*compiler, *every])
        # Without -fopenmp no OpenMP of its own is named: the functions come from the one that PyTorch has loaded.
        sanitize = [flag for flag in flags if flag.startswith("-fsanitize=")]
        _call([*compiler, "-shared", *sanitize, str(compiled), "-lm", "-o", str(made)])
        made.replace(out)
    finally:
        for rest in (compiled, made):
            rest.unlink(missing_ok=True)


def _call(command: Sequence[str]) -> None:
    english = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=english
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
        raise BuildError(f"{command[0]} failed{': ' + said[0].strip() if said else ''}")


def build_kernels(folder: Path = SOURCE.parent) -> list[Path]:
    """Brings the libraries in `folder` up to date and returns those that there are.

    Where one cannot be made, one line on stderr says so, and none from an older source is left behind.
    """
    made: list[Path] = []
    for name in instruction_sets():
        out = built_path(folder, name)
        try:
            if not _up_to_date(out):
                compile_library(out, name)
            made.append(out)
        except (BuildError, OSError) as error:
            out.unlink(missing_ok=True)
            without = "the engine 'torch' serves instead" if name == "plain" else "slower ones serve instead"
            print(f"unrolled: the {name} kernels were not built: {error}; {without}.", file=sys.stderr)
            if name == "plain":
                break
    for name in INSTRUCTIONS:
        if built_path(folder, name) not in made:
            built_path(folder, name).unlink(missing_ok=True)
    return made


def _up_to_date(out: Path) -> bool:
    sources = (*SOURCE.parent.glob("*.c"), Path(__file__))  # kernels.c includes the others
    return out.is_file() and all(source.stat().st_mtime < out.stat().st_mtime for source in sources)


if __name__ == "__main__":
    built = build_kernels()
    print(*built, sep="\n")
    sys.exit(0 if built else 1)
