"""`unrolled ablate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    VerboseFlag,
    span_of,
)
from unrolled.cli.reading import edge_of, load, read_part, tell_engine
from unrolled.cli.screen import WIDE, ProgressBar, print_columns, print_json, print_table, remark, stdout
from unrolled.errors import VocabularyError

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork
    from unrolled.neurons.ablation import Ablation
    from unrolled.neurons.holding import Mode
    from unrolled.neurons.moments import Moment
    from unrolled.neurons.tally import Change

NARROW = 70
"""Columns of a terminal that has room for intervals; a wide one has it for random neurons and odds beside them."""


def ablate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    source: Annotated[str, typer.Argument(help="A text or task, as for train.")],
    neurons: Annotated[
        list[str], typer.Argument(help="Such as rnn.l0.7, rnn.l0.forget_gate.7, or rnn.l0.cell for a whole signal.")
    ],
    mode: Annotated[
        str, typer.Option("--mode", help="At what they are held: zero, mean, mean=TRACE, clamp=V or patch=SOURCE.")
    ] = "zero",
    signal: Annotated[
        str, typer.Option("--signal", help="What a neuron's name without a signal means (default: cell, else hidden).")
    ] = "",
    steps: Annotated[str, typer.Option("--steps", help="Hold them from START to STOP alone, such as 100:200.")] = "",
    where: Annotated[str, typer.Option("--where", help="Hold them where this hypothesis is true alone.")] = "",
    hypothesis: Annotated[
        list[str] | None,
        typer.Option("--hypothesis", help="Tell the loss where it is true and where not; may be repeated."),
    ] = None,
    following: Annotated[
        str, typer.Option("--next", help="Next symbols that are in every table, whatever was lost on them.")
    ] = "",
    draws: Annotated[
        int, typer.Option("--draws", min=0, max=100, help="Draws of random neurons of like variance to compare with.")
    ] = 5,
    length: Annotated[
        int, typer.Option("--length", min=0, max=1_000_000, help="Symbols of the samples before and after; 0 for none.")
    ] = 200,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the random neurons, the intervals and the samples.")
    ] = 0,
    part: PartOption = "all",
    limit: LimitOption = None,
    checkpoint: CheckpointOption = "best",
    include: IncludeOption = None,
    encoding: OwnEncodingOption = None,
    unknown: UnknownOption = "error",
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Hold neurons while a network reads, and measure what it loses, beside random neurons of like variance."""
    from unrolled.neurons.ablation import Intervention
    from unrolled.neurons.ablation import ablate as ablated
    from unrolled.neurons.answers import answers, where_true
    from unrolled.neurons.holding import check_steps, parse_mode, select
    from unrolled.neurons.lockstep import Text

    held_at = parse_mode(mode)
    loaded = load(run, checkpoint)
    select(loaded.network, neurons, signal)  # a wrong name is told before a long text is read
    _check_following(loaded, following)
    reading: dict[str, Any] = {"unknown": unknown, "include": include, "encoding": encoding}
    _, chosen = read_part(loaded, source, part, limit=limit, **reading)
    text = Text(chosen.symbols, chosen.boundaries)
    span = span_of("--steps", steps, len(text)) if steps else None
    if span is not None:
        check_steps(span, len(text))
    held = Intervention(
        neurons=tuple(neurons),
        mode=held_at,
        signal=signal,
        steps=span,
        where=where_true(where, text, loaded.vocabulary),
        **_sources(loaded, held_at, reading, len(text)),
    )
    if verbose:
        tell_engine(loaded.network, engine, editing=True)
    with ProgressBar("measuring", "symbols") as progress:
        found = ablated(
            loaded.network,
            loaded.vocabulary,
            text,
            held,
            hypotheses=answers(hypothesis or (), text, loaded.vocabulary),
            symbols=following,
            draws=draws,
            length=length,
            edge=edge_of(loaded),
            seed=seed,
            engine=engine,
            measuring=progress,
            progress=progress.then("holding", "symbols"),
        )
    if as_json:
        print_json({"run": str(run), "step": loaded.step, "source": source, "part": part, **found.to_json()})
    else:
        _print(found)
    return 0


