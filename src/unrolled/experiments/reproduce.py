"""Runs recipes, each in its folder, and writes what they found."""

from __future__ import annotations

import importlib.util
import json
import shutil
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from unrolled.errors import OutputExistsError, SettingsError, SourceError, UnknownNameError, UnrolledError
from unrolled.experiments import EXPERIMENTS, LONG
from unrolled.experiments.lab import Lab, Reads
from unrolled.experiments.report import (
    MADE_BY,
    MARKS,
    Judgement,
    Paragraph,
    Report,
    Table,
    as_html,
    as_markdown,
)
from unrolled.files import write_json, write_whole
from unrolled.progress import Progress, silent

if TYPE_CHECKING:
    from types import ModuleType

ALL = "all"
NUMBERS = "numbers.json"
OURS = {
    *("runs", "traces", "figures", "samples", "messages.txt", "quiz.html"),
    *("report.md", "report.html", NUMBERS, "times.json"),
}
"""What a recipe leaves in its folder."""
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
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _faults_of(path):
        spec.loader.exec_module(module)
    function = getattr(module, "reproduce", None)
    if not callable(function):
        raise SourceError(f"{path} has no function reproduce(lab).", "See docs/reference/experiments.md.")
    return replace(_recipe(path.stem, module, cast(Callable[[Lab], None], function)), path=path)


@contextmanager
def _faults_of(path: Path | None) -> Generator[None]:
    """Says in one line what a user's own recipe stumbled over, and where; a fault in one of ours goes on up."""
    try:
        yield
    except Exception as error:
        if path is None or isinstance(error, UnrolledError):
            raise
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        raise SourceError(f"{path}, line {line}: {type(error).__name__}: {error}.", "Mend the recipe.") from error


def _recipe(name: str, module: ModuleType, function: Callable[[Lab], None]) -> Recipe:
    first, _, rest = (module.__doc__ or name).strip().partition("\n")
    about = " ".join(rest.strip().partition("\n\n")[0].split())
    return Recipe(name, first.rstrip("."), about, function, getattr(module, "READS", None))


def reproduce(
    name: str,
    out: Path,
    *,
    seeds: int | None = None,
    source: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    progress: Callable[[str, str], Progress] = lambda what, unit: silent,
    stop: Callable[[], bool] = lambda: False,
) -> list[tuple[Recipe, Report]]:
    """Trains, records, measures and reports.

    Args:
        name: see `find_recipes`.
        out: a folder; each recipe has its own below it, with `report.html`, `report.md`, `numbers.json`, figures, runs
            and traces. What all have in common is `index.html` and `claims.json`.
        seeds: how many networks of each kind; the recipe's own number by default.
        source: the text to read, for recipes that read one, see `open_source`.
        resume: goes on where it was stopped: finished recipes are left as they are.
        overwrite: begins anew.
        tell, progress, stop: see `Lab`.

    Returns:
        Each recipe and what it found.

    Raises:
        SettingsError: a source was given to a recipe that reads none, or not to one that needs it.
        OutputExistsError: the folder holds something, and neither option allows to touch it.
        StoppedError: `stop` said so; everything is saved.
        UnrolledError: what training and recording may raise.
    """
    recipes = find_recipes(name)
    _check_index(out)
    for recipe in recipes:
        _check_source(recipe, source)
        folder = out / recipe.name
        if folder.exists() and not (resume or overwrite):
            raise OutputExistsError(
                f"{folder} exists already.",
                "Go on with it by --resume, begin anew by --overwrite, or take another --out.",
            )
    done: list[tuple[Recipe, Report]] = []
    for number, recipe in enumerate(recipes, 1):
        folder = out / recipe.name
        if overwrite and folder.exists():
            _clear(folder)
        report = read_report(folder) if resume else None
        if report is None:
            tell(f"{recipe.name} ({number} of {len(recipes)}): {recipe.title}")
            folder.mkdir(parents=True, exist_ok=True)
            report = Report(recipe.title, recipe.about)
            _run(recipe, Lab(folder, report, seeds, tell, progress, stop, source))
        done.append((recipe, report))
        write_index(out)
    return done


