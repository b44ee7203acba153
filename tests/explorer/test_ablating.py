"""POST api/ablate: what it answers, and to whom."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from tests.explorer.made_by_hand import Answer, speak
from tests.training.making import make_text, train_tiny, write_text
from unrolled.engines import Edit
from unrolled.explorer import start_background
from unrolled.networks import Network
from unrolled.networks.files import LoadedNetwork, load_network
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.answers import answers
from unrolled.neurons.lockstep import Text
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

NEURON = "rnn.l0.cell.3"
TEXT = make_text(40, seed=9)


@dataclass(frozen=True)
class Served:
    """A server that shows a run on a text, one on a task, and a trace of the first."""

    url: str
    folder: Path
    ids: dict[str, str]
    loaded: LoadedNetwork

    def post(self, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return httpx.post(f"{self.url}api/ablate", content=content, headers=sent, timeout=60)

    def ask(self, **body: object) -> dict[str, Any]:
        answer = self.post({"run": self.ids["run"], "text": TEXT, "neurons": [NEURON], **body})
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()

    def refused(self, **body: object) -> tuple[int, str, str]:
        whole = {"run": self.ids["run"], "text": TEXT, "neurons": [NEURON], **body}
        return told(self.post({name: value for name, value in whole.items() if value is not ...}))


def told(answer: httpx.Response) -> tuple[int, str, str]:
    found = Answer(answer.status_code, dict(answer.headers), answer.content).error()
    return answer.status_code, found["code"], f"{found['message']} {found['hint']}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    torch.set_num_threads(1)
    text = write_text(folder)
    train_tiny(text, folder / "given" / "run", steps=12)
    train_tiny("task:counter", folder / "given" / "counter", steps=3)
    loaded = load_network(folder / "given" / "run")
    record_run(
        loaded.network,
        loaded.vocabulary,
        [loaded.vocabulary.encode(part) for part in (TEXT, make_text(30, seed=2))],
        out=folder / "given" / "trace",
        model={"kind": "run", "path": "../run", "step": 12},
    )
    with start_background([folder / "given"]) as server:
        exhibits = server.collection.exhibits
        yield Served(server.url, folder, {each.folder.name: each.id for each in exhibits}, loaded)


def test_it_answers_as_the_package_does(served: Served) -> None:
    found = served.ask(hypotheses=["word-start"], length=30, seed=4)
    assert "".join(found["symbols"]) == TEXT
    assert (found["run"], found["step"], found["state"]) == (served.ids["run"], 12, "zero")
    network, vocabulary = served.loaded.network, served.loaded.vocabulary
    text = Text(vocabulary.encode(TEXT))
    asked = answers(["word-start"], text, vocabulary)
    own = ablate(network, vocabulary, text, Intervention((NEURON,)), hypotheses=asked, length=30, seed=4)
    assert found["ablation"] == json.loads(json.dumps(own.to_json()))
    steps = found["by_step"]
    assert steps["held"] == [True] * len(TEXT)
    for name in ("before", "after"):
        losses, odds = steps[name]["loss"], steps[name]["likeliest"]
        assert losses[-1] is None
        assert np.mean(losses[:-1]) == pytest.approx(found["ablation"]["overall"][name])
        assert [len(each) for each in odds] == [5] * len(TEXT)
        assert all(each[0][1] >= each[1][1] for each in odds)
        following = [dict(each).get(symbol) for each, symbol in zip(odds, TEXT[1:], strict=False)]
        for loss, share in zip(losses, following, strict=False):
            assert share is None or share == pytest.approx(np.exp(-loss))


def test_a_span_of_a_trace_is_read_from_the_state_that_it_recorded(served: Served) -> None:
    """So its losses before are those that the trace recorded; over the end of a sequence too."""
    trace = Trace.open(served.folder / "given" / "trace")
    assert trace.loss is not None
    start, stop = len(TEXT) - 30, len(TEXT) + 20
    found = served.ask(run=served.ids["run"], text=None, trace=served.ids["trace"], span=[start, stop], steps=[5, 9])
    assert found["state"] == "carried"
    assert "".join(found["symbols"]) == "".join(trace.labels(start, stop))
    assert [step for step, held in enumerate(found["by_step"]["held"]) if held] == [5, 6, 7, 8]
    before = [np.nan if loss is None else loss for loss in found["by_step"]["before"]["loss"]]
    assert np.isnan(before[29])
    np.testing.assert_allclose(before[:-1], trace.loss[start : stop - 1], atol=1e-4)
    after = found["by_step"]["after"]["loss"]
    assert after[:5] == pytest.approx(before[:5], abs=1e-6)
    assert abs(after[6] - before[6]) > 1e-5
    again = served.ask(run=None, text=None, trace=served.ids["trace"], span=[0, 40])
    assert again["run"] == served.ids["run"]
    np.testing.assert_allclose(again["by_step"]["before"]["loss"][:-1], trace.loss[:39], atol=1e-4)


def test_values_are_taken_from_elsewhere_in_the_recording(served: Served) -> None:
    """A neuron's own values change nothing; those of another place do, over the steps that are held and later."""
    trace = Trace.open(served.folder / "given" / "trace")
    start, stop = 50, 90
    spans = {"run": None, "text": None, "trace": served.ids["trace"], "span": [start, stop], "mode": "patch"}
    same = served.ask(**spans, patch_span=[start, stop])["by_step"]
    np.testing.assert_allclose(same["after"]["loss"][:-1], same["before"]["loss"][:-1], atol=1e-5)
    found = served.ask(**spans, steps=[3, 9], patch_span=[120, 129])
    by_step = found["by_step"]
    assert [step for step, held in enumerate(by_step["held"]) if held] == [3, 4, 5, 6, 7, 8]
    assert found["ablation"]["held"]["mode"] == "patch"
    values = trace.read("rnn.l0", "cell", 120, 129, 3)
    before = {name: torch.from_numpy(trace.read("rnn.l0", name, start - 1, start))[None] for name in ("hidden", "cell")}
    edits = [Edit("l0", "cell", float(values[at]), [3], steps=range(at, at + 1)) for at in range(3, 9)]
    assert trace.symbols is not None
    symbols = torch.from_numpy(trace.symbols[start:stop].astype(np.int64))[:, None]
    with torch.no_grad():
        outputs = served.loaded.network.run(symbols, before, edits=edits).outputs
        odds = torch.log_softmax(served.loaded.network.readout(outputs).double(), -1)[:-1, 0]
    expected = -odds.gather(1, symbols[1:])[:, 0]
    np.testing.assert_allclose(by_step["after"]["loss"][:-1], expected.numpy(), atol=1e-5)
    assert abs(by_step["after"]["loss"][10] - by_step["before"]["loss"][10]) > 1e-5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"patch_span": [0, 5]}, "What is patched in has 5 symbols; its values are to be held up to step 30"),
        ({"patch_span": [5, 5]}, "The patch_span 5:5 is not one of"),
        ({"patch_span": [-30, 5]}, "The patch_span -30:5"),
        ({"patch_span": [0, 10**9]}, "at most 4,000 steps in 0:"),
        ({"patch_span": [0, 30], "patch": "the rain had"}, "one of them"),
        ({"patch_span": [0, 30], "mode": "zero"}, "no other mode takes one"),
    ],
)
def test_values_that_are_not_there_are_refused(served: Served, body: dict[str, Any], said: str) -> None:
    asked = {"run": ..., "text": ..., "trace": served.ids["trace"], "span": [10, 40], "mode": "patch", **body}
    status, code, message = served.refused(**asked)
    assert (status, code) == (400, "settings")
    assert said in message


