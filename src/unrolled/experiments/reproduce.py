"""Runs recipes, each in its folder, and writes what they found."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from unrolled.errors import OutputExistsError, SettingsError
from unrolled.experiments import EXPERIMENTS
from unrolled.experiments.asked import ASKED, Asked, go_on
from unrolled.experiments.lab import Lab
from unrolled.experiments.recipes import INDEX, Recipe, faults_of, find_recipes
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
from unrolled.files import check_adding, write_json, write_whole
from unrolled.progress import Progress, silent
from unrolled.settings import check_both
from unrolled.sources import open_source

NUMBERS = "numbers.json"
OURS = {
    *("runs", "traces", "figures", "samples", "messages.txt", "quiz.html"),
    *("report.md", "report.html", NUMBERS, "times.json", ASKED),
}
"""What a recipe leaves in its folder."""


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
        SettingsError: a source was given to a recipe that reads none, or not to one that needs it; both `resume` and
            `overwrite`; or, to go on, other seeds or another source than the folder was begun with.
        OutputExistsError: the folder holds something, and neither option allows to touch it; or `out` is a run, a
            trace, or has an index that somebody else wrote.
        StoppedError: `stop` said so; everything is saved.
        UnrolledError: what training and recording may raise.
    """
    check_both(resume=resume, overwrite=overwrite)
    recipes = find_recipes(name)
    _check_index(out)
    if not (resume or overwrite):
        _refuse_taken([out / recipe.name for recipe in recipes])
    plan = [_planned(recipe, out / recipe.name, seeds, source, resume) for recipe in recipes]
    done: list[tuple[Recipe, Report]] = []
    for number, (recipe, asked, ended) in enumerate(plan, 1):
        report = ended or Report(recipe.title, recipe.about)
        if ended is None:
            tell(f"{recipe.name} ({number} of {len(plan)}): {recipe.title}")
            folder = out / recipe.name
            if overwrite and folder.exists():
                _clear(folder)
            with _begun(folder, asked):
                _run(recipe, Lab(folder, report, asked.seeds, tell, progress, stop, asked.source))
        done.append((recipe, report))
        write_index(out)
    return done


def _refuse_taken(folders: Sequence[Path]) -> None:
    """Refuses to begin where there is anything; an empty folder is free."""
    for folder in folders:
        if any(folder.iterdir()) if folder.is_dir() else folder.exists():
            raise OutputExistsError(
                f"{folder} exists already.",
                "Go on with it by --resume, begin anew by --overwrite, or take another --out.",
            )


def _planned(
    recipe: Recipe, folder: Path, seeds: int | None, source: str | None, resume: bool
) -> tuple[Recipe, Asked, Report | None]:
    """A recipe, what is asked of it, and what it found where it has ended before and goes on."""
    asked = Asked(recipe=recipe.path.name if recipe.path else recipe.name, seeds=seeds, source=source)
    asked = go_on(folder, asked) if resume else asked
    ended = read_report(folder) if resume else None
    if ended is None:
        _check_source(recipe, asked.source)
    return recipe, asked, ended


@contextmanager
def _begun(folder: Path, asked: Asked) -> Generator[None]:
    """Makes a folder, unless it is there; one in which nothing was made is gone again where the block fails."""
    folder.mkdir(parents=True, exist_ok=True)
    asked.keep(folder)
    try:
        yield
    except BaseException:
        if not any(path.is_file() and path.name != ASKED for path in folder.rglob("*")):
            shutil.rmtree(folder)
        raise


def _check_index(out: Path) -> None:
    """Refuses a folder that is something else, or whose index somebody else wrote: `--out .` costs nobody a page."""
    check_adding(out)
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
    """Refuses a source that the recipe cannot take, before anything is made or cleared for it."""
    if recipe.reads is None:
        if source is not None:
            raise SettingsError(
                f"The recipe {recipe.name} reads no text, but --source {source} was given.", "Leave it out."
            )
        return
    source = recipe.reads.default if source is None else source
    if source is None:
        raise SettingsError(f"The recipe {recipe.name} needs {recipe.reads.what}.", "Name it by --source FILE.")
    if source == "-":
        raise SettingsError("--source cannot be -: a recipe reads its text more than once.", "Keep it in a file.")
    open_source(source)


def _run(recipe: Recipe, lab: Lab) -> None:
    began = time.monotonic()
    with faults_of(recipe.path):
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
