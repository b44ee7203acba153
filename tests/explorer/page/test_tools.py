"""Where else, and what without it: searches that the page asks the server for, against the package's own answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.explorer.page.browsing import (
    BROWSER,
    NEURON,
    SITE,
    TEXT,
    Shown,
    Watch,
    bare,
    number,
    painted,
    spoken,
)
from unrolled.errors import TraceError
from unrolled.explorer.app import PAGE
from unrolled.networks.files import load_network
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.lockstep import Text
from unrolled.neurons.matches import Matches, find_matches
from unrolled.traces.trace import Trace

pytestmark = BROWSER


@pytest.fixture
def page(watched: tuple[Page, Watch], shown: Shown) -> Iterator[Page]:
    page, watch = watched
    yield page
    assert watch.complaints == []


def span_of(page: Page) -> tuple[int, int]:
    """The marked steps, from the first to after the last."""
    steps = [int(part) for part in re.findall(r"\d+", bare(page.get_by_test_id("span").inner_text()))]
    return steps[1], steps[-1] + 1


def test_a_span_is_marked_with_keys_mouse_and_buttons(page: Page, shown: Shown) -> None:
    page.goto(shown.link("step=20&wrap=width"))
    painted(page, f"{SITE}.cell.{NEURON}")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("span")).to_contain_text("4 steps")
    assert span_of(page) == (20, 24)
    expect(page.get_by_test_id("marked").first).to_be_visible()
    page.keyboard.press("ArrowLeft")
    spoken(page, 22)
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.get_by_test_id("span")).to_contain_text("2 steps")
    assert span_of(page) == (21, 23)

    page.goto(shown.link("step=5&wrap=width&top=0"))
    spoken(page, 5)
    box = page.locator(".cursor").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + 2 * box["width"], y)
    page.mouse.down()
    page.mouse.move(x + 6 * box["width"], y, steps=4)
    page.mouse.up()
    assert span_of(page) == (7, 12)
    expect(page.get_by_test_id("text")).to_have_attribute("data-step", "5")
    expect(page).to_have_url(re.compile("tool=match.*|from=7"))

    page.mouse.click(x + 4 * box["width"], y)
    spoken(page, 9)
    page.get_by_test_id("span-begin").click()
    assert span_of(page) == (9, 12)
    page.keyboard.press("ArrowRight")
    spoken(page, 10)
    page.get_by_test_id("span-end").click()
    assert span_of(page) == (9, 11)


def test_a_touch_selects_and_the_buttons_mark(chromium: Browser, shown: Shown) -> None:
    context = chromium.new_context(viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    watch = Watch(page)
    page.goto(shown.link("step=3&tool=match"))
    painted(page, f"{SITE}.cell.{NEURON}")
    for step, button in ((6, "span-begin"), (9, "span-end")):
        page.get_by_test_id("text").scroll_into_view_if_needed()
        box = page.locator(".cursor").bounding_box()
        assert box is not None
        selected = int(page.get_by_test_id("text").get_attribute("data-step") or 0)
        page.touchscreen.tap(box["x"] + (step - selected + 0.5) * box["width"], box["y"] + 5)
        spoken(page, step)
        page.get_by_test_id(button).tap()
    assert span_of(page) == (6, 10)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert watch.complaints == []
    context.close()


def telling_pattern(trace: Trace) -> Matches:
    """Of a few short spans, the one whose pattern is found most often, with several symbols after it."""
    found: list[Matches] = []
    for start, threshold in product(range(40, 60), (0.25, 0.5, 0.75)):
        with suppress(TraceError):  # no neuron is on all over it
            found.append(find_matches(trace, range(start, start + 2), signal="hidden", threshold=threshold, top=60))
    best = max(found, key=lambda each: each.places)
    assert best.places > 10
    assert len(best.next) > 1
    return best


def test_the_same_pattern_elsewhere_grouped_by_what_comes_next(page: Page, shown: Shown) -> None:
    trace = shown.trace
    expected = telling_pattern(trace)
    start = expected.span.start
    page.goto(
        shown.link(f"signal=hidden&tool=match&from={start}&to={start + 2}&threshold={round(100 * expected.threshold)}")
    )
    page.get_by_test_id("search").click()
    summary = page.get_by_test_id("match-summary")
    expect(summary).to_contain_text(f"{expected.places} other places")
    expect(summary).to_contain_text(f"at least {expected.least} of these {len(expected.neurons)}")
    listed = {each.next for each in expected.matches}
    groups = [each for each in expected.next if each.symbol in listed]
    rows = page.get_by_test_id("match-group")
    expect(rows).to_have_count(len(groups))
    for row, group in zip(rows.all(), groups, strict=True):
        assert bare(row.locator("h3 .number").inner_text()).startswith(f"{group.places} ·")
        best = next(each for each in expected.matches if each.next == group.symbol)
        expect(row.get_by_test_id("match-place").first).to_contain_text(f"step {best.start}")
    rows.first.get_by_test_id("match-place").first.click()
    expect(page.get_by_test_id("marked").first).to_be_visible()


def test_what_no_neuron_has_in_common_is_told(shown: Shown, watched: tuple[Page, Watch]) -> None:
    page, watch = watched
    page.goto(shown.link("tool=match&from=0&to=150&threshold=95"))
    page.get_by_test_id("search").click()
    with pytest.raises(TraceError) as told:
        find_matches(shown.trace, range(150), signal="cell", threshold=0.95)
    problem = page.get_by_test_id("match-tool").get_by_test_id("problem")
    expect(problem).to_contain_text(told.value.message)
    expect(problem).to_contain_text(told.value.hint.replace("`", ""))
    # The browser itself notes that the answer was a refusal.
    assert [text for text in watch.complaints if "400" not in text] == []


def test_a_neuron_switched_off(shown: Shown, watched: tuple[Page, Watch]) -> None:
    page, watch = watched
    page.goto(shown.link("tool=ablate&step=40&top=0"))
    painted(page, f"{SITE}.cell.{NEURON}")
    button = page.get_by_test_id("switch-off")
    first, last = (int(part) for part in re.findall(r"\d+", bare(button.inner_text()))[:2])
    assert first == 0
    button.click()
    expect(page.get_by_test_id("ablation-overall")).to_be_visible()
    loaded = load_network(shown.folder / "run", 60)
    text = Text(loaded.vocabulary.encode(TEXT[: last + 1]))
    own = ablate(loaded.network, loaded.vocabulary, text, Intervention((f"{SITE}.cell.{NEURON}",)), length=0, seed=0)
    said = bare(page.get_by_test_id("ablation-overall").inner_text())
    change, before, after = (float(part) for part in re.findall(r"[+-]?\d+\.\d+", said)[:3])
    assert (before, after) == pytest.approx((own.overall.before, own.overall.after), abs=2e-4)
    assert change == pytest.approx(after - before, abs=2e-4)
    painted(page, f"loss without {SITE}.cell.{NEURON}, zero, 0 to {last + 1}")
    expect(page.get_by_test_id("legend")).to_contain_text("nats, the largest change")
    assert number(page.get_by_test_id("legend").locator(".scale > span").nth(2).inner_text()) > 0
    odds = page.get_by_test_id("odds-both")
    recorded = shown.trace
    assert recorded.loss is not None
    expect(page.get_by_text("What it expects after step 40")).to_be_visible()
    likely = [
        float(part) for part in re.findall(r"([\d.]+) %", odds.locator("tbody td:nth-child(2)").all_inner_texts()[0])
    ]
    top = np.asarray(httpx_top(shown, 40))
    assert likely[0] == pytest.approx(100 * float(top), abs=0.06)
    expect(page.get_by_test_id("samples").locator("pre")).to_have_count(2)
    page.get_by_test_id("moment").first.click()
    expect(page.get_by_test_id("text")).not_to_have_attribute("data-step", "40")

    page.get_by_test_id("hold-value").click()
    page.get_by_test_id("hold").fill("0.5")
    page.get_by_test_id("hold").press("Enter")
    expect(page).to_have_url(re.compile("hold=0.5"))
    button.click()
    held = re.compile(rf"^loss without {SITE}.cell.{NEURON}, clamp=0.5, 0 to \d+$")
    expect(page.get_by_test_id("text")).to_have_attribute("data-painted", held)
    page.keyboard.press("o")
    painted(page, f"{SITE}.cell.{NEURON}")
    assert watch.complaints == []


def httpx_top(shown: Shown, step: int) -> float:
    """The network's odds of the likeliest next symbol, from the server's own answer over the steps before."""
    body = {"trace": shown.id, "span": [0, step + 1], "neurons": [f"{SITE}.cell.{NEURON}"], "length": 0}
    answer = httpx.post(f"{shown.url}api/ablate", json=body, timeout=60).json()
    return answer["by_step"]["before"]["likeliest"][step][0][1]


def test_a_hypothesis_of_one_s_own(page: Page, shown: Shown) -> None:
    asked = "gap=re: "
    page.goto(f"{shown.url}#/findings/{shown.id}")
    expect(page.get_by_test_id("no-findings")).to_be_visible()
    page.get_by_test_id("ask-hypothesis").fill(asked)
    page.get_by_test_id("ask-search").click()
    row = page.get_by_test_id("ask-answer").get_by_test_id("hypothesis")
    expect(row).to_have_attribute("data-name", "gap")
    body = {"trace": shown.id, "hypotheses": [asked]}
    (own,) = httpx.post(f"{shown.url}api/find", json=body, timeout=60).json()["hypotheses"]
    best = own["neurons"][0]
    expect(row.get_by_test_id("finding").first).to_contain_text(best["name"])
    expect(row.get_by_test_id("finding").first).to_contain_text(f"{best['score']:.3f}")
    row.get_by_test_id("neuron-link").first.click()
    painted(page, best["name"])


@pytest.fixture
def files_alone(shown: Shown, tmp_path: Path) -> Iterator[str]:
    """The page, the list and the trace as a site of files, from a server that does nothing else."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in PAGE.iterdir():
        (site / entry.name).symlink_to(entry)
    (site / "traces").mkdir()
    (site / "traces" / shown.id).symlink_to(shown.folder / "trace")
    exhibit = {"id": shown.id, "kind": "trace", "title": "Files", "path": f"traces/{shown.id}/"}
    (site / "exhibits.json").write_text(json.dumps({"format": "unrolled-exhibits/1", "exhibits": [exhibit]}))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_site_of_files_tells_history_and_which_commands_do_the_rest(
    watched: tuple[Page, Watch], shown: Shown, files_alone: str
) -> None:
    page, watch = watched
    page.goto(shown.link("tool=history&step=30").replace(shown.url, files_alone))
    expect(page.get_by_test_id("written-sum")).to_contain_text("as recorded")
    page.get_by_test_id("match").click()
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("needs-server")).to_contain_text("unrolled match TRACE --span 30:33")
    expect(page.get_by_test_id("search")).to_have_count(0)
    page.get_by_test_id("ablate").click()
    expect(page.get_by_test_id("needs-server")).to_contain_text(
        f"unrolled ablate RUN SOURCE {SITE}.cell.{NEURON} --mode zero"
    )
    page.get_by_test_id("evidence").click()
    expect(page.get_by_test_id("needs-server")).to_contain_text(
        f"unrolled evidence TRACE {SITE}.cell.{NEURON} --run RUN"
    )
    expect(page.get_by_test_id("gather")).to_have_count(0)
    assert watch.complaints == []
