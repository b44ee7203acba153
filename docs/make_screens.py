"""Takes the pictures of the docs from the running page: `python docs/make_screens.py`.

Trains and records the demo into a temporary folder (or takes one with --demo FOLDER), serves it, and drives Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from unrolled.cli import run
from unrolled.explorer import start_background

IMAGES = Path(__file__).parent / "images"
STEP = 37
"""The step that the pictures show: within the a's of a count of 5."""
CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]


def make_demo(folder: Path) -> None:
    """What `unrolled demo` makes, without the page."""
    counter, trace = str(folder / "counter"), str(folder / "counter.trace")
    for arguments in (
        ["train", "task:counter", "--out", counter],
        ["trace", counter, "task:counter,maximum=20", "--out", trace],
    ):
        if run(arguments):
            raise SystemExit(f"unrolled {' '.join(arguments)} failed")


def take(browser: Browser, address: str, name: str, *, width: int, height: int, scheme: str, view: str) -> None:
    """One picture: the gallery, or a view of the first recording."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if width < 600 else 1,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[data-testid=picture][data-painted=true]")
    if view != "gallery":
        page.locator("[data-testid=trace-card]").first.click()
        page.wait_for_selector("[data-testid=text][data-painted*=rnn]")
    if view in ("neuron", "evidence"):
        page.locator("[data-testid=text-scroller]").focus()
        for _ in range(STEP):
            page.keyboard.press("ArrowRight")
    if view == "evidence":
        page.keyboard.press("e")
        page.locator("[data-testid=gather]").click()
        page.wait_for_selector("[data-testid=role]")
    if view == "network":
        page.locator("[data-testid=view-network]").click()
        page.wait_for_selector("[data-testid=heatmap][data-painted*=rnn]")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, help="a folder that `unrolled demo` made")
    given = parser.parse_args()
    executable = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if executable is None:
        raise SystemExit("No Chromium was found; install it with the system's package manager.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.demo or Path(temporary)
        if given.demo is None:
            make_demo(folder)
        with start_background([folder]) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            )
            for name, width, height, scheme, view in (
                ("gallery", 1200, 760, "light", "gallery"),
                ("neuron", 1400, 900, "light", "neuron"),
                ("neuron-dark", 1400, 900, "dark", "neuron"),
                ("network", 1400, 800, "light", "network"),
                ("evidence", 1600, 1100, "light", "evidence"),
                ("phone", 400, 800, "light", "neuron"),
            ):
                take(browser, server.url, name, width=width, height=height, scheme=scheme, view=view)
                print(IMAGES / f"{name}.png")
            browser.close()


if __name__ == "__main__":
    main()
