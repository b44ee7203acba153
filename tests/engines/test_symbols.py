"""Symbols are what their one-hot vectors are, for every engine."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tests.stacks import (
    EVERY_CELL,
    UNDER_TEST,
    assert_same,
    best_dtype,
    can_run,
    every_signal,
    gradients,
    make_engine,
    make_stack,
    random_state,
    random_weights,
    run,
)
from unrolled.errors import ModelError

ENGINES = [*UNDER_TEST, "reference"]
CASES = [(engine, kind) for engine in ENGINES for kind in EVERY_CELL if can_run(engine, kind, best_dtype(engine))]


@pytest.mark.parametrize(("count", "neurons"), [(1, 3), (7, 17), (96, 5)])
@pytest.mark.parametrize(("engine", "kind"), CASES)
def test_symbols_are_one_hot_vectors(engine: str, kind: str, count: int, neurons: int) -> None:
    """Outputs, states, signals and gradients; of 40 steps some rows are over early."""
    dtype = best_dtype(engine)
    stack = make_stack(kind, count, neurons, depth=2, bidirectional=True, dtype=dtype)
    symbols = torch.randint(0, count, (40, 7))
    vectors = F.one_hot(symbols, count).to(dtype)
    state, weights, lengths = random_state(stack, 7, dtype), random_weights(stack, 40, 7), torch.arange(4, 11) * 4
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    for given in (symbols, symbols.t().contiguous().t()):
        for record in ((), every_signal(stack)):
            ours = run(engine, stack, given, state, lengths=lengths, record=record)
            right = run(engine, stack, vectors, state, lengths=lengths, record=record)
            assert_same(ours.outputs, right.outputs, tolerance)
            for name, value in right.state.items():
                assert_same(ours.state[name], value, tolerance)
            for layer, signals in right.signals.items():
                for name, value in signals.items():
                    assert_same(ours.signals[layer][name], value, tolerance)
        if kind == "rnn-relu" and dtype == torch.float32:
            continue  # its bend makes a rounding large: in float64 and in test_float32
        from_vectors = gradients(engine, stack, vectors, state, weights, lengths=lengths)
        for name, value in gradients(engine, stack, given, state, weights, lengths=lengths).items():
            assert_same(value, from_vectors[name], 10 * tolerance)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        (torch.tensor([[0, 3]]), "hold symbols 0 to 3; this stack knows 0 to 2"),
        (torch.tensor([[-1], [2]]), "hold symbols -1 to 2; this stack knows 0 to 2"),
        (torch.tensor([[2**40]]), "this stack knows 0 to 2"),
        (torch.tensor([[0, 1]], dtype=torch.int32), r"or symbols \(steps, batch\) of int64"),
        (torch.tensor([0, 1]), r"shape \(2,\); this stack reads"),
        (
            torch.zeros(2, 1, 3, dtype=torch.int64),
            "inputs are int64 on cpu; the stack's parameters are float32",
        ),
        (torch.zeros(2, 1, 3, dtype=torch.float64), "inputs are float64 on cpu; the stack's parameters are float32"),
    ],
)
def test_what_is_no_symbol_is_refused(engine: str, symbols: torch.Tensor, said: str) -> None:
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    with pytest.raises(ModelError, match=said):
        make_engine(engine).run(stack, symbols)
