"""The page of the quiz in a real browser: played by keys and by pointer, wide and narrow, light and dark."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from unrolled.experiments.quiz import Message, make_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"> <!-- {{rounds}} " + "long" * 45
ROUNDS = [
    [Message("Written a", False, 2.0), Message("Real b", True, 8.25), Message("Written c", False, 3.0)],
    [Message(HOSTILE, True, 2.5), Message("Written d", False, 4.0), Message("Written e", False, 1.5)],
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def address(tmp_path: Path) -> str:
    (tmp_path / "quiz.html").write_text(make_page(ROUNDS), encoding="utf-8")
    return (tmp_path / "quiz.html").as_uri()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page that must end without a complaint, and without having asked for anything but itself."""
    context = chromium.new_context(viewport={"width": 1600, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    assert complaints == []
    assert asked == [address]
    context.close()


def test_it_is_played_by_keys_alone(page: Page) -> None:
    standing, answer, following = page.locator("#standing"), page.get_by_role("status"), page.locator("#next")
    expect(standing).to_have_text("Round 1 of 2 · 0 of 0 right")
    expect(following).to_be_hidden()
    page.keyboard.press("b")
    expect(answer).to_contain_text("Right.")
    expect(answer).to_contain_text("8.3 characters")
    expect(answer).to_contain_text("more than at any of its own")
    expect(standing).to_have_text("Round 1 of 2 · 1 of 1 right")
    expect(page.locator(".message").nth(1)).to_contain_text("real · perplexity 8.25")
    page.keyboard.press("a")  # an answer stands
    expect(standing).to_have_text("Round 1 of 2 · 1 of 1 right")
    expect(following).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".message").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("No, it is A.")
    expect(answer).to_contain_text("but B, which it wrote itself, surprises it more")
    expect(following).to_have_text("See the score")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("1 of 2 right.")
    expect(answer).to_contain_text("Guessing gives 0.7; picking what surprises the network most gives 1.")
    page.keyboard.press("Enter")
    expect(standing).to_have_text("Round 1 of 2 · 0 of 0 right")


def test_it_is_played_by_pointer(page: Page) -> None:
    page.get_by_text("Written c").click()
    expect(page.get_by_role("status")).to_contain_text("No, it is B.")
    expect(page.locator(".message.real")).to_contain_text("Real b")
    expect(page.locator(".message.chosen")).to_contain_text("Written c")
    expect(page.locator(".message.chosen")).to_contain_text("your pick")
    expect(page.locator(".message").first).to_be_disabled()


def test_a_message_is_text_and_nothing_else(page: Page) -> None:
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".message .text").first).to_have_text(HOSTILE)
    assert page.title() == "Which one is real?"
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_it_fits_and_can_be_read(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.press("b")
    expect(page.locator(".message.real")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [box for box in (each.bounding_box() for each in page.locator(".message").all()) if box]
    assert len({box["x"] for box in boxes}) == (1 if width == 400 else 2)
    for selector in (".message .text", ".message .letter", ".message.real .key b", ".message .key", ".lead", "#next"):
        assert contrast(page, selector) >= 4.5, selector


def contrast(page: Page, selector: str) -> float:
    """Of a text with what is behind it, as WCAG 2.2 defines it."""
    ink, ground = page.locator(selector).first.evaluate("""(element) => {
      const ink = getComputedStyle(element).color
      while (getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)') element = element.parentElement
      return [ink, getComputedStyle(element).backgroundColor]
    }""")
    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
