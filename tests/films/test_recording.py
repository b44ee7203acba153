"""Traces of films: pictures in their places, captions, and checks that notice damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

import unrolled
from tests.films.making import coloured_film, make_network
from unrolled.errors import OutputExistsError, TraceError, UnknownNameError
from unrolled.films import answers, make_films, record_films, states
from unrolled.sources.films import LABELS, SHOTS
from unrolled.traces.format import FRAMES_BYTES
from unrolled.traces.trace import Trace


def test_a_trace_holds_the_films(tmp_path: Path) -> None:
    films = make_films(0, 30, 15, variants=4)
    network = make_network(films)
    record_films(network, films, tmp_path / "trace", title="Thirty films")
    group = zarr.open_group(tmp_path / "trace", mode="r")  # as anybody else would read it
    frames = group["frames"]
    assert isinstance(frames, zarr.Array)
    assert frames.metadata.dimension_names == ("step", "height", "width", "colour")  # type: ignore[union-attr]
    assert frames.chunks[0] == min(FRAMES_BYTES // (24 * 24 * 3), 450)
    assert np.array_equal(frames[...], films.pictures[films.frames.ravel()])
    assert group.attrs["frames"] == {"height": 24, "width": 24}
    assert np.asarray(group["sequences"][...]).tolist() == [[15 * n, 15 * n + 15] for n in range(30)]  # type: ignore[index]
    for name, values in states(network, films).items():
        assert np.array_equal(group[f"signals/rnn.l0/{name}"][...], values.reshape(450, 6))  # type: ignore[index]
    trace = Trace.open(tmp_path / "trace")
    assert trace.frames is not None
    assert np.array_equal(trace.frames, frames[...])
    report = unrolled.check(trace)
    assert report.ok
    assert any(
        finding.what == "frames can be read" and finding.values == 450 * 24 * 24 * 3 for finding in report.findings
    )


def test_a_cell_that_runs_as_another_keeps_its_name_and_its_equations(tmp_path: Path) -> None:
    films = make_films(0, 5, 10, variants=4)
    trace = record_films(make_network(films, "no-input-gate"), films, tmp_path / "trace")
    (site,) = trace.info.sites
    assert site.cell == "no-input-gate"
    assert "c = f·c₋₁ + g" in site.equations
    assert unrolled.check(trace).ok


def test_captions_say_what_is_shown_what_happens_and_what_the_network_takes_it_for(tmp_path: Path) -> None:
    films = make_films(0, 5, 20, variants=4)
    network = make_network(films)
    trace = record_films(network, films, tmp_path / "trace")
    said = answers(network, films).ravel()
    for step, caption in enumerate(trace.labels()):
        shown, _, happening = caption.partition(": ")
        assert shown == SHOTS[films.shots.ravel()[step]]
        right, _, wrong = happening.partition(", not ")
        assert right == LABELS[films.labels.ravel()[step]]
        assert wrong == ("" if said[step] == films.labels.ravel()[step] else LABELS[said[step]])


def test_films_of_files_are_recorded_as_long_as_they_are(tmp_path: Path) -> None:
    films = coloured_film()
    trace = record_films(make_network(films, "rnn"), films, tmp_path / "trace", signals=("hidden",))
    assert [len(sequence) for sequence in trace.sequences] == [8, 8, 8, 6]
    assert trace.frames is not None
    assert np.array_equal(trace.frames, films.pictures)
    assert set(trace.labels()) <= {"red", "green", "no label", "red, not green", "green, not red"}
    assert unrolled.check(trace).ok


def test_a_copy_keeps_the_pictures(tmp_path: Path) -> None:
    films = coloured_film()
    trace = record_films(make_network(films), films, tmp_path / "trace")
    copy = trace.save(tmp_path / "copy")
    assert copy.frames is not None
    assert np.array_equal(copy.frames, films.pictures)
    assert copy.info.frames == trace.info.frames


def test_damaged_and_missing_pictures_are_found(tmp_path: Path) -> None:
    films = coloured_film()
    record_films(make_network(films), films, tmp_path / "trace")
    (chunk,) = [path for path in (tmp_path / "trace" / "frames" / "c").rglob("*") if path.is_file()]
    whole = bytearray(chunk.read_bytes())
    whole[len(whole) // 2] ^= 1
    chunk.write_bytes(whole)
    report = unrolled.check(tmp_path / "trace")
    assert not report.ok
    (finding,) = [finding for finding in report.findings if not finding.ok]
    assert finding.what == "frames can be read"
    assert "frames" in finding.note
    chunk.unlink()
    assert not unrolled.check(tmp_path / "trace").ok


def test_pictures_of_another_size_than_the_trace_says_are_refused(tmp_path: Path) -> None:
    films = coloured_film()
    record_films(make_network(films), films, tmp_path / "trace")
    path = tmp_path / "trace" / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"]["frames"]["width"] = 99
    path.write_text(json.dumps(document))
    with pytest.raises(TraceError, match="frames has the shape"):
        Trace.open(tmp_path / "trace")


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    films, others = make_films(0, 3, 10, variants=2), coloured_film()
    network = make_network(films)
    with pytest.raises(TraceError, match="labels"):
        record_films(network, others, tmp_path / "trace")
    with pytest.raises(UnknownNameError, match="reset_gate"):
        record_films(network, films, tmp_path / "trace", signals=("reset_gate",))
    assert not (tmp_path / "trace").exists()
    record_films(network, films, tmp_path / "trace")
    with pytest.raises(OutputExistsError):
        record_films(network, films, tmp_path / "trace")
    record_films(network, films, tmp_path / "trace", overwrite=True)
