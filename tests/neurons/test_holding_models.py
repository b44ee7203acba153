"""`unrolled.hold` of a whole model: each call of its modules, what is refused, and a model that is as before."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unrolled
from tests.traces.by_hand import SIGNALS, Hold, as_it_is, by_hand, holding
from unrolled.errors import ModelError, UnknownNameError


class Reader(nn.Module):
    """Reads forward twice with one LSTM, then with a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 4, 2, batch_first=True)
        self.late = nn.ModuleDict({"gru": nn.GRU(4, 3, bidirectional=True)})
        self.readout = nn.Linear(6, 9)

    def forward(self, symbols: Tensor) -> Tensor:
        once, state = self.lstm(self.table(symbols))
        twice, _ = self.lstm(once, state)
        outputs, _ = self.late["gru"](twice.transpose(0, 1))
        return self.readout(outputs)


def read_by_hand(
    model: Reader, symbols: Tensor, first: Hold = as_it_is, second: Hold = as_it_is, late: Hold = as_it_is
) -> Tensor:
    """One sequence of symbols `(steps,)`."""
    zeros = torch.zeros(2, 4)
    once, h, c = by_hand(model.lstm, model.table(symbols), zeros, zeros, first)
    twice, _, _ = by_hand(model.lstm, once, h, c, second)
    gru: Any = model.late["gru"]
    return model.readout(by_hand(gru, twice, zeros[:, :3], zeros, late)[0])


def at(held: str, number: float) -> Hold:
    return holding({held: torch.full((99, 1), number)}, None, 0)


