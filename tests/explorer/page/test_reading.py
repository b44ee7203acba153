"""What helps a reader: words for what is shown, keys, links and fields that answer, layers of other kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

import unrolled
from tests.explorer.page.browsing import BROWSER, HIDDEN, LENGTHS, SIGNAL, Exhibition, Watch, number, painted, spoken
from tests.traces.making import Names, make_network, make_symbols
from unrolled.explorer import BackgroundServer, start_background
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

pytestmark = BROWSER

LAST = sum(LENGTHS) - 1


def test_the_chosen_signal_is_explained_in_the_chosen_names(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=forget_gate&neuron=0"))
    line = page.get_by_test_id("meaning")
    expect(line).to_have_text("forget gate: 1 keeps what the cell state holds, 0 wipes it")
    page.keyboard.press("n")
    expect(line).to_have_text("remember gate: 1 keeps what the long-term memory holds, 0 wipes it")
    expect(page.get_by_test_id("legend")).to_contain_text("dark blue: 1, open")
    page.get_by_test_id("signal-hidden").click()
    expect(page.get_by_test_id("legend")).to_contain_text("red: negative")
    expect(line).to_contain_text("working memory:")
    page.get_by_test_id("help").click()
    expect(page.locator("details dt")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(page.locator("details dt")).to_have_count(0)


def test_the_network_view_s_keys_need_no_focus(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=3", view="network"))
    heatmap = page.get_by_test_id("heatmap")
    expect(heatmap).to_have_attribute("data-painted", f"{SIGNAL}.1")
    assert page.evaluate("document.activeElement === document.body")
    for key, label in (("ArrowRight", "steps 8 to"), ("ArrowRight", "steps 16 to"), ("ArrowLeft", "steps 8 to")):
        page.keyboard.press(key)
        expect(heatmap).to_have_attribute("aria-label", re.compile(label))
    page.keyboard.press("End")
    expect(heatmap).to_have_attribute("aria-label", re.compile(f"to {LAST};"))
    page.keyboard.press("Home")
    expect(heatmap).to_have_attribute("aria-label", re.compile("steps 0 to"))
    page.keyboard.press("s")
    expect(heatmap).to_have_attribute("data-painted", "rnn.l1.output_gate.1")
    page.keyboard.press("]")
    page.keyboard.press("v")
    painted(page, "rnn.l1.output_gate.4")


def test_a_link_beyond_the_end_leads_to_the_last_step(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=0&step=1e9"))
    painted(page, f"{SIGNAL}.0")
    assert number(spoken(page, LAST)) == pytest.approx(float(exhibition.values()[LAST, 0]), abs=5.1e-5)


def test_what_a_link_says_in_vain_is_told(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=0&palette=neon"))
    painted(page, f"{SIGNAL}.0")
    told = page.get_by_test_id("misread")
    expect(told).to_contain_text('palette is "neon"; it takes classic, colourblind.')
    told.get_by_role("button").click()
    expect(told).to_have_count(0)
    page.goto(f"{exhibition.url}#/nowhere/{exhibition.id}")
    expect(told).to_contain_text('no view "nowhere"')
    expect(page.get_by_test_id("trace-card").first).to_be_visible()


HELD = """
const delay = setTimeout, held = []
window.setTimeout = (call, after, ...rest) => (after === 250 ? held.push(call) : delay(call, after, ...rest))
window.writeAddress = () => held.splice(0).forEach((call) => call())
"""
"""Holds back what the page writes into the address a moment after the reader's last move."""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_address_written_late_undoes_no_link(page: Page, exhibition: Exhibition, when: str) -> None:
    """`when`: whether the page writes before or after it is told that the address has changed."""
    listen = "addEventListener('popstate', () => window.writeAddress())"
    page.add_init_script(HELD + (listen if when == "before" else ""))
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=3"))
    painted(page, f"{SIGNAL}.3")
    if when == "after":
        page.evaluate(listen)
    page.keyboard.press("]")
    painted(page, f"{SIGNAL}.4")
    page.goto(f"{exhibition.url}#/nowhere/{exhibition.id}")
    expect(page.get_by_test_id("trace-card").first).to_be_visible()
    expect(page.get_by_test_id("misread")).to_contain_text('no view "nowhere"')


