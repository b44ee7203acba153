"""Names for things that other packages may add to: cells, engines, tasks, …"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from unrolled.errors import UnknownNameError, UnrolledError

T = TypeVar("T")


class RegistryError(UnrolledError):
    """A name that another package registered, but which cannot be loaded."""

    code = "registry"


class Registry(Generic[T]):
    """What is known under a name; nothing is imported before it is asked for.

    Args:
        group: the entry point group in which other packages add theirs, such as `unrolled.tasks`.
        builtin: name → `"module:attribute"` of our own. They work in a plain source checkout too, where no metadata
            is installed, and no other package can take their names.
        what: one word for an entry, for error messages; by default the last word of the group in the singular.
    """

    def __init__(self, group: str, builtin: Mapping[str, str], what: str = "") -> None:
        self.group = group
        self.what = what or group.rpartition(".")[2].removesuffix("s")
        self._builtin = {name: EntryPoint(name, value, group) for name, value in builtin.items()}

    def names(self) -> tuple[str, ...]:
        """Every name: our own in their order, then those of other packages, sorted."""
        return (*self._builtin, *sorted(self._added))

    def get(self, name: str) -> T:
        """What is registered under a name.

        Raises:
            UnknownNameError: there is no such name; the message lists the valid ones.
            RegistryError: another package's entry cannot be loaded, or two packages claim the name.
        """
        if name in self._builtin:
            return cast(T, self._builtin[name].load())
        entries = self._added.get(name)
        if entries is None:
            raise UnknownNameError(self.what, name, self.names())
        if len(entries) > 1:
            values = " and ".join(sorted(entry.value for entry in entries))
            raise RegistryError(f"The {self.what} {name!r} is claimed by {values}.", "Uninstall one of the packages.")
        try:
            return cast(T, entries[0].load())
        except Exception as error:  # whatever a foreign module raises while it is imported
            raise RegistryError(
                f"The {self.what} {name!r} ({entries[0].value}) cannot be loaded: {type(error).__name__}: {error}.",
                "Mend or uninstall the package that adds it.",
            ) from error

    @cached_property
    def _added(self) -> dict[str, list[EntryPoint]]:
        """What other packages add, read once: it takes milliseconds, and a training step asks for its engine."""
        added: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self.group):
            if entry.name not in self._builtin and entry not in added.setdefault(entry.name, []):
                added[entry.name].append(entry)
        return added
