"""`unrolled.trace`: every signal of any PyTorch module that holds nn.RNN, nn.LSTM or nn.GRU, untouched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor, nn

from unrolled.engines import Stack, choose_engine
from unrolled.errors import ModelError, UnknownNameError
from unrolled.traces.capture import CELLS, Call, modules_of, run_captured
from unrolled.traces.chunks import Array
from unrolled.traces.format import SiteInfo, TraceInfo
from unrolled.traces.forms import sites_of, stack_of
from unrolled.traces.gathering import most_telling
from unrolled.traces.labels import Labels, symbols_of
from unrolled.traces.layout import initial_path, signal_path
from unrolled.traces.record import weights_sha256
from unrolled.traces.trace import Trace
from unrolled.version import __version__

TOLERANCE = 256
"""How far, in units of the type's own resolution at 1, the recomputed outputs may lie from the module's own: both add
up the same numbers, in another order, and carry what that makes along."""


def trace(
    model: nn.Module,
    inputs: object,
    *,
    symbols: Labels | None = None,
    names: Sequence[str] | None = None,
    signals: Sequence[str] = (),
    engine: str = "auto",
    title: str = "",
) -> Trace:
    """Runs a model once and records every signal of each nn.RNN, nn.LSTM and nn.GRU in it.

    The model is run as it is, in evaluation mode and without gradients; its modes, hooks and random states are as
    before when it returns. The signals are computed again from what each module was given, and held against what the
    module gave itself. Within `unrolled.hold` they are those of the model as it is held.

    Args:
        model: any module that holds one or several, or one itself; layers, directions, projections, batch first or not.
        inputs: what its forward takes: a tensor or PackedSequence, a tuple of arguments, or a dict of them by name.
        symbols: a label for each step: a string, a list of strings, or for several sequences one of these a sequence.
            Where it is left out and the model reads whole numbers, they are the labels.
        names: what those whole numbers are called, by number.
        signals: names of those to keep; all by default.
        engine: which one recomputes the signals.
        title: what the trace is called.

    Returns:
        A trace in memory, its sites named as the modules are (`encoder.lstm.l0_reverse`; a bare nn.LSTM is `lstm`, its
        second call in one pass `lstm#2`), its values in the model's type (float32 for smaller types). `trace.outputs`
        is what the model returned. Modules that ran over other steps than the first keep their own lengths.

    Raises:
        ModelError: nothing recurrent in the model, a form that cannot be looked into, labels that do not fit, or
            signals that do not give the module's own outputs.
        UnknownNameError: no such signal or engine.
    """
    calls, outputs = run_captured(model, inputs)
    bounds = [_bounds(call) for call in calls]
    arrays: dict[str, Array] = {"sequences": bounds[0]}
    sites: list[SiteInfo] = []
    engines: list[str] = []
    for call, own in zip(calls, bounds, strict=True):
        stack = stack_of(call.module, call.parameters)
        engines.append(_record(call, stack, signals, engine, arrays))
        described = sites_of(call.name, stack, signals)
        sites += described
        if not np.array_equal(own, bounds[0]):
            arrays |= {f"sequences/{site.name}": own for site in described}
    called, numbers = symbols_of(symbols, names, inputs, calls[0].lengths, calls[0].module.batch_first)
    if numbers is not None:
        arrays["symbols"] = numbers
    steps = sum(calls[0].lengths)
    info = TraceInfo(
        title=title or type(model).__name__,
        complete_steps=steps,
        planned_steps=steps,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        symbols=called,
        sites=tuple(sites),
        model=_describe_model(model, calls),
        code={
            "unrolled": __version__,
            "torch": torch.__version__,
            "engine": ", ".join(dict.fromkeys(engines)),
            "dtype": str(calls[0].outputs.dtype).removeprefix("torch."),
        },
    )
    made = Trace.from_arrays(info.model_copy(update={"telling": most_telling(info, arrays)}), arrays)
    made.outputs = outputs
    return made


def _bounds(call: Call) -> Array:
    """Start and stop of each sequence, all in a row, `(sequences, 2)`."""
    ends = np.cumsum([0, *call.lengths])
    return np.stack([ends[:-1], ends[1:]], axis=1).astype(np.int64)


def _describe_model(model: nn.Module, calls: Sequence[Call]) -> dict[str, JsonValue]:
    held: list[JsonValue] = [name for call in calls for name in _held(call)]
    cells: list[JsonValue] = [path for path, module in modules_of(model) if isinstance(module, CELLS)]
    return {
        "kind": "module",
        "class": f"{type(model).__module__}.{type(model).__qualname__}",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": weights_sha256(model),
        **({"not_recorded": cells} if cells else {}),
        **({"held": held} if held else {}),
    }


def _held(call: Call) -> list[str]:
    """The names of what was held while it ran."""
    names: list[str] = []
    for edit in call.edits:
        site = f"{call.name}.{edit.layer}.{edit.signal}"
        names += [site] if edit.neurons is None else [f"{site}.{neuron}" for neuron in edit.neurons]
    return names


def _record(call: Call, stack: Stack, signals: Sequence[str], engine: str, arrays: dict[str, Array]) -> str:
    """Puts the signals of one call into `arrays`, all sequences in a row; returns the engine's name."""
    known = [signal.name for signal in stack.cell.signals]
    for name in signals:
        if name not in known:
            raise UnknownNameError(f"signal of {call.name} ({stack.cell.title})", name, known)
    chosen = choose_engine(stack, recording=True, editing=bool(call.edits), engine=engine).engine
    lengths = torch.tensor(call.lengths, device=call.inputs.device) if len(set(call.lengths)) > 1 else None
    with torch.no_grad():
        wanted = tuple(signals) or known
        result = chosen.run(stack, call.inputs, call.state, lengths=lengths, record=wanted, edits=call.edits)
    _hold_against(call, result.outputs)
    before = call.state or stack.zero_state(call.inputs.shape[1], call.inputs)
    for position, layer in enumerate(stack.layers):
        site = f"{call.name}.{layer.name}"
        for name, values in result.signals[layer.name].items():
            rows = torch.cat([values[:length, column] for column, length in enumerate(call.lengths)])
            arrays[signal_path(site, name)] = _numpy(rows)
        for state, values in before.items():
            arrays[initial_path(site, state)] = _numpy(values[position])
    return chosen.name


def _numpy(values: Tensor) -> Array:
    """In its own type where NumPy and the format know it, else in float32."""
    return (values if values.dtype == torch.float64 else values.float()).cpu().numpy()


def _hold_against(call: Call, outputs: Tensor) -> None:
    """The recomputed outputs are the module's own, or the signals are not its signals."""
    own = call.outputs
    allowed = TOLERANCE * torch.finfo(own.dtype).eps * own.abs().clamp(min=1)
    off = (outputs - own).abs()
    wrong = ~(off <= allowed) & ~(outputs.isnan() & own.isnan())
    if not wrong.any():
        return
    step, sequence, number = (int(axis) for axis in wrong.nonzero()[0])
    worst = float(off.nan_to_num(torch.inf).max())
    raise ModelError(
        f"The signals of {call.name} do not give its own outputs ({own.dtype}): off by up to {worst:.3g}, first "
        f"at step {step}, sequence {sequence}, output {number}.",
        "Is it a changed nn.RNN, nn.LSTM or nn.GRU, or run under autocast? Give it as PyTorch makes it.",
    )
