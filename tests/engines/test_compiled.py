"""What our own kernels must bear besides right numbers: odd memory, odd values, several threads."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.stacks import (
    COMPILED,
    RECURRENT,
    assert_same,
    can_run,
    distance,
    every_signal,
    gradients,
    make_stack,
    needs_kernels,
    random_state,
    random_weights,
    run,
    sequence_lengths,
)
from unrolled.engines import Stack
from unrolled.engines.compiled import memory

pytestmark = needs_kernels
KINDS = RECURRENT
every_engine = pytest.mark.parametrize("engine", COMPILED)
every_kind = pytest.mark.parametrize("kind", KINDS)
ROUNDING = 2e-6


def test_every_recurrent_cell_has_kernels() -> None:
    assert all(can_run(engine, kind, torch.float32) for engine in COMPILED for kind in KINDS)


def scattered(value: Tensor) -> Tensor:
    """The same numbers, no two of them side by side in memory."""
    room = torch.full((*value.shape, 2), float("nan"), dtype=torch.float64).to(value.dtype)
    room[..., 0] = value.detach()
    return room[..., 0]


@every_kind
@every_engine
def test_memory_may_lie_anyhow(engine: str, kind: str) -> None:
    """Inputs, parameters, states and gradients that are not contiguous."""
    stack = make_stack(kind, 3, 17, depth=2, bidirectional=True, dtype=torch.float32)
    parameters = {
        f"{name}_{layer.name}": scattered(value).requires_grad_()
        for layer in stack.layers
        for name, value in layer.parameters.items()
    }
    odd = Stack.from_parameters(stack.cell, parameters, depth=2, bidirectional=True)
    x, state, weights = torch.randn(9, 5, 3), random_state(stack, 5, torch.float32), random_weights(stack, 9, 5)
    lengths = torch.tensor([9, 1, 1, 2, 4, 4, 9, 9, 3, 3])[::2]
    odd_state = {name: scattered(value) for name, value in state.items()}
    odd_weights = tuple(scattered(weight) for weight in weights)
    for odd_x in (scattered(x), x.transpose(0, 1).contiguous().transpose(0, 1), x.flip(2).contiguous().flip(2)):
        ours = run(engine, odd, odd_x, odd_state, lengths=lengths)
        assert torch.equal(ours.outputs, run(engine, stack, x, state, lengths=lengths).outputs)
    right = gradients(engine, stack, x, state, weights)
    for name, value in gradients(engine, odd, scattered(x), odd_state, odd_weights).items():
        assert torch.equal(value, right[name]), name


@every_kind
@every_engine
def test_one_number_for_all_gradients(engine: str, kind: str) -> None:
    """What `sum().backward()` gives back is one number in memory for all."""
    stack = make_stack(kind, 3, 5, dtype=torch.float32)
    x, state = torch.randn(6, 2, 3), random_state(stack, 2, torch.float32)
    ones = tuple(torch.ones_like(weight) for weight in random_weights(stack, 6, 2))
    one = tuple(torch.ones(()).expand_as(weight) for weight in ones)
    right = gradients(engine, stack, x, state, ones)
    assert all(torch.equal(value, right[name]) for name, value in gradients(engine, stack, x, state, one).items())


@every_kind
@every_engine
def test_a_row_beside_others_is_as_alone(engine: str, kind: str) -> None:
    """A sequence of another length or of what is no number changes none of its neighbours."""
    stack = make_stack(kind, 3, 17, depth=2, dtype=torch.float32)
    x = torch.randn(20, 14, 3)
    alone = run(engine, stack, x, record=every_signal(stack))
    spoiled = x.clone()
    spoiled[4, 3] = float("nan")
    spoiled[7, 12, 0] = float("inf")
    beside = run(engine, stack, spoiled, record=every_signal(stack))
    others = [row for row in range(14) if row not in {3, 12}]
    for layer, signals in alone.signals.items():
        for name, value in signals.items():
            assert torch.equal(beside.signals[layer][name][:, others], value[:, others])
            assert beside.signals[layer][name][4:, 3].isnan().all(), "what is no number became one"
            assert torch.equal(beside.signals[layer][name][:4, 3], value[:4, 3])


@every_kind
@every_engine
@pytest.mark.parametrize("size", [1e4, 1e30, float("inf")])
def test_huge_values_saturate(engine: str, kind: str, size: float) -> None:
    """No number is lost where PyTorch's own operations keep it, and every signal stays in its range."""
    stack = make_stack(kind, 3, 17, depth=2, dtype=torch.float32)
    x = torch.where(torch.rand(12, 5, 3) < 0.5, -size, size)
    right = run("reference", stack, x, record=every_signal(stack))
    ours = run(engine, stack, x, record=every_signal(stack))
    for layer, signals in right.signals.items():
        for signal in stack.cell.signals:
            theirs, value = signals[signal.name], ours.signals[layer][signal.name]
            assert torch.equal(value.isnan(), theirs.isnan())
            assert torch.equal(value.isinf(), theirs.isinf())
            known = value[value.isfinite()]
            assert signal.low is None or (known >= signal.low).all()
            assert signal.high is None or (known <= signal.high).all()
            if size == 1e4 and kind != "rnn-relu":
                assert_same(value, theirs, 1e-2)  # sums of 10,000s are rounded by thousandths


