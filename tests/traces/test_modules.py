"""`unrolled.trace`: the numbers of a loop written by hand, and a model that is as before."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import unrolled
from tests.traces.by_hand import SIGNALS, Case, by_hand, cases
from unrolled.errors import ModelError, TraceError, UnknownNameError


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@given(cases())
def test_signals_are_those_of_a_loop_written_by_hand(case: Case) -> None:
    trace = unrolled.trace(case.module, case.inputs if case.initial is None else (case.inputs, case.initial))
    assert list(trace.sites) == [f"{case.name}.{layer}" for layer in case.layers]
    for sequence, length in enumerate(case.lengths):
        right: dict[str, dict[int, Tensor]] = {}

        def see(name: str, t: int, value: Tensor, right: dict[str, dict[int, Tensor]] = right) -> Tensor:
            right.setdefault(name, {})[t] = value
            return value

        with torch.no_grad():
            by_hand(case.module, case.x[:length, sequence], case.h[:, sequence], case.c[:, sequence], see)
        assert set(right) == {f"{layer}.{signal}" for layer in case.layers for signal in SIGNALS[case.name]}
        for name, values in right.items():
            got: Any = trace[f"{case.name}.{name}"]
            got = got if len(case.lengths) == 1 else got[sequence]
            wanted = np.stack([values[t] for t in range(length)])
            np.testing.assert_allclose(got, wanted, atol=1e-12, rtol=1e-12, err_msg=name)
        for place, layer in enumerate(case.layers):
            initial = trace.initial(f"{case.name}.{layer}")
            np.testing.assert_array_equal(initial["hidden"][sequence], case.h[place, sequence])


class Translator(nn.Module):
    """An encoder and a decoder of other lengths; the encoder's module is called twice, with dropout in the model."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.encoder = nn.LSTM(4, 3, 2, bidirectional=True, batch_first=True, dropout=0.5)
        self.drop = nn.Dropout(0.5)
        self.decoder = nn.ModuleList([nn.GRU(6, 4), nn.Linear(4, 9)])

    def forward(self, numbers: Tensor, *, turns: int = 2) -> tuple[Tensor, Tensor]:
        for _ in range(turns):
            values, _ = self.encoder(self.embed(numbers))
        states, _ = self.decoder[0](self.drop(values[:, :2].transpose(0, 1)))
        states.mul_(0)  # the model may do what it likes with what its modules gave
        return self.decoder[1](states), torch.rand(2)


def test_a_model_of_several_modules(tmp_path: Any) -> None:
    model = Translator()
    numbers = torch.randint(0, 9, (3, 5))
    trace = unrolled.trace(model, {"numbers": numbers, "turns": 2})
    names = [f"encoder{call}.l{layer}{way}" for call in ("", "#2") for layer in (0, 1) for way in ("", "_reverse")]
    assert list(trace.sites) == [*names, "decoder.0.l0"]
    assert trace["encoder#2.l1_reverse.forget_gate"].shape == (3, 5, 3)  # type: ignore[union-attr]
    assert trace["decoder.0.l0"].shape == (3, 2, 4)  # type: ignore[union-attr]
    assert np.abs(trace["decoder.0.l0"]).min() > 0  # type: ignore[arg-type]
    assert [trace.vocabulary[number] for number in trace.symbols] == [str(n) for n in numbers.flatten().tolist()]  # type: ignore[union-attr]
    with pytest.raises(TraceError, match=r"encoder\.l0.*\(15 steps\) \| decoder\.0\.l0 \(6 steps\).*sites="):
        trace.save(tmp_path / "t")
    saved = trace.save(tmp_path / "t", sites=["encoder.l0", "encoder.l0_reverse"])
    assert np.array_equal(saved["encoder.l0_reverse.cell"], trace["encoder.l0_reverse.cell"])
    assert np.array_equal(saved.initial("encoder.l0")["cell"], np.zeros((3, 3)))
    decoder = trace.save(tmp_path / "d", sites=["decoder.0.l0"])
    assert decoder.sequences == [range(0, 2), range(2, 4), range(4, 6)]
    assert decoder.symbols is None


def test_the_model_is_as_before() -> None:
    model = Translator()
    model.train()
    model.drop.eval()
    numbers = torch.randint(0, 9, (3, 5))
    weights = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    torch.manual_seed(3)
    right = copy.deepcopy(model).eval()(numbers)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    trace = unrolled.trace(model, numbers)
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    outputs: Any = trace.outputs
    assert torch.equal(outputs[0], right[0])
    assert torch.equal(outputs[1], right[1])


def test_a_failing_model_is_as_before_too() -> None:
    model = Translator().train()
    with pytest.raises(IndexError):
        unrolled.trace(model, torch.tensor([[99]]))
    assert model.encoder.training
    assert not any(module._forward_hooks for module in model.modules())


class Quirk(nn.LSTM):
    def forward(self, input: Any, hx: Any = None) -> Any:
        return super().forward(input * 2, hx)


class Silent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm.forward(x)[0]


