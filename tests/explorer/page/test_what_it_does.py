"""What does it do: roles, odds and like neurons that the page asks the server for, against the package's answers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.explorer.made_by_hand import ids_of
from tests.explorer.page.browsing import BROWSER, TEXT, Watch, bare, number, painted
from tests.training.making import train_tiny, write_text
from unrolled.explorer import start_background
from unrolled.networks.files import load_network
from unrolled.neurons.evidence import gather, load_trained
from unrolled.neurons.roles import ROLES
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

pytestmark = BROWSER

NEURON = "rnn.l0.cell.3"


@dataclass(frozen=True)
class Gallery:
    folder: Path
    url: str
    ids: dict[str, str]

    def link(self, query: str = "tool=evidence", trace: str = "one") -> str:
        return f"{self.url}#/neuron/{self.ids[trace]}?site=rnn.l0&signal=cell&neuron=3&{query}"

    def evidence(self, name: str = NEURON) -> dict[str, Any]:
        trace, others = Trace.open(self.folder / "one"), [Trace.open(self.folder / "two")]
        found = gather(trace, name, trained=load_trained(trace, self.folder / "lstm"), others=others)
        return json.loads(json.dumps(found.to_json()))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("gallery")
    text = write_text(tmp_path_factory.mktemp("text"))
    for run, seed, trace in (("lstm", 0, "one"), ("again", 1, "two")):
        train_tiny(text, folder / run, steps=60, seed=seed)
        loaded = load_network(folder / run)
        symbols = [loaded.vocabulary.encode(TEXT)]
        model = {"kind": "run", "path": f"../{run}", "step": loaded.step}
        record_run(loaded.network, loaded.vocabulary, symbols, out=folder / trace, model=model, title=f"Seed {seed}")
    with start_background([folder]) as server:
        yield Gallery(folder, server.url, ids_of(server.url, folder))


@pytest.fixture
def page(watched: tuple[Page, Watch]) -> Iterator[Page]:
    page, watch = watched
    yield page
    assert watch.complaints == []


def gathered(page: Page) -> Locator:
    page.get_by_test_id("gather").click()
    expect(page.get_by_test_id("roles")).to_be_visible()
    return page.get_by_test_id("evidence-tool")


def test_a_key_and_a_link_open_it_and_a_button_asks(page: Page, gallery: Gallery) -> None:
    page.goto(gallery.link(""))
    painted(page, NEURON)
    page.keyboard.press("e")
    expect(page.get_by_test_id("evidence-tool")).to_be_visible()
    expect(page).to_have_url(re.compile("tool=evidence"))
    expect(page.get_by_test_id("roles")).to_have_count(0)
    gathered(page)
    page.keyboard.press("]")
    painted(page, "rnn.l0.cell.4")
    expect(page.get_by_test_id("roles")).to_have_count(0)  # that was another neuron's
    page.keyboard.press("e")
    expect(page.get_by_test_id("evidence-tool")).to_have_count(0)


def test_roles_are_told_and_drawn(page: Page, gallery: Gallery) -> None:
    own = gallery.evidence()
    page.goto(gallery.link())
    panel = gathered(page)
    verdict = panel.get_by_test_id("role")
    expect(verdict.locator(".badge")).to_have_text(own["role"] or "no simple role")
    assert {fit["role"] for fit in own["fits"]} == set(ROLES)
    for fit in own["fits"]:
        row = panel.get_by_test_id(f"fit-{fit['role']}")
        if fit["score"] is None:
            expect(row.locator(".score")).to_have_text("—")
            continue
        assert number(row.locator(".score").inner_text()) == pytest.approx(fit["score"], abs=6e-3)
        wide, whole = (row.locator(part).bounding_box() for part in (".fill", ".track"))
        assert wide is not None
        assert whole is not None
        assert wide["width"] / whole["width"] == pytest.approx(fit["score"], abs=0.02)
        tall = [column.bounding_box() for column in row.locator(".column > span").all()]
        room = row.locator(".column").first.bounding_box()
        assert room is not None
        for box, hold in zip(tall, fit["holds"], strict=True):
            assert box is not None
            assert box["height"] / room["height"] == pytest.approx(max(hold["score"], 0.04), abs=0.06)
        beyond = [hold["steps"] for hold in fit["holds"] if hold["steps"] > own["training_steps"]]
        expect(row.locator(".column.beyond > span")).to_have_count(len(beyond))
    words = f"after {round(own['half_life'])} step" if own["half_life"] >= 1 else "after one step"
    expect(panel.get_by_test_id("lasts")).to_contain_text(words)


def test_the_odds_are_told_and_drawn(page: Page, gallery: Gallery) -> None:
    effect = gallery.evidence()["effect"]
    page.goto(gallery.link())
    panel = gathered(page)
    for name in ("measured", "weights"):
        changes = [*effect[name]["raises"][:4], *reversed(effect[name]["lowers"][:4])]
        rows = panel.get_by_test_id(name).locator("li")
        expect(rows).to_have_count(len(changes))
        most = max(abs(each["change"]) for each in changes)
        for row, each in zip(rows.all(), changes, strict=True):
            spelled = {" ": "space", "\n": "newline"}.get(each["symbol"], each["symbol"])
            assert spelled in row.locator(".symbol").inner_text()
            assert number(row.locator(".value").inner_text()) == pytest.approx(each["change"], abs=6e-3)
            left, right = row.locator(".half").all()
            bar, room = (left if each["change"] < 0 else right).locator("span").bounding_box(), left.bounding_box()
            assert bar is not None
            assert room is not None
            assert bar["width"] / room["width"] == pytest.approx(abs(each["change"]) / most, abs=0.03)
    expect(panel.get_by_test_id("effect")).to_contain_text("twice as likely")


def test_a_like_neuron_of_another_recording_is_a_link(page: Page, gallery: Gallery) -> None:
    (other,) = gallery.evidence()["others"]
    page.goto(gallery.link("tool=evidence&palette=colourblind"))
    panel = gathered(page)
    row = panel.get_by_test_id("counterpart")
    expect(row).to_have_count(1)
    expect(row.locator(".name")).to_have_text(other["name"])
    assert number(row.locator(".value").inner_text()) == pytest.approx(other["correlation"], abs=6e-3)
    expect(row.locator(".where")).to_contain_text("Seed 1 · LSTM")
    row.click()
    painted(page, other["name"])
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seed 1")
    expect(page).to_have_url(re.compile("palette=colourblind"))
    gathered(page)


def test_what_cannot_be_told_without_the_run_is_said(page: Page, gallery: Gallery, tmp_path: Path) -> None:
    shutil.copytree(gallery.folder / "one", tmp_path / "one")
    with start_background([tmp_path]) as server:
        alone = Gallery(tmp_path, server.url, ids_of(server.url, tmp_path))
        page.goto(alone.link())
        panel = gathered(page)
        expect(panel.get_by_test_id("effect-lack")).to_contain_text("is not shown here")
        expect(panel.get_by_test_id("counterparts")).to_contain_text("No other recording of this text is shown")


def test_it_fits_a_phone(chromium: Browser, gallery: Gallery) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 760}, has_touch=True, is_mobile=True)
    page = context.new_page()
    watch = Watch(page)
    page.goto(gallery.link())
    gathered(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for name in ("ablate", "evidence", "match", "history"):
        box = page.get_by_test_id(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 360
    assert bare(page.get_by_test_id("role").inner_text())
    assert watch.complaints == []
    context.close()