@every_kind
@every_engine
def test_gradients_of_huge_values_stay_numbers(engine: str, kind: str) -> None:
    stack = make_stack(kind, 3, 17, dtype=torch.float32)
    x = torch.where(torch.rand(12, 5, 3) < 0.5, -1e4, 1e4)
    found = gradients(engine, stack, x, random_state(stack, 5, torch.float32), random_weights(stack, 12, 5))
    assert all(value.isfinite().all() for value in found.values())


@every_kind
@every_engine
def test_an_infinite_input_spoils_only_the_gradients_that_it_must(engine: str, kind: str) -> None:
    stack = make_stack(kind, 3, 17, depth=2, bidirectional=True, dtype=torch.float32)
    x = torch.randn(6, 5, 3)
    x[2, 1, 0] = float("inf")
    state, weights = random_state(stack, 5, torch.float32), random_weights(stack, 6, 5)
    right = gradients("reference", stack, x, state, weights)
    for name, value in gradients(engine, stack, x, state, weights).items():
        assert value[right[name].isfinite()].isfinite().all(), name


@every_engine
def test_what_a_run_gave_stays(engine: str) -> None:
    """Memory is given out again when nobody looks at it any more, and no earlier."""
    stack = make_stack("lstm", 3, 129, dtype=torch.float32)
    x, other = torch.randn(513, 5, 3), torch.randn(513, 5, 3)
    kept = run(engine, stack, x, record=every_signal(stack))
    assert kept.signals["l0"]["cell"].numel() > memory.SMALLEST, "too small to be given out again"
    gates, outputs = kept.signals["l0"]["forget_gate"][::7], kept.outputs.clone()
    copy, state = gates.clone(), {name: value.clone() for name, value in kept.state.items()}
    learning = run(engine, stack, x).outputs
    for _ in range(3):
        run(engine, stack, other, record=every_signal(stack))
        run(engine, stack, other).outputs.sum().backward()
    assert torch.equal(kept.outputs, outputs)
    assert all(torch.equal(kept.state[name], value) for name, value in state.items())
    assert_same(learning, outputs, ROUNDING)
    del kept  # a view of it is still there
    run(engine, stack, other, record=every_signal(stack))
    assert torch.equal(gates, copy)


@every_engine
def test_memory_comes_back(engine: str) -> None:
    """By itself, with the last name for it, of a run that records and of one that learns."""
    stack = make_stack("lstm", 3, 129, dtype=torch.float32)
    x = torch.randn(513, 5, 3)
    gc.disable()
    try:
        for record in (every_signal(stack), ()):
            run(engine, stack, x, record=record)
            before = sum(map(len, memory._kept))
            result = run(engine, stack, x, record=record)
            assert sum(map(len, memory._kept)) < before, "the run took none of the memory that was kept"
            del result
            assert sum(map(len, memory._kept)) == before
    finally:
        gc.enable()


