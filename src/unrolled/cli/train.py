"""`unrolled train`."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unrolled.cli.options import (
    EncodingOption,
    IncludeOption,
    JsonFlag,
    SymbolsOption,
    UnknownOption,
    VerboseFlag,
    one_of,
    with_settings,
)
from unrolled.cli.reading import as_path
from unrolled.cli.screen import ProgressBar, print_json, print_table, remark
from unrolled.cli.seeds import print_comparison, refuse_diverged
from unrolled.cli.stopping import stop_asked
from unrolled.errors import SettingsError
from unrolled.networks.settings import NetworkSettings
from unrolled.training.settings import TrainingSettings

if TYPE_CHECKING:
    from unrolled.training.loop import Outcome

AUTOMATIC = {
    "hidden": "10 for a task, 384 for a text",
    "steps": "3000 for a task; for a text what fits into --minutes",
    "dropout": "for a text, the more the oftener it is seen",
    "recurrent_dropout": "for a text, the more the oftener it is seen",
    "weight_decay": "for a text, the more the oftener it is seen",
    "learning_rate": "0.01 for a task, 0.004 for a text",
}


@with_settings(NetworkSettings, TrainingSettings, automatic=AUTOMATIC)
def train(
    source: Annotated[
        str, typer.Argument(help="task:NAME, a text file, a folder, an archive, - for standard input, corpus:NAME.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The run folder to make.")],
    settings: dict[str, Any],
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help="How long it may take, instead of --steps (default for a text: 3)."),
    ] = None,
    initial: Annotated[
        Path | None, typer.Option("--initial", help="A run whose weights and vocabulary to begin with.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", help="Train so many seeds, from --seed on; --out becomes a folder of runs, seed-N."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; begin it if there is none.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    include: IncludeOption = None,
    encoding: EncodingOption = "utf-8",
    symbols: SymbolsOption = "characters",
    limit: Annotated[int | None, typer.Option("--limit", help="Read at most so many symbols of the source.")] = None,
    unknown: UnknownOption = "error",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Train a network on a text or a task, and keep everything of it in a folder."""
    from unrolled.sources import SYMBOLS
    from unrolled.training.train import train as run_training
    from unrolled.training.train import train_seeds

    if seeds is not None and minutes is not None:
        raise SettingsError(
            "--seeds takes no --minutes: each seed is to have as many updates.", "Give --steps instead."
        )
    with stop_asked() as stop, ProgressBar("reading", "symbols") as bar:
        run = partial(run_training, minutes=minutes) if seeds is None else partial(train_seeds, seeds=seeds)
        result = run(
            source,
            out,
            initial=initial,
            resume=resume,
            overwrite=overwrite,
            include=include or (),
            encoding=encoding,
            symbols=one_of("kind of symbol", symbols, SYMBOLS),
            limit=limit,
            unknown=unknown,
            reading_progress=bar,
            progress=bar.then("training", "steps"),
            stop=stop,
            tell=remark,
            verbose=verbose,
            **settings,
        )
    if isinstance(result, list):
        return _end_of_seeds(out, result, source, seeds or 0, as_json=as_json)
    if as_json:
        print_json({"run": str(result.path), **result.summary})
    else:
        print_table(str(result.path), result.summary)
    if not result.finished:
        remark(f"stopped at step {result.step:,}, all saved; go on with --resume")
        return 130
    remark(f"next: {_next(result.path, source)}")
    return 0


def _end_of_seeds(out: Path, outcomes: list[Outcome], source: str, asked: int, *, as_json: bool) -> int:
    """Shows every seed; says what comes next where all have ended."""
    from unrolled.training.comparison import compare

    comparison = compare(outcomes)
    if as_json:
        print_json({"folder": str(out), **comparison})
    else:
        print_comparison(str(out), comparison)
    if len(outcomes) < asked or any(outcome.stopped for outcome in outcomes):
        remark("stopped, all saved; go on with --resume")
        return 130
    refuse_diverged(comparison)
    best = next(outcome for outcome in outcomes if outcome.seed == comparison["best"])
    remark(f"next: {_next(best.path, source)}")
    return 0


def _next(run: Path, source: str) -> str:
    """The command that records the run on its own text; how that was read, `trace` knows from the run."""
    from unrolled.sources.opening import STDIN

    text = run / STDIN if source == "-" else source
    return shlex.join(["unrolled", "trace", as_path(run), as_path(text), "--out", as_path(f"{run}.trace")])
