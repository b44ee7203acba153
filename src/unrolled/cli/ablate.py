"""`unrolled ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unrolled.cli.options import (
    CheckpointOption,
    EngineOption,
    IncludeOption,
    JsonFlag,
    OwnEncodingOption,
    UnknownOption,
    VerboseFlag,
    one_of,
)
from unrolled.cli.reading import edge_of, load, read, tell_engine
from unrolled.cli.screen import ProgressBar, print_columns, print_json, print_table, remark, shown
from unrolled.errors import SettingsError

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork
    from unrolled.neurons.ablation import Ablation
    from unrolled.neurons.holding import Mode
    from unrolled.neurons.tally import Change

COLUMNS = ("where", "steps", "before", "after", "change", "95 % interval", "random neurons", "ratio")


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
    part: Annotated[
        str, typer.Option("--part", help="Which part of the text: train, validation, test or all.")
    ] = "all",
    limit: Annotated[int | None, typer.Option("--limit", help="Read at most so many symbols of the source.")] = None,
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
    from unrolled.neurons.holding import parse_mode, parse_steps
    from unrolled.neurons.lockstep import Text
    from unrolled.sources import PARTS, PartName

    which: PartName = one_of("part", part, PARTS)
    if limit is not None and limit < 2:
        raise SettingsError(f"--limit is at least 2 symbols, to foretell one from the other, not {limit}.")
    held_at = parse_mode(mode)
    loaded = load(run, checkpoint)
    reading = {"include": include or (), "encoding": encoding, "limit": limit}
    chosen = read(loaded, source, unknown, reading).part(which)
    text = Text(chosen.symbols, chosen.boundaries)
    spelled = text.spelled(loaded.vocabulary) if where or hypothesis else ""
    held = Intervention(
        neurons=tuple(neurons),
        mode=held_at,
        signal=signal,
        steps=parse_steps(steps, len(text)) if steps else None,
        where=where_true(where, spelled),
        **_sources(loaded, held_at, unknown, len(text)),
    )
    if verbose:
        tell_engine(loaded.network, engine)
    with ProgressBar("measuring", "symbols") as progress:
        found = ablated(
            loaded.network,
            loaded.vocabulary,
            text,
            held,
            hypotheses=answers(hypothesis or (), spelled),
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


def _sources(loaded: LoadedNetwork, mode: Mode, unknown: str, steps: int) -> dict[str, Any]:
    """What the mode reads besides the text: another text, or a trace."""
    from unrolled.traces.trace import Trace

    if mode.kind == "patch":
        return {"other": read(loaded, mode.source, unknown, {"limit": max(steps, 2)}).symbols}
    return {"trace": Trace.open(mode.source)} if mode.source else {}


def _print(found: Ablation) -> None:
    """The tables for people: the loss, the symbols, the moments, the samples."""
    from unrolled.traces.symbols import draw

    span = "" if found.span is None else f", steps {found.span[0]}:{found.span[1]}"
    where = "" if found.where is None else f", where {found.where}"
    names = found.neurons if len(found.neurons) <= 4 else (*found.neurons[:3], f"{len(found.neurons) - 3} more")
    rows = [found.overall, *(each for one in found.hypotheses for each in (one.true, one.false) if each is not None)]
    print_columns(f"{', '.join(names)} held at {found.mode}{span}{where}", COLUMNS, [_row(each) for each in rows])
    tables = [("next symbol", found.symbols), *((f"{one.name}, next symbol", one.symbols) for one in found.hypotheses)]
    for title, symbols in tables:
        if symbols:
            print_columns(f"\n{title}", COLUMNS, [_row(each, draw(each.name)) for each in symbols])
    if found.moments:
        moments = [
            [
                f"{each.step:,}",
                draw(each.symbol),
                f"{each.loss_before:.3f}",
                f"{each.loss_after:.3f}",
                " ".join(f"{draw(symbol)} {odds:.2f}" for symbol, odds in each.before),
                " ".join(f"{draw(symbol)} {odds:.2f}" for symbol, odds in each.after),
                draw(each.context),
            ]
            for each in found.moments
        ]
        names = ("step", "next", "loss", "held", "odds", "odds, held", "after reading")
        print_columns("\nwhere the loss changed most", names, moments)
    if found.samples is not None:
        samples = {name: draw(getattr(found.samples, name)) for name in ("prime", "before", "after")}
        print_table("\nby the same random numbers", samples)
    drawn = len(found.controls)
    remark(f"random neurons: {drawn} draws of {len(found.neurons)} with like variance" if drawn else "too few others")


def _row(change: Change, name: str | None = None) -> list[str]:
    interval = "" if change.low is None or change.high is None else f"{change.low:+.4f} to {change.high:+.4f}"
    controls = f"{min(change.controls):+.4f} to {max(change.controls):+.4f}" if change.controls else ""
    ratio = "" if change.ratio is None else shown(float(f"{change.ratio:.3g}"))
    numbers = [f"{change.before:.4f}", f"{change.after:.4f}", f"{change.change:+.4f}", interval, controls, ratio]
    return [name or change.name, f"{change.steps:,}", *numbers]
