"""The benchmarks start, and every figure in the docs names one that is there."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest
import torch
from torch import nn

from tests.stacks import needs_triton
from unrolled import Trace
from unrolled.engines import choose_engine
from unrolled.engines.gpu.engine import GpuEngine
from unrolled.engines.torch import TorchEngine
from unrolled.experiments import EXPERIMENTS
from unrolled.experiments.recipes import ALL
from unrolled.neurons.circuits import CIRCUITS, babble
from unrolled.racing import Shape

ROOT = Path(__file__).parents[1]
Script: TypeAlias = Callable[[str], ModuleType]
Measured: TypeAlias = Callable[..., dict[str, Any]]
BENCHMARKS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "common.py")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Imports a benchmark by its name, as those that lie beside it do."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def measured(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Runs a benchmark, of a text where one is given, and gives what it writes. A busy machine may miss its bars."""

    def run(name: str, options: str, text: str = "") -> dict[str, Any]:
        read, written = tmp_path / "text", tmp_path / f"{name}.json"
        read.write_text(text, encoding="utf-8")
        files = [str(read)] if text else []
        monkeypatch.setattr("sys.argv", [f"{name}.py", *files, *options.split(), "--json", str(written)])
        assert script(name).main() in {0, 1}
        return json.loads(written.read_text())

    return run


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_it_starts_and_says_what_it_does(path: Path) -> None:
    """In a process of its own, as people run it; so its imports are tried too."""
    command = [sys.executable, "-W", "error", path, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    documented = re.search(r'^"""(.+?)\n', path.read_text(encoding="utf-8"))
    assert documented is not None
    assert documented[1] in said
    assert "--json" in said


def test_the_readme_explains_each() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(\w+\.py)`", text)) == {path.name for path in BENCHMARKS} | {"common.py"}


def test_every_figure_names_a_command_that_is_there() -> None:
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    table = text.split("\n\n## ")[0].splitlines()
    rows = [line for line in table if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        named = re.findall(r"benchmarks/(\w+\.py)", row)
        recipes = re.findall(r"`unrolled reproduce ([\w-]+)", row)
        assert named or recipes, row
        assert all((ROOT / "benchmarks" / name).is_file() for name in named), row
        assert set(recipes) <= {*EXPERIMENTS.names(), ALL}, row


def test_the_races_in_the_docs_name_commands_that_are_there() -> None:
    """Every section with a table says which command prints it."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    tables = [section for section in text.split("\n## ") if "\n| " in section]
    assert len(tables) >= 6
    for section in tables:
        named = re.findall(r"`python benchmarks/(\w+\.py)", section)
        assert named, section.splitlines()[0]
        assert all((ROOT / "benchmarks" / name).is_file() for name in named), named


def test_what_a_row_costs_at_least(script: Script) -> None:
    """Counted by hand for 2 layers of 3 neurons that read 5 numbers, 4 sequences of 7 steps."""
    peak = script("peak")
    work = peak.forward_work("lstm", Shape(2, 3, 4, 7, 5), signals=6)
    products = 4 * (3 * 5 + 3 * 3) + 4 * (3 * 3 + 3 * 3)  # multiply-adds of a step of one sequence
    assert work.operations == 2 * products * 28
    assert work.activations == 5 * 3 * 2 * 28
    assert work.waits == 2 * 2 * 7
    assert (work.reads, work.of) == (4 * 36 * 7 * 2, 4 * 36)
    assert work.writes == 4 * 6 * 3 * 2 * 28
    rates = {1 << 10: 1e3, 1 << 30: 1e2}
    machine = peak.Machine(1, "by hand", 8 * work.operations, work.activations, 0.25 / work.waits, rates, rates)
    assert work.floors(machine)["multiply-adds"] == 0.125
    assert work.floors(machine)["weights from cache"] == pytest.approx(2.016)
    assert work.floors(machine)["signals to cache"] == pytest.approx(40.32)  # more than 1 KiB: the slower rate
    assert peak.limits(work, machine, 80.64) == "signals to cache 50 %, weights from cache 2 %"


def test_the_machine_is_measured_with_a_compiler_and_without(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    peak = script("peak")
    for compiler in (None, "no-such-compiler"):
        if compiler:
            monkeypatch.setenv("CC", compiler)
        found = peak.measure.__wrapped__(seconds=0.0005)
        assert ("for want of a C compiler" in found.how) or compiler is None
        assert found.operations > 1e8
        assert found.activations > 1e6
        for rates in (found.reads, found.writes):
            assert set(rates) == set(peak.SIZES)
            assert all(rate > 1e7 for rate in rates.values())


def test_the_races_run_and_find_the_same_numbers(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Tiny, but with the real contestants; the tables and bars come out whole."""
    recording, training, sampling = (script(name) for name in ("recording", "training", "sampling"))
    peak, common = script("peak"), script("common")
    monkeypatch.setattr(peak, "SECONDS", 0.0005)
    rates = {1 << 30: 1e9}
    for module in (recording, training, sampling):
        monkeypatch.setattr(module, "measure", lambda: peak.Machine(1, "", 1e9, 1e9, 1e-9, rates, rates))
    engine = choose_engine(recording.stack_of("lstm", nn.LSTM(2, 3)), recording=True).engine.name
    engine = "reference" if engine == "torch" else engine  # where nothing is compiled: the peephole LSTM runs there too
    result = common.Report("races")
    rows = ((Shape(2, 3, 2, 4, 5), 0.5),)
    recording.race_ours(result, rows, engine, 0.01)
    recording.race_peers(result, rows, engine, 0.01)
    given = argparse.Namespace(engine="auto", no_others=False, seconds=0.01, length=300)
    training.measure_rows(result, rows, given)
    for streams in (1, 3):
        row = sampling.measure_row(result, (2, 5, 7, 3.0), streams, given)
        assert float(row[4]) > 0
    assert [len(rows) for _, _, rows in result.tables] == [1, 1, 1, 1]
    whats = [bar.what for bar in result.bars]
    assert len(whats) == len(set(whats)) == 6
    assert result.numbers["2 × 3, 2, 4"]["milliseconds"].keys() >= {"nn lstm", "lstm", "gru", "rnn", "peephole"}
    result.end(None)
    assert "2 × 3, 2, 4: peephole ÷ our LSTM" in capsys.readouterr().out


@needs_triton
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: the race runs there")
def test_the_race_on_a_gpu_runs(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interpreted and tiny; who computes something else is found out. Without a GPU the script says so in one line."""
    gpu, common = script("gpu"), script("common")
    scan, one_pass = (GpuEngine(one_pass=one_pass, interpreted=True) for one_pass in (False, True))
    engines = {gpu.TORCH: TorchEngine(), gpu.SCAN: scan, gpu.ONE_PASS: one_pass}
    result, shape = common.Report("races"), Shape(2, 3, 2, 4, 5)
    gpu.measure(result, [shape], "cpu", engines, 0.01)
    ((_, columns, rows),) = result.tables
    assert len(rows) == len(gpu.NEAR)
    assert all(len(row) == len(columns) for row in rows)
    assert set(result.numbers) == {"2 × 3, 2, 4, float32", "2 × 3, 2, 4, bfloat16"}
    wrong = gpu.Contest(shape, torch.float32, "cpu", engines)
    with torch.no_grad():
        wrong.loop.cells[0].bias_hh.add_(0.01)
    with pytest.raises(SystemExit, match=r"LSTMCell loop is .* from the reference: it does not compute the same"):
        wrong.check()
    capsys.readouterr()
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    assert gpu.main() == 2
    assert capsys.readouterr() == ("", "There is no GPU here that PyTorch can use: nothing was measured.\n")


def test_whoever_computes_something_else_is_not_raced(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    peers, training = script("peers"), script("training")
    lstm, x = nn.LSTM(3, 4, 2), torch.randn(5, 2, 3)
    assert peers.checked(peers.LOOP, lstm, x)[1] < 1e-6
    monkeypatch.setitem(peers.PEERS, peers.LOOP, lambda lstm, x: lambda: torch.zeros(5, 2, 4))
    with pytest.raises(SystemExit, match="does not compute the same"):
        peers.checked(peers.LOOP, lstm, x)
    with pytest.raises(SystemExit, match=r"begins with a loss of 2\.0"):
        training.check_first_losses({training.ADAM: lambda: 1.0, "other": lambda: 2.0})


def test_a_million_steps_are_seen_in_pieces(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    length = script("length")
    monkeypatch.setattr(length, "PIECE", 30)
    assert length.streaming(2, 3, "auto", 70)() == 70


def test_rounding_is_compared_for_every_number(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = script("errors")
    for name in ("NEURONS", "BATCHES", "LENGTHS"):
        monkeypatch.setattr(errors, name, (3,))
    ours, theirs, own = errors.distances("torch", "lstm", errors.CELLS["lstm"])
    for what in errors.KINDS:
        assert 0 < ours[what] <= 2 * theirs[what] + own[what], what
    exact, _, _ = errors.distances("reference", "peephole", errors.CELLS["peephole"])
    assert exact == errors.distances("reference", "peephole", errors.CELLS["peephole"])[1]


def test_a_recording_on_the_disk_and_what_it_is_held_against(measured: Measured) -> None:
    found = measured("disk", "--steps 500 --size 2x3 --rounds 1", "what can be read is read once more. " * 40)[
        "numbers"
    ]
    assert found["bytes"] > 500 * 2 * 3 * 6 * 2 / 4  # compressed
    assert all(len(times) == 1 and times[0] > 0 for times in found["seconds"].values())
    assert set(found["seconds"]) == {"nn.LSTM", "compute", "record", "write"}


def test_a_recording_is_made_and_measured(script: Script, tmp_path: Path) -> None:
    """By the real commands: options that they no longer have fail here."""
    memory = script("memory")
    text = tmp_path / "text"
    text.write_text("what can be read is read once more. " * 40, encoding="utf-8")
    network = memory.make_run(tmp_path, str(text), layers=2, hidden=4, limit=1000)
    ran = memory.record(network, str(text), 700, tmp_path / "trace")
    assert ran.seconds > 0
    assert ran.peak_bytes > 50 * 2**20  # Python with PyTorch in it: bytes, not kibibytes
    assert Trace.open(tmp_path / "trace").steps == 700
    memory.run_plain(network, str(text), 700)


def test_planted_patterns_are_found(script: Script, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real command. A busy machine may miss the times; it may not miss a place."""
    match = script("match")
    monkeypatch.setattr(match, "EVERY", 1000)
    found = measured("match", "--steps 20000 --neurons 40")
    assert [bar["holds"] for bar in found["bars"] if bar["what"] == "the planted places"] == [True]
    assert found["numbers"]["0.9"]["places"] == 19
    assert len(found["numbers"]["0.9"]["neurons"]) == match.PLANTED


def test_what_is_found_is_held_against_what_was_planted(script: Script, measured: Measured) -> None:
    """Tiny: every row comes out, and what is planted in made-up text is found."""
    finding = script("find")
    found = measured("find", "--seeds 1 --steps 6000 --sizes 1x24", babble(30_000, 7))["numbers"]
    assert len(found) == 3 * len(finding.WAYS)
    assert [row["planted"] for row in found.values()] == [5, 5, 2] * 3
    assert found["babble, lstm 1x24, leak 0"]["first"] == 5
    assert finding.neuron_of("rnn.l0.forget_gate.7") == "rnn.l0.7"
    alone = finding.seek(babble(6000), babble(6000, 1), ["quote toggle"], "lstm", 1, 8, 0.0, 0)
    assert (alone.planted, alone.believed, alone.first) == (1, 1, 1)


def test_where_there_is_nothing_to_find_it_is_counted(script: Script, measured: Measured) -> None:
    numbers = measured("null", "--networks 4 --steps 3000 --hidden 20", babble(30_000, 7))["numbers"]
    assert numbers["networks"] == 4
    assert numbers["shows"] <= 1  # one of twenty is to be expected
    read = babble(3000)
    own = script("null").seek(read, {"round-depth": CIRCUITS["bracket counter"]().label(read)}, 20, 0, True, 0.05)
    assert own["round-depth"].found  # its own labels it does find


def test_what_finding_costs_is_measured(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    screening, common = script("screening"), script("common")
    result = common.Report("costs")
    screening.beside_tracing(result, "corpus:python", "1x8", 3000, 0.01)
    assert set(result.numbers["seconds"]) == {"tracing", "the search", "the search without control tasks"}
    monkeypatch.setattr(screening, "find_spec", lambda _: None)
    screening.beside_others(result, 3000, 4, 2)
    assert "pip install -r benchmarks/requirements.txt" in str(result.tables[-1])