CALLS: dict[str, tuple[dict[str, Any], dict[str, Hold]]] = {
    "every call": ({"lstm.l1.cell.2": 1.5}, {"first": at("l1.cell.2", 1.5), "second": at("l1.cell.2", 1.5)}),
    "the first call": ({"lstm#1.l0.forget_gate.0": 0.0}, {"first": at("l0.forget_gate.0", 0.0)}),
    "the second call": ({"lstm#2.l1.hidden.3": -1.0}, {"second": at("l1.hidden.3", -1.0)}),
    "the main signal": (
        {"lstm#2.l0.1": 2.0, "late.gru.l0_reverse.1": 0.5},
        {"second": at("l0.cell.1", 2.0), "late": at("l0_reverse.hidden.1", 0.5)},
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("gradients", [False, True])
def test_each_call_of_a_module_inside_a_model_may_be_held(name: str, gradients: bool) -> None:
    values, hold = CALLS[name]
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    with torch.set_grad_enabled(gradients), unrolled.hold(model, values):
        results = [model(symbols) for _ in range(2)]  # calls are counted anew in each pass
    for result in results:
        for sequence in range(2):
            right = read_by_hand(model, symbols[sequence], **hold)
            torch.testing.assert_close(result[:, sequence], right, atol=4e-6, rtol=4e-6)
    assert (results[0] - model(symbols)).abs().max() > 1e-3


def test_signals_in_each_others_place_would_show() -> None:
    """Each signal of a neuron, held at the same value, gives something else than every other."""
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    results: list[Tensor] = []
    with torch.no_grad():
        for signal in SIGNALS["lstm"]:
            with unrolled.hold(model, {f"lstm.l1.{signal}.2": 0.25}):
                results.append(model(symbols))
    for place, one in enumerate(results):
        assert all((one - other).abs().max() > 1e-4 for other in results[:place])


def test_a_model_patched_with_another_texts_signal_does_what_that_text_did() -> None:
    """All hidden states of the second layer, as `unrolled.trace` gives them: what comes after hears the other text."""
    model = Reader().eval()
    one, other = torch.randint(0, 9, (2, 1, 13))
    trace = unrolled.trace(model, other)
    with torch.no_grad():
        values = {
            f"{call}.l1.hidden": trace[f"{name}.l1.hidden"] for call, name in (("lstm#1", "lstm"), ("lstm#2",) * 2)
        }
        with unrolled.hold(model, values):
            patched = model(one)
        torch.testing.assert_close(patched, model(other), atol=2e-6, rtol=2e-6)
        assert (model(one) - model(other)).abs().max() > 1e-2


def test_modules_of_which_nothing_is_held_run_bit_for_bit_as_they_are() -> None:
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    own = model(symbols)
    with unrolled.hold(model, {}):
        assert torch.equal(model(symbols), own)
    inside: list[Tensor] = []
    model.lstm.register_forward_hook(lambda _, __, output: inside.append(output[0]))
    model(symbols)
    with unrolled.hold(model, {"late.gru.l0.0": 0.5, "lstm#2.l0.0": 0.5}):
        model(symbols)
    assert torch.equal(inside[0], inside[2]), "the first call of the LSTM"
    assert not torch.equal(inside[1], inside[3])


def test_everything_is_put_back_also_after_an_error() -> None:
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    before, own = copy.deepcopy(model), model(symbols)

    def fail() -> None:
        with unrolled.hold(model, {"lstm.l0.cell.1": 3.0}):
            assert not torch.equal(model(symbols), own)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(model(symbols), own)
    for module, untouched in zip(model.modules(), before.modules(), strict=True):
        assert module.__dict__.keys() == untouched.__dict__.keys()
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert module.training == untouched.training


def test_blocks_within_each_other_hold_together_and_the_inner_wins() -> None:
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    with torch.no_grad(), unrolled.hold(model, {"lstm.l0.cell.1": 3.0, "lstm#2.l1.hidden.0": 0.5}):
        outer = model(symbols)
        with unrolled.hold(model, {"lstm.l0.cell.1": -3.0}):
            both = model(symbols)
        assert torch.equal(model(symbols), outer)
    with torch.no_grad(), unrolled.hold(model, {"lstm.l0.cell.1": -3.0, "lstm#2.l1.hidden.0": 0.5}):
        assert torch.equal(model(symbols), both)


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        (
            {"lstn.l0.cell.1": 0.0},
            UnknownNameError,
            r"no site 'lstn\.l0\.cell\.1'; there are: late\.gru\.l0, .*lstm\.l1",
        ),
        ({"lstm.l0.zell.1": 0.0}, UnknownNameError, "no signal of lstm.l0 'zell'"),
        ({"lstm.l0.cell.4": 0.0}, UnknownNameError, r"there are: 0 to 3"),
        ({"lstm#0.l0.cell.1": 0.0}, UnknownNameError, "no site"),
        ({f"lstm#{'1' * 5000}.l0.cell.1": 0.0}, UnknownNameError, "no site"),
        ({"lstm.l0.cell.1": math.nan}, ModelError, "cannot be held at nan"),
        ({"lstm.l0.cell.1": torch.tensor([0.0, math.inf])}, ModelError, "cannot be held at inf"),
        ({"lstm.l0.cell.1": "zero"}, ModelError, r"lstm\.l0\.cell\.1 cannot be held at 'zero'"),
        ({"lstm.l0.cell.1": np.array(["a"])}, ModelError, "cannot be held at <U1"),
        ({"lstm.l0.cell.1": torch.zeros(9, 2, 4)}, ModelError, r"shape \(9, 2, 4\); it must be \(steps,\) or"),
        ({"lstm.l0.cell": torch.zeros(9)}, ModelError, r"shape \(9,\); it must be \(steps, neurons\) or"),
    ],
)
def test_what_cannot_be_held_is_refused_at_once(values: dict[str, Any], error: type[Exception], said: str) -> None:
    model = Reader()
    with pytest.raises(error, match=said), unrolled.hold(model, values):
        pytest.fail("it was held")
    assert "forward" not in model.lstm.__dict__


