"""Starting, finding and stopping the server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.explorer.made_by_hand import PREFIX, Shown, ask, below, make_trace, port_of
from unrolled.errors import ServerError
from unrolled.explorer import server as module
from unrolled.explorer import start_background
from unrolled.explorer.app import RUN_FILES, create_app
from unrolled.explorer.collection import Collection
from unrolled.explorer.guard import HEADERS
from unrolled.explorer.server import DEFAULT_PORT, bind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    make_trace(folder / "trace")
    return folder


def test_two_servers_at_once_show_their_own(folder: Path, tmp_path: Path) -> None:
    make_trace(tmp_path / "other", title="another one")
    with start_background([folder]) as one, start_background([tmp_path]) as two:
        assert one.url != two.url
        titles = [
            [entry["title"] for entry in httpx.get(f"{server.url}exhibits.json").json()["exhibits"]]
            for server in (one, two)
        ]
        assert titles == [["counter"], ["another one"]]


def test_only_the_one_loopback_address_listens(folder: Path) -> None:
    with start_background([folder]) as server:
        port = port_of(server.url)
        assert server.url == f"http://127.0.0.1:{port}/"
        assert not listens(socket.AF_INET6, "::1", port)
        assert listens(socket.AF_INET, "127.0.0.1", port)
        if sys.platform == "linux":  # elsewhere 127.0.0.2 leads nowhere
            assert not listens(socket.AF_INET, "127.0.0.2", port)


def listens(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family) as connection:
        return connection.connect_ex((host, port)) == 0


def test_small_answers_are_sent_at_once(folder: Path) -> None:
    """Collecting small packets (Nagle) makes every small answer 40 ms late; asyncio looks at the socket's protocol."""
    with bind(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_chosen_port_in_use_is_refused_and_says_the_way_out() -> None:
    with bind(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as caught:
            bind(port)
        assert str(port) in caught.value.message
        assert "in use" in caught.value.message
        assert "--port" in caught.value.hint
        assert "\n" not in str(caught.value)


def test_a_port_not_chosen_is_the_next_free_one() -> None:
    with bind(None) as first, bind(None) as second:
        one, two = first.getsockname()[1], second.getsockname()[1]
        assert DEFAULT_PORT <= one < two < DEFAULT_PORT + 100
        # The default port itself unless some other program has it.
        if one != DEFAULT_PORT:
            with pytest.raises(ServerError):
                bind(DEFAULT_PORT)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ServerError, match=f"{port}.*0 to 65535"):
        bind(port)


def test_closing_frees_the_port_and_the_thread_and_may_be_done_twice(folder: Path) -> None:
    before = set(threading.enumerate())
    server = start_background([folder])
    port = port_of(server.url)
    client = httpx.Client()
    assert client.get(f"{server.url}exhibits.json").status_code == 200
    server.close()
    server.close()
    client.close()
    assert {thread for thread in threading.enumerate() if thread.name.startswith("unrolled ")} <= before
    with bind(port), pytest.raises(ServerError):
        bind(port)


def test_nothing_to_show_takes_no_port(tmp_path: Path) -> None:
    with bind(0) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServerError, match="No trace and no run"):
        start_background([tmp_path], port=port)
    bind(port).close()


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`serve` in a process of its own, and the first line that it says."""
    call = f"from unrolled.explorer import serve; serve([{str(folder)!r}], {', '.join(arguments)})"
    # A connection that is given up at the end is never closed, only dropped with the process.
    warnings = ["-W", "error", "-W", "ignore::ResourceWarning"]
    process = subprocess.Popen(
        [sys.executable, "-u", *warnings, "-c", call],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_it_says_its_address_and_ctrl_c_stops_it_in_silence(folder: Path) -> None:
    with serving(folder, "port=0", "open_browser=False") as (process, line):
        url = line.split()[0]
        assert line == f"{url} shows 1 exhibit; Ctrl-C stops it.\n"
        # A browser keeps its connection; another client is stuck in the middle of its request.
        with httpx.Client() as browser, socket.create_connection(("127.0.0.1", port_of(url))) as stuck:
            stuck.sendall(b"GET / HTTP/1.1\r\nHo")
            assert browser.get(f"{url}exhibits.json").status_code == 200
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert said == ""


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_does_not_wait_for_an_answer_that_nobody_reads(tmp_path: Path, presses: int) -> None:
    make_trace(tmp_path / "trace")
    with (tmp_path / "trace" / "loss" / "c" / "9").open("wb") as file:
        file.truncate(200 << 20)
    with serving(tmp_path, "port=0", "open_browser=False") as (process, line):
        url = line.split()[0]
        entry = httpx.get(f"{url}exhibits.json").json()["exhibits"][0]
        with socket.create_connection(("127.0.0.1", port_of(url))) as stuck:
            stuck.sendall(f"GET /{entry['path']}loss/c/9 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert stuck.recv(12) == b"HTTP/1.1 200"
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert said == ""


def test_it_names_what_cannot_be_shown(folder: Path, tmp_path: Path) -> None:
    make_trace(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "zarr.json").write_text("{")
    with serving(tmp_path, "port=0", "open_browser=False") as (process, line):
        assert "shows 1 exhibit;" in line
        assert process.stdout is not None
        assert repr(str(tmp_path / "bad")) in process.stdout.readline()


def test_over_ssh_it_says_how_to_forward_the_port(folder: Path) -> None:
    with serving(folder, "port=0", "open_browser=False", SSH_CONNECTION="10.0.0.1 5 10.0.0.2 22") as (process, line):
        port = port_of(line.split()[0])
        assert process.stdout is not None
        assert f"ssh -L {port}:127.0.0.1:{port} " in process.stdout.readline()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the browser of this test writes into a named pipe")
def test_the_user_s_browser_is_opened_on_the_page(folder: Path, tmp_path: Path) -> None:
    pipe, browser = tmp_path / "pipe", tmp_path / "browser"
    os.mkfifo(pipe)
    browser.write_text(f'#!/bin/sh\necho "$1" > {pipe}\n')
    browser.chmod(0o755)
    with serving(folder, "port=0", BROWSER=f"{browser} %s") as (_, line), pipe.open() as opened:
        assert opened.readline().strip() == line.split()[0]


def test_a_chosen_port_in_use_stops_the_command(folder: Path) -> None:
    with bind(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=str(port)):
            module.serve([folder], port=port, open_browser=False)


def test_every_route_and_security_header_is_in_the_reference(shown: Shown) -> None:
    reference = Path(__file__).parents[2].joinpath("docs", "reference", "server.md").read_text()
    app = create_app(Collection([shown.folder / "given"]))
    routes = {route.path for route in app.app.routes}
    reading = {"/exhibits.json", "/traces/{name}/{key:path}", "/runs/{name}/{file:path}", "/{file:path}"}
    searches = {"ablate", "evidence", "find", "hypotheses", "match"}
    assert routes == reading | {f"/api/{name}" for name in searches}
    assert all(f"`api/{name}`" in reference for name in searches)
    for words in ("`/`", "`exhibits.json`", "`traces/<id>/…`", *(f"`runs/<id>/{name}`" for name in RUN_FILES)):
        assert words in reference
    for name, value in HEADERS.items():
        assert name in reference
        if name != "Permissions-Policy":
            assert value in " ".join(reference.split())


def test_it_works_below_another_path(shown: Shown) -> None:
    with below(PREFIX, create_app(Collection([shown.folder / "given"]), page=shown.folder / "page")) as url:
        assert b"Unrolled" in ask(url, f"{PREFIX}/").body
        assert ask(url, f"{PREFIX}/exhibits.json").status == 200
        assert ask(url, f"{PREFIX}{shown.trace}zarr.json").status == 200
        assert ask(url, f"{PREFIX}/../secret.txt").status == 404
        assert ask(url, f"{PREFIX}/nothing").error()["code"] == "not-found"


def test_the_page_and_what_belongs_to_it(shown: Shown) -> None:
    index = ask(shown.url, "/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.headers["cache-control"] == "no-cache"
    assert index.body == (shown.folder / "page" / "index.html").read_bytes()
    assert ask(shown.url, "/index.html").body == index.body
    script = ask(shown.url, "/assets/index-B0aTz.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]


@pytest.mark.parametrize("ending", ["", ".js", "/x.js"])
def test_an_answer_does_not_repeat_a_very_long_path(ending: str, shown: Shown) -> None:
    for place in ("/", shown.trace, shown.run):
        answer = ask(shown.url, f"{place}{'x' * 30_000}{ending}")
        assert answer.status in (404, 500)
        assert len(answer.body) < 1000
