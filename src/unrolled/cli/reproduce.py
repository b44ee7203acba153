"""`unrolled reproduce`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.options import JsonFlag
from unrolled.cli.reading import as_path
from unrolled.cli.screen import ProgressBar, print_columns, print_json, remark
from unrolled.cli.stopping import stop_asked


def reproduce(
    name: Annotated[
        str, typer.Argument(help="An experiment, all (of those on tasks), or the path of a recipe of your own (.py).")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder for reports, figures, runs and traces.")],
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=1000, help="Networks of each kind (default: what the recipe takes)."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="The text to learn, for code-java, code-python, tweets and quiz.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew what is in --out.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Make the article's experiments again: train, record, measure, and write a report."""
    from unrolled.errors import StoppedError
    from unrolled.experiments.reproduce import reproduce as run_recipes
    from unrolled.progress import Progress

    with stop_asked() as stop, ExitStack() as shown:
        bar: list[ProgressBar] = []

        def progress(what: str, unit: str) -> Progress:
            if not bar:
                bar.append(shown.enter_context(ProgressBar(what, unit)))
            return bar[0].then(what, unit)

        try:
            done = run_recipes(
                name,
                out,
                seeds=seeds,
                source=source,
                resume=resume,
                overwrite=overwrite,
                tell=remark,
                progress=progress,
                stop=stop,
            )
        except StoppedError as stopped:
            remark(f"{stopped.message} {stopped.hint}")
            return 130
    rows = [
        (judgement.verdict, judgement.text, judgement.because) for _, report in done for judgement in report.judgements
    ]
    if as_json:
        print_json(
            {
                "folder": str(out),
                "experiments": {recipe.name: report.numbers for recipe, report in done},
                "claims": [{"verdict": row[0], "claim": row[1], "because": row[2]} for row in rows],
            }
        )
    else:
        print_columns(str(out), ["verdict", "claim"], [row[:2] for row in rows])
    remark(f"read: {as_path(out / 'index.html')}; look inside: unrolled explore {as_path(out)}")
    return 0
