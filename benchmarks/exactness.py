"""Exactness: cells against torch.nn and NumPy, engines against each other, identities of a recorded trace.

- Every cell runs in the engine `reference`, in float64, over several shapes; outputs, final states and gradients are
  held against the module of `torch.nn` with the same parameters, and every signal against a loop in NumPy that was
  written here from the papers' equations. Gradients of cells that torch.nn does not have are held against finite
  differences.
- Every other engine is held against `reference`: outputs, states, signals and gradients in float64; in float32 its
  distance from float64 is set beside torch.nn's own.
- A network of each cell is recorded in float32 to the disk, and its equations are computed again in float64 from the
  recorded numbers alone. One unit is the rounding of a float32, 2⁻²³, of 1 or (cell states) of the larger terms: a
  gate is a rounded number near 1 at most, whatever it is multiplied by.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Report, arguments, say, workspace
from torch import Tensor, nn

from unrolled.cells.cell import Cell
from unrolled.cells.feedforward import FeedForward
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.peephole import PeepholeLSTM
from unrolled.cells.rnn import RNN
from unrolled.engines import ENGINES, Result, Stack
from unrolled.networks import Network, NetworkSettings
from unrolled.sources import open_source, prepare
from unrolled.traces.record import record_run

CELLS: dict[str, Cell] = {
    "lstm": LSTM(),
    "gru": GRU(),
    "rnn tanh": RNN("tanh"),
    "rnn relu": RNN("relu"),
    "rnn sigmoid": RNN("sigmoid"),
    "peephole": PeepholeLSTM(),
    "feedforward tanh": FeedForward("tanh"),
    "feedforward relu": FeedForward("relu"),
    "feedforward sigmoid": FeedForward("sigmoid"),
}
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn tanh": nn.RNN, "rnn relu": nn.RNN}
SHAPES = ((1, 1, 1, 1), (700, 1, 5, 24), (60, 7, 3, 17))
"""(steps, batch, inputs, neurons); the second is longer than a block of recorded steps."""
DEPTH = 2
ROUNDING = 2.0**-23

Arrays = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


PHI = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0)}


def by_hand(kind: str, weights: Arrays, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> Arrays:
    """One step from the papers' equations; `x (batch, inputs)`, `h` and `c (batch, neurons)` of the step before."""
    size = h.shape[1]
    part = {name: [value[row : row + size] for row in range(0, len(value), size)] for name, value in weights.items()}

    def read(gate: int) -> np.ndarray:
        return x @ part["weight_ih"][gate].T + part["bias_ih"][gate]

    def recall(gate: int) -> np.ndarray:
        return h @ part["weight_hh"][gate].T + part["bias_hh"][gate]

    name, _, phi = kind.partition(" ")
    if name == "feedforward":
        return {"hidden": PHI[phi](read(0))}
    if name == "rnn":
        return {"hidden": PHI[phi](read(0) + recall(0))}
    if name == "gru":
        r, z = sigmoid(read(0) + recall(0)), sigmoid(read(1) + recall(1))
        n = np.tanh(read(2) + r * recall(2))
        return {"reset_gate": r, "update_gate": z, "candidate": n, "hidden": n + z * (h - n)}
    p_i, p_f, p_o = part.get("weight_ch", [np.zeros(size)] * 3)
    i, f = sigmoid(read(0) + recall(0) + p_i * c), sigmoid(read(1) + recall(1) + p_f * c)
    g = np.tanh(read(2) + recall(2))
    now = f * c + i * g
    o = sigmoid(read(3) + recall(3) + p_o * now)
    return {
        "input_gate": i,
        "forget_gate": f,
        "candidate": g,
        "cell": now,
        "output_gate": o,
        "hidden": o * np.tanh(now),
    }


def make_stack(cell: Cell, inputs: int, neurons: int, dtype: torch.dtype = torch.float64, depth: int = DEPTH) -> Stack:
    """A stack with weights large enough that every gate moves."""
    generator = torch.Generator().manual_seed(inputs + neurons)
    bound = 1.5 / neurons**0.5
    parameters: dict[str, Tensor] = {}
    for layer in range(depth):
        for name, shape in cell.parameter_shapes(neurons if layer else inputs, neurons).items():
            value = (torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1) * bound
            parameters[f"{name}_l{layer}"] = value.to(dtype).requires_grad_()
    return Stack.from_parameters(cell, parameters, depth=depth)


