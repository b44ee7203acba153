"""POST api/hypotheses: those that are a question of yes and no, apply to the text, and are true somewhere in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.explorer.made_by_hand import ids_of
from tests.training.making import make_text, train_tiny, write_text
from unrolled.explorer import labelling, start_background
from unrolled.networks.files import load_network
from unrolled.traces.record import record_run

TEXT = make_text(60, seed=9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shown")
    train_tiny(write_text(tmp_path_factory.mktemp("text")), folder / "book", steps=3)
    train_tiny("task:counter", folder / "counter", steps=3)
    for run, text in (("book", TEXT), ("counter", "\naaXbb\naX\n")):
        loaded = load_network(folder / run)
        symbols = [loaded.vocabulary.encode(text)]
        model = {"kind": "run", "path": f"../{run}", "step": 3}
        record_run(loaded.network, loaded.vocabulary, symbols, out=folder / f"of-{run}", model=model)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with start_background([folder]) as server:
        yield server.url, ids_of(server.url, folder)


def ask(url: str, **body: object) -> httpx.Response:
    return httpx.post(f"{url}api/hypotheses", json=body, timeout=60)


def test_those_that_are_true_somewhere_with_how_often(served: tuple[str, dict[str, str]]) -> None:
    url, ids = served
    found = ask(url, trace=ids["of-book"]).json()
    assert found["steps"] == len(TEXT)
    true = {each["name"]: each["true"] for each in found["hypotheses"]}
    assert true["vowel"] == len(re.findall("[aeiou]", TEXT))
    assert true["word-start"] == len(re.findall(r"\b[a-z]", TEXT))
    # Numbers and classes are true nowhere; and the text has neither a capital nor a hashtag.
    assert not {"line-position", "next-symbol", "capital", "hashtag"} & set(true)
    assert all(each["about"] for each in found["hypotheses"])


def test_the_run_tells_what_kind_of_text_it_is(served: tuple[str, dict[str, str]]) -> None:
    url, ids = served
    (only,) = ask(url, trace=ids["of-counter"]).json()["hypotheses"]
    assert only == {"name": "after-x", "about": only["about"], "true": 4}


def test_a_long_text_is_looked_at_from_its_beginning(
    served: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelling, "MOST_STEPS", 40)
    url, ids = served
    found = ask(url, trace=ids["of-book"]).json()
    assert found["steps"] == 40
    assert {each["name"]: each["true"] for each in found["hypotheses"]}["vowel"] == len(
        re.findall("[aeiou]", TEXT[:40])
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"trace": "none"}, 404, "unknown-name"),
        ({}, 422, "invalid"),
        ({"trace": 5}, 422, "invalid"),
        ({"trace": "x" * 201}, 422, "invalid"),
        ({"trace": "none", "hypotheses": ["x=py:/etc/x.py:f"]}, 422, "invalid"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(
    served: tuple[str, dict[str, str]], body: dict[str, object], status: int, code: str
) -> None:
    answer = ask(served[0], **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_link_that_leads_out_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "shown")
    settings = tmp_path / "shown" / "counter" / "settings.json"
    settings.rename(tmp_path / "settings.json")
    with start_background([tmp_path / "shown"]) as server:
        ids = ids_of(server.url, tmp_path / "shown")
        assert ask(server.url, trace=ids["of-counter"]).status_code == 200  # the run is no run any more
    shutil.copy(tmp_path / "settings.json", settings)
    with start_background([tmp_path / "shown"]) as server:
        ids = ids_of(server.url, tmp_path / "shown")
        settings.unlink()
        settings.symlink_to(tmp_path / "settings.json")
        error = ask(server.url, trace=ids["of-counter"]).json()["error"]
    assert error["code"] == "server"
    assert str(tmp_path) not in error["message"]
