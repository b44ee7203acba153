"""In float32 no engine is further from float64 than twice PyTorch's own float32, in anything and in any shape.

What PyTorch does not show (gates) or has not (peephole LSTM, RNN with sigmoid) is compared with its own operations, one
step after the other.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.stacks import (
    EVERY_CELL,
    IN_TORCH,
    UNDER_TEST,
    as_type,
    can_run,
    distance,
    every_signal,
    gradients,
    make_module,
    make_stack,
    random_state,
    random_weights,
    run,
    sequence_lengths,
    stack_of,
)
from unrolled.engines import BLOCK, Result, Stack

PAIRS = [(engine, kind) for engine in UNDER_TEST for kind in EVERY_CELL if can_run(engine, kind, torch.float32)]
EPSILON = torch.finfo(torch.float32).eps


def assert_near(ours: dict[str, Tensor], theirs: dict[str, Tensor], right: dict[str, Tensor], roundings: float) -> None:
    """At most twice as far off as theirs, and some roundings of the value (of 1, where it is smaller)."""
    assert ours.keys() == theirs.keys() == right.keys()
    for name, value in right.items():
        rounding = roundings * EPSILON * max(1.0, float(value.detach().abs().max()))
        assert distance(ours[name], value) <= 2 * distance(theirs[name], value) + rounding, name


def everything(engine: str, stack: Stack, x: Tensor, state: dict[str, Tensor], **options: Any) -> dict[str, Tensor]:
    """All that a run gives, with and without recording."""
    plain = run(engine, stack, x, state, **options)
    recorded = run(engine, stack, x, state, record=every_signal(stack), **options)
    return {
        **by_name("plain", plain),
        **by_name("recorded", recorded),
        **{f"{layer}.{name}": v for layer, signals in recorded.signals.items() for name, v in signals.items()},
    }


def as_double(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.double() for name, value in state.items()}


def by_name(prefix: str, result: Result) -> dict[str, Tensor]:
    return {f"{prefix}.outputs": result.outputs, **{f"{prefix}.{name}": v for name, v in result.state.items()}}


@settings(max_examples=25)
@given(
    steps=st.sampled_from([1, 2, 7, 40]),
    batch=st.sampled_from([1, 5, 40]),
    inputs=st.sampled_from([1, 3, 33]),
    neurons=st.sampled_from([1, 3, 16, 17, 129]),
    depth=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    ragged=st.booleans(),
    symbols=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize(("engine", "kind"), PAIRS)
def test_every_shape(engine: str, kind: str, **form: int) -> None:
    compare_with_float64(engine, kind, **form)


def compare_with_float64(
    engine: str, kind: str, *, steps: int, batch: int, inputs: int, bias: bool, ragged: bool, symbols: bool, **form: int
) -> None:
    """Outputs, states, signals, and the gradients of all that goes in.

    Eight roundings, and for gradients those of a sum over all steps: where a network has but a few numbers, PyTorch's
    are sometimes right to the last bit.
    """
    torch.manual_seed(form.pop("seed"))
    torch.set_num_threads(form.pop("threads"))
    single = make_stack(kind, inputs, dtype=torch.float32, bias=bias, **form)  # type: ignore[arg-type]
    double, state = as_type(single, torch.float64), random_state(single, batch, torch.float32)
    x = torch.randint(0, inputs, (steps, batch)) if symbols else torch.randn(steps, batch, inputs)
    lengths = sequence_lengths(steps, batch) if ragged else None
    weights = random_weights(single, steps, batch)

    asked = (single, x, state), (double, x if symbols else x.double(), as_double(state))
    with torch.no_grad():
        right = everything("reference", *asked[1], lengths=lengths)
        theirs, ours = (everything(name, *asked[0], lengths=lengths) for name in ("reference", engine))
    assert_near(ours, theirs, right, roundings=8)
    if kind.endswith("relu"):  # rounding that takes a sum across the bend changes the gradient by all that it is
        assume(all(((ours[name] > 0) == (right[name] > 0)).all() for name in right))
    right = gradients("reference", *asked[1], weights, lengths=lengths)
    theirs, ours = (gradients(name, *asked[0], weights, lengths=lengths) for name in ("reference", engine))
    assert_near(ours, theirs, right, roundings=8 + 4 * (steps * batch) ** 0.5)


@pytest.mark.parametrize("steps", [7, BLOCK + 1, 2 * BLOCK + 76])
@pytest.mark.parametrize("neurons", [3, 129])
@pytest.mark.parametrize(("engine", "kind"), [pair for pair in PAIRS if pair[1] in IN_TORCH])
def test_what_nn_gives(engine: str, kind: str, neurons: int, steps: int) -> None:
    """Over long sequences, against the module itself."""
    if neurons == 129 and steps > BLOCK + 1:
        steps = 40
    module = make_module(kind, 3, neurons, depth=2, dtype=torch.float32)
    single = stack_of(kind, module)
    double = as_type(single, torch.float64)
    x = torch.randn(steps, 2, 3)
    state = single.zero_state(2, x)
    right = everything("reference", double, x.double(), double.zero_state(2, x.double()))
    theirs = everything("reference", single, x, state)
    theirs["plain.outputs"] = theirs["recorded.outputs"] = module(x)[0]
    assert_near(everything(engine, single, x, state), theirs, right, roundings=2)


@pytest.mark.parametrize("symbols", [0, 4, 96])
@pytest.mark.parametrize(("steps", "batch"), [(BLOCK + 1, 2), (50, 50)])
@pytest.mark.parametrize(("engine", "kind"), [pair for pair in PAIRS if pair[1] in IN_TORCH])
def test_gradients_over_many_steps(engine: str, kind: str, steps: int, batch: int, symbols: int) -> None:
    """Against PyTorch's own kernel, several draws taken together: no number of either's is right by luck."""
    ours, theirs, right = (dict[str, list[Tensor]]() for _ in range(3))
    for _ in range(3):
        single = make_stack(kind, symbols or 3, 17, depth=2, dtype=torch.float32)
        with torch.no_grad():
            for parameter in (value for layer in single.layers for value in layer.parameters.values()):
                parameter.mul_(0.5)  # about PyTorch's own start: in an RNN with more, a rounding grows by itself
        double, state = as_type(single, torch.float64), random_state(single, batch, torch.float32)
        x = torch.randint(0, symbols, (steps, batch)) if symbols else torch.randn(steps, batch, 3)
        weights = random_weights(single, steps, batch)
        asked = (single, x, state), (double, x if symbols else x.double(), as_double(state))
        for gathered, name, case in ((ours, engine, 0), (theirs, "torch", 0), (right, "torch", 1)):
            for leaf, gradient in gradients(name, *asked[case], weights).items():
                gathered.setdefault(leaf, []).append(gradient)
    assert_near(*({name: torch.stack(draws) for name, draws in each.items()} for each in (ours, theirs, right)), 2)
