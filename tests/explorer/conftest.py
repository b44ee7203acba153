from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.explorer.made_by_hand import SECRET, Shown, make_run, make_trace
from unrolled.explorer import start_background


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    arrays = make_trace(folder / "given" / "trace", model={"kind": "run", "path": "../run"})
    make_run(folder / "given" / "run", title="Counting")
    for place in (folder, folder / "given", folder / "given" / "trace", folder / "given" / "run"):
        (place / "secret.txt").write_text(SECRET)
    (folder / "c").mkdir()
    (folder / "c" / "0").write_text(SECRET)
    (folder / "zarr.json").write_text(SECRET)
    page = folder / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>Unrolled</title>")
    (page / "assets" / "index-B0aTz.js").write_text("export {}")
    with start_background([folder / "given"], page=page) as server:
        entries = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        paths = {entry["kind"]: f"/{entry['path']}" for entry in entries}
        yield Shown(server.url, folder, arrays, paths["trace"], paths["run"], server)
