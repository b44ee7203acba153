"""`unrolled demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.screen import ProgressBar, remark
from unrolled.cli.stopping import stop_asked

QUESTIONS = "task:counter,maximum=20"
"""What the demo records: twice as far as the network was trained, to see where counting breaks."""


def demo(
    out: Annotated[Path, typer.Option("--out", help="Where the demo's run and trace go.")] = Path("demo"),
    port: Annotated[int | None, typer.Option("--port", help="Port on 127.0.0.1; 0 takes any that is free.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser; print the address.")] = False,
) -> int:
    """Train a network to count (seconds), record it, and open the page on it."""
    from unrolled.errors import OutputExistsError
    from unrolled.explorer import serve
    from unrolled.explorer.server import bind
    from unrolled.networks.files import load_network
    from unrolled.sources import open_source, prepare
    from unrolled.traces.record import record_run
    from unrolled.training.train import train

    if out.exists() and not out.is_dir():
        raise OutputExistsError(f"{out} is a file, not a folder.", "Name a folder by --out.")
    bind(port).close()  # a port that is in use is told now, not after the training
    run, trace = out / "counter", out / "counter.trace"
    remark("a network of 10 LSTM neurons learns to answer N a's and an X by N b's, N from 1 to 10 …")
    with stop_asked() as stop, ProgressBar("training", "steps") as progress:
        outcome = train("task:counter", run, resume=run.exists(), progress=progress, stop=stop)
    if not outcome.finished:
        return 130
    remark(f"trained in {outcome.summary['seconds']} s; it counts right up to N = {outcome.summary['counts_right_to']}")
    loaded = load_network(run)
    corpus = prepare(open_source(QUESTIONS), loaded.vocabulary)
    with ProgressBar("recording", "steps") as progress:
        record_run(
            loaded.network,
            loaded.vocabulary,
            corpus.part("all").sequences,
            out=trace,
            title="A network that counts: aᴺXbᴺ",
            model={"kind": "run", "path": str(run.resolve()), "step": loaded.step, "weights_sha256": loaded.sha256},
            source=corpus.describe(),
            overwrite=trace.exists(),
            progress=progress,
        )
    remark(f"recorded every signal of every neuron for N = 1 to 20 in {trace}")
    serve([out], port=port, open_browser=not no_browser)
    return 0
