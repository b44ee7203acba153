"""`unrolled export`: figures of a trace, into a file or a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures.making import make_trace, poke
from tests.training.making import names_in
from unrolled.cli import run
from unrolled.figures import coloured_text, save
from unrolled.traces.trace import Trace

EXPORT = ["export", "made.trace", "--format", "figure"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = make_trace("\nabXab\n", "\nbaXba\n")
    poke(made, "hidden", 3, 2, float("nan"))
    made.save("made.trace")
    return tmp_path


def test_a_file_is_what_python_draws(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*EXPORT, "--out", "neuron.svg", "--neuron", "rnn.l0.hidden.2", "--palette", "colourblind"]) == 0
    assert capsys.readouterr().out == "neuron.svg\n"
    drawn = coloured_text(Trace.open("made.trace"), "rnn.l0.hidden.2", palette="colourblind")
    assert Path("neuron.svg").read_bytes() == save(drawn, here / "own.svg").read_bytes()


@pytest.mark.parametrize(
    ("kind", "stems"),
    [
        ("text", ["text-rnn.l0.cell.1", "text-rnn.l0.forget_gate.0"]),
        ("strips", ["strips"]),
        ("by-prefix", ["by-prefix"]),
        ("cell-against-hidden", ["cell-against-hidden-rnn.l0.0", "cell-against-hidden-rnn.l0.1"]),
    ],
)
def test_a_folder_has_every_figure_as_both(
    kind: str, stems: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    neurons = ["--neuron", "rnn.l0.1", "--neuron", "rnn.l0.forget_gate.0", "--neuron", "rnn.l0.cell.1"]
    assert run([*EXPORT, "--out", "figures", "--kind", kind, "--at", "X", *neurons, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = sorted(f"{stem}{suffix}" for stem in stems for suffix in (".svg", ".png"))
    assert sorted(path.name for path in Path("figures").iterdir()) == expected
    assert sorted(told["files"]) == [str(Path("figures", name)) for name in expected]
    assert (told["format"], told["kind"], told["trace"]) == ("figure", kind, "made.trace")
    for path in Path("figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")


def test_without_a_neuron_it_is_the_one_of_the_gallery(here: Path) -> None:
    telling = Trace.open("made.trace").info.telling
    assert telling is not None
    assert run([*EXPORT, "--out", "default.svg"]) == 0
    name = f"{telling.site}.{telling.signal}.{telling.neuron}"
    drawn = coloured_text(Trace.open("made.trace"), name)
    assert Path("default.svg").read_bytes() == save(drawn, here / "own.svg").read_bytes()


def test_what_is_there_is_replaced_only_when_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("taken.svg").write_text("mine")
    Path("folder").mkdir()
    Path("folder/mine").write_text("mine")
    for out in ("taken.svg", "folder"):
        assert run([*EXPORT, "--out", out]) == 2
        assert f"{out} exists already" in capsys.readouterr().err
        assert run([*EXPORT, "--out", out, "--overwrite"]) == 0
    assert Path("taken.svg").read_text().startswith("<?xml")
    assert Path("folder/mine").read_text() == "mine"


def test_one_bad_figure_leaves_none(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = make_trace("abc")
    info = gates.info.model_copy(
        update={"sites": (gates.info.sites[0].model_copy(update={"signals": gates.info.sites[0].signals[1:]}),)}
    )
    Trace(info, gates.arrays).save("hidden.trace")
    before = names_in(here)
    assert run(["export", "hidden.trace", "--format", "figure", "--out", "new", "--kind", "cell-against-hidden"]) == 2
    assert "rnn.l0 has no cell state" in capsys.readouterr().err
    assert names_in(here) == before


def test_without_matplotlib_it_says_what_to_install(here: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from unrolled.cli import run; sys.exit(run(sys.argv[1:]))"
    told = subprocess.run([sys.executable, "-c", code, *EXPORT, "--out", "a.svg"], capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr == "unrolled: Figures need matplotlib. Install it: pip install 'unrolled[figures]'\n"
    shown = subprocess.run(
        [sys.executable, "-c", code, "show", "made.trace", "rnn.l0.0"], capture_output=True, text=True
    )
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) == 14


def test_show_says_in_json_what_is_no_number(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "made.trace", "rnn.l0.hidden.2", "--json", "--start", "3", "--limit", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["values"] == ["nan"]