def test_only_so_much_memory_is_kept() -> None:
    blocks = [memory.empty((memory.MOST_KEPT // 3,)) for _ in range(5)]
    assert all(block.data_ptr() % 64 == 0 for block in blocks)
    blocks.clear()
    assert 0 < sum(map(len, memory._kept)) <= memory.MOST_KEPT
    memory._kept.clear()


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_no_two_have_the_same_memory(sizes: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    held: list[tuple[Tensor, int]] = []
    for mark, size in enumerate(sizes):
        if held and torch.rand(()) < 0.4:
            held.pop(int(torch.randint(len(held), ())))
        held.append((memory.empty((size, memory.SMALLEST)).fill_(mark), mark))
    assert all((block == mark).all() for block, mark in held)


@every_engine
def test_what_was_changed_since_is_refused(engine: str) -> None:
    """Gradients of numbers that are no longer there would be wrong without a word."""
    for change in ("inputs", "outputs", "state", "weights"):
        stack = make_stack("lstm", 3, 16, dtype=torch.float32)
        x, state = torch.randn(4, 2, 3), random_state(stack, 2, torch.float32)
        outputs = run(engine, stack, x, state).outputs
        with torch.no_grad():
            {
                "inputs": x,
                "outputs": outputs,
                "state": state["cell"],
                "weights": stack.layers[0].parameters["weight_hh"],
            }[change].mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            outputs.sum().backward()


@every_engine
def test_outputs_may_be_changed_where_nothing_is_learned_from_them(engine: str) -> None:
    stack = make_stack("lstm", 3, 17, dtype=torch.float32)
    outputs = run(engine, stack, torch.randn(4, 2, 3)).outputs
    right = 2 * outputs.detach()
    outputs[:, 0].mul_(2)
    outputs[:, 1].mul_(2)
    assert torch.equal(outputs, right)


@every_engine
def test_back_twice_is_the_same_and_twice_differentiable_is_refused(engine: str) -> None:
    stack = make_stack("gru", 3, 17, dtype=torch.float32)
    x = torch.randn(6, 5, 3, requires_grad=True)
    loss = run(engine, stack, x).outputs.square().sum()
    first, again = (torch.autograd.grad(loss, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)
    (differentiable,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        differentiable.sum().backward()


@every_engine
def test_only_what_is_asked_for_gets_a_gradient(engine: str) -> None:
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    parameters = {f"{name}_l0": value.detach() for name, value in stack.layers[0].parameters.items()}
    frozen = Stack.from_parameters(stack.cell, parameters, depth=1)
    assert not run(engine, frozen, torch.randn(4, 2, 3)).outputs.requires_grad
    x = torch.randn(4, 2, 3, requires_grad=True)
    (ours,) = torch.autograd.grad(run(engine, frozen, x).outputs.sum(), x)
    (theirs,) = torch.autograd.grad(run("torch", frozen, x).outputs.sum(), x)
    assert_same(ours, theirs, ROUNDING)


# Batch 1 and few rows: the neurons are split among the threads; many rows: the rows are.
THREADED = [(1, 129, 60), (5, 200, 40), (40, 64, 40), (96, 17, 40)]


@pytest.mark.parametrize(("batch", "neurons", "steps"), THREADED)
@every_kind
@every_engine
def test_any_number_of_threads_gives_the_same(engine: str, kind: str, batch: int, neurons: int, steps: int) -> None:
    """To rounding: another share of the work adds up in another order."""
    stack = make_stack(kind, 40, neurons, bidirectional=True, dtype=torch.float32)
    x, lengths = torch.randn(steps, batch, 40), sequence_lengths(steps, batch)
    with torch.no_grad():
        for layer in stack.layers:
            layer.parameters["weight_hh"].mul_(0.5)  # a rounding shall not grow by itself
    state, weights = random_state(stack, batch, torch.float32), random_weights(stack, steps, batch)

    def by(threads: int) -> dict[str, Tensor]:
        torch.set_num_threads(threads)
        result = run(engine, stack, x, state, lengths=lengths, record=every_signal(stack))
        signals = {f"{at}.{name}": value for at, own in result.signals.items() for name, value in own.items()}
        return {**signals, **result.state, **gradients(engine, stack, x, state, weights, lengths=lengths)}

    one = by(1)
    for threads in (2, 3):
        for name, value in by(threads).items():
            largest = max(1.0, float(one[name].abs().max()))
            if kind == "rnn-relu" and name in {"inputs", "hidden"}:
                continue  # its bend: see test_float32
            assert distance(value, one[name]) <= 2e-5 * largest, (name, threads)


@every_engine
def test_runs_at_the_same_time_do_not_meet(engine: str) -> None:
    """Several threads of Python, each with memory that is given out again and OpenMP threads of its own."""
    torch.set_num_threads(2)
    stacks = [make_stack(kind, 3, 65, dtype=torch.float32) for kind in ("lstm", "gru", "peephole", "lstm")]
    cases = [(stack, torch.randn(300 + 10 * at, 8, 3)) for at, stack in enumerate(stacks)]

    def work(case: tuple[Stack, Tensor]) -> tuple[Tensor, Tensor]:
        stack, x = case
        x = x.clone().requires_grad_()
        recorded = run(engine, stack, x, record=every_signal(stack)).outputs
        return recorded, torch.autograd.grad(run(engine, stack, x).outputs.sum(), x)[0]

    right = [work(case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            for ours, alone in zip(pool.map(work, cases), right, strict=True):
                assert torch.equal(ours[0], alone[0])
                assert torch.equal(ours[1], alone[1])
