"""POST api/match: it answers as the package does, and reads nothing but what is shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.traces.making import Names, make_network, make_symbols
from unrolled.explorer import start_background
from unrolled.neurons.matches import find_matches
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace


@dataclass(frozen=True)
class Served:
    """A server that shows one trace, and one in which a link leads out."""

    url: str
    trace: Trace
    ids: dict[str, str]

    def post(self, **body: object) -> httpx.Response:
        content = json.dumps({"trace": self.ids["whole"], "span": [10, 12], **body})
        return httpx.post(f"{self.url}api/match", content=content, headers={"content-type": "application/json"})

    def refused(self, **body: object) -> tuple[int, dict[str, Any]]:
        answer = self.post(**body)
        return answer.status_code, answer.json()["error"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    out = folder / "shown" / "whole"
    trace = record_run(make_network(hidden=6), Names(), make_symbols(300, 90), out=out, title="whole")
    shutil.copytree(out, folder / "shown" / "linked")
    symbols = folder / "shown" / "linked" / "symbols" / "c" / "0"
    shutil.move(symbols, folder / "outside")
    symbols.symlink_to(folder / "outside")
    with start_background([folder / "shown"]) as server:
        listing = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        roots = {each["id"]: httpx.get(f"{server.url}{each['path']}symbols/c/0").status_code for each in listing}
        ids = {"whole" if status == 200 else "linked": name for name, status in roots.items()}
        yield Served(server.url, trace, ids)


def test_it_answers_as_the_package_does(served: Served) -> None:
    answer = served.post(threshold=0.1, off="before", top=7, least=1)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    expected = find_matches(served.trace, range(10, 12), threshold=0.1, off="before", top=7, least=1)
    assert expected.matches
    assert answer.json() == json.loads(json.dumps(expected.to_json()))
    only = served.post(threshold=0.1, signal="hidden", sites=["rnn.l1"]).json()
    assert (only["signal"], only["sites"]) == ("hidden", ["rnn.l1"])


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"trace": "none"}, 404, "There is no trace 'none'; there are: "),
        ({"span": [10, 10]}, 400, "The span 10:10 holds no steps of the trace, which has 0:390."),
        ({"span": [295, 305]}, 400, "leaves its sequence"),
        ({"span": [10]}, 422, "span"),
        ({"span": [-5, 3]}, 400, "0:390"),
        ({"span": [10, "12"]}, 422, "span.1"),
        ({"threshold": 1, "span": [0, 90]}, 400, "No neuron is above the threshold 1"),
        ({"threshold": 2}, 400, "The threshold cannot be 2"),
        ({"off": "beside"}, 422, "off"),
        ({"top": 100_000}, 422, "top"),
        ({"sites": ["rnn.l9"]}, 404, "There is no site 'rnn.l9'"),
        ({"signal": "update_gate"}, 404, "update_gate"),
        ({"path": "/etc"}, 422, "path"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(served: Served, body: dict[str, Any], status: int, says: str) -> None:
    found, error = served.refused(**body)
    assert (found, says in error["message"]) == (status, True), error
    assert "\n" not in error["message"] + error["hint"]


def test_a_trace_with_a_link_that_leads_out_is_refused(served: Served) -> None:
    status, error = served.refused(trace=served.ids["linked"])
    assert (status, error["code"]) == (400, "server")
    assert "a link leads out" in error["message"]


def test_errors_do_not_name_places_on_this_machine(served: Served, tmp_path: Path) -> None:
    damaged = Path(str(served.trace.path)) / "signals" / "rnn.l0" / "cell" / "c" / "0" / "0"
    content = damaged.read_bytes()
    damaged.write_bytes(b"nothing")
    status, error = served.refused(threshold=0.1)
    damaged.write_bytes(content)
    assert (status, error["code"]) == (400, "trace")
    assert str(served.trace.path) not in error["message"]
    assert "whole" in error["message"]
