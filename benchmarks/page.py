"""The page: time to the first coloured text, and time to change the neuron, in a real Chromium.

Records (once, into the system's temporary folder, or take --trace) 100,000 steps of 3 × 512 neurons with all signals,
starts the real command `unrolled explore` on it and opens it with Chromium.

Every opening begins cold: a new browser context without any cache, and the trace's files dropped from the system's own
cache. Its time runs from the request to the first frame after the page says that it has painted the text in colour.
A change runs from the key (Enter in the neuron's field) or the new address to the first such frame; changes follow each
other at once, while the page may still fetch what lies beside the text. Neurons are drawn at random, with a fixed seed.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from common import DEFAULT_TEXT, GIB, UNROLLED, Report, arguments, percentile, say, size_on_disk
from memory import make_run, record

CACHE = Path(tempfile.gettempdir()) / "unrolled-benchmarks"
WIDTH, HEIGHT = 1280, 800

CLOCK = """
(() => {
  const clock = { wanted: undefined, start: undefined, done: undefined }
  window.benchmarkClock = clock
  clock.arm = (wanted, start) => Object.assign(clock, { wanted, start, done: undefined })
  const begin = (event) => (clock.start ??= event.timeStamp)
  addEventListener('keydown', begin, true)
  addEventListener('change', begin, true)
  const look = () => {
    const text = document.querySelector('[data-testid=text]')
    const wanted = clock.wanted
    if (!wanted || clock.done !== undefined || text?.dataset.painted !== wanted) return
    // A message sent while a frame is made arrives once it is made.
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => clock.wanted === wanted && (clock.done ??= performance.now())
      port2.postMessage('')
    })
  }
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ['data-painted'] })
})()
"""


@dataclass(frozen=True)
class Place:
    """A neuron's signal, and a step of the text."""

    site: str
    signal: str
    neuron: int
    step: int

    @property
    def name(self) -> str:
        return f"{self.site}.{self.signal}.{self.neuron}"

    def link(self, trace: str) -> str:
        query = f"site={self.site}&signal={self.signal}&neuron={self.neuron}&step={self.step}"
        return f"#/neuron/{trace}?{query}"


@dataclass(frozen=True)
class Taken:
    """One opening or change: milliseconds in the page, requests and bytes that came until then."""

    name: str
    milliseconds: float
    requests: int
    bytes: int


class Traffic:
    """Counts what the browser fetches."""

    def __init__(self, session: Any) -> None:
        self.requests = self.bytes = 0
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _finished(self, event: dict[str, Any]) -> None:
        self.requests += 1
        self.bytes += int(event["encodedDataLength"])

    def reset(self) -> None:
        self.requests = self.bytes = 0


def make_trace(text: str, steps: int, size: str) -> Path:
    """The recording, made once; an interrupted one is gone on with."""
    CACHE.mkdir(exist_ok=True)
    out = CACHE / f"{size}-{steps}.trace"
    if out.is_dir() and json.loads((out / "zarr.json").read_bytes())["attributes"]["complete_steps"] == steps:
        return out
    network = make_run(CACHE, text, *map(int, size.split("x")), limit=steps)
    say(f"recording {steps:,} steps of {size} into {out} …")
    record(network, text, steps, out)
    return out


def drop_from_memory(folder: Path) -> None:
    """Asks the system to forget the files that it has read, so that the next read goes to the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


@contextmanager
def server(trace: Path) -> Iterator[str]:
    """The real command, on any free port; gives its address."""
    command = [*UNROLLED, "explore", str(trace), "--port", "0", "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.match(r"http://\S+", line)
            if found is None:
                raise SystemExit(f"The server did not start: {line}")
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)


class Places:
    """Draws places at random."""

    def __init__(self, trace: Path, seed: int) -> None:
        attributes = json.loads((trace / "zarr.json").read_bytes())["attributes"]
        self.sites: list[dict[str, Any]] = attributes["sites"]
        self.steps: int = attributes["complete_steps"]
        self.random = random.Random(seed)

    def anywhere(self) -> Place:
        site = self.random.choice(self.sites)
        signal = self.random.choice(site["signals"])
        step = self.random.randrange(self.steps)
        return Place(site["name"], signal["name"], self.random.randrange(signal["neurons"]), step)

    def other_neuron(self, place: Place) -> Place:
        site = next(site for site in self.sites if site["name"] == place.site)
        count = next(signal["neurons"] for signal in site["signals"] if signal["name"] == place.signal)
        neuron = (place.neuron + self.random.randrange(1, count)) % count
        return Place(place.site, place.signal, neuron, place.step)

    def other_signal(self, place: Place) -> Place:
        """Another place at the same step, so that the text itself stays."""
        while True:
            other = self.anywhere()
            if other.name != place.name:
                return Place(other.site, other.signal, other.neuron, place.step)


def wait(page: Any, name: str, traffic: Traffic) -> Taken:
    """Until the page has shown what the clock was armed for."""
    page.wait_for_function("() => window.benchmarkClock?.done !== undefined")
    clock = page.evaluate("({ ...window.benchmarkClock })")
    return Taken(name, clock["done"] - clock["start"], traffic.requests, traffic.bytes)


@contextmanager
def fresh_page(browser: Any) -> Iterator[tuple[Any, Traffic]]:
    """A page of a new context: no cache, no storage, a new process."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page, Traffic(context.new_cdp_session(page))
    context.close()


