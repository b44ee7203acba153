"""`explore`: the page on a trace from an interactive session or a script."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.explorer.made_by_hand import make_trace, port_of
from tests.traces.making import Names, make_network, make_symbols
from unrolled.errors import ServerError
from unrolled.explorer.notebook import explore
from unrolled.explorer.server import bind
from unrolled.traces.record import record_run


@pytest.fixture
def interactive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at Python's own prompt, on a machine without a browser."""
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


def test_a_trace_in_memory_and_one_on_the_disk_are_shown(
    interactive: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    sequences = make_symbols(20, 30)
    in_memory = record_run(make_network(), Names(), sequences, title="in memory")
    stored = record_run(make_network(), Names(), sequences, title="stored", out=tmp_path / "stored")
    exploration = explore(in_memory, stored, port=0)
    assert exploration is not None
    with exploration:
        entries = httpx.get(f"{exploration.url}exhibits.json").json()["exhibits"]
        assert {entry["title"] for entry in entries} == {"in memory", "stored"}
        for entry in entries:
            assert "problem" not in entry
            group = httpx.get(f"{exploration.url}{entry['path']}zarr.json").json()
            assert group["attributes"]["complete_steps"] == 50
        assert exploration.url in repr(exploration)
        assert f'src="{exploration.url}"' in exploration._repr_html_()
        assert list(temporary.iterdir())
    exploration.close()
    assert not list(temporary.iterdir())
    bind(port_of(exploration.url)).close()
    assert (tmp_path / "stored" / "zarr.json").exists()


def test_one_trace_alone_is_opened_at_once(interactive: None, tmp_path: Path) -> None:
    make_trace(tmp_path / "trace")
    exploration = explore(tmp_path / "trace", port=0)
    assert exploration is not None
    with exploration:
        base, _, trace = exploration.url.partition("#/neuron/")
        (entry,) = httpx.get(f"{base}exhibits.json").json()["exhibits"]
        assert entry["id"] == trace


def test_nothing_to_show_leaves_nothing_behind(interactive: None, tmp_path: Path) -> None:
    with pytest.raises(ServerError):
        explore(tmp_path)
    with pytest.raises(ServerError):
        explore()


def test_a_script_waits_for_ctrl_c(tmp_path: Path) -> None:
    make_trace(tmp_path / "trace")
    script = f"from unrolled.explorer.notebook import explore; print(explore({str(tmp_path)!r}, port=0))"
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "BROWSER")}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert httpx.get(f"{url}exhibits.json").status_code == 200
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert said.endswith("None\n")
