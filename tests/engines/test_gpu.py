"""The GPU engine where there is no GPU: its kernels interpreted, and compiled for GPUs that are not there.

Where there is one, the engine takes part in every test of engines besides. The interpreter takes milliseconds a step,
so its networks are small; it rounds to bfloat16 towards zero and cannot multiply it, so its products are float32's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engines import test_drift as drift
from tests.engines import test_engines_agree as agree
from tests.engines import test_float32 as float32
from tests.stacks import (
    INTERPRETED,
    as_type,
    assert_same,
    distance,
    every_signal,
    gradients,
    make_module,
    make_stack,
    needs_triton,
    random_state,
    random_weights,
    run,
    stack_of,
)
from unrolled.engines import Edit, Stack, blocks, choose_engine
from unrolled.engines import engine as engines
from unrolled.engines.gpu import launch
from unrolled.engines.gpu.engine import GpuEngine
from unrolled.engines.torch import full_float32
from unrolled.errors import ModelError

ROOT = Path(__file__).parents[2]
interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: nothing is interpreted")
GPU, ONE_PASS = INTERPRETED
NARROW = {"steps": 7, "batch": 18, "inputs": 3, "neurons": 3, "depth": 2, "bidirectional": True}
WIDE = {"steps": 3, "batch": 2, "inputs": 5, "depth": 1, "bidirectional": False}
WIDE |= {"ragged": False, "symbols": False, "bias": True}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((engine, kind, {**NARROW, "ragged": ragged, "symbols": not ragged, "bias": ragged})
      for engine, kind in ((GPU, "lstm"), (GPU, "gru"), (GPU, "rnn-tanh"), (GPU, "peephole"), (ONE_PASS, "lstm"))
      for ragged in (False, True)),
    # One program with the weights at hand, one that reads them anew at each step, several that take turns.
    *((GPU, "peephole", {**WIDE, "neurons": neurons}) for neurons in (1, 64, 65, 128, 129)),
    *((engine, "lstm", {**WIDE, "neurons": 130}) for engine in (GPU, ONE_PASS)),
]  # fmt: skip


@needs_triton
@interpreted
@pytest.mark.parametrize(("engine", "kind", "form"), CASES)
def test_small_shapes(engine: str, kind: str, form: dict[str, Any]) -> None:
    """Outputs, states, signals and gradients, beside float64 and PyTorch's own float32."""
    float32.compare_with_float64(engine, kind, threads=1, seed=1, **form)


@needs_triton
@interpreted
@pytest.mark.parametrize(
    "check",
    [
        agree.test_what_lies_past_the_end_does_not_matter,
        agree.test_a_run_that_records_carries_no_gradient,
        agree.test_dropout_acts_while_training_and_recording_too,
        agree.test_no_sequence_at_all_is_an_empty_answer,
        drift.test_anchoring_leaves_a_quiet_past_alone,
        drift.test_a_nan_spoils_nothing_before_it,
    ],
)
def test_what_holds_for_every_engine(check: Callable[[str], None]) -> None:
    check(GPU)