def _check_following(loaded: LoadedNetwork, symbols: str) -> None:
    """Refuses symbols that the network can never foretell."""
    from unrolled.sources.vocabulary import UnknownSymbolError

    try:
        loaded.vocabulary.encode(symbols)
    except UnknownSymbolError as error:
        raise VocabularyError(
            f"--next cannot hold {error.character!r}: the text that the network learned from does not.",
            "Give symbols that it knows.",
        ) from error


def _sources(loaded: LoadedNetwork, mode: Mode, reading: dict[str, Any], steps: int) -> dict[str, Any]:
    """What the mode reads besides the text: another text, or a trace."""
    from unrolled.traces.trace import Trace

    if mode.kind == "patch":
        corpus, _ = read_part(loaded, mode.source, "all", limit=max(steps, 2), **reading)
        return {"other": corpus.symbols}
    return {"trace": Trace.open(mode.source)} if mode.source else {}


def _print(found: Ablation) -> None:
    """The tables for people: the loss, the symbols, the moments, the samples."""
    from unrolled.traces.symbols import draw

    span = "" if found.span is None else f", steps {found.span[0]}:{found.span[1]}"
    where = "" if found.where is None else f", where {found.where}"
    names = found.neurons if len(found.neurons) <= 4 else (*found.neurons[:3], f"{len(found.neurons) - 3} more")
    rows = [found.overall, *(each for one in found.hypotheses for each in (one.true, one.false) if each is not None)]
    _print_changes(f"{', '.join(names)} held at {found.mode}{span}{where}", rows, str)
    tables = [("next symbol", found.symbols), *((f"{one.name}, next symbol", one.symbols) for one in found.hypotheses)]
    for title, symbols in tables:
        if symbols:
            _print_changes(f"\n{title}", symbols, draw)
    if found.moments:
        print_columns("\nwhere the loss changed most", *_columns([_moment(each) for each in found.moments]))
    if found.samples is not None:
        samples = {name: draw(getattr(found.samples, name)) for name in ("prime", "before", "after")}
        print_table("\nby the same random numbers", samples)
    if found.controls:
        remark(f"random neurons: {len(found.controls)} draws of {len(found.neurons)} of like variance, seeded")
    else:
        remark("no random neurons to compare with: too few others, or --draws 0")


def _print_changes(title: str, changes: Sequence[Change], spell: Callable[[str], str]) -> None:
    print_columns(title, *_columns([_change(change, spell(change.name)) for change in changes]))


def _columns(rows: Sequence[Mapping[str, str]]) -> tuple[list[str], list[list[str]]]:
    """The names of columns, and lines of them."""
    return list(rows[0]), [list(row.values()) for row in rows]


def _change(change: Change, name: str) -> dict[str, str]:
    """One line, by column; a narrow terminal has fewer."""
    row = {"where": name, "steps": f"{change.steps:,}", "before": f"{change.before:.4f}"}
    row |= {"after": f"{change.after:.4f}", "change": f"{change.change:+.4f}"}
    if stdout.width >= NARROW:
        known = change.low is not None and change.high is not None
        row["95 % interval"] = f"{change.low:+.4f} to {change.high:+.4f}" if known else ""
    if stdout.width >= WIDE:
        low, high = min(change.controls, default=0.0), max(change.controls, default=0.0)
        row["random neurons"] = f"{low:+.4f} to {high:+.4f}" if change.controls else ""
    return {**row, "ratio": "" if change.ratio is None else f"{change.ratio:.3g}"}


def _moment(moment: Moment) -> dict[str, str]:
    """One line, by column; a narrow terminal has fewer."""
    from unrolled.traces.symbols import draw

    row = {"step": f"{moment.step:,}", "next": draw(moment.symbol)}
    row |= {"loss": f"{moment.loss_before:.3f}", "held": f"{moment.loss_after:.3f}"}
    if stdout.width >= WIDE:
        for name, odds in (("odds", moment.before), ("odds, held", moment.after)):
            row[name] = " ".join(f"{draw(symbol)} {share:.2f}" for symbol, share in odds)
    return {**row, "after reading": draw(moment.context)}