def _check_index(out: Path) -> None:
    """Refuses a folder whose index somebody else wrote: `--out .` must not cost anybody a page."""
    there = [name for name in INDEX if (out / name).exists()]
    if there and MADE_BY not in _text_of(out / INDEX[0]):
        raise OutputExistsError(f"{out} holds {there[0]!r}, which no recipe made.", "Take another --out.")


def _text_of(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def _clear(folder: Path) -> None:
    """Removes what an earlier recipe left; a folder that holds anything else is somebody's own."""
    strange = sorted(path.name for path in folder.iterdir() if path.name not in OURS)
    if strange:
        raise OutputExistsError(
            f"{folder} holds {strange[0]!r}, which no recipe made; it is not overwritten.", "Take another --out."
        )
    shutil.rmtree(folder)


def _check_source(recipe: Recipe, source: str | None) -> None:
    if source is not None and recipe.reads is None:
        raise SettingsError(
            f"The recipe {recipe.name} reads no text, but --source {source} was given.", "Leave it out."
        )
    if source is None and recipe.reads is not None and recipe.reads.default is None:
        raise SettingsError(f"The recipe {recipe.name} needs {recipe.reads.what}.", "Name it by --source FILE.")


def _run(recipe: Recipe, lab: Lab) -> None:
    began = time.monotonic()
    with _faults_of(recipe.path):
        recipe.reproduce(lab)
    write_report(lab.folder, lab.report)
    # Times differ from run to run, and so stand apart from what does not.
    write_json(lab.folder / "times.json", {"seconds": round(time.monotonic() - began, 1)})


def write_report(folder: Path, report: Report) -> None:
    """The report for people, twice; and, last, the one for programs: where that lies, the recipe has ended."""
    write_whole(folder / "report.md", as_markdown(report).encode())
    write_whole(folder / "report.html", as_html(report).encode())
    judgements = [asdict(judgement) for judgement in report.judgements]
    document = {"title": report.title, "about": report.about, "numbers": report.numbers, "claims": judgements}
    write_whole(folder / NUMBERS, (json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())


def read_report(folder: Path) -> Report | None:
    """The numbers and judgements of a recipe that has ended; None where it has not, or where another program wrote."""
    try:
        document = json.loads((folder / NUMBERS).read_text("utf-8"))
        judgements = [Judgement(**each) for each in document["claims"]]
        return Report(document["title"], document["about"], [], document["numbers"], judgements)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_index(out: Path) -> None:
    """One page over all recipes that have ended in a folder: where each report is, and every claim with its verdict."""
    index = Report("Exploring LSTMs, measured")
    reports = _ended(out)
    rows = [(f"[{report.title}]({name}/report.html)", _counts(report.judgements)) for name, report in reports.items()]
    index.pieces = [
        Paragraph(f"Open the recordings: `unrolled explore {out}`."),
        Table(("experiment", "claims"), tuple(rows)),
    ]
    index.judgements = [judgement for report in reports.values() for judgement in report.judgements]
    page, text, table = (out / name for name in INDEX)
    write_whole(page, as_html(index).encode())
    write_whole(text, as_markdown(index).replace("report.html)", "report.md)").encode())
    claims = {
        judgement.claim: {"verdict": judgement.verdict, "because": judgement.because} for judgement in index.judgements
    }
    write_json(table, claims)


def _ended(out: Path) -> dict[str, Report]:
    """What was found in the folders of a folder, our own recipes in their order, then others."""
    order = list(EXPERIMENTS.names())
    names = sorted(path.parent.name for path in out.glob(f"*/{NUMBERS}"))
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    reports = {name: read_report(out / name) for name in names}
    return {name: report for name, report in reports.items() if report is not None}


def _counts(judgements: Sequence[Judgement]) -> str:
    verdicts = [judgement.verdict for judgement in judgements]
    return ", ".join(f"{verdicts.count(name)} {mark} {name}" for name, mark in MARKS.items() if name in verdicts)
