"""Stacks to run, the `torch.nn` modules that hold the same parameters, and runs whose shapes are checked."""

# ruff: noqa: F722 - the names of axes are no Python expressions

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, Int64, jaxtyped
from torch import Tensor, nn

from unrolled.cells import CELLS, Cell
from unrolled.cells.coupled import CoupledLSTM
from unrolled.cells.feedforward import FeedForward
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.no_input_gate import NoInputGateLSTM
from unrolled.cells.peephole import PeepholeLSTM
from unrolled.cells.rnn import RNN
from unrolled.engines import BLOCK, ENGINES, Engine, Result, Stack
from unrolled.engines.compiled.engine import CompiledEngine
from unrolled.engines.compiled.kernels import libraries, load_kernels
from unrolled.engines.gpu.engine import GpuEngine

EVERY_CELL: dict[str, Cell] = {
    "lstm": LSTM(),
    "gru": GRU(),
    "rnn-tanh": RNN("tanh"),
    "rnn-relu": RNN("relu"),
    "rnn-sigmoid": RNN("sigmoid"),
    "peephole": PeepholeLSTM(),
    "coupled": CoupledLSTM(),
    "no-input-gate": NoInputGateLSTM(),
    "feedforward-tanh": FeedForward("tanh"),
    "feedforward-relu": FeedForward("relu"),
    "feedforward-sigmoid": FeedForward("sigmoid"),
}
"""Every cell that the package knows, with every activation."""

RECURRENT = [kind for kind, cell in EVERY_CELL.items() if cell.state and type(cell).as_known is Cell.as_known]
"""Those that carry a state and are no special case of another: the kernels know them."""

IN_TORCH = ("lstm", "gru", "rnn-tanh", "rnn-relu")
"""Those that `torch.nn` has too."""

COMPILED = {path.stem.replace("kernels", "compiled"): path for path in libraries()}
"""The compiled engine by each instruction set that this machine has: `compiled-avx2`, …; none without a compiler."""
needs_kernels = pytest.mark.skipif(not COMPILED, reason="the compiled kernels were not built: no C compiler")
GPU = {"gpu": GpuEngine(), "gpu-one-pass": GpuEngine(one_pass=True)}
"""The GPU engine, as it is and with its own kernel for every LSTM."""
INTERPRETED = {
    "gpu-interpreted": GpuEngine(interpreted=True),
    "gpu-one-pass-interpreted": GpuEngine(one_pass=True, interpreted=True),
}
"""The same through Triton's interpreter: slow, for test_gpu.py alone."""
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
UNDER_TEST = [
    *(name for name in ENGINES.names() if name not in {"reference", "compiled", "gpu"}),
    *COMPILED,
    *(GPU if torch.cuda.is_available() and find_spec("triton") else ()),
]
"""Every engine that is held against the reference, here."""

assert {cell.name for cell in EVERY_CELL.values()} == set(CELLS.names()), "a cell has no tests"


def make_engine(name: str) -> Engine:
    """A registered engine, or one of `COMPILED`, `GPU` and `INTERPRETED`."""
    if name in COMPILED:
        return CompiledEngine(load_kernels(COMPILED[name]))
    return {**GPU, **INTERPRETED}.get(name) or ENGINES.get(name)()


def can_run(engine: str, kind: str, dtype: torch.dtype) -> bool:
    stack = make_stack(kind, 1, 1, dtype=dtype)
    stack = on_device(stack, "cuda") if engine in GPU else stack
    return make_engine(engine).why_not(stack, recording=True, editing=False) is None


def best_dtype(engine: str) -> torch.dtype:
    """float64 where the engine can."""
    return torch.float64 if can_run(engine, "lstm", torch.float64) else torch.float32


