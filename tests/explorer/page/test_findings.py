"""What it knows: the findings of a search, on the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.explorer.page.browsing import BROWSER, HIDDEN, SIGNAL, Exhibition, Watch, painted
from tests.explorer.page.searched import sample_findings, write_findings

pytestmark = BROWSER


@pytest.fixture
def searched(exhibition: Exhibition) -> Iterator[Exhibition]:
    write_findings(exhibition.folder / "letters")
    yield exhibition
    (exhibition.folder / "letters" / "findings.json").unlink()


def names(page: Page) -> list[str]:
    expect(page.get_by_test_id("hypothesis").first).to_be_visible()
    return [row.get_attribute("data-name") or "" for row in page.get_by_test_id("hypothesis").all()]


def test_a_recording_that_nobody_searched_says_how(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link(view="findings"))
    expect(page.get_by_test_id("no-findings")).to_contain_text("unrolled find TRACE")
    page.goto(exhibition.link("neuron=2"))
    expect(page.get_by_test_id("stands-for")).to_contain_text("unrolled find TRACE")


def test_findings_are_listed_best_first_and_filtered(page: Page, searched: Exhibition) -> None:
    page.goto(searched.link("neuron=2"))
    page.get_by_test_id("view-findings").click()
    assert names(page) == ["quoted", "line position"]
    expect(page.get_by_test_id("findings-summary")).to_contain_text("2 of 3 hypotheses")
    page.get_by_test_id("all-hypotheses").check()
    assert names(page) == ["quoted", "line position", "vowel"]
    page.get_by_test_id("ranking").select_option("share")
    assert names(page) == ["vowel", "line position", "quoted"]
    page.get_by_test_id("filter").fill("quot")
    expect(page.get_by_test_id("hypothesis")).to_have_count(1)
    assert names(page) == ["quoted"]
    expect(page).to_have_url(re.compile(r"filter=quot.*ranking=share.*all=1"))
    page.get_by_test_id("filter").fill("nothing like it")
    expect(page.get_by_text("No hypothesis has these words.")).to_be_visible()


def test_a_finding_is_told_whole_and_opens_its_neuron(page: Page, searched: Exhibition) -> None:
    page.goto(searched.link("hypothesis=quoted", view="findings"))
    row = page.locator('[data-name="quoted"]')
    expect(row.get_by_test_id("finding")).to_have_count(3)
    first = row.get_by_test_id("finding").first
    for text in ("rnn.l1.cell.7", "0.971", "0.951 to 0.986", "0.250", "0.930", "0.875", "0.410"):
        expect(first).to_contain_text(text)
    bar = first.get_by_test_id("score-bar")
    for text in ("AUC 0.971", "chance alone: 0.530", "untrained network: 0.710", "mean nothing: 0.550"):
        expect(bar).to_have_attribute("aria-label", re.compile(text))
    # The bar begins at a coin's score: 0.971 is 94.2 % of the way to 1.
    assert bar.locator(".dot").get_attribute("style") == "left: 94.2%;"
    expect(row.get_by_test_id("probes")).to_contain_text("rnn.l0.hidden.2")
    expect(row.get_by_test_id("baselines")).to_contain_text("untrained network of the same shape: 0.710")
    row.get_by_test_id("probes").get_by_test_id("neuron-link").last.click()
    painted(page, "rnn.l0.hidden.2")
    page.go_back()
    page.locator('[data-name="quoted"]').get_by_test_id("neuron-link").first.click()
    painted(page, f"{SIGNAL}.7")


def test_a_neuron_says_what_it_may_stand_for(page: Page, searched: Exhibition) -> None:
    page.goto(searched.link("site=rnn.l1&signal=hidden&neuron=4"))
    meant = page.get_by_test_id("meant")
    expect(meant).to_have_count(2)
    expect(meant.first).to_contain_text("quoted")
    expect(meant.first).to_contain_text("by its cell state · falls where it is true")
    meant.first.click()
    expect(page.locator('[data-name="quoted"]').get_by_test_id("finding").first).to_be_visible()
    page.goto(searched.link("site=rnn.l1&signal=cell&neuron=2"))
    expect(page.get_by_test_id("stands-for")).to_contain_text("None of the 3 hypotheses")


def test_the_network_is_ordered_by_a_hypothesis(page: Page, searched: Exhibition) -> None:
    page.goto(searched.link("hypothesis=quoted", view="findings"))
    page.get_by_test_id("order-network").click()
    expect(page.get_by_test_id("heatmap")).to_have_attribute("data-painted", f"{SIGNAL}.1")
    expect(page.get_by_test_id("sort")).to_have_value("hypothesis quoted")
    box = page.get_by_test_id("heatmap").bounding_box()
    assert box is not None
    order = []
    for at in range(HIDDEN):
        page.mouse.move(box["x"] + 200, box["y"] + 30 + 34 * at + 17)
        order.append(int(re.findall(r"neuron (\d+)", page.get_by_test_id("tip").inner_text())[0]))
    assert order == [7, 4, *(neuron for neuron in range(HIDDEN) if neuron not in (4, 7))]
    page.goto(searched.link("sort=hypothesis&hypothesis=nonsense", view="network"))
    expect(page.get_by_test_id("problem")).to_contain_text(
        "The hypotheses that were tried: vowel, line position, quoted."
    )


def test_damaged_findings_are_told_of(page: Page, searched: Exhibition) -> None:
    path = searched.folder / "letters" / "findings.json"
    for text, words in (("{", "is not JSON"), (json.dumps({**sample_findings(), "format": "other"}), '"other"')):
        path.write_text(text)
        page.goto("about:blank")
        page.goto(searched.link(view="findings"))
        expect(page.get_by_test_id("problem")).to_contain_text(words)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_findings_fit_a_phone(searched: Exhibition, chromium: Browser, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme, is_mobile=True)
    page = context.new_page()
    watch = Watch(page)
    page.goto(searched.link("hypothesis=quoted", view="findings"))
    expect(page.get_by_test_id("finding").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.evaluate("innerWidth") == 400
    assert watch.complaints == []
    context.close()