def test_the_neuron_s_field_says_what_it_takes(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=cell&neuron=4"))
    painted(page, f"{SIGNAL}.4")
    field = page.get_by_test_id("neuron")
    field.fill("9999")
    field.press("Enter")
    expect(page.get_by_test_id("no-neuron")).to_have_text(f"There is no neuron 9999: they are 0 to {HIDDEN - 1}.")
    expect(field).to_have_value("4")
    field.fill("")
    field.press("Enter")
    expect(field).to_have_value("4")
    expect(page.get_by_test_id("no-neuron")).to_have_count(0)
    field.fill("7")
    field.press("Enter")
    painted(page, f"{SIGNAL}.7")


def test_a_signal_can_be_scaled_to_the_neuron_s_largest_value(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link("site=rnn.l1&signal=hidden&neuron=2"))
    painted(page, "rnn.l1.hidden.2")
    legend = page.get_by_test_id("legend")
    expect(legend).to_contain_text("\u22121")
    page.get_by_test_id("display").click()
    page.get_by_test_id("reach").select_option("own")
    expect(legend).to_contain_text("its own largest value")
    largest = float(np.abs(exhibition.values(signal="hidden")[:, 2]).max())
    assert float(legend.locator(".scale > span").nth(2).inner_text()) == pytest.approx(largest, abs=5.1e-5)
    expect(page).to_have_url(re.compile("reach=own"))


def shown(folder: Path) -> Iterator[BackgroundServer]:
    with start_background([folder]) as server:
        yield server


@pytest.fixture(scope="module")
def feedforward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundServer]:
    folder = tmp_path_factory.mktemp("feedforward") / "trace"
    record_run(make_network("feedforward", layers=1), Names(), make_symbols(200), out=folder, title="Forward")
    yield from shown(folder)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundServer]:
    folder = tmp_path_factory.mktemp("both") / "trace"
    torch.manual_seed(0)
    module = torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    unrolled.trace(module, torch.randn(50, 3)).save(folder)
    yield from shown(folder)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackgroundServer]:
    folder = tmp_path_factory.mktemp("short")
    for name, length, title in (("one", 1, "One of them"), ("two", 2, "")):
        record_run(make_network(hidden=3), Names(), make_symbols(length), out=folder / name, title=title)
    yield from shown(folder)


@pytest.mark.parametrize(
    ("name", "title", "head", "where"),
    [
        ("one", "One of them", "1 character · 2 layers × 3 LSTM neurons", "step 0 of 1"),
        ("two", "two", "2 characters · 2 layers × 3 LSTM neurons", "steps 0 to 1 of 2"),
    ],
)
def test_a_recording_of_a_step_or_two_is_whole(
    name: str, title: str, head: str, where: str, watched: tuple[Page, Watch], short: BackgroundServer
) -> None:
    """The second has no title: it goes by the name of its folder."""
    page, watch = watched
    (trace,) = (exhibit for exhibit in short.collection.exhibits if exhibit.folder.name == name)
    page.goto(short.url)
    expect(page.locator("[data-testid=picture][data-painted=true]")).to_have_count(2)
    page.get_by_role("link", name=title, exact=True).click()
    painted(page, f"rnn.l0.cell.{Trace.open(trace.folder).info.telling.neuron}")  # type: ignore[union-attr]
    expect(page.locator("h1")).to_have_text(re.compile(rf"^{title}"))
    expect(page.locator("h1 + p")).to_have_text(head)
    expect(page.locator(".below")).to_contain_text(where)
    last = Trace.open(trace.folder).steps - 1
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "PageDown", "End"):
        page.keyboard.press(key)
    value = Trace.open(trace.folder).read("rnn.l0", "cell", last, last + 1, 0)[0]
    page.get_by_test_id("neuron").fill("0")
    page.get_by_test_id("neuron").press("Enter")
    painted(page, "rnn.l0.cell.0")
    assert number(spoken(page, last)) == pytest.approx(float(value), abs=5.1e-5)
    expect(page.get_by_test_id("equations").get_by_text("as recorded")).to_have_count(2)
    expect(page.get_by_test_id("statistics")).to_contain_text("variance")
    expect(page.get_by_text("No symbol is known to follow.")).to_be_visible()
    page.get_by_test_id("view-network").click()
    expect(page.get_by_test_id("heatmap")).to_have_attribute("data-painted", "rnn.l0.cell.1")
    expect(page.get_by_text(where)).to_be_visible()
    assert watch.complaints == []


def test_a_layer_without_a_state_is_asked_for_none(watched: tuple[Page, Watch], feedforward: BackgroundServer) -> None:
    page, watch = watched
    (exhibit,) = feedforward.collection.exhibits
    page.goto(f"{feedforward.url}#/neuron/{exhibit.id}?signal=hidden&neuron=1")
    expect(page.get_by_test_id("step-panel")).to_contain_text("h = φ(W_ih x + b_ih)")
    expect(page.locator("h1 + p")).to_contain_text("Feed-forward")
    expect(page.get_by_test_id("value-hidden")).to_have_text(re.compile(r"\d"))
    assert watch.complaints == []


def test_a_layer_that_reads_from_the_end_says_so(watched: tuple[Page, Watch], both: BackgroundServer) -> None:
    page, watch = watched
    (exhibit,) = both.collection.exhibits
    page.goto(f"{both.url}#/neuron/{exhibit.id}?site=lstm.l1_reverse&signal=cell&neuron=1&step=49")
    expect(page.locator("h1 + p")).to_contain_text("2 layers × 4 LSTM neurons, both directions")
    equations = page.get_by_test_id("equations")
    expect(equations).to_contain_text("c = f · c₊₁ + i · g")
    expect(equations.get_by_text("as recorded")).to_have_count(2)
    expect(page.get_by_test_id("backwards")).to_be_visible()
    expect(page.get_by_test_id("begins")).to_contain_text("end of the sequence")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("begins")).to_have_count(0)
    expect(equations.get_by_text("as recorded")).to_have_count(2)
    page.get_by_test_id("site").select_option("lstm.l1")
    expect(equations).to_contain_text("c = f · c₋₁ + i · g")
    expect(page.get_by_test_id("backwards")).to_have_count(0)
    assert watch.complaints == []
