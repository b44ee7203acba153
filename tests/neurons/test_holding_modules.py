"""`unrolled.hold` of one module: the numbers of a loop written by hand, in every form of PyTorch's modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

import unrolled
from tests.stacks import needs_kernels
from tests.traces.by_hand import NEURONS, SIGNALS, Case, by_hand, cases, holding
from unrolled.errors import ModelError


@st.composite
def values_of(draw: st.DrawFn, case: Case) -> dict[str, Tensor]:
    """What some neurons and whole signals are held at, at each step of each sequence."""
    held: dict[str, Tensor] = {}
    for _ in range(draw(st.integers(1, 3))):
        signal = f"{draw(st.sampled_from(case.layers))}.{draw(st.sampled_from(SIGNALS[case.name]))}"
        size = case.width if signal.endswith("hidden") else NEURONS
        whole = draw(st.booleans())
        name = signal if whole else f"{signal}.{draw(st.integers(0, size - 1))}"
        held.pop(name, None)
        held[name] = torch.rand(*case.x.shape[:2], *([size] if whole else []), dtype=case.x.dtype)
    return held


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@settings(max_examples=60)
@given(cases([torch.float64, torch.float32]), st.booleans(), st.booleans(), st.data())
def test_held_modules_give_what_a_loop_by_hand_gives_in_their_own_form(
    case: Case, in_places: bool, gradients: bool, data: st.DataObject
) -> None:
    held = data.draw(values_of(case))
    where = torch.rand(case.x.shape[:2]) < 0.5 if in_places else None
    with torch.set_grad_enabled(gradients):
        own_outputs, own_states = case.module(case.inputs, case.initial)
        with unrolled.hold(case.module, {f"{case.name}.{at}": value for at, value in held.items()}, where=where):
            given_outputs, states = case.module(case.inputs, case.initial)
    tolerance = 1e-12 if case.x.dtype == torch.float64 else 4e-6
    assert_form(given_outputs, own_outputs)
    for ours, own in zip(as_tuple(states), as_tuple(own_states), strict=True):
        assert_form(ours, own)
    outputs, right = time_first(case, given_outputs), list[Tensor]()
    for sequence, length in enumerate(case.lengths):
        begin = case.x[:length, sequence], case.h[:, sequence], case.c[:, sequence]
        y, *last = by_hand(case.module, *begin, holding(held, where, sequence))
        torch.testing.assert_close(outputs[:length, sequence], y, atol=tolerance, rtol=tolerance)
        assert (outputs[length:, sequence] == 0).all()
        for ours, theirs in zip(as_tuple(states), last, strict=False):
            ours = ours if case.form == "unbatched" else ours[:, sequence]
            torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)
        right.append(y.square().sum())
    if gradients:
        parameters = list(case.module.parameters())
        nothing = sum((0.0 * parameter.sum() for parameter in parameters), torch.zeros(()))  # all may be held
        wanted = torch.autograd.grad(torch.stack(right).sum() + nothing, parameters, retain_graph=True)
        gotten = torch.autograd.grad(outputs.square().sum() + nothing, parameters)
        for ours, theirs in zip(gotten, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e2 * tolerance, rtol=1e-3)


def time_first(case: Case, outputs: Any) -> Tensor:
    """`(steps, batch, numbers)`, zero past a sequence's end."""
    if isinstance(outputs, PackedSequence):
        return pad_packed_sequence(outputs)[0]
    if case.form == "unbatched":
        return outputs[:, None]
    return outputs.transpose(0, 1) if case.module.batch_first else outputs


def as_tuple(states: Any) -> tuple[Tensor, ...]:
    return states if isinstance(states, tuple) else (states,)


def assert_form(ours: Any, own: Any) -> None:
    """The same type, shape and, where packed, order."""
    assert type(ours) is type(own)
    if isinstance(own, PackedSequence):
        for one, other in zip(ours[1:], own[1:], strict=True):
            assert (one is None and other is None) or torch.equal(one, other)
        ours, own = ours.data, own.data
    assert ours.shape == own.shape
    assert ours.dtype == own.dtype


def test_held_nowhere_it_gives_the_modules_own_numbers_to_rounding() -> None:
    module, x = nn.LSTM(4, 6, 2, bidirectional=True), torch.randn(20, 3, 4)
    with unrolled.hold(module, {"lstm.l0.cell.1": 5.0}, where=torch.zeros(20, dtype=torch.bool)):
        torch.testing.assert_close(module(x)[0], module(x)[0])
        held = module(x)[0]
    torch.testing.assert_close(held, module(x)[0], atol=1e-6, rtol=1e-6)


def test_a_held_module_learns_around_what_is_held() -> None:
    """Gradients reach the parameters, also those that a parametrization makes; what is held gets none."""
    model = nn.Sequential(nn.LSTM(3, 4))
    parametrizations.weight_norm(model[0], "weight_hh_l0")
    with unrolled.hold(model, {"0.l0.output_gate": torch.full((4,), 0.5).expand(9, 4)}):
        outputs, _ = model(torch.randn(9, 2, 3))
        outputs.sum().backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    weight = gradients["0.weight_ih_l0"]
    assert weight is not None
    assert (weight[:12].abs().sum(1) > 0).all()
    assert (weight[12:] == 0).all(), "the rows of the output gate"


@needs_kernels
@torch.no_grad()
def test_an_engine_can_be_asked_for() -> None:
    module, x = nn.GRU(4, 6), torch.randn(20, 3, 4)
    results: list[Tensor] = []
    for engine in ("compiled", "reference"):
        with unrolled.hold(module, {"gru.l0.update_gate.1": 0.9}, engine=engine):
            results.append(module(x)[0])
    assert 0 < (results[0] - results[1]).abs().max() < 1e-6
    with (
        pytest.raises(ModelError, match="give no gradient where signals are held"),
        torch.enable_grad(),
        unrolled.hold(module, {"gru.l0.1": 0.9}, engine="compiled"),
    ):
        module(x)
