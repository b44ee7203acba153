from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unrolled.errors import UnknownNameError
from unrolled.registry import Registry, RegistryError

GROUP = "unrolled.examples"
BUILTIN = {"path": "pathlib:Path", "join": "os.path:join"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Installs a distribution with entry points, the way pip leaves one on the disk."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def add(distribution: str, **entries: str) -> None:
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")

    yield add
    for name in [name for name in sys.modules if name.startswith("added_by_test")]:
        del sys.modules[name]


def test_builtin_entries_are_found_without_metadata() -> None:
    registry = Registry[object](GROUP, BUILTIN)
    assert registry.names() == ("path", "join")
    assert registry.get("path") is Path
    assert registry.get("join")("a", "b") == "a/b"  # type: ignore[operator]


def test_another_package_adds_an_entry(install, tmp_path: Path) -> None:
    (tmp_path / "added_by_test.py").write_text("class Thing:\n    inner = 5\n")
    install("more", thing="added_by_test:Thing", value="added_by_test:Thing.inner")
    registry = Registry[object](GROUP, BUILTIN)
    assert registry.names() == ("path", "join", "thing", "value")
    assert registry.get("thing").__name__ == "Thing"  # type: ignore[attr-defined]
    assert registry.get("value") == 5


def test_another_package_cannot_take_our_name(install) -> None:
    install("thief", path="os:sep")
    registry = Registry[object](GROUP, BUILTIN)
    assert registry.names() == ("path", "join")
    assert registry.get("path") is Path


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no example 'pth'; there are: join, path\. Did you mean 'path'\?"):
        Registry[object](GROUP, BUILTIN).get("pth")


def test_a_broken_package_is_named(install, tmp_path: Path) -> None:
    (tmp_path / "added_by_test_broken.py").write_text("raise ValueError('no such luck')\n")
    install("broken", thing="added_by_test_broken:Thing", gone="added_by_test_gone:Thing")
    registry = Registry[object](GROUP, BUILTIN, what="widget")
    with pytest.raises(RegistryError, match=r"widget 'thing' \(added_by_test_broken:Thing\).*no such luck"):
        registry.get("thing")
    with pytest.raises(RegistryError, match="ModuleNotFoundError"):
        registry.get("gone")


def test_a_name_claimed_twice_is_an_error(install) -> None:
    install("one", thing="os:sep")
    install("two", thing="os:linesep")
    with pytest.raises(RegistryError, match="claimed by os:linesep and os:sep"):
        Registry[object](GROUP, BUILTIN).get("thing")


def test_every_task_is_registered_under_its_own_name() -> None:
    from unrolled.sources.tasks import TASKS

    assert {name: TASKS.get(name).name for name in TASKS.names()} == {name: name for name in TASKS.names()}