def make_inputs(shape: tuple[int, int, int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    steps, batch, inputs, _ = shape
    generator = torch.Generator().manual_seed(steps)
    return torch.randn(steps, batch, inputs, generator=generator, dtype=torch.float64).to(dtype)


def module_of(kind: str, stack: Stack, dtype: torch.dtype = torch.float64) -> nn.RNNBase:
    """The module of torch.nn with the same parameters."""
    more: dict[str, Any] = {"nonlinearity": kind.split()[1]} if kind.startswith("rnn") else {}
    module = TORCH[kind](stack.inputs, stack.neurons, num_layers=stack.depth, dtype=dtype, **more)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(parameters_of(stack)[name])
    return module


def parameters_of(stack: Stack) -> dict[str, Tensor]:
    """By the names of torch.nn: `weight_ih_l0`, …"""
    return {f"{name}_{layer.name}": value for layer in stack.layers for name, value in layer.parameters.items()}


def run(engine: str, stack: Stack, x: Tensor, *, record: bool = False) -> Result:
    names = [signal.name for signal in stack.cell.signals] if record else []
    return ENGINES.get(engine)().run(stack, x, None, record=names)


def off(ours: Tensor | np.ndarray, theirs: Tensor | np.ndarray) -> float:
    """The largest difference."""
    mine, other = (np.asarray(torch.as_tensor(value).detach(), np.float64) for value in (ours, theirs))
    assert mine.shape == other.shape, (mine.shape, other.shape)
    return float(np.abs(mine - other).max())


def weigh(outputs: Tensor) -> Tensor:
    """A number whose gradient reaches every output, each with a weight of its own."""
    return (outputs * torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)).sum()


def gradients(stack: Stack, outputs: Tensor) -> dict[str, Tensor]:
    """By parameter; zero for what the outputs do not depend on."""
    names, values = zip(*parameters_of(stack).items(), strict=True)
    found = torch.autograd.grad(weigh(outputs), values, allow_unused=True)
    return {name: torch.zeros_like(v) if g is None else g for name, g, v in zip(names, found, values, strict=True)}


def against_torch(kind: str, stack: Stack, x: Tensor, result: Result) -> tuple[float, float]:
    """Largest difference of outputs and final states, and of gradients as a share of the largest."""
    module = module_of(kind, stack)
    outputs, state = module(x)
    states = dict(zip(("hidden", "cell"), state if isinstance(state, tuple) else (state,), strict=False))
    values = max(off(result.outputs, outputs), *(off(result.state[name], value) for name, value in states.items()))
    weigh(outputs).backward()
    theirs = {name: parameter.grad for name, parameter in module.named_parameters()}
    ours = gradients(stack, result.outputs)
    largest = max(float(value.abs().max()) for value in ours.values())
    return values, max(off(ours[name], value) for name, value in theirs.items() if value is not None) / largest


def against_numpy(kind: str, stack: Stack, x: Tensor, result: Result) -> float:
    """Largest difference of any signal."""
    inputs, worst = x.numpy(), 0.0
    for layer in stack.layers:
        weights = {name: value.detach().numpy() for name, value in layer.parameters.items()}
        h = c = np.zeros((x.shape[1], stack.neurons))
        outputs: list[np.ndarray] = []
        for t, row in enumerate(inputs):
            signals = by_hand(kind, weights, row, h, c)
            recorded = result.signals[layer.name]
            worst = max(worst, *(off(recorded[name][t], value) for name, value in signals.items()))
            h, c = signals["hidden"], signals.get("cell", c)
            outputs.append(h)
        inputs = np.stack(outputs)
    return worst


def against_differences(cell: Cell) -> float:
    """Largest difference between the gradient and central differences, as a share of the largest; a few steps."""
    stack, x, epsilon = make_stack(cell, 3, 4), make_inputs((6, 2, 3, 4)), 1e-6
    exact = gradients(stack, run("reference", stack, x).outputs)
    largest, worst = max(float(value.abs().max()) for value in exact.values()), 0.0
    with torch.no_grad():
        for name, parameter in parameters_of(stack).items():
            flat = parameter.view(-1)
            for place in range(0, len(flat), 5):
                before = float(flat[place])
                sides: list[float] = []
                for value in (before + epsilon, before - epsilon):
                    flat[place] = value
                    sides.append(float(weigh(run("reference", stack, x).outputs)))
                flat[place] = before
                worst = max(worst, abs((sides[0] - sides[1]) / (2 * epsilon) - float(exact[name].view(-1)[place])))
    return worst / largest


def check_cells(result: Report) -> None:
    rows: list[list[str]] = []
    worst_torch = worst_numpy = 0.0
    for kind, cell in CELLS.items():
        say(f"{kind} …")
        values, gradient, signals = 0.0, 0.0, 0.0
        for shape in SHAPES:
            stack, x = make_stack(cell, shape[2], shape[3]), make_inputs(shape)
            if kind in TORCH:
                one, other = against_torch(kind, stack, x, run("reference", stack, x))
                values, gradient = max(values, one), max(gradient, other)
            signals = max(signals, against_numpy(kind, stack, x, run("reference", stack, x, record=True)))
        differences = against_differences(cell)
        result.numbers.setdefault("cells", {})[kind] = [values, gradient, signals, differences]
        in_torch = [f"{values:.1e}", f"{gradient:.1e}"] if kind in TORCH else ["not in torch.nn", ""]
        rows.append([kind, *in_torch, f"{signals:.1e}", f"{differences:.1e}"])
        worst_torch, worst_numpy = max(worst_torch, values), max(worst_numpy, signals)
    result.table(
        "Cells in float64: largest differences; gradients as a share of the largest gradient.",
        ["cell", "outputs, states: torch.nn", "gradients: torch.nn", "signals: NumPy", "gradients: differences"],
        rows,
    )
    result.bar("cells against torch.nn, float64", "at most 1e-12", f"{worst_torch:.1e}", worst_torch <= 1e-12)
    result.bar("every signal against NumPy, float64", "at most 1e-12", f"{worst_numpy:.1e}", worst_numpy <= 1e-12)


def compare_engine(engine: str, kind: str, dtype: torch.dtype) -> tuple[float, float]:
    """Largest difference from `reference` in float64 of everything an engine gives, and (where it is there) the
    distance of torch.nn in `dtype` from the same."""
    ours = theirs = 0.0
    for shape in SHAPES:
        exact, x = make_stack(CELLS[kind], shape[2], shape[3]), make_inputs(shape)
        right = run("reference", exact, x, record=True)
        stack = make_stack(CELLS[kind], shape[2], shape[3], dtype)
        found = run(engine, stack, x.to(dtype), record=True)
        ours = max(ours, off(found.outputs, right.outputs), *(off(found.state[n], v) for n, v in right.state.items()))
        if dtype == torch.float64:
            for layer, signals in right.signals.items():
                ours = max(ours, *(off(found.signals[layer][name], value) for name, value in signals.items()))
            exact_gradients = gradients(exact, run("reference", exact, x).outputs)
            largest = max(float(value.abs().max()) for value in exact_gradients.values())
            own = gradients(stack, run(engine, stack, x).outputs)
            ours = max(ours, *(off(own[name], value) / largest for name, value in exact_gradients.items()))
        if kind in TORCH:
            theirs = max(theirs, off(module_of(kind, stack, dtype)(x.to(dtype))[0], right.outputs))
    return ours, theirs


def check_engines(result: Report) -> None:
    rows: list[list[str]] = []
    worst = ratio = 0.0
    for engine in ENGINES.names():
        for kind, cell in CELLS.items():
            why_not = ENGINES.get(engine)().why_not(make_stack(cell, 1, 1), recording=True, editing=False)
            if engine == "reference" or why_not:
                continue
            exact, _ = compare_engine(engine, kind, torch.float64)
            rough, own = compare_engine(engine, kind, torch.float32)
            beside = [f"{own:.1e}", f"{rough / own:.2f}"] if kind in TORCH else ["not in torch.nn", ""]
            rows.append([engine, kind, f"{exact:.1e}", f"{rough:.1e}", *beside])
            worst, ratio = max(worst, exact), max(ratio, rough / own if kind in TORCH else 0.0)
            result.numbers.setdefault("engines", {})[f"{engine} {kind}"] = [exact, rough, own]
    result.table(
        "Engines against `reference` in float64: outputs, states, signals, gradients; and how far float32 is from it.",
        ["engine", "cell", "float64", "float32: outputs, states", "torch.nn's own float32", "ratio"],
        rows,
    )
    result.bar("engines against reference, float64", "at most 1e-12", f"{worst:.1e}", worst <= 1e-12)
    result.bar("float32, beside torch.nn's own distance", "at most twice", f"{ratio:.2f} times", ratio <= 2)


def recomputed(kind: str, now: Arrays, before: Arrays) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By signal: what the others say it should be, and the size of the terms of its sum."""
    if kind == "gru":
        z, n, h = now["update_gate"], now["candidate"], before["hidden"]
        return {"hidden": ((1 - z) * n + z * h, (1 - z) * abs(n) + z * abs(h))}
    if kind in {"lstm", "peephole"}:
        kept, added = now["forget_gate"] * before["cell"], now["input_gate"] * now["candidate"]
        shown = now["output_gate"] * np.tanh(now["cell"])
        return {"cell": (kept + added, abs(kept) + abs(added)), "hidden": (shown, abs(shown))}
    return {}


def check_trace(folder: Path, kind: str, text: str, steps: int) -> list[tuple[str, float, float]]:
    """Of each identity: its signal, the largest difference, and that in units of float32 rounding."""
    name, _, phi = kind.partition(" ")
    corpus = prepare(open_source(text, limit=steps))
    torch.manual_seed(0)
    settings = NetworkSettings.parse({"cell": name, "activation": phi or "tanh", "layers": 2, "hidden": 48})
    network = Network(settings, len(corpus.vocabulary))
    with torch.no_grad():
        for parameter in network.rnn.parameters():
            parameter.mul_(2)
    trace = record_run(network, corpus.vocabulary, [corpus.symbols], out=folder / kind.replace(" ", "-"))
    worst: dict[str, tuple[float, float]] = {}
    for site in trace.info.sites:
        now = {signal.name: trace.read(site.name, signal.name).astype(np.float64) for signal in site.signals}
        initial = {state: value.astype(np.float64) for state, value in trace.initial(site.name).items()}
        before = {state: np.concatenate([value, now[state][:-1]]) for state, value in initial.items()}
        for signal, (right, size) in recomputed(name, now, before).items():
            error = np.abs(now[signal] - right)
            units = float((error / (ROUNDING * np.maximum(size, 1))).max())
            old = worst.get(signal, (0.0, 0.0))
            worst[signal] = max(old[0], float(error.max())), max(old[1], units)
    return [(signal, *values) for signal, values in worst.items()]


def check_traces(result: Report, text: str, steps: int, most: float) -> None:
    equations = {"cell": "c = f·c₋₁ + i·g", "hidden": "h = o·tanh(c)"}
    rows: list[list[str]] = []
    worst = 0.0
    with workspace(None) as folder:
        for kind in ("lstm", "peephole", "gru"):
            say(f"recording {kind} …")
            for signal, error, units in check_trace(folder, kind, text, steps):
                equation = "h = (1 − z)·n + z·h₋₁" if kind == "gru" else equations[signal]
                rows.append([kind, equation, f"{error:.1e}", f"{units:.1f}"])
                worst = max(worst, units)
                result.numbers.setdefault("traces", {})[f"{kind} {signal}"] = [error, units]
    result.table(
        f"Identities of recorded traces, {steps:,} steps, 2 × 48, float32 (an RNN has none between its signals alone).",
        ["cell", "identity", "largest difference", "in units of rounding"],
        rows,
    )
    result.bar("identities of a trace", f"float32 rounding, {most:g} units", f"{worst:.1f} units", worst <= most)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("text", nargs="?", default="corpus:python", help="what is recorded (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20_000, help="of each recording (default: %(default)s)")
    parser.add_argument(
        "--units", type=float, default=8, help="roundings allowed in an identity (default: %(default)s)"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    result = Report("Exactness")
    check_cells(result)
    check_engines(result)
    check_traces(result, given.text, given.steps, given.units)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
