"""Files of figures: the same bytes for the same figure, whatever else is set, and the same picture in a browser."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.explorer.page.browsing import CHROMIUM
from tests.figures.making import make_trace
from unrolled.errors import SettingsError
from unrolled.figures import bars, by_prefix, cell_against_hidden, coloured_strips, coloured_text, grid, lines, save

TEXT = 'He said: "Who_goes there?"\nNobody did.\n'
SEEDS = np.random.default_rng(3).random((4, 5))
FIGURES = {
    "text": lambda: coloured_text(make_trace(TEXT), "rnn.l0.1"),
    "strips": lambda: coloured_strips(make_trace(TEXT), ["rnn.l0.1", "rnn.l0.forget_gate.1"]),
    "prefix": lambda: by_prefix(["a", "ab", "b"], SEEDS[:3, :2], ["rnn.l0.1", "rnn.l0.2"], title="By prefix"),
    "memories": lambda: cell_against_hidden(SEEDS - 0.5, np.tanh(SEEDS - 0.5), title="rnn.l0.1"),
    "lines": lambda: lines(range(5), {"LSTM": SEEDS, "RNN": SEEDS / 2}, title="$5 & <more>", x_name="gap (steps)"),
    "bars": lambda: bars(list("abcde"), SEEDS, y_name="nats"),
    "grid": lambda: grid(SEEDS, list("abcd"), list("vwxyz")),
}


@pytest.mark.parametrize("suffix", [".svg", ".png"])
@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_has_the_same_bytes_whatever_the_user_has_set(name: str, suffix: str, tmp_path: Path) -> None:
    first = save(FIGURES[name](), tmp_path / f"first{suffix}").read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 50, "svg.hashsalt": "x"}):
        before = dict(matplotlib.rcParams)
        again = save(FIGURES[name](), tmp_path / f"again{suffix}").read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert first == again
    assert b"matplotlib.org" not in first


def test_another_process_writes_the_same_bytes_and_needs_no_pyplot(tmp_path: Path) -> None:
    code = (
        "import sys; from unrolled.figures import save; from tests.figures.test_saving import FIGURES;"
        "[save(make(), f'{sys.argv[1]}/{name}.svg') for name, make in FIGURES.items()];"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    for name, make in FIGURES.items():
        assert (tmp_path / f"{name}.svg").read_bytes() == save(make(), tmp_path / "here.svg").read_bytes(), name


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_browser_shows_the_svg_as_the_png_is(tmp_path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for name in ("text", "memories", "lines"):
            make = FIGURES[name]
            ours = Image.open(save(make(), tmp_path / f"{name}.png")).convert("RGB")
            save(make(), tmp_path / f"{name}.svg")
            page = browser.new_page(viewport={"width": ours.width, "height": ours.height})
            page.goto((tmp_path / f"{name}.svg").as_uri())
            page.evaluate("document.documentElement.setAttribute('width', '100%')")
            page.evaluate("document.documentElement.setAttribute('height', '100%')")
            shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            page.close()
            # Edges are smoothed in other ways; blurred, what stands elsewhere or has another size still differs.
            small = (ours.width // 8, ours.height // 8)
            there, here = (np.asarray(one.resize(small, Image.Resampling.BOX), float) for one in (shown, ours))
            off = np.abs(there - here)
            assert off.max() < 60, name
            assert off.mean() < 1.5, name
        browser.close()


@pytest.mark.parametrize("name", ["figure.gif", "figure", "svg"])
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.svg or \.png"):
        save(FIGURES["bars"](), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_and_files_replaced(tmp_path: Path) -> None:
    place = tmp_path / "new" / "figure.SVG"
    save(FIGURES["bars"](), place)
    save(FIGURES["grid"](), place)
    assert place.read_bytes() == save(FIGURES["grid"](), tmp_path / "grid.svg").read_bytes()
    assert [path.name for path in place.parent.iterdir()] == ["figure.SVG"]
