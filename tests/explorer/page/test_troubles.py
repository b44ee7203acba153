"""The page where something is amiss: wrong links, damage, a server that has gone; below a path, in a frame."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.explorer.made_by_hand import PREFIX, below, port_of
from tests.explorer.page.browsing import (
    BROWSER,
    SIGNAL,
    Exhibition,
    Watch,
    painted,
)
from unrolled.explorer import BackgroundServer, start_background
from unrolled.explorer.app import create_app
from unrolled.explorer.collection import Collection

pytestmark = BROWSER


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("#/neuron/nothing-000000", "no trace at traces/nothing-000000/"),
        ("#/neuron/{id}?site=rnn.l7", "no layer rnn.l7"),
        ("#/neuron/{id}?site=rnn.l0&signal=reset_gate", "no recorded reset_gate"),
        ("#/neuron/{id}?site=rnn.l0&signal=cell&neuron=12", "no neuron 12"),
        ("#/neuron/..%2f..", "is not the name of a trace"),
    ],
)
def test_a_link_to_what_is_not_there_says_so(
    watched: tuple[Page, Watch], exhibition: Exhibition, link: str, said: str
) -> None:
    page, watch = watched
    page.goto(exhibition.url + link.format(id=exhibition.id))
    expect(page.get_by_role("alert")).to_contain_text(said)
    # The browser itself reports a 404; nothing else may be said.
    assert [text for text in watch.complaints if "404" not in text] == []


def copy_of(exhibition: Exhibition, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exhibition.folder / "letters", tmp_path / "letters"))


def open_copy(page: Page, folder: Path, query: str) -> Iterator[BackgroundServer]:
    with start_background([folder]) as server:
        (exhibit,) = server.collection.exhibits
        page.goto(f"{server.url}#/neuron/{exhibit.id}?{query}")
        yield server


@pytest.mark.parametrize("damage", ["bit", "cut", "symbols"])
def test_damage_is_told_in_plain_words(
    watched: tuple[Page, Watch], exhibition: Exhibition, tmp_path: Path, damage: str
) -> None:
    page, watch = watched
    folder = copy_of(exhibition, tmp_path)
    shard = folder / "signals" / "rnn.l1" / "cell" / "c" / "0" / "0"
    symbols = next((folder / "symbols" / "c").iterdir())
    if damage == "bit":
        content = bytearray(shard.read_bytes())
        content[100] ^= 1
        shard.write_bytes(content)
    elif damage == "cut":
        shard.write_bytes(shard.read_bytes()[:500])
    else:
        content = bytearray(symbols.read_bytes())
        content[len(content) // 2] ^= 1
        symbols.write_bytes(content)
    for _ in open_copy(page, folder, "site=rnn.l1&signal=cell&neuron=0"):
        alert = page.get_by_role("alert").first
        expect(alert).to_contain_text(re.compile("damaged|checksum|cut short|cannot be read", re.IGNORECASE))
        expect(alert).not_to_contain_text(re.compile("undefined|TypeError|RangeError|NaN|\\[object"))
        assert watch.complaints == []


def test_a_server_that_has_gone_is_told_in_plain_words(
    watched: tuple[Page, Watch], exhibition: Exhibition, tmp_path: Path
) -> None:
    page, _ = watched
    folder = copy_of(exhibition, tmp_path)
    for server in open_copy(page, folder, "site=rnn.l1&signal=cell&neuron=0"):
        painted(page, f"{SIGNAL}.0")
        server.close()
        page.get_by_test_id("signal-hidden").click()
        expect(page.get_by_role("alert").first).to_contain_text("cannot be reached")


def test_it_works_below_another_path(watched: tuple[Page, Watch], exhibition: Exhibition) -> None:
    page, watch = watched
    with below(PREFIX, create_app(Collection([exhibition.folder]))) as url:
        page.goto(f"{url.rstrip('/')}{PREFIX}/")
        page.get_by_role("link", name=re.compile("Letters at random")).first.click()
        expect(page.get_by_test_id("text")).to_have_attribute("data-painted", re.compile(r"^rnn\."))
        assert watch.complaints == []
        assert all(asked.startswith(f"{url.rstrip('/')}{PREFIX}/") for asked in watch.asked)


class Notebook(BaseHTTPRequestHandler):
    """A page of another program on this machine that shows the explorer in a frame."""

    def do_GET(self) -> None:  # the name is http.server's
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><iframe width=1000 height=700></iframe>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def notebook() -> Iterator[int]:
    """The port of another program on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Notebook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


FRAME = "url => { document.querySelector('iframe').src = url }"


def test_a_notebook_on_this_machine_may_show_it_in_a_frame(
    watched: tuple[Page, Watch], exhibition: Exhibition, notebook: int
) -> None:
    page, watch = watched
    page.goto(f"http://localhost:{notebook}/")
    page.evaluate(FRAME, exhibition.link("site=rnn.l1&signal=cell&neuron=3"))
    text = page.frame_locator("iframe").get_by_test_id("text")
    expect(text).to_have_attribute("data-painted", f"{SIGNAL}.3")
    assert watch.complaints == []


def test_another_site_may_neither_frame_nor_read_it(
    watched: tuple[Page, Watch], exhibition: Exhibition, notebook: int
) -> None:
    page, _ = watched
    page.goto(f"http://notebook.example:{notebook}/")
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate(FRAME, exhibition.url)
    reading = "url => fetch(url).then(() => 'read', () => 'refused')"
    assert page.evaluate(reading, f"{exhibition.url}exhibits.json") == "refused"
    # Not by its own name that leads here (DNS rebinding) either.
    port = port_of(exhibition.url)
    answer = page.goto(f"http://notebook.example:{port}/exhibits.json")
    assert answer is not None
    assert answer.status == 421