def test_a_hypothesis_sees_what_stands_before_the_span(served: Served) -> None:
    """A span that begins within a word has no word's start at its first step."""
    inside = next(at for at in range(20, 60) if TEXT[at - 1].isalpha() and TEXT[at].isalpha())
    asked = {"run": None, "text": None, "trace": served.ids["trace"], "span": [inside, inside + 40]}
    found = served.ask(**asked, where="word-start", hypotheses=["word-start"])
    starts = [at for at in range(40) if TEXT[inside + at].isalpha() and not TEXT[inside + at - 1].isalpha()]
    assert [step for step, held in enumerate(found["by_step"]["held"]) if held] == starts
    assert 0 not in starts
    (told,) = found["ablation"]["hypotheses"]
    assert told["true"]["steps"] == len([at for at in starts if at < 39])


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "mean"},
        {"mode": "clamp=-1.5"},
        {"mode": "patch", "patch": make_text(60, seed=3)},
        {"where": "word-start"},
        {"where": "r=re:[r-t]"},
        {"neurons": ["rnn.l0.forget_gate", "rnn.l0.0"]},
    ],
)
def test_every_way_of_holding_is_there(served: Served, body: dict[str, Any]) -> None:
    found = served.ask(**body, length=5)
    assert found["ablation"]["overall"]["change"] != 0
    assert (found["ablation"]["samples"] is None) == bool({"patch", "where"} & set(body))


