"""A recording in a browser: what the tests of the page share."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import zarr
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.traces.making import LETTERS
from tests.training.making import make_text
from unrolled.explorer import BackgroundServer
from unrolled.explorer.app import PAGE
from unrolled.traces.trace import Trace

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(not (PAGE / "index.html").is_file(), reason="the page has not been built: see web/"),
]

# A busy machine may be slow; what is awaited is an event each time.
expect.set_options(timeout=30_000)

LENGTHS = (2000, 500)
HIDDEN = 12
SIGNAL = "rnn.l1.cell"
# How letters that cannot be seen are read out.
NAMES = {" ": "space", "\n": "newline"}


TEXT = make_text(400, seed=9)
NEURON, SITE = 3, "rnn.l0"
"""What the tools are tried on."""


class Exhibition:
    """A server with one recording, and what the recording holds, read with Zarr itself."""

    def __init__(self, folder: Path, server: BackgroundServer) -> None:
        self.folder = folder
        self.url = server.url
        self.group = zarr.open_group(folder / "letters", mode="r")
        listed = re.compile(r"letters-[0-9a-f]+")
        (self.id,) = {entry.id for entry in server.collection.exhibits if listed.fullmatch(entry.id)}

    def values(self, site: str = "rnn.l1", signal: str = "cell") -> np.ndarray:
        return np.asarray(self.group[f"signals/{site}/{signal}"][...])  # type: ignore[index]

    def letter(self, step: int) -> str:
        return LETTERS[int(np.asarray(self.group["symbols"][...])[step])]  # type: ignore[index]

    def link(self, query: str = "", view: str = "neuron") -> str:
        return f"{self.url}#/{view}/{self.id}{'?' if query else ''}{query}"


@dataclass(frozen=True)
class Shown:
    """A server that shows a run and a trace of it, with links to one of its neurons."""

    folder: Path
    url: str
    id: str

    def link(self, query: str) -> str:
        signal = "" if "signal=" in query else "signal=cell&"
        return f"{self.url}#/neuron/{self.id}?site={SITE}&{signal}neuron={NEURON}&{query}"

    @property
    def trace(self) -> Trace:
        return Trace.open(self.folder / "trace")


class Watch:
    """What a page says and asks for behind its reader's back."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        self.asked.append(request.url)


def bare(text: str) -> str:
    """As a program reads numbers: plain minus signs, no spaces between thousands."""
    return text.replace("\u202f", "").replace("\u2212", "-")


def painted(page: Page, name: str) -> None:
    """Waits until the text shows the neuron of that name."""
    expect(page.get_by_test_id("text")).to_have_attribute("data-painted", name)


def spoken(page: Page, step: int) -> str:
    """What is read out for `step`, as soon as it is."""
    place = page.get_by_test_id("spoken")
    expect(place).to_have_text(re.compile(rf"^step {step}\b"))
    return place.inner_text()


def number(text: str) -> float:
    """The last number in a text, which may have a true minus sign."""
    return float(re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text.replace("\u2212", "-"))[-1])


def colour_at(page: Page) -> tuple[int, int, int]:
    """The colour on the screen in the corner of the selected step's cell."""
    script = """() => {
      const cursor = document.querySelector('.cursor').getBoundingClientRect()
      const canvas = document.querySelector('.page canvas')
      const box = canvas.getBoundingClientRect()
      const scale = canvas.width / box.width
      const [x, y] = [(cursor.x - box.x + 1) * scale, (cursor.y - box.y + 1) * scale]
      const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
      copy.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1)
      return [...copy.getImageData(0, 0, 1, 1).data.slice(0, 3)]
    }"""
    red, green, blue = page.evaluate(script)
    return red, green, blue


def brightness(page: Page) -> float:
    """Of the page's background, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert "rgba" not in colour
    return float(np.mean([int(part) for part in re.findall(r"\d+", colour)]))
