"""Who stored what a neuron holds: the numbers and colours on the page against the recording itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.explorer.page.browsing import BROWSER, LENGTHS, SIGNAL, Exhibition, Watch, colour_at, number, painted
from tests.traces.making import Names, make_network, make_symbols
from unrolled.explorer import start_background
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

pytestmark = BROWSER

NEURON = 3


def shares(exhibition: Exhibition, step: int, begin: int) -> np.ndarray:
    """What each step from `begin` to `step` stored, by the plain loop: each step keeps a part of every share."""
    f, i, g = (
        exhibition.values(signal=name)[:, NEURON].astype(float) for name in ("forget_gate", "input_gate", "candidate")
    )
    held = np.zeros(step + 1 - begin)
    for at in range(begin, step + 1):
        held *= f[at]
        held[at - begin] = i[at] * g[at]
    return held


def told(page: Page, text: str) -> None:
    painted(page, text)
    expect(page.get_by_test_id("written-sum")).to_contain_text("as recorded")


@pytest.mark.parametrize("step", [150, LENGTHS[0] + 3])
def test_the_text_is_coloured_by_what_each_step_stored(page: Page, exhibition: Exhibition, step: int) -> None:
    begin = 0 if step < LENGTHS[0] else LENGTHS[0]
    expected = shares(exhibition, step, begin)
    page.goto(exhibition.link(f"site=rnn.l1&signal=cell&neuron={NEURON}&step={step}&wrap=width"))
    painted(page, f"{SIGNAL}.{NEURON}")
    page.get_by_test_id("history").click()
    told(page, f"{SIGNAL}.{NEURON} at {step}")
    expect(page).to_have_url(re.compile("tool=history"))
    largest = np.argsort(-np.abs(expected), kind="stable")
    for row, at in zip(page.get_by_test_id("writer").all(), largest, strict=False):
        said = row.inner_text().replace("\u202f", "").replace("\u2212", "-")
        name = "this step" if begin + at == step else f"step {begin + at}"
        assert name in said
        assert float(re.findall(r"[+-]\d\S*", said)[0]) == pytest.approx(expected[at], abs=5.1e-5)
    sums = [number(line) for line in page.get_by_test_id("written-sum").locator("dd").all_inner_texts()]
    state = float(exhibition.values()[step, NEURON])
    assert sums[2] == pytest.approx(state, abs=1e-4)
    assert sums[0] + sums[1] == pytest.approx(state, abs=2e-4)
    # The writer that left most has the scale's own end as its colour, the selected step its own share's.
    red, _, blue = colour_at(page)
    assert (blue - red) * expected[-1] > 0
    page.keyboard.press("h")
    painted(page, f"{SIGNAL}.{NEURON}")
    expect(page.get_by_test_id("written")).to_have_count(0)


def test_a_link_holds_it_and_walking_tells_of_each_step(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link(f"site=rnn.l1&signal=forget_gate&neuron={NEURON}&step=40&tool=history"))
    told(page, f"{SIGNAL}.{NEURON} at 40")
    expect(page.get_by_test_id("legend")).to_contain_text("one step left")
    page.keyboard.press("ArrowRight")
    told(page, f"{SIGNAL}.{NEURON} at 41")
    page.keyboard.press("]")
    told(page, f"{SIGNAL}.{NEURON + 1} at 41")
    page.get_by_test_id("writer").first.click()
    expect(page.get_by_test_id("marked")).to_be_visible()
    page.get_by_test_id("site").select_option("rnn.l0")
    told(page, f"rnn.l0.cell.{NEURON + 1} at 41")


@pytest.mark.parametrize(("cell", "state"), [("gru", "hidden"), ("rnn", "")])
def test_other_cells_tell_theirs_or_why_not(watched: tuple[Page, Watch], cell: str, state: str, tmp_path: Path) -> None:
    page, watch = watched
    record_run(make_network(cell, layers=1), Names(), make_symbols(200), out=tmp_path / "trace", title=cell)
    with start_background([tmp_path]) as server:
        (exhibit,) = server.collection.exhibits
        page.goto(f"{server.url}#/neuron/{exhibit.id}?signal=hidden&neuron=1&step=30&tool=history")
        if state:
            told(page, f"rnn.l0.{state}.1 at 30")
            value = Trace.open(tmp_path / "trace").read("rnn.l0", state, 30, 31, 1)[0]
            assert number(page.get_by_test_id("written-sum").locator("dd").last.inner_text()) == pytest.approx(
                float(value), abs=1e-4
            )
        else:
            expect(page.get_by_test_id("written-lack")).to_contain_text("anew at every step")
            painted(page, "rnn.l0.hidden.1")
    assert watch.complaints == []
