"""`unrolled ablate`, `sample --hold` and `evaluate --hold`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.cli.asking import read_json
from tests.training.making import names_in, train_tiny, write_text
from unrolled.cli import run
from unrolled.engines import Edit
from unrolled.networks.files import load_network
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.answers import answers
from unrolled.neurons.holding import Mode
from unrolled.neurons.lockstep import Text
from unrolled.training.exam import greedy_answers
from unrolled.writing.sample import sample

ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "utf-8"}
TEXT, NEURON = "text0.txt", "rnn.l0.3"
ABLATE = ["ablate", "run", TEXT, NEURON]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two texts, a run on the first, one on the counter, and a trace."""
    folder = tmp_path_factory.mktemp("made")
    torch.set_num_threads(1)
    text = write_text(folder, words=300)
    write_text(folder, words=300, seed=1)
    train_tiny(text, folder / "run", steps=12)
    train_tiny("task:counter", folder / "counter", steps=12)
    assert run(["trace", str(folder / "run"), str(text), "--out", str(folder / "trace")]) == 0
    return folder


def test_it_tells_what_the_package_tells(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--hypothesis", "word-start", "--next", ".", "--seed", "3", "--draws", "4", "--length", "20"]
    found = read_json(capsys, *ABLATE, *asked)
    loaded = load_network(Path("run"))
    text = Text(loaded.vocabulary.encode(Path(TEXT).read_text()))
    own = ablate(
        loaded.network,
        loaded.vocabulary,
        text,
        Intervention((NEURON,)),
        hypotheses=answers(["word-start"], text, loaded.vocabulary),
        symbols=".",
        draws=4,
        seed=3,
        length=20,
    )
    where = {"run": "run", "step": 12, "source": TEXT, "part": "all"}
    assert found == {**where, **json.loads(json.dumps(own.to_json()))}
    assert found["symbols"][0]["name"] == "."
    assert len(found["samples"]["after"]) == 20
    before = names_in(here)
    assert read_json(capsys, *ABLATE, *asked)["overall"] == found["overall"]
    assert names_in(here) == before


def test_before_and_after_are_what_evaluate_says(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for network, source in (("run", TEXT), ("counter", "task:counter")):
        found = read_json(capsys, "ablate", network, source, NEURON, "rnn.l0.forget_gate.1", "--mode", "clamp=0.5")
        plain = read_json(capsys, "evaluate", network, source)
        holds = ["--hold", f"{NEURON}=0.5", "--hold", "rnn.l0.forget_gate.1=0.5"]
        held = read_json(capsys, "evaluate", network, source, *holds)
        assert found["overall"]["before"] == pytest.approx(plain["nats_per_symbol"], abs=1e-5)
        assert found["overall"]["after"] == pytest.approx(held["nats_per_symbol"], abs=1e-5)
        assert abs(found["overall"]["change"]) > 1e-4
        assert found["overall"]["steps"] == plain["symbols"]
        assert held["held"] == holds[1::2]


def test_a_held_network_answers_a_tasks_questions_otherwise(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every b that is written follows an X; with the readout's input at zero nothing hangs on what was read."""
    asked = [
        "sample",
        "counter",
        "--prime",
        "\naaX",
        "--length",
        "12",
        "--temperature",
        "0",
        "--hold",
        "rnn.l0.hidden=0",
    ]
    written = read_json(capsys, *asked)["text"].removeprefix("\naaX")
    assert len(set(written)) == 1
    held = read_json(capsys, "evaluate", "counter", "task:counter", "--hold", "rnn.l0.hidden=0")
    assert (held["share_right"], held["counts_right_to"]) == (0.0, 0)


def test_answers_are_written_with_the_hold_from_the_first_symbol_to_the_last(here: Path) -> None:
    loaded = load_network(Path("counter"))
    with torch.no_grad():
        for parameter in loaded.network.parameters():
            parameter.mul_(4.0)
    told: set[str] = set()
    for value in np.linspace(-1, 1, 9).tolist():
        edits = [Edit("l0", "hidden", value, [0, 1, 2])]
        (answer,) = greedy_answers(loaded.network, loaded.vocabulary, ["\naaX"], 12, edits=edits)
        settings = {"edge": "\n", "temperature": 0.0, "length": len(answer)}
        written = sample(loaded.network, loaded.vocabulary, "\naaX", edits=edits, **settings)
        assert "".join(written) == "\naaX" + answer
        told.add(answer)
    assert len(told) > 1
    assert max(map(len, told)) > 2


def test_a_sample_with_a_hold_draws_by_the_same_numbers(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["sample", "run", "--prime", "the", "--length", "60", "--seed", "5"]
    plain, held = read_json(capsys, *asked), read_json(capsys, *asked, "--hold", f"{NEURON}=2")
    assert plain["text"] != held["text"]
    assert (held["held"], "held" in plain) == ([f"{NEURON}=2"], False)
    found = read_json(capsys, *ABLATE, "--mode", "clamp=2", "--length", "60", "--seed", "5")
    prime = found["samples"]["prime"]
    same = read_json(capsys, *asked[:2], "--prime", prime, *asked[4:], "--hold", f"{NEURON}=2")
    assert same["text"] == prime + found["samples"]["after"]


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (["--mode", "mean"], "mean"),
        (["--mode", "mean=trace"], "mean=trace"),
        (["--mode", "patch=text1.txt", "--signal", "output_gate", "--steps", ":900"], "patch=text1.txt"),
        (["--where", "word-start", "--part", "validation"], "zero"),
        (["--where", "r=re:[r-t]", "--hypothesis", "words", "--limit", "400", "--engine", "reference"], "zero"),
    ],
)
def test_every_way_of_holding(options: list[str], mode: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_json(capsys, *ABLATE, *options)
    assert found["held"]["mode"] == mode
    assert found["overall"]["change"] != 0
    if "--where" in options:
        assert found["held"]["where"] in ("word-start", "r")
    if "words" in options:
        names = [each["name"] for each in found["hypotheses"]]
        assert "capital" in names
        assert "word-length" not in names  # a number: it is true nowhere
        assert found["overall"]["steps"] == 399
    if "patch" in mode:
        loaded, symbols = load_network(Path("run")), [Path(name).read_text() for name in (TEXT, "text1.txt")]
        one, other = (loaded.vocabulary.encode(text) for text in symbols)
        held = Intervention(("rnn.l0.output_gate.3",), Mode("patch"), steps=range(900), other=other)
        own = ablate(loaded.network, loaded.vocabulary, Text(one), held)
        assert found["overall"]["after"] == pytest.approx(own.overall.after, abs=1e-6)
        assert found["held"]["neurons"] == ["rnn.l0.output_gate.3"]


def test_the_other_text_is_read_as_the_first_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the encoding that is asked for, and the run's own text in the one that the run was trained on."""
    for name, words in (("one.txt", "für immer\n"), ("other.txt", "immer für\n")):
        Path(name).write_bytes(words.encode("latin-1") * 300)
    train_tiny(Path("one.txt"), Path("latin"), steps=2, encoding="latin-1")
    own = read_json(capsys, "ablate", "latin", "one.txt", NEURON, "--mode", "patch=one.txt")
    assert abs(own["overall"]["change"]) < 1e-6
    other = read_json(
        capsys, "ablate", "latin", "one.txt", NEURON, "--mode", "patch=other.txt", "--encoding", "latin-1"
    )
    assert abs(other["overall"]["change"]) > 1e-6


@pytest.mark.parametrize("width", ["60", "80", "150"])
def test_tables_fit_the_terminal(width: str, here: Path) -> None:
    command = [sys.executable, "-m", "unrolled", *ABLATE, "--hypothesis", "word-start", "--length", "20"]
    shown = subprocess.run(command, capture_output=True, text=True, env={**ENVIRONMENT, "COLUMNS": width})
    assert shown.returncode == 0, shown.stderr
    assert "held at zero" in shown.stdout
    assert "not word-start" in shown.stdout
    assert ("95 % interval" in shown.stdout) == (width != "60")
    assert ("random neurons" in shown.stdout) == (width == "150")
    assert max(map(len, shown.stdout.splitlines())) <= int(width)
    changes = re.findall(r"^ all .*?([+-]\d\.\d{4})", shown.stdout, re.MULTILINE)
    assert len(changes) == 1


@pytest.mark.parametrize("arguments", [ABLATE, ["sample", "run", "--hold", f"{NEURON}=0"]], ids=["ablate", "sample"])
def test_verbose_names_the_engine_that_holds(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments, "--verbose", "--engine", "reference"]) == 0
    assert "engine reference: it was asked for" in capsys.readouterr().err.splitlines()


BAD = {
    "no run": (["ablate", "nowhere", TEXT, NEURON], "no run folder"),
    "no file": (["ablate", "run", "nowhere", NEURON], "no file or folder"),
    "no neuron named": (["ablate", "run", TEXT], "Missing argument"),
    "no site": (["ablate", "run", TEXT, "rnn.l7.0"], "no site 'rnn.l7.0'"),
    "no neuron": (["ablate", "run", TEXT, "rnn.l0.6"], "0 to 5"),
    "no signal": ([*ABLATE, "--signal", "forget"], "Did you mean 'forget_gate'?"),
    "mode": ([*ABLATE, "--mode", "half"], "--mode is zero, mean, mean=TRACE, clamp=V or patch=SOURCE"),
    "clamp": ([*ABLATE, "--mode", "clamp=much"], "no finite number"),
    "mean of no trace": ([*ABLATE, "--mode", "mean=nowhere"], "nowhere is no trace"),
    "mean of a run": ([*ABLATE, "--mode", "mean=run"], "no trace"),
    "patch of no file": ([*ABLATE, "--mode", "patch=nowhere"], "no file or folder"),
    "patch too short": ([*ABLATE, "--mode", "patch=short.txt"], "What is patched in has 4 symbols"),
    "steps": ([*ABLATE, "--steps", "7"], "START:STOP"),
    "steps beyond": ([*ABLATE, "--steps", "5:99999"], "no steps 5:99999"),
    "no steps": ([*ABLATE, "--steps", "5:5"], "no steps 5:5"),
    "where": ([*ABLATE, "--where", "nobody"], "no hypothesis or group 'nobody'"),
    "where several": ([*ABLATE, "--where", "words"], "Name one of them"),
    "where a number": ([*ABLATE, "--where", "line-position"], "true nowhere"),
    "hypothesis": ([*ABLATE, "--hypothesis", "nobody"], "no hypothesis or group 'nobody'"),
    "hypothesis of one's own": ([*ABLATE, "--hypothesis", "x=re:("], "no regular expression"),
    "next": ([*ABLATE, "--next", "ü"], "--next cannot hold 'ü'"),
    "draws": ([*ABLATE, "--draws", "-1"], "--draws"),
    "length": ([*ABLATE, "--length", "-1"], "--length"),
    "seed": ([*ABLATE, "--seed", "-1"], "--seed"),
    "part": ([*ABLATE, "--part", "tset"], "test"),
    "limit": ([*ABLATE, "--limit", "1"], "at least 2"),
    "checkpoint": ([*ABLATE, "--checkpoint", "7"], "there are: 12"),
    "checkpoint of no such length": ([*ABLATE, "--checkpoint", "7" * 5000], "best, last or a step"),
    "engine": ([*ABLATE, "--engine", "fast"], "torch"),
    "an engine that cannot hold": ([*ABLATE, "--engine", "torch"], "cannot be edited"),
    "sample: no value": (["sample", "run", "--hold", NEURON], "NEURON=VALUE"),
    "sample: no number": (["sample", "run", "--hold", f"{NEURON}=x"], "no finite number"),
    "sample: no neuron": (["sample", "run", "--hold", "rnn.l0.6=0"], "0 to 5"),
    "evaluate: no value": (["evaluate", "run", TEXT, "--hold", NEURON], "NEURON=VALUE"),
    "evaluate: no signal": (["evaluate", "run", TEXT, "--hold", "rnn.l0.gate.1=0"], "no signal"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line(what: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, says = BAD[what]
    Path("short.txt").write_text("the\n")
    before = names_in(here)
    capsys.readouterr()
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("unrolled: ")
    assert shown.err.count("\n") == 1
    assert says in shown.err
    assert shown.out == ""
    assert names_in(here) == before


HALF_WAY = "from unrolled.cli import screen, main; screen.PLAIN_SECONDS = 0.0; main()"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_stopped_half_way_it_leaves_nothing(sent: signal.Signals, here: Path) -> None:
    """It says how far it is; the signal is sent as soon as it holds neurons."""
    Path("long.txt").write_text(Path(TEXT).read_text() * 60)
    before = {name: (here / name).read_bytes() for name in names_in(here)}
    arguments = ["ablate", "run", "long.txt", NEURON, "--json"]
    working = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert working.stderr is not None
    assert working.stdout is not None
    seen = ""
    for line in working.stderr:
        seen = line
        if line.startswith("holding: "):
            break
    assert re.match(r"holding: [\d,]+ of [\d,]+ symbols, .* s left", seen)
    assert working.poll() is None
    working.send_signal(sent)
    assert working.stdout.read() == ""
    assert "Traceback" not in working.stderr.read()
    assert working.wait() == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    working.stdout.close()
    working.stderr.close()
    assert {name: (here / name).read_bytes() for name in names_in(here)} == before