def make_module(
    kind: str,
    inputs: int,
    neurons: int,
    *,
    depth: int = 1,
    bidirectional: bool = False,
    projection: int = 0,
    bias: bool = True,
    dtype: torch.dtype = torch.float64,
) -> nn.RNNBase:
    """A `torch.nn` module with weights large enough that every gate moves."""
    options: dict[str, Any] = {"num_layers": depth, "bidirectional": bidirectional, "bias": bias, "dtype": dtype}
    if kind == "lstm":
        module: nn.RNNBase = nn.LSTM(inputs, neurons, proj_size=projection, **options)
    elif kind == "gru":
        module = nn.GRU(inputs, neurons, **options)
    else:
        module = nn.RNN(inputs, neurons, nonlinearity=kind.removeprefix("rnn-"), **options)
    with torch.no_grad():
        for parameter in module.parameters():
            # Twice PyTorch's own start; the ReLU's would grow without bound.
            parameter.mul_(1.0 if kind == "rnn-relu" else 2.0)
    return module


def stack_of(kind: str, module: nn.RNNBase) -> Stack:
    """The stack that shares the module's parameters."""
    return Stack.from_parameters(
        EVERY_CELL[kind],
        dict(module.named_parameters()),
        depth=module.num_layers,
        projection=module.proj_size,
        bidirectional=module.bidirectional,
    )


def make_stack(
    kind: str,
    inputs: int,
    neurons: int,
    *,
    depth: int = 1,
    bidirectional: bool = False,
    bias: bool = True,
    dtype: torch.dtype = torch.float64,
) -> Stack:
    """A stack of any cell with random parameters; one that carries no state has no second direction."""
    cell = EVERY_CELL[kind]
    bidirectional = bidirectional and bool(cell.state)
    bound = (1.0 if kind == "rnn-relu" else 2.0) / neurons**0.5
    parameters: dict[str, Tensor] = {}
    for index in range(depth):
        width = neurons * (2 if bidirectional else 1) if index else inputs
        for ending in ("", "_reverse") if bidirectional else ("",):
            for name, shape in cell.parameter_shapes(width, neurons).items():
                if name.startswith("bias") and not bias:
                    continue
                value = torch.empty(shape, dtype=dtype).uniform_(-bound, bound)
                parameters[f"{name}_l{index}{ending}"] = value.requires_grad_()
    return Stack.from_parameters(cell, parameters, depth=depth, bidirectional=bidirectional)


def as_type(stack: Stack, dtype: torch.dtype) -> Stack:
    """The same stack with fresh parameters of another type."""
    parameters = {
        f"{name}_{layer.name}": value.detach().to(dtype).requires_grad_()
        for layer in stack.layers
        for name, value in layer.parameters.items()
    }
    return Stack.from_parameters(
        stack.cell,
        parameters,
        depth=stack.depth,
        projection=stack.projection,
        bidirectional=stack.bidirectional,
        dropout=stack.dropout,
    )


def on_device(stack: Stack, device: str) -> Stack:
    """The stack with its parameters elsewhere; gradients find their way back."""
    layers = [
        replace(layer, parameters={name: value.to(device) for name, value in layer.parameters.items()})
        for layer in stack.layers
    ]
    return replace(stack, layers=tuple(layers))


