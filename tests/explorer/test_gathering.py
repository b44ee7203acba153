"""POST api/evidence: it answers as the package does, within its bounds, and reads nothing but what is shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from torch import nn

import unrolled
from tests.explorer.made_by_hand import ids_of
from tests.training.making import make_text, train_tiny, write_text
from unrolled.explorer import gathering, start_background
from unrolled.networks import Network
from unrolled.networks.files import load_network
from unrolled.neurons.evidence import gather, load_trained
from unrolled.neurons.likeness import counterpart
from unrolled.traces.names import parse_neuron
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

NEURON = "rnn.l0.cell.3"
TEXT = make_text(60, seed=9)
KEYS = ("neuron", "steps", "half_life", "role", "fits", "training_steps", "effect")


def record(folder: Path, run: str, out: str, text: str) -> None:
    loaded = load_network(folder / run)
    model = {"kind": "run", "path": f"../{run}", "step": loaded.step}
    record_run(loaded.network, loaded.vocabulary, [loaded.vocabulary.encode(text)], out=folder / out, model=model)


@dataclass(frozen=True)
class Served:
    """A server that shows two runs of other seeds and cells, and traces of theirs of one text and of others."""

    url: str
    folder: Path
    ids: dict[str, str]

    def trace(self, name: str = "one") -> Trace:
        return Trace.open(self.folder / name)

    def trained(self) -> tuple[Network, int]:
        return load_trained(self.trace(), self.folder / "lstm")

    def post(self, **body: object) -> httpx.Response:
        content = json.dumps({"trace": self.ids["one"], "neuron": NEURON, **body})
        return httpx.post(
            f"{self.url}api/evidence", content=content, headers={"content-type": "application/json"}, timeout=60
        )

    def ask(self, **body: object) -> dict[str, Any]:
        answer = self.post(**body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    def refused(self, **body: object) -> tuple[int, dict[str, Any]]:
        answer = self.post(**body)
        return answer.status_code, answer.json()["error"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    text = write_text(tmp_path_factory.mktemp("text"))
    torch.set_num_threads(1)
    train_tiny(text, folder / "lstm", steps=12)
    train_tiny(text, folder / "gru", steps=6, cell="gru")
    record(folder, "lstm", "one", TEXT)
    record(folder, "gru", "of-gru", TEXT[:200])
    record(folder, "lstm", "too-short", TEXT[:63])
    record(folder, "lstm", "other-text", make_text(60, seed=3))
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with start_background([folder]) as server:
        yield Served(server.url, folder, ids_of(server.url, folder))


def test_it_answers_as_the_package_does(served: Served) -> None:
    found = served.ask()
    own = json.loads(json.dumps(gather(served.trace(), NEURON, trained=served.trained()).to_json()))
    assert {key: found[key] for key in KEYS} == {key: own[key] for key in KEYS}
    assert found["effect"]["weights"]["raises"]
    assert (found["of"], found["lack"]) == (len(TEXT), None)
    assert served.ask(neuron="rnn.l0.3")["neuron"] == NEURON


def test_its_like_is_sought_in_the_traces_of_the_same_text(served: Served) -> None:
    """Not in one of another text, nor in one that is too short to tell."""
    (found,) = served.ask()["others"]
    trace = served.trace().first(200)
    best = counterpart(trace, parse_neuron(NEURON, trace.info.sites), served.trace("of-gru"))
    assert (found["name"], found["correlation"]) == (best.name, pytest.approx(best.correlation))
    assert found["trace"] == served.ids["of-gru"]
    assert (found["cell"], found["steps"]) == ("gru", 200)
    assert found["checkpoint"] == served.trace("of-gru").info.model["step"]
    assert str(served.folder) not in json.dumps(found)
    assert served.ask(others=0)["others"] == []


def test_recordings_without_a_text_are_not_laid_side_by_side(tmp_path: Path) -> None:
    """As many steps do not make one input of two."""
    torch.manual_seed(0)
    for name in ("one", "two"):
        unrolled.trace(nn.LSTM(3, 6), torch.randn(100, 1, 3)).save(tmp_path / name)
    with start_background([tmp_path]) as server:
        found = Served(server.url, tmp_path, ids_of(server.url, tmp_path)).ask(neuron="lstm.l0.3")
    assert (found["steps"], found["others"]) == (100, [])


def test_it_is_bounded_in_steps_and_in_traces(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_STEPS", 150)
    monkeypatch.setattr(gathering, "NUMBERS", 6 * 80)
    found = served.ask()
    assert (found["steps"], found["of"]) == (150, len(TEXT))
    own = gather(served.trace().first(150), NEURON, trained=served.trained())
    assert found["fits"] == json.loads(json.dumps(own.to_json()["fits"]))
    assert [each["steps"] for each in found["others"]] == [80]
    monkeypatch.setattr(gathering, "MOST_OPENED", 0)
    assert served.ask()["others"] == []


def test_without_the_run_the_rest_is_told_with_a_word_of_why(
    folder: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copytree(folder / "one", tmp_path / "one")
    with start_background([tmp_path]) as server:
        found = Served(server.url, tmp_path, ids_of(server.url, tmp_path)).ask()
    assert (found["effect"], found["training_steps"]) == (None, None)
    assert "is not shown here" in found["lack"]
    assert [fit["role"] for fit in found["fits"]] == ["switch", "latch", "counter", "integrator"]
    shutil.copytree(folder / "gru", tmp_path / "lstm")
    with start_background([tmp_path]) as server:
        found = Served(server.url, tmp_path, ids_of(server.url, tmp_path)).ask()
    assert found["effect"] is None
    assert "the network has rnn.l0 (gru" in found["lack"]
    shutil.rmtree(tmp_path / "lstm")
    train_tiny(write_text(tmp_path_factory.mktemp("text")), tmp_path / "lstm", steps=12, seed=1)
    with start_background([tmp_path]) as server:
        found = Served(server.url, tmp_path, ids_of(server.url, tmp_path)).ask()
    assert found["effect"] is None
    assert "was made with other weights than this run's. Give the run" in found["lack"]
    assert str(tmp_path) not in found["lack"]
    settings = tmp_path / "lstm" / "settings.json"
    settings.write_text(settings.read_text().replace('"unroll"', '"unrolled"'))
    with start_background([tmp_path]) as server:
        found = Served(server.url, tmp_path, ids_of(server.url, tmp_path)).ask()
    assert "it has no training.unroll" in found["lack"]
    assert str(tmp_path) not in found["lack"]


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"trace": "none"}, 404, "unknown-name", "There is no trace 'none'; there are: "),
        ({"trace": ""}, 422, "invalid", "trace"),
        ({"neuron": "rnn.l0.6"}, 404, "unknown-name", "0 to 5"),
        ({"neuron": "rnn.l0"}, 404, "unknown-name", "rnn.l0"),
        ({"neuron": "rnn.l0.update_gate.1"}, 404, "unknown-name", "update_gate"),
        ({"neuron": 3}, 422, "invalid", "neuron"),
        ({"neuron": "x" * 201}, 422, "invalid", "200"),
        ({"others": 9}, 422, "invalid", "others"),
        ({"others": -1}, 422, "invalid", "others"),
        ({"others": True}, 422, "invalid", "others"),
        ({"run": "/etc"}, 422, "invalid", "run"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(
    served: Served, body: dict[str, Any], status: int, code: str, says: str
) -> None:
    found, error = served.refused(**body)
    assert (found, error["code"]) == (status, code), error
    assert says in error["message"]
    assert "\n" not in error["message"] + error["hint"]


def test_links_that_lead_out_are_not_followed(folder: Path, tmp_path: Path) -> None:
    """Of the trace that is asked for that is an error; of the run and of other traces, what is passed over."""
    outside, shown = tmp_path / "outside", tmp_path / "shown"
    shutil.copytree(folder, outside)
    shutil.copytree(folder, shown)
    for place in ("of-gru/symbols/c/0", "too-short/symbols/c/0", "lstm/vocabulary.json"):
        (shown / place).unlink()
        (shown / place).symlink_to(outside / place)
    with start_background([shown]) as server:
        served = Served(server.url, shown, ids_of(server.url, shown))
        found = served.ask()
        assert (found["effect"], found["others"]) == (None, [])
        assert "a link leads out" in found["lack"]
        status, error = served.refused(trace=served.ids["too-short"])
    assert (status, error["code"]) == (400, "server")
    assert "a link leads out" in error["message"]


def test_errors_do_not_name_places_on_this_machine(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "shown")
    (tmp_path / "shown" / "one" / "signals" / "rnn.l0" / "cell" / "c" / "0" / "0").write_bytes(b"nothing")
    with start_background([tmp_path / "shown"]) as server:
        status, error = Served(server.url, tmp_path / "shown", ids_of(server.url, tmp_path / "shown")).refused()
    assert (status, error["code"]) == (400, "trace")
    assert str(tmp_path) not in error["message"] + error["hint"]