@needs_triton
@interpreted
@pytest.mark.parametrize("kind", ["lstm", "gru", "peephole"])
def test_over_the_edges_of_blocks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 6 steps here: in both directions, recorded and streamed to a sink, with sequences that are over early."""
    stack = make_stack(kind, 3, 5, depth=2, bidirectional=True, dtype=torch.float32)
    x, state, lengths = torch.randn(20, 4, 3), random_state(stack, 4, torch.float32), torch.tensor([20, 6, 7, 1])
    for module in (blocks, engines, agree):
        monkeypatch.setattr(module, "BLOCK", 6)
    for record in ((), every_signal(stack)):
        right, ours = (run(name, stack, x, state, lengths=lengths, record=record) for name in ("reference", GPU))
        assert_same(ours.outputs, right.outputs, 1e-6)
        for name, value in right.state.items():
            assert_same(ours.state[name], value, 1e-6)
        for layer, signals in right.signals.items():
            for name, value in signals.items():
                assert_same(ours.signals[layer][name], value, 1e-6)
    whole, streamed = agree.recorded(GPU, kind, steps=20, ragged=True, dtype=torch.float32)
    for layer, signals in whole.signals.items():
        assert all(torch.equal(value, streamed.signals[layer][name]) for name, value in signals.items())


@needs_triton
@interpreted
@pytest.mark.parametrize(("engine", "kind"), [(GPU, "lstm"), (GPU, "gru"), (GPU, "peephole")])
def test_bfloat16_is_as_near_as_pytorchs_own(engine: str, kind: str) -> None:
    """Signals and gradients: at most twice as far from float64, and one rounding of bfloat16, which is cut off here."""
    half = make_stack(kind, 3, 17, depth=2, bidirectional=True, dtype=torch.bfloat16)
    state, x = random_state(half, 5, torch.bfloat16), torch.randn(9, 5, 3, dtype=torch.bfloat16)
    lengths, weights = torch.tensor([9, 1, 4, 9, 8]), random_weights(half, 9, 5)
    double = as_type(half, torch.float64)
    asked = (half, x, state), (double, x.double(), float32.as_double(state))
    with torch.no_grad():
        right = float32.everything("reference", *asked[1], lengths=lengths)
        ours, theirs = (float32.everything(name, *asked[0], lengths=lengths) for name in (engine, "reference"))
    right |= gradients("reference", *asked[1], weights, lengths=lengths)
    ours |= gradients(engine, *asked[0], weights, lengths=lengths)
    theirs |= gradients("reference", *asked[0], weights, lengths=lengths)
    for name, value in right.items():
        rounding = torch.finfo(torch.bfloat16).eps * max(1.0, float(value.detach().abs().max()))
        assert distance(ours[name], value) <= 2 * distance(theirs[name], value) + rounding, name


@needs_triton
@interpreted
@pytest.mark.parametrize("kind", ["lstm", "peephole"])
def test_a_cell_state_grows_by_less_than_bfloat16_can_hold(kind: str) -> None:
    """c = 100 and 0.2 more at each of 40 steps: between 64 and 128 bfloat16 knows every second of a half alone."""
    stack = make_stack(kind, 1, 2, dtype=torch.bfloat16)
    with torch.no_grad():
        for value in stack.layers[0].parameters.values():
            value.zero_()
        i, f, g, _ = stack.layers[0].parameters["bias_ih"].chunk(4)
        i.fill_(-1.386)  # σ = 0.2
        f.fill_(30.0)
        g.fill_(30.0)
    state = {"hidden": torch.zeros(1, 1, 2), "cell": torch.full((1, 1, 2), 100.0)}
    state = {name: value.bfloat16() for name, value in state.items()}
    x = torch.zeros(40, 1, 1, dtype=torch.bfloat16)
    assert (run("reference", stack, x, state).state["cell"] == 100).all()
    for record in ((), ("cell",)):
        result = run(GPU, stack, x, state, record=record)
        assert (result.state["cell"] == 108).all()
    assert (result.signals["l0"]["cell"].diff(dim=0) >= 0).all()


@needs_triton
@interpreted
def test_a_scan_ends_where_it_is_told_to() -> None:
    """In the state that cuDNN gave, and no step leaves c = f·c₋₁ + i·g by more than its share of the difference."""
    gates, before = torch.randn(30, 3, 4 * 5), torch.randn(3, 5)
    i, f, g, o = gates.chunk(4, dim=-1)
    right = {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
    free = [before]
    for t in range(30):
        free.append(right["f"][t] * free[-1] + right["i"][t] * right["g"][t])
    last = free[-1] + 1e-3 * torch.randn(3, 5)
    cell = launch.scan_lstm(gates, before, last)
    assert_same(gates, torch.cat(list(right.values()), dim=-1), 4e-7)
    assert_same(cell[-1], last, 1e-7)
    share = torch.stack(free[1:]).abs().cumsum(0)
    assert_same(cell, torch.stack(free[1:]) + share / share[-1] * (last - free[-1]), 1e-6)


@needs_triton
@interpreted
def test_tanh_and_sigmoid_are_right_to_a_few_roundings() -> None:
    """Of the value itself, however small; large ones overflow nowhere, and what is no number stays none."""
    x = torch.cat([torch.logspace(-30, 2, 300), torch.linspace(0.2, 0.4, 300)])
    x = torch.cat([x, -x, torch.tensor([0.0, float("nan"), float("inf"), -float("inf")])])
    sums = torch.cat([x, x, x])[None, None]
    reset, _, candidate = launch.gate_gru(sums, torch.zeros_like(sums), torch.float32)
    for ours, right, roundings in (
        (candidate, x.double().tanh(), 4),
        (reset, x.double().sigmoid(), 2 + x.abs().clamp(max=200)),
    ):
        allowed = roundings * torch.finfo(torch.float32).eps * right.abs() + torch.finfo(torch.float32).tiny
        off = (ours[0, 0].double() - right).abs()
        assert (off <= allowed)[~x.isnan()].all()
        assert (ours[0, 0].isnan() == x.isnan()).all()


@needs_triton
@interpreted
def test_gradients_need_what_they_are_of() -> None:
    stack = make_stack("peephole", 3, 5, dtype=torch.float32)
    outputs = run(GPU, stack, torch.randn(4, 2, 3)).outputs
    with torch.no_grad():
        outputs.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@needs_triton
@interpreted
@pytest.mark.parametrize("name", ["cell", "hidden"])
def test_gradients_of_one_last_state_alone(name: str) -> None:
    stack, x = make_stack("peephole", 3, 5, dtype=torch.float32), torch.randn(4, 2, 3)
    weights = list(stack.layers[0].parameters.values())
    ours, right = (torch.autograd.grad(run(e, stack, x).state[name].sum(), weights) for e in (GPU, "reference"))
    for own, other in zip(ours, right, strict=True):
        assert_same(own, other, 1e-6)


@needs_triton
def test_the_kernels_compile_for_gpus(tmp_path: Path) -> None:
    """To machine code, in a process in which nothing is interpreted: Ampere and Hopper, every form of each kernel."""
    command = [sys.executable, "-W", "error", "-m", "tests.engines.compile_kernels"]
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all kernels compiled"


def test_without_triton_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    engine = GpuEngine(interpreted=True)
    assert engine.why_not(stack, recording=True, editing=False) == "Triton is not installed"
    with pytest.raises(ModelError, match="engine 'gpu' cannot run this: Triton is not installed"):
        engine.run(stack, torch.zeros(4, 2, 3), record=("cell",))
    assert choose_engine(stack, recording=True).engine.name != "gpu"


def test_nothing_loads_triton_before_it_is_needed() -> None:
    code = "import sys, unrolled.engines as e; e.ENGINES.get('gpu')(); sys.exit('triton' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn-tanh", "peephole"])
def test_the_interpreter_is_never_taken_by_itself(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    for dtype in (torch.float32, torch.bfloat16):
        assert choose_engine(make_stack(kind, 3, 5, dtype=dtype), recording=True).engine.name != "gpu"
    with pytest.raises(ModelError, match="engine 'gpu' cannot run this: its kernels run on a GPU alone"):
        choose_engine(make_stack(kind, 3, 5, dtype=torch.float32), engine="gpu")


@needs_triton
def test_what_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, single = GpuEngine(interpreted=True), make_stack("lstm", 3, 5, dtype=torch.float32)
    monkeypatch.setenv("TRITON_INTERPRET", "1")

    def why_not(stack: Stack, editing: bool = False) -> str | None:
        return engine.why_not(stack, recording=True, editing=editing)

    assert why_not(single) is None
    assert why_not(single, editing=True) == "its kernels cannot be edited while they run"
    only = "its kernels compute in float32 and bfloat16 alone"
    assert why_not(make_stack("lstm", 3, 5)) == only
    assert why_not(make_stack("gru", 3, 5, dtype=torch.float16)) == only
    with torch.autocast("cpu", torch.bfloat16):
        assert why_not(single) == only
    assert why_not(make_stack("feedforward-tanh", 3, 5, dtype=torch.float32)) == (
        "it has no kernel for the Feed-forward cell"
    )
    assert why_not(make_stack("rnn-sigmoid", 3, 5, dtype=torch.float32)) == (
        "PyTorch's RNN knows tanh and relu, not sigmoid"
    )
    with pytest.raises(ModelError, match="cannot be edited"):
        engine.run(single, torch.zeros(4, 2, 3), edits=[Edit("l0", "cell", 0.0)])
    monkeypatch.delenv("TRITON_INTERPRET")
    assert why_not(single) == "Triton's interpreter is off: Python must be started with TRITON_INTERPRET=1"


@needs_triton
@interpreted
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_a_projection_goes_through_pytorchs_kernel() -> None:
    """Our own has none; recorded, it is what the torch engine records."""
    stack = stack_of("lstm", make_module("lstm", 3, 5, projection=2, dtype=torch.float32))
    x, state = torch.randn(6, 4, 3), random_state(stack, 4, torch.float32)
    ours, theirs = (run(name, stack, x, state, record=every_signal(stack)) for name in (ONE_PASS, "torch"))
    assert torch.equal(ours.outputs, theirs.outputs)
    for name, value in theirs.signals["l0"].items():
        assert_same(ours.signals["l0"][name], value, 1e-6)


def test_cudnn_computes_in_full_float32_and_then_as_before() -> None:
    rnn = torch.backends.cudnn.rnn
    before = rnn.fp32_precision
    with full_float32():
        assert rnn.fp32_precision == "ieee" != before
    assert rnn.fp32_precision == before
