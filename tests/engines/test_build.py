"""The kernels as they are built and loaded: with a compiler, without one, and what is said where they cannot serve."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.stacks import COMPILED, needs_kernels
from unrolled.engines.compiled import build
from unrolled.engines.compiled.build import FLAGS, BuildError, build_kernels, compile_library, find_compiler
from unrolled.engines.compiled.kernels import Kernels, find_kernels, libraries, load_kernels


def has_compiler() -> bool:
    with TemporaryDirectory() as folder:
        source = Path(folder, "nothing.c")
        source.write_text("int nothing;")
        try:
            compile_library(Path(folder, "nothing.so"), "plain", source=source)
        except BuildError:
            return False
    return True


HAS_COMPILER = has_compiler()
needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="there is no C compiler")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels")
    assert build_kernels(folder) == [build.built_path(folder, name) for name in build.instruction_sets()]
    return folder


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forgets which kernels were found, before and after."""
    find_kernels.cache_clear()
    yield
    find_kernels.cache_clear()


@needs_compiler
def test_every_instruction_set_is_built_and_nothing_else(built: Path) -> None:
    assert sorted(path.name for path in built.iterdir()) == sorted(
        f"kernels-{name}.so" for name in build.instruction_sets()
    )
    lanes = [load_kernels(built / path.name).lanes for path in libraries()]
    assert lanes == [4, 8, 16][: len(lanes)]


@needs_compiler
@pytest.mark.parametrize("instructions", build.instruction_sets())
def test_the_compiler_warns_of_nothing(instructions: str, tmp_path: Path) -> None:
    compile_library(tmp_path / "kernels.so", instructions, (*FLAGS, "-Werror"))


@needs_compiler
def test_no_second_openmp_is_named(built: Path) -> None:
    """PyTorch's is used; two in one process would fight over the processor."""
    shown = subprocess.run(["readelf", "-d", built / "kernels-plain.so"], capture_output=True, text=True)
    needed = [line for line in shown.stdout.splitlines() if "NEEDED" in line]
    assert needed, "readelf shows nothing"
    assert not any("omp" in line for line in needed)


@needs_compiler
def test_only_what_is_older_than_its_source_is_built_again(
    built: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = build.built_path(built, "plain")
    before = made.stat().st_mtime_ns
    build_kernels(built)
    assert made.stat().st_mtime_ns == before
    os.utime(made, (0, 0))
    build_kernels(built)
    assert made.stat().st_mtime_ns >= before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("compiler", "said"),
    [("false", "false failed"), ("no-such-compiler -O9", "there is no C compiler (no-such-compiler -O9)")],
)
def test_without_a_compiler_there_are_none_and_one_line_says_so(
    compiler: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", compiler)
    old = build.built_path(tmp_path, "avx2")
    old.write_text("made from another source")
    os.utime(old, (0, 0))
    assert build_kernels(tmp_path) == []
    assert capfd.readouterr().err == (
        f"unrolled: the plain kernels were not built: {said}; the engine 'torch' serves instead.\n"
    )
    assert list(tmp_path.iterdir()) == []


@needs_compiler
def test_kernels_of_another_version_are_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None
) -> None:
    """Their functions may take other arguments, and would read what is not there."""
    made = tmp_path / "kernels.so"
    with monkeypatch.context() as changed:
        changed.setattr(build, "sources_digest", lambda: "0123456789abcdef")
        compile_library(made, "plain")
    with pytest.raises(OSError, match=r"kernels\.so is of another version; .* makes it anew"):
        load_kernels(made)
    monkeypatch.setenv("UNROLLED_KERNELS", str(made))
    assert "of another version" in str(find_kernels())


@needs_compiler
def test_an_error_in_the_source_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "kernels.c"
    broken.write_text("int unrolled_lanes(void) { return nothing; }")
    with pytest.raises(BuildError, match=r"failed: .*kernels\.c:1:.* error: .*nothing.* undeclared"):
        compile_library(tmp_path / "kernels.so", "plain", source=broken)
    assert list(tmp_path.iterdir()) == [broken]


@needs_compiler
def test_a_compiler_without_openmp_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Apple's: one thread does the work."""
    compiler = tmp_path / "cc"
    compiler.write_text(
        f'#!/bin/sh\nfor a; do [ "$a" = -fopenmp ] && echo "error: -fopenmp" >&2 && exit 1; done\n'
        f'exec {" ".join(find_compiler())} "$@"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    made = tmp_path / "kernels.so"
    compile_library(made, "plain")
    assert load_kernels(made).lanes == 4
    assert b"GOMP_parallel" not in made.read_bytes()


@needs_kernels
def test_the_best_for_this_processor_is_taken(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNROLLED_KERNELS", raising=False)
    found = find_kernels()
    assert isinstance(found, Kernels)
    assert found.lanes == 4 * 2 ** (len(COMPILED) - 1)


@needs_kernels
def test_another_library_can_be_named(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_KERNELS", str(COMPILED["compiled-plain"]))
    found = find_kernels()
    assert isinstance(found, Kernels)
    assert found.lanes == 4


def test_they_can_be_switched_off(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_KERNELS", "")
    assert find_kernels() == "UNROLLED_KERNELS is empty: the compiled kernels are switched off"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "No such file"),
        ("this is no library", "file too short|invalid ELF header"),
        ("int other;", "undefined symbol: unrolled_"),
        ("int not_there(void); int unrolled_lanes(void) { return not_there(); }", "undefined symbol: not_there"),
    ],
)
def test_a_library_that_does_not_serve_is_told(
    source: str | None, said: str, tmp_path: Path, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "kernels.so"
    if source is not None and source.startswith("int"):
        if not HAS_COMPILER:
            pytest.skip("there is no C compiler")
        code = tmp_path / "other.c"
        code.write_text(source)
        compile_library(named, "plain", source=code)
    elif source is not None:
        named.write_text(source)
    monkeypatch.setenv("UNROLLED_KERNELS", str(named))
    found = find_kernels()
    assert isinstance(found, str)
    assert found.startswith("its kernels cannot be loaded (")
    assert any(part in found for part in said.split("|")), found


def test_another_engine_serves_where_there_are_none() -> None:
    """In a process of its own, as for a user."""
    code = (
        "from tests.stacks import *; from unrolled.engines import choose_engine\n"
        "choice = choose_engine(make_stack('lstm', 3, 5, dtype=torch.float32))\n"
        "print(choice.engine.name, '-', choice.reason)"
    )
    environment = {**os.environ, "UNROLLED_KERNELS": "/nowhere/kernels.so"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("torch - compiled: its kernels cannot be loaded (/nowhere/kernels.so: ")
