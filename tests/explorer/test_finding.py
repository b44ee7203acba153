"""POST api/find: it answers as the package does, and takes nothing from files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.traces.making import Names, make_network, make_symbols
from unrolled.explorer import start_background
from unrolled.explorer.finding import MOST_NUMBERS
from unrolled.neurons.find import find_in_trace
from unrolled.neurons.labelling import label_trace
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

BODY: dict[str, Any] = {"hypotheses": ["vowel", "ab=re:ab"], "signals": ["cell"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Trace, str]]:
    folder = tmp_path_factory.mktemp("served")
    trace = record_run(make_network(hidden=6), Names(), make_symbols(900), out=folder / "shown")
    with start_background([folder]) as server:
        (shown,) = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        yield f"{server.url}api/find", trace, shown["id"]


def ask(served: tuple[str, Trace, str], **body: object) -> httpx.Response:
    content = json.dumps({"trace": served[2], **BODY, **body})
    return httpx.post(served[0], content=content, headers={"content-type": "application/json"}, timeout=60)


def test_it_answers_as_the_package_does(served: tuple[str, Trace, str]) -> None:
    answer = ask(served)
    assert answer.status_code == 200, answer.text
    labels, about = label_trace(served[1], BODY["hypotheses"], files=False)
    expected = find_in_trace(served[1], labels, about=about, signals=["cell"], surprise=False)
    assert answer.json() == json.loads(json.dumps(expected.to_json()))
    assert not list(Path(str(served[1].path)).glob("findings*"))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"hypotheses": ["vowl"]}, 404, "vowl"),
        ({"hypotheses": []}, 422, "hypotheses"),
        ({"hypotheses": ["x=py:evil.py:f"]}, 400, "file"),
        ({"hypotheses": ["x=csv:/etc/passwd:root"]}, 400, "file"),
        ({"hypotheses": ["x=re:("]}, 400, "regular expression"),
        ({"signals": ["cel"]}, 404, "cel"),
        ({"q": 1.5}, 422, "q"),
        ({"trace": "../shown"}, 404, "../shown"),
    ],
)
def test_bad_requests_are_told(served: tuple[str, Trace, str], body: dict[str, object], status: int, said: str) -> None:
    answer = ask(served, **body)
    assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


def test_too_much_is_refused_before_it_is_read(served: tuple[str, Trace, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.explorer.finding.MOST_NUMBERS", 100)
    assert MOST_NUMBERS > 100
    answer = ask(served)
    assert answer.status_code == 400
    assert "here 100 are allowed" in answer.json()["error"]["message"]
