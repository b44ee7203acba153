"""Every engine that can hold signals, against PyTorch's modules and cells, and against the reference."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.stacks import (
    EVERY_CELL,
    RECURRENT,
    UNDER_TEST,
    as_type,
    can_run,
    distance,
    every_signal,
    make_engine,
    make_module,
    make_stack,
    random_state,
    run,
    sequence_lengths,
    stack_of,
)
from unrolled.engines import BLOCK, Edit, Result, Stack

STEPS, BATCH, INPUTS, NEURONS = 23, 3, 4, 19
"""More neurons than one vector has, and no whole number of vectors."""


def holds(engine: str) -> bool:
    return (
        make_engine(engine).why_not(make_stack("lstm", 1, 1, dtype=torch.float32), recording=True, editing=True) is None
    )


ENGINES = ["reference", *(engine for engine in UNDER_TEST if holds(engine))]
PAIRS = [(engine, kind) for engine in ENGINES for kind in RECURRENT if can_run(engine, kind, torch.float32)]
GATES = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "gru": ("reset_gate", "update_gate", "candidate"),
}
CELLS: dict[str, type[nn.RNNCellBase]] = {
    "lstm": nn.LSTMCell,
    "gru": nn.GRUCell,
    "rnn-tanh": nn.RNNCell,
    "rnn-relu": nn.RNNCell,
}
IN_TORCH = [(engine, kind) for engine, kind in PAIRS if kind in CELLS]


def assert_near(ours: Tensor, right: Tensor) -> None:
    """To rounding of float32, for values above 1 as a share of the largest."""
    assert distance(ours, right) <= 4e-6 * max(1.0, float(right.abs().max()))


def by_cells(kind: str, stack: Stack, x: Tensor, hold: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """A loop over `nn.LSTMCell` and its like, in float64: after each step h, or c and with it h, is overwritten.

    Args:
        hold: by signal, where `(steps, batch, neurons)` it is held, and at what.
    """
    relu: dict[str, Any] = {"nonlinearity": "relu"} if kind == "rnn-relu" else {}
    cell = CELLS[kind](stack.inputs, stack.neurons, dtype=torch.float64, **relu)
    cell.load_state_dict({name: value.double() for name, value in stack.layers[0].parameters.items()})
    zeros = torch.zeros(x.shape[1], stack.neurons, dtype=torch.float64)
    h, c, rows = zeros, zeros, list[Tensor]()
    for t, now in enumerate(x.double()):
        before = h
        h, c = cell(now, (h, c)) if kind == "lstm" else (cell(now, h), c)
        if "cell" in hold:
            c = torch.where(hold["cell"][0][t], hold["cell"][1][t], c)
            sums = now @ cell.weight_ih.T + before @ cell.weight_hh.T + cell.bias_ih + cell.bias_hh
            h = torch.sigmoid(sums[:, 3 * stack.neurons :]) * torch.tanh(c)
        if "hidden" in hold:
            h = torch.where(hold["hidden"][0][t], hold["hidden"][1][t], h)
        rows.append(h)
    return {"outputs": torch.stack(rows).detach(), "hidden": h.detach(), "cell": c.detach()}


@pytest.mark.parametrize(("engine", "kind"), IN_TORCH)
@torch.no_grad()
def test_held_states_are_those_of_a_loop_over_pytorchs_cells(engine: str, kind: str) -> None:
    stack, x = make_stack(kind, INPUTS, NEURONS, dtype=torch.float32), torch.randn(STEPS, BATCH, INPUTS)
    own = {"cell", "hidden"} & set(every_signal(stack))
    where = {name: torch.rand(STEPS, BATCH) < 0.5 for name in own}
    neurons = {"cell": [0, 7, 16, 18], "hidden": [3, 7]}
    value = {name: torch.randn(STEPS, BATCH, NEURONS) for name in own}
    hold: dict[str, tuple[Tensor, Tensor]] = {}
    edits: list[Edit] = []
    for name in own:
        mask = torch.zeros(STEPS, BATCH, NEURONS, dtype=torch.bool)
        mask[..., neurons[name]] = where[name][..., None]
        hold[name] = mask, value[name].double()
        edits.append(Edit("l0", name, value[name][..., neurons[name]], neurons[name], where=where[name]))
    right, free = by_cells(kind, stack, x, hold), by_cells(kind, stack, x, {})
    for record in ((), tuple(own)):
        result = run(engine, stack, x, record=record, edits=edits)
        assert_near(result.outputs, right["outputs"])
        for name, state in result.state.items():
            assert_near(state[0], right[name])
        assert distance(result.outputs, free["outputs"]) > 0.1


@pytest.mark.parametrize(
    ("engine", "kind", "gate"),
    [(engine, kind, gate) for engine, kind in PAIRS if kind in GATES for gate in GATES[kind]],
)
@torch.no_grad()
def test_a_held_gate_is_one_whose_weights_give_that_value(engine: str, kind: str, gate: str) -> None:
    """Against `torch.nn`: no weights, and a bias of which σ or tanh makes the value."""
    module = make_module(kind, INPUTS, NEURONS, depth=2, bidirectional=True, dtype=torch.float32)
    held, value = [2, 17], 0.3
    other = copy.deepcopy(module).double()
    bias = math.atanh(value) if gate == "candidate" else math.log(value / (1 - value))
    for neuron in held:
        row = GATES[kind].index(gate) * NEURONS + neuron
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            other.get_parameter(f"{name}_l0_reverse")[row] = bias if name == "bias_ih" else 0.0
    x = torch.randn(STEPS, BATCH, INPUTS)
    edits = [Edit("l0_reverse", gate, value, held)]
    right, _ = other(x.double())
    result = run(engine, stack_of(kind, module), x, record=(gate,), edits=edits)
    assert_near(run(engine, stack_of(kind, module), x, edits=edits).outputs, right)
    assert_near(result.outputs, right)
    assert (result.signals["l0_reverse"][gate][..., held] == torch.tensor(value)).all()
    assert distance(run(engine, stack_of(kind, module), x).outputs, right) > 0.01


def everything(result: Result) -> dict[str, Tensor]:
    signals = {f"{layer}.{name}": value for layer, own in result.signals.items() for name, value in own.items()}
    return {"outputs": result.outputs, **result.state, **signals}


def assert_as_reference(engine: str, stack: Stack, x: Tensor, state: dict[str, Tensor], **options: Any) -> None:
    """All that a run gives, recorded, streamed to a sink, and neither, against the reference in float64."""
    exact = {name: value.double() for name, value in state.items()}
    right = everything(
        run("reference", as_type(stack, torch.float64), x.double(), exact, record=every_signal(stack), **options)
    )
    blocks: dict[str, list[tuple[int, Tensor]]] = {}

    def sink(layer: str, start: int, signals: Mapping[str, Tensor]) -> None:
        for name, value in signals.items():
            blocks.setdefault(f"{layer}.{name}", []).append((start, value.clone()))

    with torch.no_grad():
        plain = everything(run(engine, stack, x, state, **options))
        streamed = everything(run(engine, stack, x, state, record=every_signal(stack), sink=sink, **options))
    streamed |= {name: torch.cat([part for _, part in sorted(own, key=lambda p: p[0])]) for name, own in blocks.items()}
    recorded = everything(run(engine, stack, x, state, record=every_signal(stack), **options))
    assert recorded.keys() == streamed.keys() == right.keys()
    for ours in (plain, streamed, recorded):
        for name, value in ours.items():
            assert_near(value, right[name])


def some_edits(data: st.DataObject, stack: Stack, steps: int, batch: int) -> list[Edit]:
    """Values without an axis and with some, in every signal, at steps in spans and masks."""
    neurons = st.lists(st.integers(0, stack.neurons - 1), min_size=1, unique=True)
    edits: list[Edit] = []
    for _ in range(data.draw(st.integers(1, 4), "edits")):
        own = data.draw(st.none() | neurons, "neurons")
        count = stack.neurons if own is None else len(own)
        shape = [data.draw(st.sampled_from([1, size])) for size in (steps, batch, count)]
        number = data.draw(st.booleans(), "a number")
        masks = [None, torch.rand(steps) < 0.5, torch.rand(steps, batch) < 0.5]
        edits.append(
            Edit(
                data.draw(st.sampled_from([layer.name for layer in stack.layers]), "layer"),
                data.draw(st.sampled_from(every_signal(stack)), "signal"),
                0.5 if number else torch.rand(shape) * 1.6 - 0.8,
                own,
                data.draw(st.sampled_from([None, range(2, 5), range(0, steps, 2), range(steps, 0, -3)]), "steps"),
                masks[data.draw(st.integers(0, 2), "where")],
            )
        )
    return edits


@settings(max_examples=8)
@given(
    steps=st.sampled_from([1, 2, 9]),
    batch=st.sampled_from([1, 5, 14]),
    neurons=st.sampled_from([2, 16, 17, 35]),
    depth=st.integers(1, 2),
    bidirectional=st.booleans(),
    ragged=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
    data=st.data(),
)
@pytest.mark.parametrize(("engine", "kind"), [pair for pair in PAIRS if pair[0] != "reference"])
def test_whatever_is_held_is_held_as_by_the_reference(
    engine: str,
    kind: str,
    *,
    steps: int,
    batch: int,
    neurons: int,
    depth: int,
    bidirectional: bool,
    ragged: bool,
    threads: int,
    seed: int,
    data: st.DataObject,
) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    stack = make_stack(kind, INPUTS, neurons, depth=depth, bidirectional=bidirectional, dtype=torch.float32)
    x, state = torch.randn(steps, batch, INPUTS), random_state(stack, batch, torch.float32)
    lengths = sequence_lengths(steps, batch) if ragged else None
    edits = some_edits(data, stack, steps, batch)
    assert_as_reference(engine, stack, x, state, lengths=lengths, edits=edits)


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "reference"])
def test_steps_are_those_of_the_run_also_from_block_to_block(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.engines.compiled.engine.NEAR", 64 * NEURONS)  # a few steps at a time
    stack, steps = make_stack("lstm", INPUTS, NEURONS, depth=2, dtype=torch.float32), BLOCK + 9
    x, state = torch.randn(steps, 2, INPUTS), random_state(stack, 2, torch.float32)
    edits = [
        Edit("l0", "cell", torch.randn(steps, 2, 3), [1, 18, 5], range(0, steps, 3)),
        Edit("l1", "hidden", 0.3, [7], range(BLOCK - 3, BLOCK + 3)),
        Edit("l1", "forget_gate", 0.9, where=torch.rand(steps) < 0.2),
    ]
    for lengths in (None, torch.tensor([BLOCK + 2, steps])):
        assert_as_reference(engine, stack, x, state, lengths=lengths, edits=edits)


@pytest.mark.parametrize(("engine", "kind"), PAIRS)
@torch.no_grad()
def test_patched_with_another_texts_values_it_does_what_the_other_did(engine: str, kind: str) -> None:
    """All hidden states of the first layer from another text: the second layer then reads that text."""
    stack = make_stack(kind, INPUTS, NEURONS, depth=2, dtype=torch.float32)
    one, other = torch.randn(2, STEPS, BATCH, INPUTS)
    recorded = run(engine, stack, other, record=("hidden",))
    patched = run(engine, stack, one, edits=[Edit("l0", "hidden", recorded.signals["l0"]["hidden"])])
    assert_near(patched.outputs, recorded.outputs)
    assert distance(run(engine, stack, one).outputs, recorded.outputs) > 0.1


@pytest.mark.parametrize(("engine", "kind"), PAIRS)
@torch.no_grad()
def test_each_signal_is_held_and_no_other(engine: str, kind: str) -> None:
    """So that two signals in each other's place would show: each, held, gives other outputs than any other."""
    stack, x = make_stack(kind, INPUTS, NEURONS, dtype=torch.float32), torch.randn(STEPS, BATCH, INPUTS)
    names = every_signal(stack)
    outputs: dict[str, Tensor] = {}
    for name in names:
        result = run(engine, stack, x, record=names, edits=[Edit("l0", name, 0.25, [4, 18])])
        for other in names:
            still = (result.signals["l0"][other][..., [4, 18]] == 0.25).all()
            assert still == (other == name), (name, other)
        outputs[name] = result.outputs
    for name in names:
        apart = [distance(outputs[name], outputs[other]) for other in names if other != name]
        assert all(far > 1e-3 for far in apart), name


@pytest.mark.parametrize("kind", EVERY_CELL)
@torch.no_grad()
def test_nothing_is_held_by_an_edit_of_no_steps(kind: str) -> None:
    for engine in ENGINES:
        stack, x = make_stack(kind, INPUTS, 5, dtype=torch.float32), torch.randn(STEPS, BATCH, INPUTS)
        if make_engine(engine).why_not(stack, recording=False, editing=True):
            continue
        nothing = [Edit("l0", "hidden", 0.5, where=torch.zeros(STEPS, dtype=torch.bool)), Edit("l0", "hidden", 0.5, [])]
        assert_near(run(engine, stack, x, edits=nothing).outputs, run(engine, stack, x).outputs)