def test_what_does_not_fit_the_steps_is_refused_while_it_runs() -> None:
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    short, where = {"lstm.l0.cell.1": torch.zeros(10)}, torch.ones(10, dtype=torch.bool)
    with pytest.raises(ModelError, match=r"must broadcast to \(11, 2, 1\)"), unrolled.hold(model, short):
        model(symbols)
    said = r"shape \(10,\); it must be \(11,\) or \(11, 2\)"
    with pytest.raises(ModelError, match=said), unrolled.hold(model, {"lstm.l0.1": 0.0}, where=where):
        model(symbols)


def test_where_is_told_by_an_array_as_by_a_tensor() -> None:
    model, symbols = Reader().eval(), torch.randint(0, 9, (2, 11))
    given: Any
    found: list[Tensor] = []
    for given in (torch.arange(11) < 4, np.arange(11) < 4, [True] * 4 + [False] * 7):
        with torch.no_grad(), unrolled.hold(model, {"lstm.l0.1": 3.0}, where=given):
            found.append(model(symbols))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    for given in ("quoted", object()):
        with pytest.raises(ModelError, match="Where to hold is told by a"), unrolled.hold(model, {}, where=given):
            pytest.fail("it was held")


def test_a_call_that_is_not_made_is_told() -> None:
    model, symbols = Reader(), torch.randint(0, 9, (2, 11))
    said = r"lstm#3 was to be held; the model called lstm 2 times in a pass"
    with pytest.raises(ModelError, match=said), unrolled.hold(model, {"lstm#3.l0.cell.1": 0.0}):
        model(symbols)


def test_models_that_cannot_be_held_are_refused() -> None:
    with pytest.raises(ModelError, match=r"holds no nn\.RNN"), unrolled.hold(nn.Linear(2, 2), {}):
        pytest.fail("it was held")
    odd: Any = nn.LSTM(2, 3)
    odd.forward = lambda *_: None
    with pytest.raises(ModelError, match="lstm has a forward of its own"), unrolled.hold(odd, {"lstm.l0.1": 0.0}):
        pytest.fail("it was held")
    assert "forward" in odd.__dict__


def test_a_trace_within_the_block_is_of_the_held_model() -> None:
    """The neuron at its value; what comes after as by the loop by hand; and the trace says what was held."""
    model, symbols = Reader().double(), torch.randint(0, 9, (1, 11))
    with unrolled.hold(model, {"lstm#2.l0.cell.1": 2.0, "late.gru.l0.reset_gate": torch.zeros(11, 3)}):
        trace = unrolled.trace(model, symbols)
    assert (trace["lstm#2.l0.cell"][:, 1] == 2).all()
    assert (trace["lstm.l0.cell"][:, 1] != 2).all()
    assert trace.info.model["held"] == ["lstm#2.l0.cell.1", "late.gru.l0.reset_gate"]
    zeros = torch.zeros(2, 4, dtype=torch.float64)
    with torch.no_grad():
        once, h, c = by_hand(model.lstm, model.table(symbols[0]), zeros, zeros)
        twice, _, _ = by_hand(model.lstm, once, h, c, at("l0.cell.1", 2.0))
        none = {"l0.reset_gate": torch.zeros(11, 1, 3, dtype=torch.float64)}
        gru: Any = model.late["gru"]
        right, _, _ = by_hand(gru, twice, zeros[:, :3], zeros, holding(none, None, 0))
    np.testing.assert_allclose(trace["lstm#2.l1.hidden"], twice, atol=1e-12)
    np.testing.assert_allclose(trace["late.gru.l0.hidden"], right[:, :3], atol=1e-12)
    assert "held" not in unrolled.trace(model, symbols).info.model


def test_a_part_of_the_model_that_is_called_alone_is_held_too() -> None:
    model, x = Reader(), torch.randn(1, 7, 4)
    with torch.no_grad(), unrolled.hold(model, {"lstm#1.l1.hidden.3": 0.5, "lstm#2.l1.hidden.3": -0.5}):
        assert (model.lstm(x)[0][..., 3] == 0.5).all()
        assert (model.lstm(x)[0][..., 3] == -0.5).all()