def test_a_span_of_a_trace_that_other_weights_made_is_refused(served: Served) -> None:
    """As where the run was trained again: the state before the span is not this network's."""
    vocabulary = served.loaded.vocabulary
    other = Network(served.loaded.network.settings, len(vocabulary))
    said = {"kind": "run", "path": "../run", "step": 12}
    record_run(other, vocabulary, [vocabulary.encode(TEXT)], out=served.folder / "given" / "older", model=said)
    exhibits = httpx.get(f"{served.url}exhibits.json").json()["exhibits"]
    (older,) = (each["id"] for each in exhibits if each["id"].startswith("older"))
    status, code, message = served.refused(run=..., text=..., trace=older, span=[0, 20])
    assert (status, code) == (400, "trace")
    assert "made with other weights" in message


def test_a_run_on_a_task_answers_too(served: Served) -> None:
    found = served.ask(run=served.ids["counter"], text="\naaXbb\naX", length=20)
    assert found["ablation"]["samples"]["prime"] == ""


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({"run": "nobody"}, 404, "unknown-name", "no run 'nobody'"),
        ({"run": ...}, 422, "invalid", "either run and text, or trace and span"),
        ({"text": ...}, 422, "invalid", "either run and text"),
        ({"span": [0, 5]}, 422, "invalid", "either run and text"),
        ({"text": "a"}, 422, "invalid", "text:"),
        ({"text": "a" * 4001}, 422, "invalid", "at most 4000"),
        ({"text": 5}, 422, "invalid", "text: "),
        ({"text": "試す"}, 400, "vocabulary", "U+8A66"),
        ({"neurons": ...}, 422, "invalid", "neurons: "),
        ({"neurons": []}, 422, "invalid", "neurons: "),
        ({"neurons": ["rnn.l0.0"] * 65}, 422, "invalid", "at most 64"),
        ({"neurons": "rnn.l0.0"}, 422, "invalid", "neurons: "),
        ({"neurons": ["rnn.l0.6"]}, 404, "unknown-name", "0 to 5"),
        ({"neurons": ["x" * 201]}, 422, "invalid", "200"),
        ({"mode": "half"}, 400, "settings", "no mode 'half'"),
        ({"mode": "clamp=1e99"}, 400, "settings", "no finite number"),
        ({"mode": "mean=/etc"}, 400, "settings", "zero, mean, clamp=V or patch"),
        ({"mode": "patch=/etc/passwd", "patch": "ab"}, 400, "settings", "zero, mean, clamp=V or patch"),
        ({"mode": "patch"}, 400, "settings", "needs another text"),
        ({"mode": "patch", "patch": "the"}, 400, "settings", "What is patched in has 3 symbols"),
        ({"patch": "the"}, 400, "settings", "no other mode takes one"),
        ({"patch_span": [0, 5]}, 422, "invalid", "give trace and span with it"),
        ({"steps": [5, 5]}, 400, "settings", "no steps 5:5"),
        ({"steps": [0, 9999]}, 400, "settings", "no steps 0:9999"),
        ({"steps": [0]}, 422, "invalid", "steps"),
        ({"where": "nobody"}, 404, "unknown-name", "nobody"),
        ({"where": "line-position"}, 400, "settings", "true nowhere"),
        ({"where": "hashtag"}, 400, "settings", "'hashtag' is true at no step of"),
        ({"where": "x=py:/etc/x.py:f"}, 400, "hypothesis", "cannot come from a file"),
        ({"hypotheses": ["x=csv:/etc/x.csv:f"]}, 400, "hypothesis", "cannot come from a file"),
        ({"hypotheses": ["vowel"] * 9}, 422, "invalid", "at most 8"),
        ({"seed": -1}, 422, "invalid", "seed: "),
        ({"seed": 1.5}, 422, "invalid", "seed: "),
        ({"length": 501}, 422, "invalid", "length: "),
        ({"more": 1}, 422, "invalid", "more: "),
    ],
)
def test_what_does_not_fit_is_one_clear_error(
    served: Served, body: dict[str, Any], status: int, code: str, said: str
) -> None:
    found = served.refused(**body)
    assert found[:2] == (status, code)
    assert said in found[2]
    assert str(served.folder) not in found[2]


