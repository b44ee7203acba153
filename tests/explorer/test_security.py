"""What must never leave the server: files outside the given folders, answers to other sites, traces of a failure."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explorer.made_by_hand import SECRET, Answer, Shown, ask, make_run, make_trace, speak
from unrolled.explorer import start_background
from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import Exhibit
from unrolled.explorer.server import BackgroundServer, bind

HOSTILE = [
    "../secret.txt",
    "../../c/0",
    "../../zarr.json",
    "..%2f..%2fc%2f0",
    "%2e%2e/%2e%2e/c/0",
    "%2e%2e%2f%2e%2e%2fzarr.json",
    "%252e%252e/%252e%252e/zarr.json",
    "%252e%252e%252fzarr.json",
    "loss/../../../zarr.json",
    "loss/../zarr.json",
    "./zarr.json",
    ".//zarr.json",
    "/zarr.json",
    "//zarr.json",
    "%2fzarr.json",
    "..\\..\\zarr.json",
    "..%5c..%5czarr.json",
    "loss%5czarr.json",
    "loss%5c..%5c..%5c..%5czarr.json",
    "zarr.json%00",
    "%00/zarr.json",
    "zarr.json%00.txt",
    "zarr.json/",
    "zarr.json/zarr.json",
    "ZARR.JSON",
    "zarr.json%20",
    "zarr.json::$DATA",
    "C:/zarr.json",
    "C:%5czarr.json",
    "%c0%ae%c0%ae/zarr.json",
    "%ff/zarr.json",
    "%ef%bc%8e%ef%bc%8e/zarr.json",
    "..;/zarr.json",
    "....//zarr.json",
    "c/" + "0/" * 2000 + "0",
    "a" * 3000 + "/zarr.json",
    "%",
    "%zz/zarr.json",
    "secret.txt",
]


def is_refused(answer: Answer) -> bool:
    return answer.status == 404 and answer.error()["code"] == "not-found" and SECRET.encode() not in answer.body


@pytest.mark.parametrize("target", HOSTILE)
def test_a_hostile_path_finds_nothing(shown: Shown, target: str) -> None:
    assert is_refused(ask(shown.url, shown.trace + target))
    assert is_refused(ask(shown.url, shown.run + target))


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.txt",
        "/../given/secret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "//etc/hosts.txt",
        "/traces/../../secret.txt",
        "/traces/%2e%2e/secret.txt",
        "/traces//zarr.json",
        "/traces/../zarr.json",
        "/traces/..%2f..%2fzarr.json",
        "/runs/../settings.json",
        "/runs//settings.json",
        "/exhibits.json/",
        "/traces",
        "/traces/",
        "/runs/",
        "/assets",
        "/assets/",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/favicon.ico",
    ],
)
def test_no_route_leads_out_of_the_page(shown: Shown, target: str) -> None:
    assert is_refused(ask(shown.url, target))


def test_a_whole_address_as_target_finds_nothing(shown: Shown) -> None:
    answer = ask(shown.url, "http://localhost/../secret.txt")
    assert answer.status in (400, 404)
    assert SECRET.encode() not in answer.body


ATOMS = ["..", "%2e%2e", "%252e", "/", "%2f", "\\", "%5c", "%00", ".", "c", "0", "zarr.json", "secret.txt", "loss", "~"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["", "trace", "run"]), st.lists(st.sampled_from(ATOMS), max_size=9))
def test_no_mixture_of_hostile_parts_reads_a_secret(shown: Shown, start: str, parts: list[str]) -> None:
    prefix = {"": "/", "trace": shown.trace, "run": shown.run}[start]
    answer = ask(shown.url, prefix + "".join(parts))
    assert SECRET.encode() not in answer.body
    assert answer.status in (200, 404)
    if answer.status == 404:
        answer.error()


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make_trace(outside / "trace")
    make_run(outside / "run")
    (outside / "0").write_text(SECRET)
    shown = tmp_path / "shown"
    make_trace(shown / "trace")
    make_run(shown / "run")
    (shown / "trace" / "loss" / "c" / "1").symlink_to(outside / "0")
    (shown / "trace" / "loss" / "c" / "2").symlink_to(shown / "trace" / "loss" / "c" / "0")
    (shown / "trace" / "linked").symlink_to(outside / "trace" / "loss")
    (shown / "run" / "summary.json").unlink()
    (shown / "run" / "summary.json").symlink_to(outside / "run" / "summary.json")
    (shown / "other").symlink_to(outside / "trace")
    with start_background([shown]) as server:
        entries = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        assert [entry["kind"] for entry in entries] == ["run", "trace"]
        run, trace = (f"/{entry['path']}" for entry in entries)
        for target in ("loss/c/1", "loss/c/2", "linked/zarr.json", "linked/c/0"):
            assert is_refused(ask(server.url, trace + target)), target
        assert is_refused(ask(server.url, f"{run}summary.json"))
        assert ask(server.url, f"{trace}loss/c/0").status == 200

        # A link that takes a folder's place after the search.
        shutil.rmtree(shown / "trace")
        (shown / "trace").symlink_to(outside / "trace")
        assert is_refused(ask(server.url, f"{trace}zarr.json"))
        assert is_refused(ask(server.url, f"{trace}loss/c/0"))


def test_a_folder_named_through_a_link_is_shown(tmp_path: Path) -> None:
    make_trace(tmp_path / "real" / "trace")
    (tmp_path / "named").symlink_to(tmp_path / "real")
    with start_background([tmp_path / "named"]) as server:
        (entry,) = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        assert ask(server.url, f"/{entry['path']}zarr.json").status == 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_hold_the_server_up(shown: Shown) -> None:
    os.mkfifo(shown.trace_folder / "loss" / "c" / "77")
    assert is_refused(ask(shown.url, f"{shown.trace}loss/c/77"))


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost:8765", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535"],
)
def test_this_machine_s_names_are_answered_on_any_port(shown: Shown, host: str) -> None:
    assert ask(shown.url, "/exhibits.json", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:8765",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "127.0.0.1:80.example.org",
        "localhost:",
        "localhost:80:80",
        "localhost:port",
        "user@localhost",
        "localhost, example.org",
        "127.0.0.2",
        "0.0.0.0",
        "[::]",
        "::1",
        "2130706433",
        "",
    ],
)
def test_other_hosts_are_turned_away_from_every_route(shown: Shown, host: str) -> None:
    for target in ("/", "/exhibits.json", f"{shown.trace}zarr.json", f"{shown.run}settings.json", "/nothing"):
        answer = ask(shown.url, target, host=host)
        assert answer.status == 421
        assert answer.error()["code"] == "unknown-host"
        assert b"unrolled-trace" not in answer.body


def test_a_request_without_host_is_turned_away(shown: Shown) -> None:
    assert speak(shown.url, b"GET /exhibits.json HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
    for hosts in (b"", b"Host: localhost\r\nHost: example.org\r\n", b"Host: example.org\r\nHost: localhost\r\n"):
        answer = speak(shown.url, b"GET /exhibits.json HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"unrolled-exhibits" not in answer


def test_an_endless_header_is_cut_off_and_the_next_request_answered(shown: Shown) -> None:
    answer = b""
    with suppress(ConnectionError):  # it hangs up while more is coming
        answer = speak(shown.url, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (1 << 20))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert ask(shown.url, "/").status == 200


def test_a_proxy_s_name_is_answered_where_the_user_gave_it(shown: Shown) -> None:
    with start_background([shown.folder / "given"], hosts=["Hub.example.org"]) as server:
        assert ask(server.url, "/exhibits.json", host="hub.example.org").status == 200
        assert ask(server.url, "/exhibits.json", host="hub.example.org:443").status == 200
        assert ask(server.url, "/exhibits.json", host="localhost").status == 200
        assert ask(server.url, "/exhibits.json", host="example.org").status == 421


class FailingCollection(Collection):
    """Fails as a fault of ours would, with a word that must not get out."""

    def refresh(self) -> list[Exhibit]:
        raise RuntimeError(SECRET)


@pytest.fixture
def failing(shown: Shown) -> Iterator[BackgroundServer]:
    with BackgroundServer(FailingCollection([shown.folder / "given"]), bind(0), shown.folder / "no page", ()) as server:
        yield server


def test_a_fault_of_ours_tells_the_asker_nothing_and_the_log_all(
    failing: BackgroundServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "unrolled.explorer"):
        answer = ask(failing.url, "/exhibits.json")
    assert answer.status == 500
    assert answer.error()["code"] == "internal"
    assert SECRET.encode() not in answer.body
    assert b"RuntimeError" not in answer.body
    assert SECRET in caplog.text


def test_a_page_that_was_not_built_says_so(failing: BackgroundServer) -> None:
    answer = ask(failing.url, "/")
    assert answer.status == 503
    assert answer.error()["code"] == "page-not-built"


def test_every_answer_carries_the_security_headers(shown: Shown, failing: BackgroundServer) -> None:
    target = f"{shown.trace}zarr.json"
    tag = ask(shown.url, target).headers["etag"]
    answers = {
        200: ask(shown.url, "/"),
        206: ask(shown.url, target, Range="bytes=0-3"),
        304: ask(shown.url, target, If_None_Match=tag),
        404: ask(shown.url, "/nothing"),
        405: ask(shown.url, "/", "POST"),
        416: ask(shown.url, target, Range="bytes=99999999-"),
        421: ask(shown.url, "/", host="example.org"),
        500: ask(failing.url, "/exhibits.json"),
        503: ask(failing.url, "/"),
    }
    for status, answer in answers.items():
        assert answer.status == status
        policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
        assert policy["base-uri"] == policy["form-action"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert "server" not in answer.headers


def test_a_site_that_asks_from_elsewhere_gets_no_leave_to_read(shown: Shown) -> None:
    preflight = ask(
        shown.url, "/exhibits.json", "OPTIONS", Origin="https://example.org", Access_Control_Request_Method="GET"
    )
    assert preflight.status == 405
    simple = ask(shown.url, "/exhibits.json", Origin="https://example.org")
    for answer in (preflight, simple):
        assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"])
def test_only_get_and_head_are_answered(shown: Shown, method: str) -> None:
    before = sorted(shown.folder.rglob("*"))
    for target in ("/", "/exhibits.json", f"{shown.trace}zarr.json", f"{shown.run}settings.json", "/assets/x.js"):
        answer = ask(shown.url, target, method)
        assert answer.status == 405
        assert answer.error()["code"] == "method-not-allowed"
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert sorted(shown.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("target", "status"),
    [("/", 200), ("/exhibits.json", 200), ("{trace}zarr.json", 200), ("{run}summary.json", 200), ("/none", 404)],
)
def test_head_is_get_without_the_body(shown: Shown, target: str, status: int) -> None:
    path = target.format(trace=shown.trace, run=shown.run)
    get, head = ask(shown.url, path), ask(shown.url, path, "HEAD")
    assert (get.status, head.status) == (status, status)
    assert head.body == b""
    assert int(head.headers["content-length"]) == len(get.body)
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