def test_what_cannot_be_traced_is_said_in_one_line() -> None:
    x = torch.randn(4, 1, 3)
    for model, says in (
        (nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)), "holds Linear ×2, ReLU"),
        (nn.LSTMCell(3, 2), "LSTMCell.*single cells"),
        (nn.DataParallel(nn.LSTM(3, 2)), r"model\.module"),
        (torch.compile(nn.LSTM(3, 2), backend="eager"), r"torch\.compile"),
        (Quirk(3, 2), "forward of its own"),
        (Silent(), "never called lstm"),
    ):
        with pytest.raises(ModelError, match=says) as caught:
            unrolled.trace(model, x)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_outputs_that_a_hook_changed_are_not_taken_for_the_modules_own() -> None:
    """A module whose weights are not those it runs with: the signals would be of another network."""
    lstm = nn.LSTM(3, 2)
    lstm._flat_weights[0] = nn.Parameter(lstm.weight_ih_l0 + 0.01)
    with pytest.raises(ModelError, match=r"off by up to .* at step"):
        unrolled.trace(lstm, torch.randn(4, 1, 3))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_every_type_of_float(dtype: torch.dtype) -> None:
    lstm = nn.LSTM(3, 4).to(dtype)
    x = torch.randn(50, 2, 3, dtype=dtype)
    trace = unrolled.trace(lstm, x)
    hidden: Any = trace["lstm.l0.hidden"]
    assert hidden.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    np.testing.assert_allclose(hidden[1], lstm(x)[0][:, 1].detach().double(), atol=4 * torch.finfo(dtype).eps)
    assert trace.info.code["dtype"] == str(dtype).removeprefix("torch.")


def test_symbols() -> None:
    lstm = nn.LSTM(3, 2)
    one, two = torch.randn(4, 1, 3), torch.randn(4, 2, 3)
    assert unrolled.trace(lstm, one, symbols="abba").text == "abba"
    assert unrolled.trace(lstm, one, symbols=["the", "cat", "sat", "the"]).labels(1, 4) == ["cat", "sat", "the"]
    assert unrolled.trace(lstm, two, symbols=["abba", "cdcd"]).text == "abbacdcd"
    assert unrolled.trace(lstm, two).labels(2, 6) == ["2", "3", "0", "1"]
    for symbols in ("abb", ["the"] * 5, ["abba", "abba"]):
        with pytest.raises(ModelError, match="labels"):
            unrolled.trace(lstm, one, symbols=symbols)
    with pytest.raises(ModelError, match="labels"):
        unrolled.trace(lstm, two, symbols="abba")
    model = Translator()
    numbers = torch.tensor([[1, 0, 2], [2, 2, 1], [0, 0, 0]])
    assert unrolled.trace(model, numbers, names="xyz______").text == "yxzzzyxxx"
    with pytest.raises(ModelError, match="names="):
        unrolled.trace(model, numbers, names="xy")
    with pytest.raises(UnknownNameError, match="forget_gate"):
        unrolled.trace(lstm, one, signals=["remember"])


def test_packed_inputs_of_a_model_give_sequences_of_their_own_lengths() -> None:
    class Packs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(2, 3, batch_first=True)

        def forward(self, x: Tensor, lengths: Tensor) -> PackedSequence:
            return self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0]

    model, x = Packs(), torch.randn(2, 6, 2)
    trace = unrolled.trace(model, (x, torch.tensor([2, 6])), symbols=["ab", "cdefgh"])
    assert [part.shape for part in trace["gru.l0"]] == [(2, 3), (6, 3)]
    right, _ = model.gru(x[:1, :2])
    np.testing.assert_allclose(trace["gru.l0"][0], right[0].detach(), atol=1e-6)
    assert trace.text == "abcdefgh"


def reparametrized(how: str, module: nn.RNNBase) -> nn.Module:
    names = ("weight_ih_l0", "weight_hh_l1_reverse")
    for name in names:
        if how == "pruned":
            prune.l1_unstructured(module, name, amount=0.5)
        elif how == "weight norm, of old":
            with pytest.warns(FutureWarning, match="weight_norm"):
                nn.utils.weight_norm(module, name)
        else:
            normalize = {"weight norm": parametrizations.weight_norm, "spectral norm": parametrizations.spectral_norm}
            normalize[how](module, name)
    return module


@pytest.mark.parametrize("how", ["pruned", "weight norm", "weight norm, of old", "spectral norm"])
def test_weights_that_are_made_of_others(how: str) -> None:
    torch.manual_seed(0)
    module: Any = reparametrized(how, nn.LSTM(3, 4, 2, bidirectional=True))
    with torch.no_grad():  # a state of its own, so that the weights cannot be those of the start
        for parameter in module.parameters():
            parameter.mul_(1.5)
    module.train()
    before = copy.deepcopy(module.state_dict())
    x = torch.randn(5, 1, 3)
    trace = unrolled.trace(module, x)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    np.testing.assert_allclose(trace["lstm.l1_reverse.hidden"], module.eval()(x)[0][:, 0, 4:].detach(), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "inputs", "says"),
    [
        ("lstm", torch.ones(2, 1, 3), "is a str"),
        (nn.LSTM(3, 2), np.ones((2, 1, 3), np.float32), r"from_numpy"),
        (nn.Sequential(nn.Embedding(3, 3), nn.LSTM(3, 2)), (np.ones((2, 1), np.int64),), r"from_numpy"),
        (nn.LSTM(3, 2), torch.ones(0, 1, 3), r"lstm is given no steps.*\(0, 1, 3\)"),
        (nn.GRU(3, 2), torch.ones(2, 0, 3), r"gru is given no steps.*\(2, 0, 3\)"),
        (nn.RNN(3, 2), torch.ones(0, 3), r"rnn is given no steps.*\(0, 3\)"),
    ],
)
def test_what_cannot_be_run_is_named(model: Any, inputs: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        unrolled.trace(model, inputs)
