"""Computes windows of a trace again from the weights.

The equations between recorded signals are circular where c was built from the gates: they hold for gates of any
weights. So random windows are run again, in float64, by the reference engine, from the states that stand in the trace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from unrolled.engines.reference import ReferenceEngine
from unrolled.errors import TraceError
from unrolled.networks import SITE, Network
from unrolled.traces.chunks import Array
from unrolled.traces.layout import signal_path
from unrolled.traces.record import weights_sha256
from unrolled.traces.report import Finding
from unrolled.traces.rounding import SLACK, allowance, resolution
from unrolled.traces.trace import Trace

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork

WINDOWS = 64
STEPS = 8
"""Steps of a window: few, so that roundings do not grow, for a chaotic network spreads them."""
MARGIN = 4
"""The perturbed run moves all states at once, by random signs; the worst signs may move a value further."""


def check_weights(trace: Trace, run: Network | str | Path, seed: int = 0) -> list[Finding]:
    """Holds random windows against the network that the trace says it is of.

    Raises:
        RunError: the run cannot be read.
        TraceError: the trace is of another kind of network.
    """
    network = run if isinstance(run, Network) else load_recorded(run, trace).network
    same = Finding("the weights are those that were recorded", values=1)
    stored = trace.info.model.get("sha256")
    if stored != weights_sha256(network):
        same.readable, same.note = False, f"the trace was made with other weights (SHA-256 {str(stored)[:12]}…)"
    refuse_other_shape(trace, network)
    starts, lengths, known = choose_windows(trace, seed)
    if not len(starts):
        return [same, Finding("windows from the weights", note="not checked: no states were recorded to start from")]
    try:
        return [same, *_compare(trace, network, starts, lengths, known, seed)]
    except TraceError as error:
        return [same, Finding("windows from the weights", note=error.message, readable=False)]


def load_recorded(run: str | Path, trace: Trace) -> LoadedNetwork:
    """The network of a run, at the checkpoint that the trace was recorded from where it is there, else the best."""
    from unrolled.networks.files import checkpoint_steps, load_network

    step = trace.info.model.get("step")
    here = isinstance(step, int) and step in checkpoint_steps(Path(run))
    return load_network(Path(run), cast(int, step) if here else "best")


def refuse_other_shape(trace: Trace, network: Network) -> None:
    """TraceError where a trace is of a network with other layers."""
    stack = network.rnn.stack()
    layers = {f"{SITE}.{layer.name}" for layer in stack.layers}
    for site in trace.info.sites:
        if site.name not in layers or site.cell != network.cell.name or site.neurons != stack.neurons:
            raise TraceError(
                f"The trace holds {site.name} ({site.cell}, {site.neurons} neurons), but the network has "
                f"{', '.join(sorted(layers))} ({network.cell.name}, {stack.neurons} neurons).",
                "Give the run that the trace was recorded from.",
            )


def refuse_other_weights(trace: Trace, network: Network) -> None:
    """TraceError where a trace is of another network, or of this one with other weights."""
    refuse_other_shape(trace, network)
    if trace.info.model.get("sha256") != weights_sha256(network):
        raise TraceError(
            f"The trace {trace.path or trace.title} was made with other weights than this run's.",
            "Give the run, and keep the checkpoint, that it was recorded from.",
        )


def choose_windows(trace: Trace, seed: int) -> tuple[Array, Array, bool]:
    """First steps and lengths of windows that do not leave their sequences, and whether states stand before them."""
    generator = np.random.default_rng(seed)
    firsts = np.array([span.start for span in trace.sequences])
    ends = np.array([span.stop for span in trace.sequences])
    known = has_states(trace)
    starts = generator.integers(0, trace.steps, WINDOWS) if known else generator.choice(firsts, WINDOWS)
    starts = np.unique(starts)
    stops = ends[np.searchsorted(ends, starts, side="right")]
    return starts, np.minimum(STEPS, stops - starts), known


def has_states(trace: Trace) -> bool:
    """Whether all that is carried from step to step was recorded."""
    return all(trace.arrays.has(signal_path(site.name, state)) for site in trace.info.sites for state in _states(trace))


def _states(trace: Trace) -> tuple[str, ...]:
    from unrolled.cells import CELLS

    return CELLS.get(trace.info.sites[0].cell).state


def _compare(trace: Trace, network: Network, starts: Array, lengths: Array, known: bool, seed: int) -> list[Finding]:
    wide = Network(network.settings, network.symbols).double().eval()
    wide.load_state_dict({name: value.double().cpu() for name, value in network.state_dict().items()})
    symbols, following = read_symbols(trace, starts, lengths, network.symbols)
    state = state_before(trace, wide, starts) if known else {}
    names = [signal.name for signal in trace.info.sites[0].signals]
    base, scores = _run(wide, symbols, state, lengths, names)
    signs = torch.Generator().manual_seed(seed)
    moved = {
        name: value
        + (torch.randint(0, 2, value.shape, generator=signs) * 2 - 1)
        * torch.as_tensor(allowance(value.numpy(), _stored_as(trace, name)))
        for name, value in state.items()
    }
    other, other_scores = _run(wide, symbols, moved, lengths, names)
    sequences = trace.sequences
    growth = np.arange(1, symbols.shape[0] + 1)[:, None]
    findings: list[Finding] = []
    for site in trace.info.sites:
        for signal in site.signals:
            found = Finding("as the weights give it, in float64", site.name, signal.name)
            right, shaken = (part[site.name][signal.name] for part in (base, other))
            stored = str(trace.arrays.dtype(signal_path(site.name, signal.name)))
            for window, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
                values = trace.read(site.name, signal.name, start, start + length)
                expected = right[:length, window]
                spread = np.abs(shaken[:length, window] - expected).max(axis=1, keepdims=True)
                allowed = (allowance(values, stored) + MARGIN * spread) * growth[:length]
                found.add(values, expected, allowed, start, sequences)
            findings.append(found)
    if trace.arrays.has("loss"):
        found = Finding("loss as the weights give it, in float64")
        loss = -np.take_along_axis(scores, np.maximum(following, 0)[:, :, None], 2)[:, :, 0]
        loss = np.where(following < 0, np.nan, loss)
        moves = np.abs(other_scores - scores).max(axis=2)
        for window, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
            values = trace.arrays.read("loss", slice(start, start + length))[:, None]
            expected = loss[:length, window, None]
            spread = moves[:length, window, None]
            unit = SLACK * resolution("float32") * (1 + np.abs(expected))
            found.add(values, expected, (unit + MARGIN * spread) * growth[:length], start, sequences)
        findings.append(found)
    return findings


def _stored_as(trace: Trace, state: str) -> str:
    return str(trace.arrays.dtype(signal_path(trace.info.sites[0].name, state)))


def read_symbols(trace: Trace, starts: Array, lengths: Array, known: int) -> tuple[Tensor, Array]:
    """`(steps, windows)`: the symbols that were read, and those that came next (−1: none)."""
    symbols = np.zeros((int(lengths.max()), len(starts)), np.int64)
    following = np.full_like(symbols, -1)
    ends = {span.stop for span in trace.sequences}
    for window, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        more = 0 if start + length in ends else 1
        read = trace.arrays.read("symbols", slice(start, start + length + more)).astype(np.int64)
        symbols[:length, window] = read[:length]
        following[: length - 1 + more, window] = read[1:]
    if symbols.max() >= known or following.max() >= known:
        raise TraceError(f"The trace holds symbols that the network with its {known} symbols does not know.")
    return torch.from_numpy(symbols), following


def state_before(trace: Trace, network: Network, starts: Array) -> dict[str, Tensor]:
    """The carried signals before each window, `(layers, windows, neurons)`, in float64; the trace `has_states`."""
    begins = {span.start: index for index, span in enumerate(trace.sequences)}
    stack = network.rnn.stack()
    state: dict[str, Tensor] = {}
    for name in stack.cell.state:
        layers: list[Array] = []
        for layer in stack.layers:
            site = f"{SITE}.{layer.name}"
            initial = trace.initial(site).get(name)
            rows: list[Array] = []
            for start in starts.tolist():
                if start not in begins:
                    rows.append(trace.read(site, name, start - 1, start)[0])
                else:
                    zeros = np.zeros(trace.info.site(site).signal(name).neurons)
                    rows.append(zeros if initial is None else initial[begins[start]])
            layers.append(np.stack(rows).astype(np.float64))
        state[name] = torch.as_tensor(np.stack(layers))
    return state


def _run(
    network: Network, symbols: Tensor, state: Mapping[str, Tensor], lengths: Array, names: list[str]
) -> tuple[dict[str, dict[str, Array]], Array]:
    """Signals by site and name `(steps, windows, neurons)`, and log probabilities `(steps, windows, symbols)`."""
    with torch.no_grad():
        result = ReferenceEngine().run(
            network.rnn.stack(),
            network.encoder(symbols),
            state or None,
            lengths=torch.as_tensor(lengths),
            record=names,
        )
        scores = torch.log_softmax(network.readout(result.outputs), -1).numpy()
    signals = {
        f"{SITE}.{layer}": {name: value.numpy() for name, value in values.items()}
        for layer, values in result.signals.items()
    }
    return signals, scores
