"""What there is to show: traces and runs, found in the folders that the user names."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from pathlib import Path
from typing import Literal

from unrolled.errors import ServerError
from unrolled.explorer.opening import is_file_below
from unrolled.explorer.reading import Reading, ReadingCache, read_run, read_trace, read_weights
from unrolled.formats import FINDINGS_FILE, RUN_FORMAT, TRACE_FORMAT

logger = logging.getLogger("unrolled.explorer")

# A folder full of other things (a home folder, a disk) must not hold up the page.
DEEPEST = 5
MOST_FOLDERS = 20_000
# Folders of a run that hold no exhibits, and folders that are large and never ours.
SKIPPED = frozenset({"checkpoints", "node_modules", "__pycache__"})


@dataclass(frozen=True)
class Exhibit:
    """A trace or a run that the page can show.

    Attributes:
        id: short, unique, letters, digits and `-`; the same as long as the folder stays where it is.
        kind: `trace` or `run`.
        title: for people.
        root: the folder that the user named, resolved.
        parts: the way from `root` to the exhibit's own folder; empty where it is `root` itself.
        problem: one line for people where it cannot be shown, else None.
        run_id: of a trace: the run that made it, where that is shown too.
        trace_ids: of a run: its traces that are shown too.
        findings: of a trace: whether it was searched, so that its findings can be shown.
    """

    id: str
    kind: Literal["trace", "run"]
    title: str
    root: Path
    parts: tuple[str, ...]
    problem: str | None = None
    run_id: str | None = None
    trace_ids: tuple[str, ...] = ()
    findings: bool = False

    @property
    def folder(self) -> Path:
        """The exhibit's own folder, absolute."""
        return self.root.joinpath(*self.parts)

    def entry(self) -> dict[str, object]:
        """Its entry in `exhibits.json`."""
        entry: dict[str, object] = {
            "id": self.id,
            "kind": self.kind,
            "title": self.title,
            "path": f"{self.kind}s/{self.id}/",
        }
        if self.kind == "run":
            entry["trace_ids"] = list(self.trace_ids)
        if self.run_id is not None:
            entry["run_id"] = self.run_id
        if self.findings:
            entry["findings"] = True
        if self.problem is not None:
            entry["problem"] = self.problem
        return entry


def find_exhibits(paths: Iterable[str | Path]) -> list[Exhibit]:
    """The traces and runs at and below `paths`, in order of path; each path a trace, a run or a folder of some.

    Looks at most five folders deep, follows no links below a path, and skips hidden folders. An exhibit that is
    damaged or unfinished has a `problem`.

    Raises:
        ServerError: a path is no folder, or nothing was found at all.
    """
    roots = check_roots(paths)
    exhibits = scan(roots, {})
    if not exhibits:
        names = ", ".join(repr(str(root)) for root in roots)
        raise ServerError(
            f"No trace and no run was found in {names}: a trace has a zarr.json with format {TRACE_FORMAT!r}, "
            f"a run a settings.json with format {RUN_FORMAT!r}.",
            "Make one with `unrolled demo`, or with `unrolled train` and `unrolled trace`.",
        )
    return exhibits


def check_roots(paths: Iterable[str | Path]) -> list[Path]:
    """`paths`, resolved.

    Raises:
        ServerError: there are none, or one is not a folder that can be read.
    """
    roots: list[Path] = []
    for path in paths:
        try:
            root = Path(path).expanduser().resolve(strict=True)
            with os.scandir(root):
                roots.append(root)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no such folder"
            raise ServerError(
                f"{str(path)!r} is not a folder that can be shown: {reason}.",
                "Name a trace, a run or a folder that holds some; `unrolled demo` makes one.",
            ) from error
    if not roots:
        raise ServerError("No folder was given to show.", "Name a trace, a run or a folder that holds some.")
    return roots


def scan(roots: Sequence[Path], cache: ReadingCache) -> list[Exhibit]:
    """As `find_exhibits`, but what is not there (any more) is left out, and files that `cache` knows are not read."""
    found: dict[Path, Exhibit] = {}
    traces: dict[Path, Reading] = {}
    for root in roots:
        for parts in walk(root):
            folder = root.joinpath(*parts)
            explicit = not parts
            if trace := read_trace(root, parts, cache, explicit=explicit):
                searched = is_file_below(root, (*parts, FINDINGS_FILE))
                found[folder] = Exhibit("", "trace", trace.title, root, parts, trace.problem, findings=searched)
                traces[folder] = trace
            elif run := read_run(root, parts, cache, explicit=explicit):
                found[folder] = Exhibit("", "run", run.title, root, parts, run.problem)
    names = short_names(found)
    exhibits = [replace(exhibit, id=names[folder]) for folder, exhibit in sorted(found.items())]
    return _tie(exhibits, traces)


def walk(root: Path) -> Iterator[tuple[str, ...]]:
    """Every folder at and below `root` that may be an exhibit, nearest first, as its way from `root`."""
    waiting: deque[tuple[str, ...]] = deque([()])
    seen = 0
    while waiting:
        parts = waiting.popleft()
        yield parts
        if len(parts) >= DEEPEST:
            continue
        for name in _folders_in(root.joinpath(*parts)):
            seen += 1
            if seen > MOST_FOLDERS:
                logger.warning("%s holds more than %d folders; the rest is not searched.", root, MOST_FOLDERS)
                return
            waiting.append((*parts, name))


def _folders_in(folder: Path) -> list[str]:
    """The folders in `folder` to search; none in a Zarr store, whose folders are arrays."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == "zarr.json":
                    return []
                if entry.name not in SKIPPED and entry.name[0] != "." and entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
    except OSError:  # not ours to read, or gone meanwhile
        return []
    return sorted(names)


def short_names(folders: Iterable[Path]) -> dict[Path, str]:
    """A short name for each folder: its own name and as much of its path's hash as keeps the names apart."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for folder in sorted(folders):
        word = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:32].strip("-")
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
        length = 6
        while (name := f"{word}-{digest[:length]}".lstrip("-")) in taken:
            length += 1
        taken.add(name)
        names[folder] = name
    return names


def _tie(exhibits: list[Exhibit], traces: Mapping[Path, Reading]) -> list[Exhibit]:
    """Ties each trace to the run that it names, or that has its weights, or in whose folder it lies."""
    runs = {exhibit.folder: exhibit for exhibit in exhibits if exhibit.kind == "run"}
    weights = once(lambda: {each: run for run in runs.values() for each in read_weights(run.root, run.parts)})
    run_ids: dict[str, str] = {}
    for exhibit in exhibits:
        if exhibit.kind == "trace":
            said = traces[exhibit.folder]
            named = None if said.run is None else runs.get(said.run)
            alike = None if named or said.weights is None else weights().get(said.weights)  # the run was moved
            above = next((runs[folder] for folder in exhibit.folder.parents if folder in runs), None)
            if run := named or alike or above:
                run_ids[exhibit.id] = run.id
    return [
        replace(exhibit, run_id=run_ids.get(exhibit.id))
        if exhibit.kind == "trace"
        else replace(exhibit, trace_ids=tuple(trace for trace, run in run_ids.items() if run == exhibit.id))
        for exhibit in exhibits
    ]
