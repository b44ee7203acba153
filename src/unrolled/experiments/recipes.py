"""The recipes there are: ours by name, a user's own by its path."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from unrolled.errors import SourceError, UnknownNameError, UnrolledError
from unrolled.experiments import EXPERIMENTS, LONG
from unrolled.experiments.lab import Lab, Reads
from unrolled.python_files import fault_in, load_module

if TYPE_CHECKING:
    from types import ModuleType

ALL = "all"
INDEX = ("index.html", "index.md", "claims.json")
"""What all recipes of a folder have in common."""


@dataclass(frozen=True)
class Recipe:
    """name: of its folder. title and about: the first line, and the next paragraph, of its documentation. reproduce:
    what it does. reads: the text that it takes by `--source`, if it takes one. path: of a user's own."""

    name: str
    title: str
    about: str
    reproduce: Callable[[Lab], None]
    reads: Reads | None = None
    path: Path | None = None


def find_recipes(name: str) -> list[Recipe]:
    """The recipes that a user asks for.

    Args:
        name: of one; `all` for those of ours that take minutes (`LONG` lists the others); or the path of a Python file
            that holds a function `reproduce(lab)`.

    Raises:
        UnknownNameError: there is no such recipe; the message lists those there are.
        SourceError: the file holds no recipe.
    """
    if name.endswith(".py"):
        return [_from_file(Path(name))]
    if name == ALL:
        return [_ours(known) for known in EXPERIMENTS.names() if known not in LONG]
    if name not in EXPERIMENTS.names():
        raise UnknownNameError("experiment", name, [*EXPERIMENTS.names(), ALL, "the path of a recipe (.py)"])
    return [_ours(name)]


def _ours(name: str) -> Recipe:
    function = EXPERIMENTS.get(name)
    module = importlib.import_module(function.__module__)
    return _recipe(name, module, function)


def _from_file(path: Path) -> Recipe:
    """A recipe of the user's own, which may do whatever a program may."""
    if not path.is_file():
        raise SourceError(f"There is no file {str(path)!r}.", "Name a recipe, or the path of one.")
    if path.stem.startswith(".") or path.stem in INDEX:
        raise SourceError(f"A recipe cannot be called {path.name!r}: its folder has its name.", "Rename the file.")
    with faults_of(path):
        module = load_module(path, f"recipe_{path.stem}")
    function = getattr(module, "reproduce", None)
    if not callable(function):
        raise SourceError(f"{path} has no function reproduce(lab).", "See docs/reference/experiments.md.")
    if not isinstance(getattr(module, "READS", None), Reads | None):
        raise SourceError(f"{path}: READS is not what a recipe reads.", 'Write READS = Reads("a text of …").')
    return replace(_recipe(path.stem, module, cast(Callable[[Lab], None], function)), path=path)


@contextmanager
def faults_of(path: Path | None) -> Generator[None]:
    """Says in one line what a user's own recipe stumbled over, and where; a fault in one of ours goes on up.

    Raises:
        SourceError: the recipe has a fault, or ends the program.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        if path is None or isinstance(error, UnrolledError):
            raise
        raise SourceError(f"{fault_in(path, error)}.", "Mend the recipe.") from error


def _recipe(name: str, module: ModuleType, function: Callable[[Lab], None]) -> Recipe:
    first, _, rest = (module.__doc__ or name).strip().partition("\n")
    about = " ".join(rest.strip().partition("\n\n")[0].split())
    return Recipe(name, first.rstrip("."), about, function, getattr(module, "READS", None))
