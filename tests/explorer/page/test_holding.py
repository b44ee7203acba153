"""What without it, where a hypothesis is true, and at values from elsewhere: against the package's own answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.explorer.page.browsing import BROWSER, NEURON, SITE, TEXT, Shown, Watch, bare, painted, spoken

pytestmark = BROWSER

NAME = f"{SITE}.cell.{NEURON}"


@pytest.fixture
def page(watched: tuple[Page, Watch], shown: Shown) -> Iterator[Page]:
    page, watch = watched
    yield page
    assert watch.complaints == []


def own_answer(shown: Shown, **body: Any) -> dict[str, Any]:
    whole = {"trace": shown.id, "neurons": [NAME], "length": 0, **body}
    answer = httpx.post(f"{shown.url}api/ablate", json=whole, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(page: Page) -> tuple[float, float]:
    """The loss before and after, as the panel says it."""
    said = bare(page.get_by_test_id("ablation-overall").inner_text())
    before, after = (float(part) for part in re.findall(r"\d+\.\d+", said)[1:3])
    return before, after


def overall(answer: dict[str, Any]) -> Any:
    change = answer["ablation"]["overall"]
    return pytest.approx((change["before"], change["after"]), abs=6e-5)


def read_span(page: Page) -> list[int]:
    """The first step that is read, and the one after the last."""
    first, last = re.findall(r"\d+", bare(page.get_by_test_id("switch-off").inner_text()))[:2]
    return [int(first), int(last) + 1]


def test_a_neuron_is_held_where_something_is_true(page: Page, shown: Shown) -> None:
    page.goto(shown.link("tool=ablate&step=40&top=0"))
    painted(page, NAME)
    page.get_by_test_id("where-true").click()
    expect(page.get_by_test_id("lacks")).to_have_text("Choose what must be true.")
    expect(page.get_by_test_id("switch-off")).to_be_disabled()
    choice = page.get_by_test_id("where")
    expect(choice.locator("option[value=vowel]")).to_contain_text(f"{100 * vowels(TEXT) / len(TEXT):.1f} %")
    assert "capital" not in choice.locator("option").evaluate_all("all => all.map((one) => one.value)")
    choice.select_option("vowel")
    expect(page).to_have_url(re.compile("where=vowel"))
    span = read_span(page)
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("held-steps")).to_contain_text(f"{vowels(TEXT[span[0] : span[1]])} of")
    answer = own_answer(shown, span=span, where="vowel", hypotheses=["vowel"])
    assert told(page) == overall(answer)
    rows = page.get_by_test_id("where-parts").locator("tbody tr")
    (parts,) = answer["ablation"]["hypotheses"]
    named = {"where vowel": parts["true"], "elsewhere": parts["false"]}
    for row, (name, part) in zip(rows.all(), named.items(), strict=True):
        cells = [bare(cell) for cell in row.locator("td").all_inner_texts()]
        assert cells[0] == name
        assert [float(cell) for cell in cells[1:]] == pytest.approx(
            [part["steps"], part["before"], part["after"], part["change"]], abs=6e-4
        )
    painted(page, f"loss without {NAME}, zero, where vowel, {span[0]} to {span[1]}")

    choice.select_option("=")
    page.get_by_test_id("where-own").fill("tee=re:t")
    span = read_span(page)
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("held-steps")).to_contain_text(f"{TEXT[span[0] : span[1]].count('t')} of")
    page.get_by_test_id("where-all").click()
    expect(page).not_to_have_url(re.compile("where="))
    span = read_span(page)
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("held-steps")).to_have_count(0)
    assert told(page) == overall(own_answer(shown, span=span))


def vowels(text: str) -> int:
    return len(re.findall("[aeiou]", text))


def test_what_is_true_nowhere_is_told(shown: Shown, watched: tuple[Page, Watch]) -> None:
    page, watch = watched
    page.goto(shown.link("tool=ablate&step=40&top=0&where=z%3Dre%3Az"))
    expect(page.get_by_test_id("where-own")).to_have_value("z=re:z")
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("ablate-tool").get_by_test_id("problem")).to_contain_text(
        "'z' is true at no step of the text"
    )
    assert [text for text in watch.complaints if "400" not in text] == []


def test_values_of_marked_steps_are_put_in_elsewhere(page: Page, shown: Shown) -> None:
    page.goto(shown.link("tool=ablate&step=5&top=0&wrap=width"))
    spoken(page, 5)
    page.get_by_test_id("hold-span").click()
    expect(page.get_by_test_id("lacks")).to_contain_text("Mark the steps")
    box = page.locator(".cursor").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + 2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(x + 6 * box["width"], y, steps=4)
    page.mouse.up()
    expect(page.get_by_test_id("span")).to_contain_text("5 steps")
    expect(page.get_by_test_id("marked").first).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_test_id("text")).not_to_have_attribute("data-step", "5")
    step = int(page.get_by_test_id("text").get_attribute("data-step") or 0)
    assert read_span(page)[0] == step
    span = read_span(page)
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("held-steps")).to_contain_text("5 of")
    answer = own_answer(shown, span=span, mode="patch", steps=[0, 5], patch_span=[7, 12])
    assert told(page) == overall(answer)
    painted(page, f"loss without {NAME}, as at steps 7 to 11, {span[0]} to {span[1]}")
    expect(page).to_have_url(re.compile("tool=ablate.*from=7|from=7.*tool=ablate"))


def test_values_of_another_text_are_put_in(page: Page, shown: Shown) -> None:
    page.goto(shown.link("tool=ablate&step=30&top=0&hold=text"))
    spoken(page, 30)
    expect(page.get_by_test_id("lacks")).to_contain_text("two letters")
    page.get_by_test_id("instead").fill("the fire")
    span = read_span(page)
    assert span[0] == 30
    page.get_by_test_id("switch-off").click()
    expect(page.get_by_test_id("held-steps")).to_contain_text("8 of")
    answer = own_answer(shown, span=span, mode="patch", steps=[0, 8], patch="the fire")
    assert told(page) == overall(answer)
    losses = answer["by_step"]
    differ = np.array(losses["before"]["loss"][:-1]) != np.array(losses["after"]["loss"][:-1])
    assert differ.any()
    expect(page).to_have_url(re.compile("instead=the"))
    expect(page.get_by_test_id("odds-both").locator("th").nth(2)).to_have_text("held so")
