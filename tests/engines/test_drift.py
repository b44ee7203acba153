"""A cell state rebuilt from gates must not drift away from PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.stacks import UNDER_TEST, as_type, assert_same, best_dtype, distance, every_signal, make_stack, run
from unrolled.engines import Stack


@pytest.fixture(scope="module")
def integrator() -> tuple[Stack, Tensor]:
    """Neurons that add about 0.1 at every step and hardly forget: |c| is near 2000 after 20,000 steps."""
    torch.manual_seed(0)
    stack = make_stack("lstm", 1, 4)
    parameters = stack.layers[0].parameters
    with torch.no_grad():
        for value in parameters.values():
            value.mul_(1e-3)
        i, f, g, o = parameters["bias_ih"].chunk(4)
        i.copy_(torch.linspace(-2.2, -2.1, 4))
        f.copy_(torch.linspace(14.0, 20.0, 4))
        g.fill_(3.0)
        g[1] = -3.0
        o.fill_(0.5)
        parameters["weight_ih"][12:].fill_(0.5)
    return stack, torch.randn(20_000, 1, 1, dtype=torch.float64)


@pytest.mark.parametrize("engine", UNDER_TEST)
def test_an_integrator_stays_anchored(engine: str, integrator: tuple[Stack, Tensor]) -> None:
    double, x = integrator
    record = every_signal(double)
    right = run("reference", double, x, record=record).signals["l0"]
    assert (right["cell"][-1].abs() > 1900).all()
    assert right["cell"][-1].min() < 0
    if best_dtype(engine) == torch.float64:
        again = run(engine, double, x, record=record).signals["l0"]
        for name, value in right.items():
            assert_same(again[name], value)

    single = as_type(double, torch.float32)
    ours = run(engine, single, x.float(), record=record)
    signals = ours.signals["l0"]
    assert signals["cell"].dtype == torch.float32
    # PyTorch's own, a step at a time: how far float32 takes it from float64 is not the recording's doing.
    theirs = run("reference", single, x.float(), record=("cell",)).signals["l0"]["cell"]
    assert distance(signals["cell"], right["cell"]) <= 2 * distance(theirs, right["cell"])
    # And it adds up: a jump back to PyTorch's own c at each block's end would show here as 0.08.
    rebuilt = signals["forget_gate"][1:] * signals["cell"][:-1] + signals["input_gate"][1:] * signals["candidate"][1:]
    assert_same(rebuilt, signals["cell"][1:], 4 * torch.finfo(torch.float32).eps)


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_the_last_recorded_state_is_the_state_after_the_run(engine: str) -> None:
    """To the bit: whoever carries on from a recording is where the network was."""
    stack = make_stack("lstm", 3, 129, dtype=torch.float32)
    result = run(engine, stack, torch.randn(200, 2, 3), record=("cell", "hidden"))
    for name in ("cell", "hidden"):
        assert torch.equal(result.signals["l0"][name][-1], result.state[name][0])


@pytest.mark.parametrize("engine", UNDER_TEST)
def test_anchoring_leaves_a_quiet_past_alone(engine: str) -> None:
    """c is 0 for 300 steps and then grows to hundreds: what the growth drifts by must not reach the steps before it."""
    stack = make_stack("lstm", 1, 3, dtype=torch.float32)
    parameters = stack.layers[0].parameters
    with torch.no_grad():
        for value in parameters.values():
            value.zero_()
        i, f, _, o = parameters["bias_ih"].chunk(4)
        f.fill_(12.0)
        i.fill_(10.0)
        o.fill_(0.3)
        parameters["weight_ih"][6:9] = torch.tensor([[3.0], [2.0], [-3.0]])
    x = torch.cat([torch.zeros(300, 1, 1), torch.ones(212, 1, 1)])
    signals = run(engine, stack, x, record=every_signal(stack)).signals["l0"]
    assert (signals["cell"][-1].abs() > 180).all()
    assert (signals["cell"][:300] == 0).all()
    assert_same(signals["hidden"], signals["output_gate"] * torch.tanh(signals["cell"]), 1e-6)


@pytest.mark.parametrize("engine", [*UNDER_TEST, "reference"])
def test_a_nan_spoils_nothing_before_it(engine: str) -> None:
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    x = torch.randn(50, 1, 3)
    clean = run(engine, stack, x[:30], record=("cell",)).signals["l0"]["cell"]
    x[30] = float("nan")
    signals = run(engine, stack, x, record=("cell",)).signals["l0"]["cell"]
    assert_same(signals[:30], clean, 1e-6)
    assert signals[30:].isnan().all()
