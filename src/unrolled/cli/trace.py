"""`unrolled trace`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.options import (
    CheckpointOption,
    EngineOption,
    IncludeOption,
    JsonFlag,
    OwnEncodingOption,
    PartOption,
    UnknownOption,
    VerboseFlag,
    names_in,
    one_of,
)
from unrolled.cli.reading import as_path, load, read_part, tell_engine
from unrolled.cli.screen import ProgressBar, print_json, print_table, remark
from unrolled.cli.stopping import stop_asked
from unrolled.errors import SettingsError


def trace(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    source: Annotated[str, typer.Argument(help="A text or task, as for train.")],
    out: Annotated[Path, typer.Option("--out", help="The trace folder to make.")],
    signals: Annotated[
        str, typer.Option("--signals", help="Names of signals, separated by commas (default: all).")
    ] = "",
    limit: Annotated[int | None, typer.Option("--limit", help="Record at most so many symbols.")] = None,
    dtype: Annotated[
        str, typer.Option("--dtype", help="float32, or float16 (the cell state stays float32).")
    ] = "float32",
    part: PartOption = "all",
    top: Annotated[int, typer.Option("--top", help="Likeliest next symbols to keep at each step.")] = 5,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished recording in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the trace in --out.")] = False,
    checkpoint: CheckpointOption = "best",
    include: IncludeOption = None,
    encoding: OwnEncodingOption = None,
    unknown: UnknownOption = "error",
    engine: EngineOption = "auto",
    verbose: VerboseFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Record every signal of every layer while a network reads."""
    from unrolled.traces.format import DTYPES, Dtype
    from unrolled.traces.layout import estimate_size
    from unrolled.traces.place import check_place
    from unrolled.traces.record import describe_recording, record_run

    kept_as: Dtype = one_of("dtype", dtype, DTYPES)
    if limit is not None and limit < 1:
        raise SettingsError(f"--limit is at least 1 symbol, not {limit}.")
    check_place(out, resume=resume, overwrite=overwrite)
    loaded = load(run, checkpoint)
    names = names_in(signals)
    # A part has two symbols at least: the one that foretells and the foretold. Of a limit of one, one is recorded.
    read_at_most = max(limit, 2) if limit is not None and part == "all" else None
    corpus, chosen = read_part(
        loaded, source, part, unknown=unknown, include=include, encoding=encoding, limit=read_at_most
    )
    steps = min(len(chosen), limit or len(chosen))
    planned = describe_recording(
        loaded.network, loaded.vocabulary, steps, signals=names, top=top, engine=engine, dtype=kept_as
    )
    size = estimate_size(planned, len(chosen.boundaries), kept_as)
    if verbose:
        tell_engine(loaded.network, engine, recording=True)
    remark(f"{steps:,} steps, at most {_bytes(size)} on the disk; engine {planned.code.get('engine')}")
    with stop_asked() as stop, ProgressBar("recording", "steps") as progress:
        recorded = record_run(
            loaded.network,
            loaded.vocabulary,
            chosen.sequences,
            out=out,
            signals=names,
            dtype=kept_as,
            limit=limit,
            top=top,
            engine=engine,
            title=f"{run.name} reads {Path(source).name}",
            model={"kind": "run", "path": str(run.resolve()), "step": loaded.step, "weights_sha256": loaded.sha256},
            source={**corpus.describe(), "part": part, "limit": limit},
            resume=resume,
            overwrite=overwrite,
            progress=progress,
            stop=stop,
        )
    if not recorded.info.whole:
        remark(f"stopped at step {recorded.steps:,} of {steps:,}, so far all is saved; go on with --resume")
        return 130
    on_disk = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    result = {
        "trace": str(out),
        "steps": recorded.steps,
        "sites": {site.name: site.neurons for site in recorded.info.sites},
        "nats_per_symbol": recorded.info.nats_per_symbol,
        "bytes": on_disk,
    }
    if as_json:
        print_json(result)
    else:
        print_table(str(out), {**result, "bytes": _bytes(on_disk)})
        remark(f"next: {shlex.join(['unrolled', 'explore', as_path(out)])}")
    return 0


def _bytes(count: float) -> str:
    """A size for people, in powers of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} bytes" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
