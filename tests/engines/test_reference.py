"""The reference engine against `torch.nn`, in every form that PyTorch has."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.stacks import IN_TORCH, assert_same, make_module, random_state, run, stack_of


def run_module(
    module: nn.RNNBase, x: Tensor, state: dict[str, Tensor] | None, lengths: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """PyTorch's own public way: the module, with packed sequences where there are lengths."""
    lstm = isinstance(module, nn.LSTM)
    start = None if state is None else (state["hidden"], state["cell"]) if lstm else state["hidden"]
    if lengths is None:
        outputs, after = module(x, start)
    else:
        packed, after = module(pack_padded_sequence(x, lengths, enforce_sorted=False), start)
        outputs, _ = pad_packed_sequence(packed, total_length=len(x))
    return outputs, dict(zip(("hidden", "cell"), after, strict=True)) if lstm else {"hidden": after}


@settings(max_examples=30)
@given(
    steps=st.sampled_from([1, 2, 7, 20]),
    batch=st.sampled_from([1, 2, 5]),
    neurons=st.sampled_from([1, 3, 17]),
    depth=st.integers(1, 3),
    bidirectional=st.booleans(),
    projected=st.booleans(),
    bias=st.booleans(),
    started=st.booleans(),
    ragged=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("kind", IN_TORCH)
def test_reference_is_torch_nn(
    kind: str,
    steps: int,
    batch: int,
    neurons: int,
    depth: int,
    bidirectional: bool,
    projected: bool,
    bias: bool,
    started: bool,
    ragged: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    projection = neurons // 2 if projected and kind == "lstm" else 0
    module = make_module(kind, 4, neurons, depth=depth, bidirectional=bidirectional, projection=projection, bias=bias)
    stack = stack_of(kind, module)
    assert (stack.depth, stack.directions, stack.projection) == (depth, 1 + bidirectional, projection)
    x = torch.randn(steps, batch, 4, dtype=torch.float64)
    state = random_state(stack, batch) if started else None
    lengths = torch.randint(1, steps + 1, (batch,)) if ragged else None
    outputs, after = run_module(module, x, state, lengths)
    result = run("reference", stack, x, state, lengths=lengths)
    assert_same(result.outputs, outputs)
    for name, value in after.items():
        assert_same(result.state[name], value)


@pytest.mark.parametrize("kind", IN_TORCH)
def test_gradients_are_those_of_torch_nn(kind: str) -> None:
    module = make_module(kind, 4, 3, depth=2, bidirectional=True, projection=2 if kind == "lstm" else 0)
    stack = stack_of(kind, module)
    x = torch.randn(9, 2, 4, dtype=torch.float64, requires_grad=True)
    state = {name: value.requires_grad_() for name, value in random_state(stack, 2).items()}
    leaves = [x, *state.values(), *module.parameters()]
    outputs, after = run_module(module, x, state, None)
    weights = [torch.randn_like(value) for value in (outputs, *after.values())]
    theirs = torch.autograd.grad((outputs, *after.values()), leaves, weights)
    result = run("reference", stack, x, state)
    ours = torch.autograd.grad((result.outputs, *result.state.values()), leaves, weights)
    for one, other in zip(ours, theirs, strict=True):
        assert_same(one, other)


def test_dropout_acts_between_layers_while_training() -> None:
    module = make_module("lstm", 4, 16, depth=2, dtype=torch.float32)
    stack = replace(stack_of("lstm", module), dropout=0.5)
    x = torch.randn(50, 2, 4)
    quiet = run("reference", stack, x).outputs
    torch.manual_seed(1)
    noisy = run("reference", stack, x, training=True).outputs
    assert (noisy - quiet).abs().max() > 0.01
    assert torch.equal(run("reference", stack, x).outputs, quiet)
    alone = replace(stack, layers=stack.layers[:1])
    assert torch.equal(run("reference", alone, x, training=True).outputs, run("reference", alone, x).outputs)
