"""What a folder says about itself: is it a trace or a run, what is it called, can it be shown."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import cast

from unrolled.explorer.files import read_exactly
from unrolled.explorer.opening import open_below
from unrolled.formats import RUN_FORMAT, SUMS_FILE, TRACE_FORMAT

# A vocabulary of a million tokens fits; a file made to fill the memory does not.
LARGEST = 64 << 20
LONGEST_TITLE = 200
LONGEST_SUMS = 1 << 14


@dataclass(frozen=True)
class Reading:
    """What a trace or run says about itself; `run` is the run's folder that a trace names, `weights` the sum (SHA-256)
    of the file of weights that it was recorded from."""

    title: str
    problem: str | None = None
    run: Path | None = None
    weights: str | None = None


@dataclass(frozen=True)
class Damaged:
    """A JSON file that is there and cannot be read; why, for people."""

    reason: str


JsonObject = dict[str, object]
# By file: what tells its versions apart, and what stood in it.
ReadingCache = dict[Path, tuple[tuple[int, int, int], "JsonObject | Damaged"]]


def _title(attributes: JsonObject, folder: Path) -> str:
    """What it calls itself, else its folder's name; without what UTF-8 cannot hold (names on disk may)."""
    named = attributes.get("title")
    title = named if isinstance(named, str) and named.strip() else folder.name
    return title[:LONGEST_TITLE].encode("utf-8", "replace").decode()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def read_trace(root: Path, parts: Sequence[str], cache: ReadingCache, *, explicit: bool) -> Reading | None:
    """The trace in the folder `root/part/…`, or None where there is none. `explicit`: the user named the folder."""
    folder = root.joinpath(*parts)
    group = read_object(root, (*parts, "zarr.json"), cache)
    if group is None:
        return None
    if isinstance(group, Damaged):
        return Reading(_title({}, folder), f"zarr.json cannot be read: {group.reason}.")
    attributes = group.get("attributes")
    attributes = cast(JsonObject, attributes) if isinstance(attributes, dict) else {}
    form = attributes.get("format")
    if not (isinstance(form, str) and form.startswith("unrolled-trace/")):
        said = "it is another Zarr store" if form is None else f"its format is {_short(form)}"
        return Reading(_title({}, folder), f"This is no trace: {said}, not {TRACE_FORMAT!r}.") if explicit else None
    return Reading(
        _title(attributes, folder), _trace_problem(attributes), _run_of(attributes, folder), _weights_of(attributes)
    )


def _trace_problem(attributes: JsonObject) -> str | None:
    form = attributes["format"]
    if form != TRACE_FORMAT:
        return f"The trace has the format {_short(form)}; this version of unrolled shows {TRACE_FORMAT!r}."
    steps = attributes.get("complete_steps")
    if steps is None or steps == 0:
        return "The recording is unfinished: no step of it is complete yet."
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        return f"complete_steps is {_short(steps)}; it must be a whole number of steps."
    sites = attributes.get("sites")
    if not isinstance(sites, list) or not sites:
        return "The trace names no site: it holds no signals to show."
    return None


def _run_of(attributes: JsonObject, folder: Path) -> Path | None:
    """The run's folder that a trace names: absolute, or seen from where the trace lies or the server started."""
    model = attributes.get("model")
    path = cast(JsonObject, model).get("path") if isinstance(model, dict) else None
    if not isinstance(path, str) or not path or "\0" in path:
        return None
    places = (folder / path, folder.parent / path, Path.cwd() / path)
    normal = [Path(os.path.normpath(place)) for place in places]
    return next((place for place in normal if (place / "settings.json").is_file()), None)


def _weights_of(attributes: JsonObject) -> str | None:
    model = attributes.get("model")
    weights = cast(JsonObject, model).get("weights_sha256") if isinstance(model, dict) else None
    return weights if isinstance(weights, str) else None


def read_weights(root: Path, parts: Sequence[str]) -> set[str]:
    """The sums of the weights of a run's checkpoints, as it keeps them; none where they cannot be read."""
    sums: set[str] = set()
    with suppress(OSError):
        for checkpoint in root.joinpath(*parts, "checkpoints").iterdir():
            sums_file = (*parts, "checkpoints", checkpoint.name, SUMS_FILE)
            with suppress(OSError), FileIO(open_below(root, sums_file), "rb") as file:
                lines = file.read(LONGEST_SUMS).decode("ascii", "replace").splitlines()
                sums |= {line.split()[0] for line in lines if line.endswith("  weights.safetensors")}
    return sums


def read_run(root: Path, parts: Sequence[str], cache: ReadingCache, *, explicit: bool) -> Reading | None:
    """The run in the folder `root/part/…`, or None where there is none."""
    folder = root.joinpath(*parts)
    settings = read_object(root, (*parts, "settings.json"), cache)
    if settings is None:
        return None
    if isinstance(settings, Damaged):
        # Many programs have a settings.json; what lies beside it tells whether this one was a run's.
        ours = explicit or any((folder / name).exists() for name in ("metrics.jsonl", "checkpoints"))
        return Reading(_title({}, folder), f"settings.json cannot be read: {settings.reason}.") if ours else None
    form = settings.get("format")
    if not (isinstance(form, str) and form.startswith("unrolled-run/")):
        return None
    title = _title(settings, folder)
    if form != RUN_FORMAT:
        return Reading(title, f"The run has the format {_short(form)}; this version of unrolled shows {RUN_FORMAT!r}.")
    return Reading(title)


def read_object(root: Path, parts: Sequence[str], cache: ReadingCache) -> JsonObject | Damaged | None:
    """The JSON object in the file `root/part/…`; None where there is no such file."""
    try:
        descriptor = open_below(root, parts)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Damaged(error.strerror or str(error))
    with FileIO(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        path = root.joinpath(*parts)
        kept = cache.get(path)
        if kept is not None and kept[0] == version:
            return kept[1]
        value = _parse(file, status.st_size)
    cache[path] = (version, value)
    return value


def _parse(file: FileIO, size: int) -> JsonObject | Damaged:
    if size > LARGEST:
        return Damaged(f"it has {size} bytes, more than the {LARGEST} that such a file may have")
    try:
        value = json.loads(read_exactly(file, size))
    except json.JSONDecodeError as error:
        return Damaged(f"it is not whole JSON; see line {error.lineno}, column {error.colno}")
    except (OSError, ValueError, RecursionError):
        return Damaged("it is not whole JSON")
    return cast(JsonObject, value) if isinstance(value, dict) else Damaged("it holds no JSON object")
