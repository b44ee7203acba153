"""`unrolled find`."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unrolled.cli.options import (
    CheckpointOption,
    EngineOption,
    IncludeOption,
    JsonFlag,
    LimitOption,
    OwnEncodingOption,
    PartOption,
    UnknownOption,
    names_in,
)
from unrolled.cli.reading import as_path, load, read_part
from unrolled.cli.screen import ProgressBar, fits, print_columns, print_json, remark
from unrolled.errors import SettingsError

if TYPE_CHECKING:
    from unrolled.neurons.find import Finding, Findings, Sought

COLUMNS = ("hypothesis", "neuron", "score [95 %]", "chance")
MORE = ("untrained", "precision", "recall", "2, 4, 8 together")
"""Columns for which there is room on a wide terminal."""
TASK_STEPS = 20_000
"""A task has few different strings: they are read again and again, in an order of chance."""


def find(
    run_or_trace: Annotated[Path | None, typer.Argument(help="A run folder, or a trace.")] = None,
    source: Annotated[str | None, typer.Argument(help="For a run: a text or task, as for train.")] = None,
    hypothesis: Annotated[
        list[str] | None,
        typer.Option(
            "--hypothesis",
            help="Names, groups, all, or your own: NAME=re:PATTERN, NAME=py:FILE.py:FUNCTION, "
            "NAME=csv:FILE.csv:COLUMN; may be repeated (default: those that apply to the source).",
        ),
    ] = None,
    signals: Annotated[
        str, typer.Option("--signals", help="Names of signals, separated by commas (default: all).")
    ] = "",
    top: Annotated[int, typer.Option("--top", min=1, max=50, help="Neurons to show of each hypothesis.")] = 1,
    q: Annotated[float, typer.Option("--q", help="The false-discovery rate: the share of findings by chance.")] = 0.05,
    shifts: Annotated[
        int,
        typer.Option(
            "--shifts", min=20, max=20_000, help="How often labels are moved along the text, to see what chance gives."
        ),
    ] = 500,
    untrained: Annotated[
        bool, typer.Option("--untrained/--no-untrained", help="Compare with an untrained network of the same shape.")
    ] = True,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the control tasks and of the untrained network.")
    ] = 0,
    list_them: Annotated[bool, typer.Option("--list", help="List every hypothesis, and stop.")] = False,
    part: PartOption = "all",
    limit: LimitOption = None,
    checkpoint: CheckpointOption = "best",
    include: IncludeOption = None,
    encoding: OwnEncodingOption = None,
    unknown: UnknownOption = "error",
    engine: EngineOption = "auto",
    as_json: JsonFlag = False,
) -> int:
    """Find which neuron stands for what: every neuron and signal against every hypothesis, with what chance gives.

    Neurons are chosen on the first half of the text, and every score is told on the second. Of a trace, the findings
    are kept in its folder, and the page shows them.
    """
    if list_them:
        return _list(as_json)
    what = run_or_trace
    if what is None:
        raise SettingsError("find needs a RUN and a SOURCE, or a TRACE.", "To see what can be sought: find --list.")
    options: dict[str, Any] = {"signals": names_in(signals), "q": q, "shifts": shifts, "seed": seed}
    reading: dict[str, Any] = {"unknown": unknown, "include": include, "encoding": encoding, "limit": limit}
    if source is None:
        _refuse(what, {"part": part, "checkpoint": checkpoint, "engine": engine, **reading})
        found = _in_trace(what, hypothesis, options)
    else:
        options |= {"untrained": untrained, "engine": engine}
        found = _while_running(what, source, hypothesis, part, checkpoint, reading, options)
    try:
        if source is None:
            found.save(what)
    finally:  # what took long is told, even where there is no room to keep it
        if as_json:
            print_json(found.to_json())
        else:
            _show(found, top)
    if source is None and not as_json:
        remark(f"next: {shlex.join(['unrolled', 'explore', as_path(what)])}")
    return 0


def _refuse(path: Path, given: dict[str, Any]) -> None:
    """Refuses what only a run that reads can heed."""
    if (path / "settings.json").is_file():
        raise SettingsError(f"{path} is a run: it needs a SOURCE to read.", f"unrolled find {as_path(path)} SOURCE")
    usual = {"part": "all", "checkpoint": "best", "unknown": "error", "engine": "auto"}
    for name, value in given.items():
        if value not in (None, usual.get(name)):
            raise SettingsError(
                f"--{name} is about the SOURCE that a run reads; a trace is looked at as it was recorded.",
                "Give a RUN and a SOURCE, or leave it out.",
            )


def _in_trace(path: Path, asked: list[str] | None, options: dict[str, Any]) -> Findings:
    from unrolled.neurons.find import find_in_trace
    from unrolled.neurons.labelling import label_trace
    from unrolled.traces.trace import Trace

    trace = Trace.open(path)
    with ProgressBar("labelling", "hypotheses") as progress:
        labels, about = label_trace(trace, asked or (), progress=progress)
        looking = progress.then("looking for neurons", "steps")
        return find_in_trace(trace, labels, about=about, progress=looking, **options)


def _while_running(
    run: Path,
    source: str,
    asked: list[str] | None,
    part: str,
    checkpoint: str,
    reading: dict[str, Any],
    options: dict[str, Any],
) -> Findings:
    from unrolled.neurons.find import find as find_neurons
    from unrolled.neurons.find import repeated
    from unrolled.neurons.hypotheses import hypotheses_for, labellers
    from unrolled.neurons.labelling import StepLabels, about
    from unrolled.sources import TaskSource

    chosen = labellers(asked or hypotheses_for(source, reading["include"] or ()))
    loaded = load(run, checkpoint)
    corpus, text = read_part(loaded, source, part, **reading)
    sequences = text.sequences
    if isinstance(corpus.source, TaskSource):
        sequences = repeated(sequences, max(len(text), TASK_STEPS), options["seed"])
    with ProgressBar("labelling", "hypotheses") as progress:
        labels = StepLabels(chosen, map(loaded.vocabulary.spell, sequences), loaded.vocabulary.kind, progress)
        looking = progress.then("looking for neurons", "steps")
        found = find_neurons(loaded.network, sequences, labels, about=about(chosen), progress=looking, **options)
    return replace(found, source={**corpus.describe(), "part": part, "run": str(run), "step": loaded.step})


def _show(found: Findings, top: int) -> None:
    from unrolled.neurons.find.rates import shifts_needed

    rows: list[list[str]] = []
    for tested in found.hypotheses:
        listed = [each for each in tested.neurons if each.found][:top]
        for each in listed or tested.neurons[:1]:
            name = f"{'+' if each.direction > 0 else '−'}{each.name}" if each.found else "none found"
            row = [tested.name, name, _score(tested, each), "" if tested.null is None else f"{tested.null:.2f}"]
            rows.append(row + _more(tested, each))
    names = (*COLUMNS, *MORE)
    if not fits(names, rows):
        names, rows = COLUMNS, [row[: len(COLUMNS)] for row in rows]
    count = sum(tested.found for tested in found.hypotheses)
    title = (
        f"{count} of {len(found.hypotheses)} hypotheses have a neuron, of {found.neurons:,} by all signals; "
        f"chosen on steps 0 to {found.chosen[1]:,}, told on {found.told[0]:,} to {found.told[1]:,}"
    )
    print_columns(title, names, rows)
    if found.skipped:
        remark(f"the text has too little of: {', '.join(found.skipped)}")
    remark(f"labels were moved along the text {found.shifts:,} times; at most {found.q:.0%} of what is found is chance")
    needed = shifts_needed(len(found.hypotheses), found.q)
    if found.shifts < needed:
        remark(f"to believe one of {len(found.hypotheses)} hypotheses alone takes {needed:,} moves: take a longer text")


def _score(tested: Sought, each: Finding) -> str:
    name = {"AUC": "AUC", "correlation": "r", "eta squared": "η²"}[tested.measure]
    return f"{name} {each.score:.3f} [{each.low:.2f}, {each.high:.2f}]"


def _more(tested: Sought, each: Finding) -> list[str]:
    numbers = [None if tested.untrained is None else tested.untrained.score, each.precision, each.recall]
    probes = [probe.score for probe in tested.probes] if each is tested.best else []
    return [*("" if number is None else f"{number:.3f}" for number in numbers), " ".join(f"{p:.3f}" for p in probes)]


def _list(as_json: bool) -> int:
    from unrolled.neurons.hypotheses import describe_hypotheses

    described = describe_hypotheses()
    if as_json:
        print_json({"hypotheses": [asdict(each) for each in described]})
        return 0
    rows = [
        [each.group, each.name, each.kind, each.about + (f" (needs {', '.join(each.missing)})" if each.missing else "")]
        for each in described
    ]
    print_columns("hypotheses", ("group", "name", "kind", "what it says"), rows)
    remark("and surprise, nats that the symbol just read cost the network; your own: NAME=re:PATTERN and the like")
    return 0
