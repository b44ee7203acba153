from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.explorer.made_by_hand import make_run
from tests.explorer.page.browsing import CHROMIUM, HIDDEN, LENGTHS, TEXT, Exhibition, Shown, Watch
from tests.traces.making import Names, make_network, make_symbols
from tests.training.making import train_tiny, write_text
from unrolled.explorer import start_background
from unrolled.networks.files import load_network
from unrolled.traces.record import record_run


@pytest.fixture(scope="module")
def exhibition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exhibition]:
    folder = tmp_path_factory.mktemp("page")
    symbols = make_symbols(*LENGTHS)
    record_run(make_network(hidden=HIDDEN), Names(), symbols, out=folder / "letters", title="Letters at random")
    make_run(folder / "run", title="A run of letters")
    (folder / "bad").mkdir()
    (folder / "bad" / "zarr.json").write_text("{")
    with start_background([folder]) as server:
        yield Exhibition(folder, server)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("tools")
    train_tiny(write_text(folder), folder / "run", steps=60)
    loaded = load_network(folder / "run")
    symbols = loaded.vocabulary.encode(TEXT)
    model = {"kind": "run", "path": "../run", "step": 60}
    record_run(loaded.network, loaded.vocabulary, [symbols], out=folder / "trace", model=model)
    with start_background([folder]) as server:
        (exhibit,) = (each for each in server.collection.exhibits if each.kind == "trace")
        yield Shown(folder, server.url, exhibit.id)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A name of somebody else that leads to this machine, as it would in an attack.
        names = "--host-resolver-rules=MAP notebook.example 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[names])
        yield browser
        browser.close()


@pytest.fixture
def watched(chromium: Browser) -> Iterator[tuple[Page, Watch]]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    yield page, Watch(page)
    context.close()


@pytest.fixture
def page(watched: tuple[Page, Watch], exhibition: Exhibition) -> Iterator[Page]:
    """A page that must end without a complaint, and without having asked any other host for anything."""
    page, watch = watched
    yield page
    assert watch.complaints == []
    assert watch.asked
    assert [url for url in watch.asked if not url.startswith((exhibition.url, "data:", "blob:"))] == []
