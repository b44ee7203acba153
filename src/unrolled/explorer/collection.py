"""The exhibits of a running server: searched for again whenever the page asks what there is."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

from unrolled.explorer.paths import Exhibit, check_roots, find_exhibits, scan
from unrolled.explorer.reading import ReadingCache


class Collection:
    """The exhibits at and below `paths`.

    Raises:
        ServerError: as `find_exhibits`.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._roots = check_roots(paths)
        self._cache: ReadingCache = {}
        self._lock = threading.Lock()
        self._keep(find_exhibits(self._roots))

    def _keep(self, exhibits: list[Exhibit]) -> None:
        self._exhibits = {(exhibit.kind, exhibit.id): exhibit for exhibit in exhibits}

    @property
    def exhibits(self) -> list[Exhibit]:
        """What the last search found."""
        return list(self._exhibits.values())

    def refresh(self) -> list[Exhibit]:
        """Searches the folders again: what is new appears, what is gone goes. Reads only files that changed."""
        with self._lock:
            exhibits = scan(self._roots, self._cache)
            self._keep(exhibits)
            return exhibits

    def get(self, kind: str, name: str) -> Exhibit | None:
        """The exhibit of that kind with the id `name`, as of the last search."""
        return self._exhibits.get((kind, name))
