"""The page in a real browser, on a real recording, from the real server."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import zarr
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.explorer.made_by_hand import PREFIX, below, make_run, port_of
from tests.traces.making import LETTERS, Names, make_network, make_symbols
from unrolled.explorer import BackgroundServer, start_background
from unrolled.explorer.app import PAGE, create_app
from unrolled.explorer.library import Library
from unrolled.traces.record import record_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
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


class Exhibition:
    """A server with one recording, and what the recording holds, read with Zarr itself."""

    def __init__(self, folder: Path, server: BackgroundServer) -> None:
        self.folder = folder
        self.url = server.url
        self.group = zarr.open_group(folder / "letters", mode="r")
        listed = re.compile(r"letters-[0-9a-f]+")
        (self.id,) = {entry.id for entry in server.library.exhibits if listed.fullmatch(entry.id)}

    def values(self, site: str = "rnn.l1", signal: str = "cell") -> np.ndarray:
        return np.asarray(self.group[f"signals/{site}/{signal}"][...])  # type: ignore[index]

    def letter(self, step: int) -> str:
        return LETTERS[int(np.asarray(self.group["symbols"][...])[step])]  # type: ignore[index]

    def link(self, query: str = "", view: str = "neuron") -> str:
        return f"{self.url}#/{view}/{self.id}{'?' if query else ''}{query}"


@pytest.fixture(scope="module")
def exhibition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exhibition]:
    folder = tmp_path_factory.mktemp("page")
    symbols = make_symbols(*LENGTHS)
    record_run(make_network(hidden=HIDDEN), Names(), symbols, out=folder / "letters", title="Letters at random")
    make_run(folder / "run", title="A run of letters")
    (folder / "bad").mkdir()
    (folder / "bad" / "zarr.json").write_text("{")
    with start_background([folder]) as server:
        yield Exhibition(folder, server)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A name of somebody else that leads to this machine, as it would in an attack.
        names = "--host-resolver-rules=MAP notebook.example 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[names])
        yield browser
        browser.close()


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


@pytest.fixture
def watched(chromium: Browser) -> Iterator[tuple[Page, Watch]]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    yield page, Watch(page)
    context.close()


@pytest.fixture
def page(watched: tuple[Page, Watch], exhibition: Exhibition) -> Iterator[Page]:
    """A page that must end without a complaint, and without having asked any other host for anything."""
    page, watch = watched
    yield page
    assert watch.complaints == []
    assert watch.asked
    assert [url for url in watch.asked if not url.startswith((exhibition.url, "data:", "blob:"))] == []


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


def test_the_gallery_lists_what_there_is_and_what_is_wrong(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.url)
    expect(page.get_by_text("Letters at random").first).to_be_visible()
    expect(page.get_by_text("A run of letters").first).to_be_visible()
    expect(page.get_by_text("zarr.json cannot be read").first).to_be_visible()
    page.get_by_role("link", name=re.compile("Letters at random")).first.click()
    painted(page, f"{SIGNAL}.{exhibition.group.attrs['telling']['neuron']}")  # type: ignore[index,call-overload]
    expect(page).to_have_title(re.compile("Letters at random"))


def test_each_step_has_the_colour_of_its_value(page: Page, exhibition: Exhibition) -> None:
    """Red below zero, blue above, near-white at it; measured on the screen."""
    values = exhibition.values()[:150]
    neuron = int(np.argmin(np.abs(values.max(0) + values.min(0))))  # one that goes about as far up as down
    column = values[:, neuron]
    largest = np.abs(exhibition.values()[:, neuron]).max()
    page.goto(exhibition.link(f"site=rnn.l1&signal=cell&neuron={neuron}&wrap=width"))
    painted(page, f"{SIGNAL}.{neuron}")
    steps = {"high": int(column.argmax()), "low": int(column.argmin()), "zero": int(np.abs(column).argmin())}
    colours = {}
    for name, step in steps.items():
        page.goto(exhibition.link(f"site=rnn.l1&signal=cell&neuron={neuron}&wrap=width&step={step}"))
        spoken(page, step)
        painted(page, f"{SIGNAL}.{neuron}")
        expect(page.locator(".cursor")).to_be_visible()
        colours[name] = colour_at(page)
    (red_high, _, blue_high), (red_low, _, blue_low), zero = colours["high"], colours["low"], colours["zero"]
    assert column.max() > 0.3 * largest
    assert column.min() < -0.3 * largest
    assert blue_high > red_high + 30
    assert red_low > blue_low + 30
    assert min(zero) > 225


def test_brackets_change_the_neuron(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=4&step=7"))
    painted(page, f"{SIGNAL}.4")
    for key, neuron in (("]", 5), ("]", 6), ("[", 5), ("[", 4), ("[", 3)):
        page.keyboard.press(key)
        painted(page, f"{SIGNAL}.{neuron}")
        expect(page.get_by_test_id("neuron")).to_have_value(str(neuron))
        expected = exhibition.values()[7, neuron]
        expect(page.get_by_test_id("spoken")).to_have_text(re.compile(r"^step 7\b.*cell"))
        page.wait_for_function(
            "value => Math.abs(Number(document.querySelector('[data-testid=spoken]').textContent"
            ".replace('\\u2212', '-').split(' ').at(-1)) - value) < 6e-5",
            arg=float(expected),
        )


def test_arrows_walk_and_what_is_read_out_is_what_is_stored(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=hidden&neuron=2"))
    painted(page, "rnn.l1.hidden.2")
    column = exhibition.values(signal="hidden")[:, 2]
    steps = [0]
    walk = [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("Control+End", 2499)]
    walk += [("ArrowRight", 2499), ("ArrowLeft", 2498), ("Control+Home", 0), ("ArrowLeft", 0), ("ArrowRight", 1)]
    for key, step in walk:
        page.keyboard.press(key)
        said = spoken(page, step)
        assert number(said) == pytest.approx(float(column[step]), abs=5.1e-5)
        letter = exhibition.letter(step)
        assert f" {NAMES.get(letter, letter)}," in said
        steps.append(step)
    assert len(set(steps)) > 4


def test_the_value_under_the_pointer_is_the_stored_one(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l0&signal=forget_gate&neuron=1&step=3&wrap=width"))
    painted(page, "rnn.l0.forget_gate.1")
    cursor = page.locator(".cursor").bounding_box()
    assert cursor is not None
    page.mouse.move(cursor["x"] + cursor["width"] / 2, cursor["y"] + cursor["height"] / 2)
    tip = page.get_by_test_id("tip")
    expect(tip).to_contain_text("step 3")
    stored = exhibition.values("rnn.l0", "forget_gate")[3, 1]
    assert number(tip.locator(".value").inner_text()) == pytest.approx(float(stored), abs=5.1e-5)
    page.mouse.move(cursor["x"] + 2.5 * cursor["width"], cursor["y"] + cursor["height"] / 2)
    expect(tip).to_contain_text("step 5")
    page.mouse.down()
    page.mouse.up()
    spoken(page, 5)


def test_every_exhibit_has_its_picture_or_its_problem(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.url)
    good = page.get_by_test_id("trace-card").filter(has_text="Letters at random")
    expect(good.get_by_test_id("picture")).to_have_attribute("data-painted", re.compile("."))
    expect(good).to_contain_text("LSTM")
    expect(good).to_contain_text(f"{exhibition.group.attrs['nats_per_symbol']:.3f}")
    bad = page.get_by_test_id("trace-card").filter(has=page.get_by_role("heading", name="bad"))
    expect(bad.get_by_test_id("card-problem")).to_contain_text("zarr.json cannot be read")
    expect(bad.get_by_role("link")).to_have_count(0)
    expect(page.get_by_test_id("run-card")).to_contain_text("A run of letters")


def pointed_at(page: Page, x: float, y: float) -> tuple[int, int, float]:
    """The neuron, the step and the value that the network view shows for a place in it, 0 to 1 across and down."""
    box = page.get_by_test_id("heatmap").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60 + x * (box["width"] - 120), box["y"] + 40 + y * (box["height"] - 80))
    said = page.get_by_test_id("tip").inner_text().replace("\u2212", "-").replace("\u202f", "")
    found = re.search(r"neuron (\d+)\s.*?(-?\d+\.\d+)\s+step (\d+)", said, re.DOTALL)
    assert found is not None, said
    return int(found[1]), int(found[3]), float(found[2])


PLACES = [(0.0, 0.0), (0.5, 0.3), (0.9, 0.6), (0.3, 0.8), (0.7, 0.1)]


def test_the_network_view_shows_every_neuron_as_it_is_stored(page: Page, exhibition: Exhibition) -> None:
    values = exhibition.values("rnn.l0", "output_gate")
    page.goto(exhibition.link("site=rnn.l0&signal=output_gate&top=500", view="network"))
    heatmap = page.get_by_test_id("heatmap")
    expect(heatmap).to_have_attribute("data-painted", "rnn.l0.output_gate.1")
    seen = set()
    for x, y in PLACES:
        neuron, step, value = pointed_at(page, x, y)
        assert step >= 500
        assert value == pytest.approx(float(values[step, neuron]), abs=5.1e-5)
        seen.add((neuron, step))
    assert len(seen) == len(PLACES)

    page.get_by_test_id("zoom").select_option("0")
    expect(heatmap).to_have_attribute("data-painted", "rnn.l0.output_gate.64")
    neuron, step, mean = pointed_at(page, 0.02, 0.5)
    assert step % 64 == 0
    assert mean == pytest.approx(float(values[step : step + 64, neuron].mean()), abs=5.1e-5)


def test_the_network_view_s_orders_and_its_way_to_a_neuron(page: Page, exhibition: Exhibition) -> None:
    values = exhibition.values()
    page.goto(exhibition.link("site=rnn.l1&signal=cell&sort=variance", view="network"))
    expect(page.get_by_test_id("heatmap")).to_have_attribute("data-painted", "rnn.l1.cell.1")
    order = np.argsort(-values.astype(np.float64).var(0))
    rows = list(dict.fromkeys(pointed_at(page, 0.2, part / 30)[0] for part in range(25)))
    assert len(rows) > HIDDEN / 2
    assert rows == list(order[: len(rows)])
    neuron, step, _ = pointed_at(page, 0.4, 0.5)
    page.mouse.down()
    page.mouse.up()
    painted(page, f"rnn.l1.cell.{neuron}")
    assert number(spoken(page, step)) == pytest.approx(float(values[step, neuron]), abs=5.1e-5)
    page.go_back()
    expect(page.get_by_test_id("heatmap")).to_be_visible()


def test_a_link_brings_the_whole_view_back(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l0&signal=output_gate&neuron=9&step=1234&names=article&palette=colourblind"))
    painted(page, "rnn.l0.output_gate.9")
    said = spoken(page, 1234)
    expect(page.get_by_test_id("neuron")).to_have_value("9")
    page.keyboard.press("ArrowRight")
    said = spoken(page, 1235)
    page.keyboard.press("]")
    painted(page, "rnn.l0.output_gate.10")
    # The address follows a moment later.
    expect(page).to_have_url(re.compile("neuron=10&step=1235"))
    said = spoken(page, 1235)
    picture = colour_at(page)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    painted(page, "rnn.l0.output_gate.10")
    assert spoken(page, 1235) == said
    assert colour_at(page) == picture


@pytest.mark.parametrize("view", ["", "neuron", "network"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_dark_and_light(exhibition: Exhibition, chromium: Browser, view: str, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": 400, "height": 800}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    watch = Watch(page)
    page.goto(exhibition.link(view=view) if view else exhibition.url)
    expect(page.get_by_text("Letters at random").first).to_be_visible()
    if view == "neuron":
        expect(page.get_by_test_id("text")).to_have_attribute("data-painted", re.compile(r"^rnn\."))
        expect(page.get_by_test_id("step-panel")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.evaluate("innerWidth") == 400, "the browser zoomed out to fit what is too wide"
    light = brightness(page)
    assert light > 200 if scheme == "light" else light < 60
    assert watch.complaints == []
    context.close()


def test_dark_and_light_can_be_chosen_and_stay(page: Page, exhibition: Exhibition) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(exhibition.url)
    assert brightness(page) > 200
    page.get_by_test_id("theme").click()
    assert brightness(page) < 60
    page.reload()
    expect(page.get_by_test_id("theme")).to_be_visible()
    assert brightness(page) < 60


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
        (exhibit,) = server.library.exhibits
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
    with below(PREFIX, create_app(Library([exhibition.folder]))) as url:
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
