"""Every engine gives the reference's numbers: outputs, states, every signal, gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.stacks import (
    EVERY_CELL,
    IN_TORCH,
    UNDER_TEST,
    assert_same,
    best_dtype,
    can_run,
    distance,
    every_signal,
    gradients,
    make_stack,
    random_state,
    random_weights,
    run,
    sequence_lengths,
)
from unrolled.engines import BLOCK, Result

DOUBLE = [(engine, kind) for engine in UNDER_TEST for kind in EVERY_CELL if can_run(engine, kind, torch.float64)]
"""Engines and cells that run in float64, and (below) in float32; test_float32.py says how near they come."""
SINGLE = [(engine, kind) for engine in UNDER_TEST for kind in EVERY_CELL if can_run(engine, kind, torch.float32)]
assert {("torch", kind) for kind in IN_TORCH} <= set(DOUBLE)

shapes = {
    "steps": st.sampled_from([1, 2, 7, 40]),
    "batch": st.sampled_from([1, 5]),
    "inputs": st.sampled_from([1, 3]),
    "neurons": st.sampled_from([1, 3, 17]),
    "depth": st.integers(1, 2),
    "bidirectional": st.booleans(),
    "ragged": st.booleans(),
    "seed": st.integers(0, 99),
}
# Long sequences, at the edges of a block and beyond, and wide layers: few, for the reference is a Python loop.
long_runs = pytest.mark.parametrize(
    ("steps", "batch", "neurons", "bidirectional", "ragged"),
    [
        (BLOCK - 1, 1, 3, False, False),
        (BLOCK, 5, 1, True, False),
        (BLOCK + 1, 1, 17, True, False),
        (2 * BLOCK + 76, 5, 3, True, True),
        (40, 5, 129, False, True),
    ],
)


def compare(
    engine: str,
    kind: str,
    *,
    steps: int,
    batch: int,
    neurons: int,
    ragged: bool,
    inputs: int = 3,
    depth: int = 1,
    bidirectional: bool = False,
) -> None:
    stack = make_stack(kind, inputs, neurons, depth=depth, bidirectional=bidirectional)
    x = torch.randn(steps, batch, inputs, dtype=torch.float64)
    state = random_state(stack, batch)
    lengths = sequence_lengths(steps, batch) if ragged else None
    record = every_signal(stack)
    right = run("reference", stack, x, state, lengths=lengths, record=record)
    for result in (
        run(engine, stack, x, state, lengths=lengths),
        run(engine, stack, x, state, lengths=lengths, record=record),
    ):
        assert_same(result.outputs, right.outputs)
        for name, value in right.state.items():
            assert_same(result.state[name], value)
    assert list(result.signals) == [layer.name for layer in stack.layers]
    for layer, signals in right.signals.items():
        assert tuple(result.signals[layer]) == record
        for name, value in signals.items():
            assert_same(result.signals[layer][name], value)


@settings(max_examples=15)
@given(**shapes)
@pytest.mark.parametrize(("engine", "kind"), DOUBLE)
def test_float64_agrees(engine: str, kind: str, seed: int, **shape: int) -> None:
    torch.manual_seed(seed)
    compare(engine, kind, **shape)  # type: ignore[arg-type]


@long_runs
@pytest.mark.parametrize(("engine", "kind"), DOUBLE)
def test_float64_agrees_over_long_sequences(
    engine: str, kind: str, steps: int, batch: int, neurons: int, bidirectional: bool, ragged: bool
) -> None:
    compare(engine, kind, steps=steps, batch=batch, neurons=neurons, ragged=ragged, bidirectional=bidirectional)


@settings(max_examples=8)
@given(**shapes)
@pytest.mark.parametrize(("engine", "kind"), DOUBLE)
def test_gradients_agree(
    engine: str, kind: str, steps: int, batch: int, inputs: int, neurons: int, ragged: bool, seed: int, **form: int
) -> None:
    torch.manual_seed(seed)
    stack = make_stack(kind, inputs, neurons, **form)  # type: ignore[arg-type]
    lengths = sequence_lengths(steps, batch) if ragged else None
    asked = (stack, torch.randn(steps, batch, inputs, dtype=torch.float64), random_state(stack, batch))
    weights = random_weights(stack, steps, batch)
    ours = gradients(engine, *asked, weights, lengths=lengths)
    for name, right in gradients("reference", *asked, weights, lengths=lengths).items():
        assert_same(ours[name], right)


def recorded(engine: str, kind: str, *, steps: int, ragged: bool, dtype: torch.dtype) -> tuple[Result, Result]:
    """The same run recorded into its result, and through a sink that keeps copies and then spoils what it was given."""
    stack = make_stack(kind, 3, 5, depth=2, bidirectional=True, dtype=dtype)
    x, state = torch.randn(steps, 2, 3, dtype=dtype), random_state(stack, 2, dtype)
    options = {"lengths": sequence_lengths(steps, 2) if ragged else None, "record": every_signal(stack)}
    seen: list[tuple[str, int, dict[str, Tensor]]] = []
    whole = run(engine, stack, x, state, **options)
    streamed = run(engine, stack, x, state, sink=lambda *block: seen.append(copied(*block)), **options)
    assert streamed.signals == {}
    gathered: dict[str, dict[str, Tensor]] = {}
    for layer in whole.signals:
        blocks = [(start, signals) for name, start, signals in seen if name == layer]
        if not layer.endswith("_reverse"):
            assert blocks == sorted(blocks, key=lambda block: block[0]), "out of the order of time"
        blocks.sort(key=lambda block: block[0])
        assert [start for start, _ in blocks] == list(range(0, steps, BLOCK))
        assert {len(value) for _, signals in blocks[:-1] for value in signals.values()} <= {BLOCK}
        gathered[layer] = {name: torch.cat([signals[name] for _, signals in blocks]) for name in whole.signals[layer]}
    return whole, replace(streamed, signals=gathered)


def copied(layer: str, start: int, signals: dict[str, Tensor]) -> tuple[str, int, dict[str, Tensor]]:
    return layer, start, {name: value.clone() for name, value in signals.items()}


@pytest.mark.parametrize("steps", [1, BLOCK, 2 * BLOCK + 76])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("engine", "kind"), [*SINGLE, ("reference", "peephole")])
def test_a_sink_gets_what_the_result_would_hold(engine: str, kind: str, ragged: bool, steps: int) -> None:
    whole, streamed = recorded(engine, kind, steps=steps, ragged=ragged, dtype=torch.float32)
    assert torch.equal(whole.outputs, streamed.outputs)
    assert all(torch.equal(whole.state[name], streamed.state[name]) for name in whole.state)
    for layer, signals in whole.signals.items():
        assert all(torch.equal(value, streamed.signals[layer][name]) for name, value in signals.items())


@settings(max_examples=6)
@given(
    steps=st.sampled_from([3, BLOCK + 1, 2 * BLOCK + 76]),
    scale=st.sampled_from([0.3, 3.0, 30.0]),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize(("engine", "kind"), [*SINGLE, ("reference", "peephole")])
def test_what_is_recorded_adds_up(engine: str, kind: str, steps: int, scale: float, seed: int) -> None:
    """Ranges and identities at every step, to the rounding of float32."""
    torch.manual_seed(seed)
    stack = make_stack(kind, 3, 5, bidirectional=True, dtype=torch.float32)
    x, state = scale * torch.randn(steps, 2, 3), random_state(stack, 2, torch.float32)
    result = run(engine, stack, x, state, record=every_signal(stack))
    for position, layer in enumerate(stack.layers):
        signals = result.signals[layer.name]
        for signal in stack.cell.signals:
            assert signal.low is None or signals[signal.name].min() >= signal.low
            assert signal.high is None or signals[signal.name].max() <= signal.high
        before = {
            name: torch.cat([signals[name][1:], state[name][position][None]])
            if layer.reverse
            else torch.cat([state[name][position][None], signals[name][:-1]])
            for name in stack.cell.state
        }
        for identity in stack.cell.identities:
            assert_same(identity.right(signals, before), signals[identity.signal], 4 * torch.finfo(torch.float32).eps)


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_what_lies_past_the_end_does_not_matter(engine: str) -> None:
    """Padding of NaN changes nothing: not the outputs, not the state, not a recorded signal."""
    dtype = best_dtype(engine)
    stack = make_stack("lstm", 3, 5, depth=2, bidirectional=True, dtype=dtype)
    lengths = torch.tensor([4, 9])
    x = torch.randn(9, 2, 3, dtype=dtype)
    spoiled = x.clone()
    spoiled[4:, 0] = float("nan")
    options = {"lengths": lengths, "record": every_signal(stack)}
    clean, dirty = run(engine, stack, x, **options), run(engine, stack, spoiled, **options)
    assert torch.equal(dirty.outputs, clean.outputs)
    assert all(torch.equal(dirty.state[name], value) for name, value in clean.state.items())
    for layer, signals in clean.signals.items():
        assert all(torch.equal(dirty.signals[layer][name], value) for name, value in signals.items())
        assert all((value[4:, 0] == 0).all() for value in signals.values())


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_a_run_that_records_carries_no_gradient(engine: str) -> None:
    stack = make_stack("gru", 3, 5, dtype=torch.float32)
    x = torch.randn(4, 2, 3, requires_grad=True)
    result = run(engine, stack, x, record=("hidden",))
    assert not result.outputs.requires_grad
    assert not result.signals["l0"]["hidden"].requires_grad
    assert run(engine, stack, x).outputs.requires_grad


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_dropout_acts_while_training_and_recording_too(engine: str) -> None:
    stack = replace(make_stack("lstm", 3, 17, depth=2, dtype=torch.float32), dropout=0.5)
    x = torch.randn(30, 2, 3)
    for record in ((), ("hidden",)):
        quiet = run(engine, stack, x, record=record).outputs
        assert torch.equal(run(engine, stack, x, record=record).outputs, quiet)
        assert distance(run(engine, stack, x, record=record, training=True).outputs, quiet) > 0.01


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_no_sequence_at_all_is_an_empty_answer(engine: str) -> None:
    stack = make_stack("gru", 3, 5, depth=2, bidirectional=True, dtype=torch.float32)
    x, state = torch.zeros(4, 0, 3), random_state(stack, 0, torch.float32)
    assert run(engine, stack, x, state, record=every_signal(stack)).signals["l1"]["reset_gate"].shape == (4, 0, 5)
    found = gradients(engine, stack, x, state, random_weights(stack, 4, 0))
    assert all((value == 0).all() for value in found.values())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["coupled", "no-input-gate"])
def test_a_special_case_of_a_known_cell_is_run_as_that(kind: str, bias: bool) -> None:
    """The same signals and states, and the same gradients for its own parameters."""
    torch.manual_seed(1)
    stack = make_stack(kind, 3, 5, depth=2, bidirectional=True, bias=bias)
    known = stack.as_known()
    assert known.cell is not stack.cell
    x, state, record = torch.randn(7, 2, 3, dtype=torch.float64), random_state(stack, 2), every_signal(stack)
    right, ours = run("reference", stack, x, state, record=record), run("torch", known, x, state, record=record)
    for layer, signals in right.signals.items():
        assert list(ours.signals[layer]) == list(record)
        for name, value in signals.items():
            assert_same(ours.signals[layer][name], value)
    leaves = [value for layer in stack.layers for value in layer.parameters.values()]
    for engine, run_as in (("torch", known), ("reference", known)):
        result, expected = run(engine, run_as, x, state), run("reference", stack, x, state)
        for name, value in expected.state.items():
            assert_same(result.state[name], value)
        weight = torch.randn_like(expected.outputs)
        for found, wanted in zip(
            torch.autograd.grad(result.outputs, leaves, weight),
            torch.autograd.grad(expected.outputs, leaves, weight),
            strict=True,
        ):
            assert_same(found, wanted)
