"""`unrolled evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.options import (
    CheckpointOption,
    EngineOption,
    HoldOption,
    IncludeOption,
    JsonFlag,
    LimitOption,
    OwnEncodingOption,
    PartOption,
    UnknownOption,
    VerboseFlag,
)
from unrolled.cli.reading import load, read_part, tell_engine
from unrolled.cli.screen import ProgressBar, print_json, print_table


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    source: Annotated[str, typer.Argument(help="A text or task, as for train.")],
    part: PartOption = "all",
    checkpoint: CheckpointOption = "best",
    include: IncludeOption = None,
    encoding: OwnEncodingOption = None,
    limit: LimitOption = None,
    unknown: UnknownOption = "error",
    hold: HoldOption = None,
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Measure how well a network foretells a text: nats and bits a symbol, accuracy. The state is carried through.

    Training reads the validation part in streams side by side, each from a zero state: as a rule a little worse.
    """
    from unrolled.neurons.holding import parse_holds
    from unrolled.sources import TaskSource
    from unrolled.sources.tasks.counter import Counter
    from unrolled.training.evaluate import evaluate_sequences, evaluate_text
    from unrolled.training.exam import counts_right_to, share_right

    loaded = load(run, checkpoint)
    edits = parse_holds(loaded.network, hold or ())
    corpus, chosen = read_part(loaded, source, part, unknown=unknown, include=include, encoding=encoding, limit=limit)
    if verbose:
        tell_engine(loaded.network, engine, editing=bool(hold))
    result: dict[str, Any] = {"run": str(run), "step": loaded.step, "source": source, "part": part}
    if hold:
        result["held"] = hold
    with ProgressBar("evaluating", "symbols") as progress:
        if isinstance(corpus.source, TaskSource):
            score = evaluate_sequences(loaded.network, chosen.sequences, edits=edits, engine=engine, progress=progress)
            result |= score.to_json()
            asking: dict[str, Any] = {"vocabulary": loaded.vocabulary, "edits": edits, "engine": engine}
            result["share_right"] = share_right(loaded.network, corpus.source.task, **asking)
            if isinstance(corpus.source.task, Counter):
                result["counts_right_to"] = counts_right_to(loaded.network, corpus.source.task, **asking)
        else:
            score = evaluate_text(loaded.network, chosen.symbols, edits=edits, engine=engine, progress=progress)
            result |= score.to_json()
    if as_json:
        print_json(result)
    else:
        print_table(f"{source}, {part}", result)
    return 0
