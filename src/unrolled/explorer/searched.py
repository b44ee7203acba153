"""The exhibits that searches read: by their ids, within the folders that the user named."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from unrolled.errors import ServerError, UnknownNameError, UnrolledError
from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import Exhibit

if TYPE_CHECKING:
    from unrolled.traces.trace import Trace


def exhibit_of(collection: Collection, kind: Literal["run", "trace"], name: str) -> Exhibit:
    """The exhibit with an id; UnknownNameError lists those that there are."""
    found = collection.get(kind, name)
    if found is None:
        raise UnknownNameError(kind, name, [each.id for each in collection.exhibits if each.kind == kind])
    return found


@contextmanager
def by_title(exhibit: Exhibit) -> Generator[None]:
    """The page knows an exhibit by its title, not by its place on this machine; errors name that."""
    try:
        yield
    except UnrolledError as error:
        error.message = error.message.replace(str(exhibit.folder), exhibit.title)
        raise


def refuse_links(exhibit: Exhibit, paths: Iterable[Path]) -> None:
    """Nothing outside the folder that the user named is read: a link in it that leads out is refused, and so is what is
    no file, such as a pipe, which nobody may ever write to.

    Raises:
        ServerError: one of the paths is such.
    """
    for path in paths:
        real = path.resolve()
        if real.exists() and not (real.is_relative_to(exhibit.root) and (real.is_file() or real.is_dir())):
            raise ServerError(
                f"In the {exhibit.kind} {exhibit.title!r} a link leads out, or is no file.",
                f"Show the {exhibit.kind} itself.",
            )


def run_folder(run: Exhibit) -> Path:
    """The folder of a run that is shown; nothing that is read of a run leads out of it.

    Raises:
        ServerError: a link in it leads out.
    """
    paths = [run.folder, *(run.folder / name for name in ("settings.json", "vocabulary.json", "checkpoints"))]
    refuse_links(run, [*paths, *(run.folder / "checkpoints").rglob("*")])
    return run.folder


def open_trace(exhibit: Exhibit) -> Trace:
    """The trace that is shown.

    Raises:
        ServerError: a link in it leads out.
        TraceError: it is damaged.
    """
    from unrolled.traces.trace import Trace

    refuse_links(exhibit, [exhibit.folder, *exhibit.folder.rglob("*")])
    return Trace.open(exhibit.folder)
