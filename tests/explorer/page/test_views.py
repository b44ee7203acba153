"""The page's views in a real browser, on a real recording, from the real server."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.explorer.page.browsing import (
    BROWSER,
    HIDDEN,
    NAMES,
    SIGNAL,
    Exhibition,
    Watch,
    brightness,
    colour_at,
    number,
    painted,
    spoken,
)

pytestmark = BROWSER


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
    assert number(tip.locator(".mono").inner_text()) == pytest.approx(float(stored), abs=5.1e-5)
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
