"""`unrolled.hold`: the numbers of a loop written by hand, in every form of PyTorch's modules, and a model as before."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import unrolled
from tests.neurons.held_by_hand import Hold, by_hand, free, holding
from tests.stacks import needs_kernels
from unrolled.errors import ModelError, UnknownNameError

KINDS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
SIGNALS = {
    "lstm": ("input_gate", "forget_gate", "candidate", "cell", "output_gate", "hidden"),
    "gru": ("reset_gate", "update_gate", "candidate", "hidden"),
    "rnn": ("hidden",),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@settings(max_examples=60)
@given(
    kind=st.sampled_from(["lstm", "gru", "rnn", "rnn relu", "lstm projected"]),
    layers=st.integers(1, 2),
    both=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    form=st.sampled_from(["batch", "unbatched", "packed", "packed in order"]),
    given_state=st.booleans(),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    in_places=st.booleans(),
    gradients=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_held_modules_give_what_a_loop_by_hand_gives_in_their_own_form(
    kind: str,
    layers: int,
    both: bool,
    bias: bool,
    batch_first: bool,
    form: str,
    given_state: bool,
    lengths: list[int],
    in_places: bool,
    gradients: bool,
    dtype: torch.dtype,
    seed: int,
    data: st.DataObject,
) -> None:
    torch.manual_seed(seed)
    more: dict[str, Any] = {"nonlinearity": "relu"} if kind == "rnn relu" else {}
    more |= {"proj_size": 2} if kind == "lstm projected" else {}
    name = kind.split()[0]
    module = KINDS[name](3, 5, layers, bias=bias, bidirectional=both, batch_first=batch_first, dtype=dtype, **more)
    if form in {"batch", "unbatched"}:
        lengths = [max(lengths)] * (1 if form == "unbatched" else len(lengths))
    lengths = sorted(lengths, reverse=True) if form == "packed in order" else lengths
    batch, steps, directions = len(lengths), max(lengths), 2 if both else 1
    width = module.proj_size or 5
    x = torch.randn(steps, batch, 3, dtype=dtype)
    h = torch.randn(layers * directions, batch, width, dtype=dtype) * given_state
    c = torch.randn(layers * directions, batch, 5, dtype=dtype) * given_state
    sites = [f"l{layer}{way}" for layer in range(layers) for way in ("", "_reverse")[:directions]]
    held = draw_held(data, sites, name, module, (steps, batch), dtype)
    where = torch.rand(steps, batch) < 0.5 if in_places else None
    inputs: Any = x.transpose(0, 1) if batch_first else x
    if form.startswith("packed"):
        ordered = form == "packed in order"
        inputs = pack_padded_sequence(inputs, torch.tensor(lengths), batch_first, enforce_sorted=ordered)
    inputs = x[:, 0] if form == "unbatched" else inputs
    initial: Any = tuple(value[:, 0] if form == "unbatched" else value for value in (h, c))
    initial = (initial if name == "lstm" else initial[0]) if given_state else None

    with torch.set_grad_enabled(gradients):
        own_outputs, own_states = module(inputs, initial)
        with unrolled.hold(module, {f"{name}.{at}": value for at, value in held.items()}, where=where):
            outputs, states = module(inputs, initial)
    tolerance = 1e-12 if dtype == torch.float64 else 4e-6
    assert_form(outputs, own_outputs)
    for ours, own in zip(as_tuple(states), as_tuple(own_states), strict=True):
        assert_form(ours, own)
    if isinstance(outputs, PackedSequence):
        outputs = pad_packed_sequence(outputs, batch_first)[0]
    outputs = outputs[:, None] if form == "unbatched" else outputs.transpose(0, 1) if batch_first else outputs
    right: list[Tensor] = []
    for sequence, length in enumerate(lengths):
        begin = x[:length, sequence], h[:, sequence], c[:, sequence]
        y, last_h, last_c = by_hand(module, *begin, holding(held, where, sequence))
        torch.testing.assert_close(outputs[:length, sequence], y, atol=tolerance, rtol=tolerance)
        assert (outputs[length:, sequence] == 0).all()
        for ours, last in zip(as_tuple(states), (last_h, last_c), strict=False):
            ours = ours if form == "unbatched" else ours[:, sequence]
            torch.testing.assert_close(ours, last, atol=tolerance, rtol=tolerance)
        right.append(y.square().sum())
    if gradients:
        assert_gradients(module, outputs.square().sum(), torch.stack(right).sum(), tolerance)


def draw_held(
    data: st.DataObject, sites: list[str], name: str, module: nn.RNNBase, shape: tuple[int, int], dtype: torch.dtype
) -> dict[str, Tensor]:
    """One to three signals or neurons, each with a value for every step and sequence."""
    held: dict[str, Tensor] = {}
    for _ in range(data.draw(st.integers(1, 3))):
        signal = f"{data.draw(st.sampled_from(sites))}.{data.draw(st.sampled_from(SIGNALS[name]))}"
        size = module.proj_size or module.hidden_size if signal.endswith("hidden") else module.hidden_size
        whole = data.draw(st.booleans())
        called = signal if whole else f"{signal}.{data.draw(st.integers(0, size - 1))}"
        held.pop(called, None)
        held[called] = torch.rand(*shape, *([size] if whole else []), dtype=dtype)
    return held


def assert_gradients(module: nn.RNNBase, ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    """Of two sums, by every parameter."""
    parameters = list(module.parameters())
    nothing = sum((0.0 * parameter.sum() for parameter in parameters), torch.zeros(()))  # all may be held
    wanted = torch.autograd.grad(theirs + nothing, parameters, retain_graph=True)
    gotten = torch.autograd.grad(ours + nothing, parameters)
    for one, other in zip(gotten, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e2 * tolerance, rtol=1e-3)


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


def read_by_hand(model: Reader, symbols: Tensor, first: Hold = free, second: Hold = free, late: Hold = free) -> Tensor:
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


def test_held_nowhere_it_gives_the_modules_own_numbers_to_rounding() -> None:
    module, x = nn.LSTM(4, 6, 2, bidirectional=True), torch.randn(20, 3, 4)
    with unrolled.hold(module, {"lstm.l0.cell.1": 5.0}, where=torch.zeros(20, dtype=torch.bool)):
        torch.testing.assert_close(module(x)[0], module(x)[0])
        held = module(x)[0]
    torch.testing.assert_close(held, module(x)[0], atol=1e-6, rtol=1e-6)


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
        once, h, c = by_hand(model.lstm, model.table(symbols[0]), zeros, zeros, free)
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