def random_state(stack: Stack, batch: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """A state to start from that is not zero."""
    zero = stack.zero_state(batch, torch.empty(0, dtype=dtype))
    return {name: torch.empty_like(value).uniform_(-0.9, 0.9) for name, value in zero.items()}


def sequence_lengths(steps: int, batch: int) -> Tensor:
    """Ragged lengths, one at a block's edge and one whole where they fit."""
    lengths = torch.randint(1, steps + 1, (batch,))
    for place, length in enumerate((steps, BLOCK, BLOCK + 1)):
        if place < batch and length <= steps:
            lengths[place] = length
    return lengths


def every_signal(stack: Stack) -> tuple[str, ...]:
    return tuple(signal.name for signal in stack.cell.signals)


@jaxtyped(typechecker=beartype)
def step(
    cell: Cell,
    parameters: Mapping[str, Tensor],
    x: Float[Tensor, "batch inputs"],
    state: Mapping[str, Float[Tensor, "batch _"]],
    **options: Any,
) -> dict[str, Tensor]:
    """One step of a cell, whose signals' shapes and type are checked."""
    signals = cell.step(parameters, x, state, **options)
    assert list(signals) == [signal.name for signal in cell.signals]
    for name, value in signals.items():
        shape = "batch projection" if name == "hidden" and "weight_hr" in parameters else "batch neurons"
        assert isinstance(value, Float[Tensor, shape]), (name, value.shape)
        assert value.dtype == x.dtype
    return signals


@jaxtyped(typechecker=beartype)
def run(
    engine: str,
    stack: Stack,
    inputs: Float[Tensor, "steps batch inputs"] | Int64[Tensor, "steps batch"],
    state: Mapping[str, Float[Tensor, "layers batch _"]] | None = None,
    **options: Any,
) -> Result:
    """A run of an engine, whose result's shapes and type are checked; on a GPU and back where it is one for GPUs."""
    if engine in GPU:
        result = run_on_gpu(engine, stack, inputs, state, **options)
    else:
        result = make_engine(engine).run(stack, inputs, state, **options)
    hidden, layers = stack.projection or stack.neurons, len(stack.layers)
    assert isinstance(result.outputs, Float[Tensor, f"steps batch {stack.outputs}"]), result.outputs.shape
    assert tuple(result.state) == stack.cell.state
    values = {**result.state, **{f"{at}.{name}": v for at, s in result.signals.items() for name, v in s.items()}}
    for name, value in values.items():
        size = hidden if name.endswith("hidden") else stack.neurons
        shape = f"{layers} batch {size}" if name in result.state else f"steps batch {size}"
        assert isinstance(value, Float[Tensor, shape]), (name, value.shape)
    dtype = next(iter(stack.layers[0].parameters.values())).dtype
    assert {value.dtype for value in (result.outputs, *values.values())} == {dtype}
    return result


def run_on_gpu(
    engine: str, stack: Stack, inputs: Tensor, state: Mapping[str, Tensor] | None = None, **options: Any
) -> Result:
    if sink := options.get("sink"):
        options["sink"] = lambda layer, start, signals: sink(layer, start, {n: v.cpu() for n, v in signals.items()})
    state = {name: value.cuda() for name, value in state.items()} if state is not None else None
    result = make_engine(engine).run(on_device(stack, "cuda"), inputs.cuda(), state, **options)
    signals = {layer: {name: v.cpu() for name, v in own.items()} for layer, own in result.signals.items()}
    return Result(result.outputs.cpu(), {name: value.cpu() for name, value in result.state.items()}, signals)


def gradients(
    engine: str,
    stack: Stack,
    inputs: Tensor,
    state: Mapping[str, Tensor],
    weights: tuple[Tensor, ...],
    **options: Any,
) -> dict[str, Tensor]:
    """The gradient of everything that has one: `inputs` unless they are symbols, the first states, the parameters.

    Args:
        weights: how much each number of the outputs, and of the states in the cell's order, counts.
    """
    leaves = {name: value.detach().clone().requires_grad_() for name, value in state.items()}
    if inputs.is_floating_point():
        inputs = leaves["inputs"] = inputs.detach().clone().requires_grad_()
    result = run(engine, stack, inputs, {name: leaves[name] for name in state}, **options)
    leaves |= {f"{layer.name}.{name}": value for layer in stack.layers for name, value in layer.parameters.items()}
    values = [result.outputs, *result.state.values()]
    weights = tuple(weight.to(value.dtype) for weight, value in zip(weights, values, strict=True))
    return dict(zip(leaves, torch.autograd.grad(values, list(leaves.values()), weights), strict=True))


def random_weights(stack: Stack, steps: int, batch: int) -> tuple[Tensor, ...]:
    """Weights for `gradients`."""
    return tuple(
        torch.randn(shape)
        for shape in [(steps, batch, stack.outputs), *(tuple(s.shape) for s in random_state(stack, batch).values())]
    )


def distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two tensors of one shape."""
    assert ours.shape == theirs.shape
    return float((ours.detach().double() - theirs.detach().double()).abs().max()) if ours.numel() else 0.0


def assert_same(ours: Tensor, theirs: Tensor, tolerance: float = 1e-12) -> None:
    """Equal to `tolerance`, for values above 1 as a share of the largest."""
    largest = max(1.0, float(theirs.detach().abs().max()))
    assert distance(ours, theirs) <= tolerance * largest
