"""Records a network while it reads: every signal of every layer, the loss and what it foretells."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor, nn

from unrolled.cells import Cell
from unrolled.engines import Stack, choose_engine
from unrolled.errors import DiskFullError, TraceError, UnknownNameError
from unrolled.files import free_bytes
from unrolled.networks import SITE, Network
from unrolled.progress import Progress, silent
from unrolled.traces.beginning import open_writer
from unrolled.traces.chunks import Array
from unrolled.traces.format import Dtype, PredictionsInfo, SiteInfo, SymbolKind, SymbolsInfo, TraceInfo, describe_site
from unrolled.traces.gathering import Gatherer
from unrolled.traces.layout import estimate_size, initial_path
from unrolled.traces.pipeline import compute_threads, share_threads
from unrolled.traces.place import check_place
from unrolled.traces.running import Run
from unrolled.traces.slices import plan_slices
from unrolled.traces.trace import Trace
from unrolled.version import __version__


class Symbols(Protocol):
    """What a recording needs of a vocabulary: its kind and, by index, what each symbol is."""

    @property
    def kind(self) -> SymbolKind: ...

    @property
    def symbols(self) -> Sequence[str]: ...


def weights_sha256(module: nn.Module) -> str:
    """One number for all weights: SHA-256 over names, types, shapes and values, in the order of the names."""
    total = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        flat = value.detach().cpu().contiguous()
        total.update(f"{name} {flat.dtype} {tuple(flat.shape)}\n".encode())
        total.update(flat.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def describe_recording(
    network: Network,
    vocabulary: Symbols,
    steps: int,
    *,
    signals: Sequence[str] = (),
    dtype: Dtype = "float32",
    top: int = 5,
    engine: str = "auto",
    title: str = "",
    model: Mapping[str, JsonValue] | None = None,
    source: Mapping[str, JsonValue] | None = None,
) -> TraceInfo:
    """What a recording of `steps` steps will say of itself; `estimate_size` tells what it takes on the disk.

    Raises:
        UnknownNameError: a signal that the network's cell has not, or an unknown engine.
        TraceError: the options make no sense.
    """
    cell, stack = network.cell, network.rnn.stack()
    known = [signal.name for signal in cell.signals]
    for name in signals:
        if name not in known:
            raise UnknownNameError(f"signal of the {cell.title} cell", name, known)
    if steps < 1:
        raise TraceError("There are no steps to record.", "Give a source that holds at least one symbol.")
    if top < 1:
        raise TraceError(f"Predictions need at least one symbol a step, not {top}.", "Give a number of 1 or more.")
    chosen = choose_engine(stack, recording=True, engine=engine).engine.name
    return TraceInfo(
        title=title,
        planned_steps=steps,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        symbols=SymbolsInfo(kind=vocabulary.kind, vocabulary=tuple(vocabulary.symbols)),
        sites=describe_layers(cell, stack, signals),
        predictions=PredictionsInfo(top=min(top, network.symbols)),
        model={**(model or {}), "parameters": network.parameter_count, "sha256": weights_sha256(network)},
        source=dict(source or {}),
        code={"unrolled": __version__, "torch": torch.__version__, "engine": chosen, "dtype": dtype},
    )


def describe_layers(cell: Cell, stack: Stack, signals: Sequence[str] = ()) -> tuple[SiteInfo, ...]:
    """What a trace says of each layer of a network of ours.

    Args:
        cell: of the network; its stack may run it as another, see `Cell.as_known`.
        signals: names of those that are recorded; all by default.
    """
    return tuple(
        describe_site(
            f"{SITE}.{layer.name}",
            cell,
            neurons=stack.neurons,
            inputs=int(layer.parameters["weight_ih"].shape[1]),
            layer=layer.index,
            signals=tuple(signals) or None,
        )
        for layer in stack.layers
    )


def record_run(
    network: Network,
    vocabulary: Symbols,
    sequences: Sequence[Array | Tensor],
    *,
    out: Path | None = None,
    signals: Sequence[str] = (),
    dtype: Dtype = "float32",
    limit: int | None = None,
    top: int = 5,
    engine: str = "auto",
    title: str = "",
    model: Mapping[str, JsonValue] | None = None,
    source: Mapping[str, JsonValue] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
) -> Trace:
    """Records the network over sequences of symbols.

    Args:
        network: on any device; its mode is put back afterwards.
        vocabulary: what the symbols are called.
        sequences: one or several, each `(steps,)` of whole numbers; each starts from a state of zeros.
        out: the folder of the trace; None keeps it in memory.
        signals: names of those to record; all by default.
        dtype: of the signals that have bounds; the others are float32.
        limit: steps to record at most, all sequences together.
        top: most probable next symbols to keep at each step.
        engine: which runs it.
        title, model, source: what the trace says of itself.
        resume: goes on with an unfinished trace at `out`, or begins where nothing is; a whole one is left as it is.
        overwrite: puts it in the place of a trace at `out`.
        progress: told the steps done.
        stop: asked before each slice of a recording into `out`; where it says so, the trace stays unfinished, with the
            shards that are whole, and `resume` goes on from there.

    Raises:
        OutputExistsError, TraceError: `out` is taken, or unfinished and of another recording.
        DiskFullError: no room; what is complete stays readable, and `resume` goes on.
        VocabularyError, UnknownNameError, ModelError: as the names say.
    """
    ids = _cut([np.asarray(sequence, dtype=np.int64) for sequence in sequences], limit)
    bounds = np.cumsum([0, *map(len, ids)])
    spans = [range(int(start), int(stop)) for start, stop in pairwise(bounds)]
    info = describe_recording(
        network,
        vocabulary,
        int(bounds[-1]),
        signals=signals,
        dtype=dtype,
        top=top,
        engine=engine,
        title=title,
        model=model,
        source=source,
    )
    whole = np.concatenate(ids)
    _check_known(whole, network.symbols)
    pairs = np.array([(span.start, span.stop) for span in spans], np.int64)
    stack, initial = network.rnn.stack(), _zero_states(network, info, len(spans))
    numbers = network.symbols + sum(signal.neurons for site in info.sites for signal in site.signals)
    slices = plan_slices(spans, numbers)
    names = tuple(signal.name for signal in info.sites[0].signals)
    assert info.predictions is not None
    run = Run(network, whole, tuple(spans), names, engine, info.predictions.top)
    if out is None:
        gatherer = Gatherer(info, {"symbols": whole.astype(np.uint32), "sequences": pairs, **initial}, dtype)
        run.record(slices, gatherer, progress, lambda: False)
        return gatherer.finish()
    check_place(out, resume=resume, overwrite=overwrite)
    if not (resume and out.exists()):
        _refuse_without_room(out, estimate_size(info, len(spans), dtype))
    sharing = share_threads(4 * stack.cell.blocks * stack.neurons**2)
    writer = open_writer(
        out,
        info,
        symbols=whole,
        sequences=pairs,
        initial=initial,
        dtype=dtype,
        resume=resume,
        overwrite=overwrite,
        sharing=sharing,
    )
    if writer is not None:
        with compute_threads(sharing.computing), writer:
            if run.record(slices, writer, progress, stop):
                writer.finish()
    return Trace.open(out)


def _cut(sequences: list[Array], limit: int | None) -> list[Array]:
    """The first `limit` steps of all."""
    if limit is not None and limit < 1:
        raise TraceError(f"A limit of {limit} steps leaves nothing to record.", "Give a limit of 1 or more.")
    left, kept = limit, list[Array]()
    for sequence in sequences:
        part = sequence if left is None else sequence[:left]
        left = None if left is None else left - len(part)
        kept += [part] if len(part) else []
    if not kept:
        raise TraceError("There are no steps to record.", "Give a source that holds at least one symbol.")
    return kept


def _check_known(symbols: Array, known: int) -> None:
    outside = symbols[(symbols < 0) | (symbols >= known)]
    if len(outside):
        raise TraceError(
            f"The sequences hold symbol {int(outside[0])}, but the network knows symbols 0 to {known - 1}.",
            "Use the vocabulary that the network was trained with.",
        )


def _zero_states(network: Network, info: TraceInfo, sequences: int) -> dict[str, Array]:
    """What each sequence starts from, by its path in the trace."""
    stack = network.rnn.stack()
    sizes = stack.cell.state_sizes(stack.neurons, stack.projection)
    return {
        initial_path(site.name, state): np.zeros((sequences, size), np.float32)
        for site in info.sites
        for state, size in sizes.items()
    }


def _refuse_without_room(out: Path, needed: int) -> None:
    free = free_bytes(out.absolute())
    if needed > free:
        raise DiskFullError(
            f"The trace may take {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free at {out}.",
            "Record fewer steps (--limit), fewer signals (--signals) or in float16 (--dtype), or choose another disk.",
        )