@pytest.mark.parametrize("span", [[5, 5], [-1, 5], [0, 10**9], [10**9, 10**9 + 5]])
def test_a_span_that_the_trace_does_not_have_is_refused(served: Served, span: list[int]) -> None:
    found = served.refused(run=..., text=..., trace=served.ids["trace"], span=span)
    assert found[:2] == (400, "settings")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"run": NaN}', b"[" * 60_000])
def test_what_is_no_json_object_is_refused(served: Served, body: bytes) -> None:
    assert told(served.post(body))[:2] == (422, "invalid")


def test_a_body_is_bounded_however_it_is_sent(served: Served) -> None:
    assert told(served.post(b" " * (65 * 1024)))[:2] == (413, "too-large")
    head = b"POST /api/ablate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    pieces = b"".join(b"1000\r\n" + b" " * 4096 + b"\r\n" for _ in range(17))
    answer = speak(served.url, head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + pieces)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_site_is_not_taken_for_json(served: Served, kind: str) -> None:
    assert told(served.post({"neurons": [NEURON]}, content_type=kind))[:2] == (415, "not-json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "{here}"}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        # Behind a notebook's proxy Origin names the proxy, and the browser knows better.
        ({"sec_fetch_site": "same-origin", "origin": "https://hub.example.org"}, 200),
        ({"origin": "https://example.org"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "none"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "{here}"}, 403),
    ],
)
def test_a_page_of_another_site_is_refused(served: Served, headers: dict[str, str], status: int) -> None:
    sent = {name: value.replace("{here}", served.url.rstrip("/")) for name, value in headers.items()}
    body = {"run": served.ids["run"], "text": TEXT, "neurons": [NEURON], "length": 0}
    answer = served.post(body, **sent)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    if status == 403:
        assert told(answer)[1] == "cross-origin"
    page = httpx.get(f"{served.url}exhibits.json", headers={"origin": "https://example.org"})
    assert page.status_code == 200  # reading is free: no other site gets to see the answer


def test_other_methods_and_a_preflight_get_no_leave(served: Served) -> None:
    asked = {"origin": "https://example.org", "access-control-request-method": "POST"}
    for method in ("OPTIONS", "GET", "PUT", "DELETE"):
        answer = httpx.request(method, f"{served.url}api/ablate", headers=asked if method == "OPTIONS" else {})
        assert answer.status_code in (404, 405)
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_one_search_runs_at_a_time(served: Served) -> None:
    body = {"run": served.ids["run"], "text": (TEXT * 20)[:4000], "neurons": ["rnn.l0.cell.0", "rnn.l0.hidden.1"]}
    together = threading.Barrier(4)

    def ask() -> httpx.Response:
        together.wait()
        return served.post(body)

    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(ask) for _ in range(4)]]
    assert sorted({answer.status_code for answer in found}) == [200, 429]
    for answer in found:
        if answer.status_code == 429:
            assert told(answer)[1] == "busy"
            assert answer.headers["retry-after"] == "1"
    assert served.post(body).status_code == 200  # the turn is given back


def test_a_search_that_fails_gives_its_turn_back(served: Served) -> None:
    assert served.refused(mode="half")[0] == 400
    assert served.ask(length=0)


def test_a_run_whose_files_lead_out_or_never_end_is_refused(served: Served, tmp_path: Path) -> None:
    given = tmp_path / "given"
    shutil.copytree(served.folder / "given" / "run", given / "linked")
    shutil.copytree(served.folder / "given" / "run", given / "piped")
    shutil.copytree(served.folder / "given" / "run", given / "bare")
    (weights := next(given.glob("linked/checkpoints/*/weights.safetensors"))).unlink()
    weights.symlink_to(next((served.folder / "given" / "run").glob("checkpoints/*/weights.safetensors")))
    (given / "piped" / "vocabulary.json").unlink()
    os.mkfifo(given / "piped" / "vocabulary.json")
    shutil.rmtree(given / "bare" / "checkpoints")
    with start_background([given]) as server:
        ids = {each.folder.name: each.id for each in server.collection.exhibits}
        for name, code in (("linked", "server"), ("piped", "server"), ("bare", "run")):
            found = Served(server.url, tmp_path, {"run": ids[name]}, served.loaded).refused()
            assert found[:2] == (400, code)
            assert str(tmp_path) not in found[2]
