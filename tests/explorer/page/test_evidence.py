"""Evidence for one neuron, worked out by the page, against the recording itself."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.explorer.page.browsing import BROWSER, HIDDEN, Exhibition, number, painted, spoken

pytestmark = BROWSER

NEURON = 5


@pytest.mark.parametrize(("name", "quantile"), [("95 %", 0.95), ("middle", 0.5), ("5 %", 0.05)])
def test_examples_have_the_value_of_their_quantile(
    page: Page, exhibition: Exhibition, name: str, quantile: float
) -> None:
    column = exhibition.values()[:, NEURON]
    page.goto(exhibition.link(f"site=rnn.l1&signal=cell&neuron={NEURON}"))
    peaks = page.get_by_test_id("peaks")
    peaks.get_by_role("button", name=name, exact=True).click()
    expect(peaks.get_by_role("heading")).to_contain_text("of its values are lower")
    expect(peaks.get_by_test_id("peak")).to_have_count(5)
    for row in peaks.get_by_test_id("peak").all():
        value = number(row.locator("b").inner_text())
        step = int(number(row.locator(".muted").inner_text().replace("\u202f", "")))
        assert value == pytest.approx(float(column[step]), abs=5.1e-5)
        assert (column < value).mean() == pytest.approx(quantile, abs=0.05)
    peaks.get_by_test_id("peak").last.click()
    spoken(page, step)


def test_gates_and_how_long_the_state_lasts(page: Page, exhibition: Exhibition) -> None:
    page.goto(exhibition.link(f"site=rnn.l1&signal=hidden&neuron={NEURON}"))
    gates = page.get_by_test_id("gates")
    for name in ("input_gate", "forget_gate", "output_gate"):
        column = exhibition.values(signal=name)[:, NEURON]
        said = [float(part) for part in re.findall(r"([\d.]+) %", page.get_by_test_id(f"gate-{name}").inner_text())]
        wanted = [(column < 0.1).mean(), ((column >= 0.1) & (column <= 0.9)).mean(), (column > 0.9).mean()]
        assert said == pytest.approx([100 * float(part) for part in wanted], abs=0.06)
    steps = np.log(0.5) / np.log(exhibition.values(signal="forget_gate")[:, NEURON].astype(float)).mean()
    words = "after one step" if steps < 1 else rf"after {round(steps)} steps?\b"
    expect(gates.get_by_test_id("half-life")).to_contain_text(re.compile(words))


def test_the_likest_neurons_of_all_layers(page: Page, exhibition: Exhibition) -> None:
    layers = [exhibition.values(site).astype(float) for site in ("rnn.l0", "rnn.l1")]
    matrix = np.corrcoef(np.concatenate(layers, axis=1).T)[HIDDEN + NEURON]
    names = [f"rnn.l{layer}.{neuron}" for layer in range(2) for neuron in range(HIDDEN)]
    order = [at for at in np.argsort(-np.abs(matrix)) if at != HIDDEN + NEURON][:6]
    page.goto(exhibition.link(f"site=rnn.l1&signal=cell&neuron={NEURON}"))
    # What stands above has its place first: the panel is filled when it is seen, and must not be pushed out again.
    expect(page.get_by_test_id("peaks").get_by_test_id("peak").first).to_be_visible()
    expect(page.get_by_test_id("statistics")).to_be_visible()
    expect(page.get_by_test_id("half-life")).to_be_visible()
    page.get_by_test_id("neighbours").scroll_into_view_if_needed()
    rows = page.get_by_test_id("neighbour")
    expect(rows).to_have_count(6)
    assert [row.locator(".name").inner_text() for row in rows.all()] == [names[at] for at in order]
    for row, at in zip(rows.all(), order, strict=True):
        assert number(row.inner_text()) == pytest.approx(matrix[at], abs=6e-4)
    rows.first.click()
    site, _, neuron = names[order[0]].rpartition(".")
    painted(page, f"{site}.cell.{neuron}")
