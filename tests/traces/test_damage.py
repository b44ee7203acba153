"""Damage is found and named with its place; a full disk leaves what is complete."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.traces.making import Names, make_network, make_symbols
from tests.traces.recorder_process import published
from unrolled.errors import DiskFullError, TraceError
from unrolled.traces.format import SHARD
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of 2,500 steps, 40 neurons: three chunks of time, two of neurons."""
    out = tmp_path_factory.mktemp("whole") / "t"
    record_run(make_network(layers=1, hidden=40), Names(), make_symbols(2500), out=out)
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "t"))


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 0b100
    path.write_bytes(data)


def chunk_place(shard: Path, chunk: int) -> tuple[int, int]:
    """Offset and length of the n-th chunk in a shard file, by the index at its end."""
    index = np.frombuffer(shard.read_bytes()[:-4][-16 * 32 :], "<u8").reshape(-1, 2)
    return int(index[chunk, 0]), int(index[chunk, 1])


def test_a_flipped_bit_is_found_and_its_place_named(copy: Path) -> None:
    shard = copy / "signals/rnn.l0/forget_gate/c/0/0"
    start, length = chunk_place(shard, 3)  # steps 1024 to 2047, neurons 32 to 39
    flip(shard, start + length // 2)
    trace = Trace.open(copy)
    with pytest.raises(TraceError, match=r"forget_gate in steps 1024 to 2047, neurons 32 to 39: .*checksum") as caught:
        trace["rnn.l0.forget_gate"]
    assert "\n" not in str(caught.value)
    assert trace.read("rnn.l0", "forget_gate", 0, 1024).shape == (1024, 40), "the rest can be read"
    assert trace.read("rnn.l0", "forget_gate", 1024, 1030, 31).shape == (6,)


@pytest.mark.parametrize("offset", range(-520, 0, 65))
def test_a_flipped_bit_in_a_shards_index_is_found(copy: Path, offset: int) -> None:
    flip(copy / "signals/rnn.l0/cell/c/0/0", offset)
    with pytest.raises(TraceError, match=r"signals/rnn\.l0/cell"):
        Trace.open(copy)["rnn.l0.cell"]


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -530])
def test_truncated_files_are_found(copy: Path, keep: int) -> None:
    for name, path in (("rnn.l0.cell", "signals/rnn.l0/cell/c/0/0"), ("loss", "loss/c/0")):
        file = copy / path
        file.write_bytes(file.read_bytes()[:keep])
        with pytest.raises(TraceError, match=name.replace("rnn.l0.cell", "signals/rnn.l0/cell")):
            Trace.open(copy)[name] if name != "loss" else Trace.open(copy).loss


@pytest.mark.parametrize(
    "path",
    ["symbols/c/0", "signals/rnn.l0/cell/c/0/0", "loss/c/0", "predictions/symbols/c/0/0", "zoom/rnn.l0/cell/0/c/0/0/0"],
)
def test_missing_chunks_are_errors_and_not_zeros(copy: Path, path: str) -> None:
    (copy / path).unlink()
    trace = Trace.open(copy)
    with pytest.raises(TraceError, match=f"{path} is missing"):
        _ = trace.symbols, trace["rnn.l0.cell"], trace.loss, trace.predictions, trace.zoom("rnn.l0.cell", 0)


def change(path: Path, edit: Callable[[dict[str, object]], object]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda a: a.pop("format"), "unrolled-trace/1"),
        (lambda a: a.update(format="unrolled-trace/2"), "newer version"),
        (lambda a: a.update(complete_steps=-1), "complete_steps"),
        (lambda a: a.update(complete_steps=10**9), "more steps are complete"),
        (lambda a: a.update(planned_steps=10**9), "shape"),
        (lambda a: a.update(sites=[]), "sites"),
        (lambda a: a["sites"][0].pop("neurons"), "neurons"),
        (lambda a: a["sites"][0].update(name="../../etc"), "name"),
        (lambda a: a["sites"][0].update(name="rnn.l9"), "rnn.l9"),
        (lambda a: a["sites"][0]["signals"][0].update(neurons=41), "shape"),
        (lambda a: a["symbols"].update(kind="runes"), "kind"),
        (lambda a: a["symbols"].update(vocabulary=[]), "a vocabulary of characters is empty"),
        (lambda a: a.update(predictions={"top": 7}), "shape"),
    ],
)
def test_damaged_descriptions_are_refused(copy: Path, edit: Callable[[dict[str, object]], object], says: str) -> None:
    change(copy / "zarr.json", lambda document: edit(document["attributes"]))  # type: ignore[arg-type]
    with pytest.raises(TraceError, match=says) as caught:
        Trace.open(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"attributes": 3}', "\x00\xff"])
def test_what_is_no_json_is_refused(copy: Path, text: str) -> None:
    (copy / "zarr.json").write_text(text)
    with pytest.raises(TraceError):
        Trace.open(copy)


def test_an_array_without_description_is_refused(copy: Path) -> None:
    (copy / "signals/rnn.l0/cell/zarr.json").write_text("{}")
    with pytest.raises(TraceError, match=r"signals/rnn\.l0/cell"):
        Trace.open(copy)


def test_no_trace_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(TraceError, match="no trace"):
            Trace.open(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs the right to do so")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_leaves_what_is_complete(small_disk: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(SHARD + 9000)
    out, ballast = small_disk / "t", small_disk / "ballast"

    def fill(done: int, total: int, /, **numbers: object) -> None:
        if done == SHARD:
            deadline = time.monotonic() + 60  # the first shard is published beside the computation
            while published(out) < SHARD and time.monotonic() < deadline:
                time.sleep(0.01)
            with pytest.raises(OSError, match="No space"):
                ballast.write_bytes(bytes(2**25))

    with pytest.raises(DiskFullError, match=f"{SHARD} of {SHARD + 9000} steps are recorded and readable"):
        record_run(network, Names(), symbols, out=out, progress=fill)
    trace = Trace.open(out)
    assert not trace.info.whole
    assert np.array_equal(trace["rnn.l0.cell"], record_run(network, Names(), symbols, limit=SHARD)["rnn.l0.cell"])
    ballast.unlink()
    assert record_run(network, Names(), symbols, out=out, resume=True).info.whole


def test_too_small_a_disk_is_refused_before_anything_is_written(small_disk: Path) -> None:
    with pytest.raises(DiskFullError, match="MB are free"):
        record_run(make_network(layers=1, hidden=80), Names(), make_symbols(SHARD), out=small_disk / "t")
    assert list(small_disk.iterdir()) == []


FILE_LIMIT = """
import resource, sys
from pathlib import Path
from tests.traces.making import Names, make_network, make_symbols
from unrolled.errors import DiskFullError
from unrolled.traces.record import record_run
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    record_run(make_network(layers=1, hidden=40), Names(), make_symbols(3000), out=Path(sys.argv[1]))
except DiskFullError as error:
    print(error)
"""


def test_a_file_limit_is_one_line_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILE_LIMIT, str(tmp_path / "t")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("There is no room left to write"), done.stderr
    assert "0 of 3000 steps" in done.stdout
    assert Trace.open(tmp_path / "t").steps == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
