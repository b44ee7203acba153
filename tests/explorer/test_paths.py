"""Finding traces and runs in folders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.explorer.made_by_hand import make_run, make_trace
from unrolled.errors import ServerError
from unrolled.explorer import find_exhibits, start_background
from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import short_names, walk


def write(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def group(**attributes: Any) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def whole(**attributes: Any) -> dict[str, Any]:
    given = {"format": "unrolled-trace/1", "complete_steps": 5, "sites": [{"name": "rnn.l0"}], **attributes}
    return group(**{name: value for name, value in given.items() if value is not None})


def test_a_trace_a_run_and_a_folder_of_some_are_found(tmp_path: Path) -> None:
    make_trace(tmp_path / "all" / "deep" / "One trace", title="Counting to ten")
    make_run(tmp_path / "all" / "run", title="The run")
    make_run(tmp_path / "all" / "untitled")
    titles = {"Counting to ten", "The run", "untitled"}
    assert {exhibit.title for exhibit in find_exhibits([tmp_path])} == titles
    assert {exhibit.title for exhibit in find_exhibits([tmp_path / "all", tmp_path / "all" / "run"])} == titles
    (trace,) = find_exhibits([tmp_path / "all" / "deep" / "One trace"])
    assert (trace.kind, trace.title, trace.problem) == ("trace", "Counting to ten", None)
    assert trace.folder == tmp_path / "all" / "deep" / "One trace"
    (run,) = find_exhibits([str(tmp_path / "all" / "run")])
    assert (run.kind, run.title, run.problem) == ("run", "The run", None)


def test_an_id_stays_the_same_however_its_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_trace(tmp_path / "a" / "My Trace (2)")
    (alone,) = find_exhibits([tmp_path / "a" / "My Trace (2)"])
    make_run(tmp_path / "b")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path / "a")
    for path in (tmp_path, tmp_path / "a", "../link", ".", "My Trace (2)"):
        ids = [exhibit.id for exhibit in find_exhibits([path]) if exhibit.kind == "trace"]
        assert ids == [alone.id]
    assert alone.id.startswith("my-trace-2-")
    assert len(alone.id) < 20


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.sets(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=20))
def test_ids_are_short_unique_and_plain(paths: set[str]) -> None:
    folders = {Path("/") / path for path in paths}
    ids = short_names(folders)
    assert set(ids) == folders
    assert len(set(ids.values())) == len(folders)
    for name in ids.values():
        assert name.isascii()
        assert name.replace("-", "").isalnum()
        assert name == name.lower()
        assert len(name) < 45


def test_ids_whose_hashes_begin_alike_are_told_apart() -> None:
    """Found by search: the SHA-256 of these two paths begins with the same six digits."""
    import hashlib

    seen: dict[str, Path] = {}
    number = 0
    while True:
        path = Path(f"/{number}/x")
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:6]
        if digest in seen:
            break
        seen[digest] = path
        number += 1
    first, second = short_names([path, seen[digest]]).values()
    assert first != second
    assert first[:8] == second[:8] == f"x-{digest}"


def test_links_and_hidden_and_far_folders_are_not_searched(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "t" / "zarr.json", whole())
    shown = tmp_path / "shown"
    write(shown / "1" / "2" / "3" / "4" / "5" / "zarr.json", whole(title="deep enough"))
    write(shown / "1" / "2" / "3" / "4" / "x" / "6" / "zarr.json", whole(title="too deep"))
    write(shown / ".hidden" / "zarr.json", whole())
    write(shown / "node_modules" / "zarr.json", whole())
    (shown / "link").symlink_to(tmp_path / "outside")
    (shown / "loop").symlink_to(shown)
    (shown / "linked file").mkdir()
    (shown / "linked file" / "zarr.json").symlink_to(tmp_path / "outside" / "t" / "zarr.json")
    assert [exhibit.title for exhibit in find_exhibits([shown])] == ["deep enough"]
    assert {parts[0] for parts in walk(shown) if parts} == {"1", "linked file"}


def test_the_inside_of_traces_and_the_checkpoints_of_runs_are_not_searched(tmp_path: Path) -> None:
    write(tmp_path / "trace" / "zarr.json", whole(title="outer"))
    write(tmp_path / "trace" / "inner" / "zarr.json", whole(title="inner"))
    make_run(tmp_path / "run", title="run")
    assert {exhibit.title for exhibit in find_exhibits([tmp_path])} == {"outer", "run"}


def test_a_trace_is_tied_to_its_run(tmp_path: Path) -> None:
    make_run(tmp_path / "by-name")
    make_run(tmp_path / "around")
    write(tmp_path / "named" / "zarr.json", whole(model={"kind": "run", "path": "../by-name"}))
    write(tmp_path / "absolute" / "zarr.json", whole(model={"kind": "run", "path": str(tmp_path / "by-name")}))
    write(tmp_path / "around" / "trace" / "zarr.json", whole())
    write(tmp_path / "around" / "astray" / "zarr.json", whole(model={"kind": "run", "path": "../../by-name"}))
    write(tmp_path / "loose" / "zarr.json", whole(model={"kind": "run", "path": "../gone"}))
    write(tmp_path / "odd" / "zarr.json", whole(model={"kind": "run", "path": 7}))
    exhibits = find_exhibits([tmp_path])
    ids = {exhibit.folder.relative_to(tmp_path).as_posix(): exhibit.id for exhibit in exhibits}
    runs = {exhibit.folder.name: exhibit.run_id for exhibit in exhibits if exhibit.kind == "trace"}
    assert runs == {
        "named": ids["by-name"],
        "absolute": ids["by-name"],
        "astray": ids["by-name"],
        "trace": ids["around"],
        "loose": None,
        "odd": None,
    }
    traces = {exhibit.folder.name: set(exhibit.trace_ids) for exhibit in exhibits if exhibit.kind == "run"}
    assert traces == {
        "by-name": {ids["named"], ids["absolute"], ids["around/astray"]},
        "around": {ids["around/trace"]},
    }
    entries = {exhibit.id: exhibit.entry() for exhibit in exhibits}
    assert entries[ids["named"]]["run_id"] == ids["by-name"]
    assert "run_id" not in entries[ids["loose"]]
    assert entries[ids["around"]]["trace_ids"] == [ids["around/trace"]]


def test_a_trace_is_tied_to_a_run_that_was_moved_by_its_weights(tmp_path: Path) -> None:
    for name, checkpoint, weights in (("moved", "20", "a" * 64), ("other", "20", "b" * 64), ("linked", "20", "c" * 64)):
        make_run(tmp_path / "shown" / name)
        folder = tmp_path / "shown" / name / "checkpoints" / checkpoint
        if name == "linked":  # nothing is read through a link that leads out
            (tmp_path / "outside").mkdir()
            folder.parent.mkdir(exist_ok=True)
            folder.symlink_to(tmp_path / "outside")
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{'f' * 64}  state.json", f"{weights}  weights.safetensors"]
        (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    for name, weights in (("of-moved", "a" * 64), ("of-state", "f" * 64), ("of-linked", "c" * 64), ("odd", 3)):
        model = {"kind": "run", "path": "/gone/run", "weights_sha256": weights}
        write(tmp_path / "shown" / name / "zarr.json", whole(model=model))
    exhibits = find_exhibits([tmp_path / "shown"])
    ids = {exhibit.folder.name: exhibit.id for exhibit in exhibits}
    tied = {exhibit.folder.name: exhibit.run_id for exhibit in exhibits if exhibit.kind == "trace"}
    assert tied == {"of-moved": ids["moved"], "of-state": None, "of-linked": None, "odd": None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not whole JSON"),
        (b'{"attributes": {"format": "unrolled-tra', "not whole JSON"),
        (b"\xff\xfe\x00", "not whole JSON"),
        (b"[" * 100_000, "not whole JSON"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "not whole JSON"),
        (b"[1, 2]", "no JSON object"),
        (whole(format="unrolled-trace/2"), "'unrolled-trace/2'"),
        (whole(complete_steps=None), "unfinished"),
        (whole(complete_steps=0), "unfinished"),
        (whole(complete_steps=-3), "complete_steps is -3"),
        (whole(complete_steps="many"), "complete_steps is 'many'"),
        (whole(complete_steps=True), "complete_steps is True"),
        (whole(complete_steps="9" * 10_000), "complete_steps is '999"),
        (whole(sites=[]), "no site"),
        (whole(sites=None), "no site"),
    ],
)
def test_a_damaged_trace_says_what_is_wrong_and_the_others_are_shown(
    tmp_path: Path, content: bytes | dict[str, Any], said: str
) -> None:
    write(tmp_path / "bad" / "zarr.json", content)
    write(tmp_path / "good" / "zarr.json", whole())
    bad, good = find_exhibits([tmp_path])
    assert (bad.kind, bad.folder.name) == ("trace", "bad")
    assert bad.problem is not None
    assert said in bad.problem
    assert "\n" not in bad.problem
    assert len(bad.problem) < 300
    assert bad.entry()["problem"] == bad.problem
    assert good.problem is None
    assert "problem" not in good.entry()


def test_a_file_too_large_to_be_read_is_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "bad" / "zarr.json", b"{")
    with path.open("ab") as file:
        file.truncate(1 << 40)
    (bad,) = find_exhibits([tmp_path])
    assert bad.problem is not None
    assert f"{1 << 40} bytes" in bad.problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_hold_the_search_up(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "zarr.json")
    os.mkfifo(tmp_path / "pipe" / "settings.json")
    write(tmp_path / "good" / "zarr.json", whole())
    assert [exhibit.folder.name for exhibit in find_exhibits([tmp_path])] == ["good"]


def test_damaged_runs_and_other_programs_settings(tmp_path: Path) -> None:
    make_run(tmp_path / "cut")
    write(tmp_path / "cut" / "settings.json", '{"format": "unrol')
    make_run(tmp_path / "later", title="L")
    write(tmp_path / "later" / "settings.json", {"format": "unrolled-run/9", "title": "L"})
    write(tmp_path / "editor" / "settings.json", "// comments\n{}")
    write(tmp_path / "program" / "settings.json", {"format": "other"})
    problems = {exhibit.folder.name: exhibit.problem for exhibit in find_exhibits([tmp_path])}
    assert set(problems) == {"cut", "later"}
    assert problems["cut"] is not None
    assert "not whole JSON" in problems["cut"]
    assert problems["later"] is not None
    assert "'unrolled-run/9'" in problems["later"]


def test_another_zarr_store_is_passed_over_unless_it_was_named(tmp_path: Path) -> None:
    write(tmp_path / "other" / "zarr.json", group(title="weather"))
    write(tmp_path / "good" / "zarr.json", whole())
    assert [exhibit.folder.name for exhibit in find_exhibits([tmp_path])] == ["good"]
    (named,) = find_exhibits([tmp_path / "other"])
    assert named.problem is not None
    assert "another Zarr store" in named.problem


@pytest.mark.parametrize("title", ["", "  ", 7, None, ["x"]])
def test_a_title_that_is_none_gives_way_to_the_folder_s_name(tmp_path: Path, title: object) -> None:
    write(tmp_path / "named so" / "zarr.json", whole(title=title))
    assert find_exhibits([tmp_path])[0].title == "named so"


def test_titles_that_utf8_cannot_hold_do_not_break_the_list(tmp_path: Path) -> None:
    write(tmp_path / "a" / "zarr.json", whole(title="half \ud800 pair"))
    write(tmp_path / "b" / "zarr.json", whole(title="x" * 100_000))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/c\xff"))
    write(odd / "zarr.json", whole())
    with start_background([tmp_path]) as server:
        answer = httpx.get(f"{server.url}exhibits.json")
        assert answer.status_code == 200
        entries = answer.json()["exhibits"]
        assert [entry["title"] for entry in entries] == ["half ? pair", "x" * 200, "c?"]
        for entry in entries:
            assert httpx.get(f"{server.url}{entry['path']}zarr.json").status_code == 200


def test_nothing_found_says_what_was_looked_for_and_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ServerError) as caught:
        find_exhibits([tmp_path])
    for word in (str(tmp_path), "unrolled-trace/1", "unrolled-run/1"):
        assert word in caught.value.message
    assert "unrolled demo" in caught.value.hint


def test_what_is_no_folder_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "good" / "zarr.json", whole())
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in ("gone", "good/zarr.json", "loop", "nul\0"):
        with pytest.raises(ServerError) as caught:
            find_exhibits([tmp_path / "good", tmp_path / path])
        assert repr(str(tmp_path / path)) in caught.value.message
        assert "\n" not in str(caught.value)
    with pytest.raises(ServerError):
        find_exhibits([])


def test_what_appears_changes_or_goes_is_seen_at_the_next_search(tmp_path: Path) -> None:
    first = write(tmp_path / "first" / "zarr.json", whole(complete_steps=0))
    collection = Collection([tmp_path])
    assert [bool(exhibit.problem) for exhibit in collection.refresh()] == [True]
    write(first, whole(complete_steps=9))
    write(tmp_path / "second" / "zarr.json", whole())
    assert [(exhibit.folder.name, exhibit.problem) for exhibit in collection.refresh()] == [
        ("first", None),
        ("second", None),
    ]
    first.unlink()
    (second,) = collection.refresh()
    assert collection.get("trace", second.id) == second
    assert collection.get("run", second.id) is None
    (tmp_path / "second" / "zarr.json").unlink()
    assert collection.refresh() == []


def test_a_trace_recorded_while_the_page_is_open_appears_on_reload(tmp_path: Path) -> None:
    make_trace(tmp_path / "first")
    with start_background([tmp_path]) as server:
        assert len(httpx.get(f"{server.url}exhibits.json").json()["exhibits"]) == 1
        make_trace(tmp_path / "second")
        listing = httpx.get(f"{server.url}exhibits.json").json()
        assert listing["format"] == "unrolled-exhibits/1"
        first, second = listing["exhibits"]
        assert set(second) == {"id", "kind", "title", "path"}
        assert second["path"] == f"traces/{second['id']}/"
        assert httpx.get(f"{server.url}{second['path']}zarr.json").json()["attributes"]["complete_steps"] == 2500
        assert first["id"] != second["id"]