def open_at(page: Any, traffic: Traffic, url: str, trace: str, place: Place) -> Taken:
    """Opens a place; the page's own clock starts at the request."""
    page.add_init_script(f"{CLOCK}\nwindow.benchmarkClock.arm({json.dumps(place.name)}, 0)")
    page.goto(url + place.link(trace), wait_until="commit")
    return wait(page, place.name, traffic)


def change_by_field(page: Any, traffic: Traffic, place: Place) -> Taken:
    field = page.get_by_test_id("neuron")
    traffic.reset()
    page.evaluate("wanted => window.benchmarkClock.arm(wanted)", place.name)
    field.fill(str(place.neuron))
    field.press("Enter")
    return wait(page, place.name, traffic)


def change_by_link(page: Any, traffic: Traffic, trace: str, place: Place) -> Taken:
    traffic.reset()
    script = "([wanted, link]) => { window.benchmarkClock.arm(wanted, performance.now()); location.hash = link }"
    page.evaluate(script, [place.name, place.link(trace)])
    return wait(page, place.name, traffic)


def chromium() -> str | None:
    """The system's own; None for the one that Playwright installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def measure(trace: Path, opens: int, changes: int, seed: int) -> dict[str, list[Taken]]:
    from playwright.sync_api import sync_playwright

    places = Places(trace, seed)
    taken: dict[str, list[Taken]] = {"opening": [], "field": [], "link": []}
    with server(trace) as url, sync_playwright() as playwright:
        with urllib.request.urlopen(f"{url}exhibits.json") as answer:
            (exhibit,) = json.load(answer)["exhibits"]
        browser = playwright.chromium.launch(executable_path=chromium())
        say(f"Chromium {browser.version}, {url}")
        for number in range(opens):
            drop_from_memory(trace)
            with fresh_page(browser) as (page, traffic):
                taken["opening"].append(open_at(page, traffic, url, exhibit["id"], places.anywhere()))
            say(f"opening {number + 1} of {opens}: {taken['opening'][-1].milliseconds:.0f} ms")
        for kind in ("field", "link"):
            drop_from_memory(trace)
            with fresh_page(browser) as (page, traffic):
                place = places.anywhere()
                open_at(page, traffic, url, exhibit["id"], place)
                for number in range(changes):
                    if kind == "field":
                        place = places.other_neuron(place)
                        taken[kind].append(change_by_field(page, traffic, place))
                    else:
                        place = places.other_signal(place)
                        taken[kind].append(change_by_link(page, traffic, exhibit["id"], place))
                    say(f"{kind} {number + 1} of {changes}: {taken[kind][-1].milliseconds:.0f} ms")
        browser.close()
    return taken


ROWS = {
    "opening": "opening, first coloured text",
    "field": "another neuron of the same signal (field)",
    "link": "another layer, signal and neuron (address)",
}


def row(name: str, taken: Sequence[Taken]) -> list[str]:
    times = [one.milliseconds for one in taken]
    return [
        ROWS[name],
        str(len(taken)),
        *(f"{value:.0f} ms" for value in (min(times), median(times), percentile(times, 0.95), max(times))),
        f"{median(one.requests for one in taken):.0f}",
        f"{median(one.bytes for one in taken) / 1000:,.0f} kB",
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default=DEFAULT_TEXT, help="what is recorded (default: %(default)s)")
    parser.add_argument("--trace", type=Path, help="a trace that is there already; nothing is recorded then")
    parser.add_argument("--steps", type=int, default=100_000, help="steps to record (default: %(default)s)")
    parser.add_argument("--size", default="3x512", metavar="LAYERSxNEURONS", help="(default: %(default)s)")
    parser.add_argument("--opens", type=int, default=10, help="cold openings (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=50, help="changes of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    given = parser.parse_args()
    trace = given.trace or make_trace(given.text, given.steps, given.size)
    result = Report("The page: first coloured text, change of neuron")
    taken = measure(trace, given.opens, given.changes, given.seed)
    info = json.loads((trace / "zarr.json").read_bytes())["attributes"]
    layers = len(info["sites"])
    result.table(
        f"{info['complete_steps']:,} steps × {layers} layers × {info['sites'][0]['neurons']} neurons, "
        f"{len(info['sites'][0]['signals'])} signals, {size_on_disk(trace) / GIB:.2f} GiB; window {WIDTH} × {HEIGHT}.",
        ["what", "times", "least", "median", "95th percentile", "most", "requests until then", "fetched until then"],
        [row(name, times) for name, times in taken.items() if times],
    )
    result.numbers = {name: [vars(one) for one in times] for name, times in taken.items()}
    worst = max(one.milliseconds for one in taken["opening"])
    result.bar(
        "first coloured text, every opening", "within 1 s of the request", f"{worst / 1000:.2f} s", worst <= 1000
    )
    for name, what in (("field", "change of neuron"), ("link", "change of layer, signal and neuron")):
        high = percentile([one.milliseconds for one in taken[name]], 0.95)
        result.bar(f"{what}, 95th percentile", "within 100 ms", f"{high:.0f} ms", high <= 100)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
