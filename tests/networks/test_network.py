"""Networks: plain PyTorch loads their weights, pieces add up to the whole, settings do what they say."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from tests.stacks import assert_same
from unrolled.cells import CELLS
from unrolled.engines import Edit
from unrolled.errors import ModelError, SettingsError
from unrolled.networks import Network, NetworkSettings

SYMBOLS = 6
KINDS = ["lstm", "gru", "rnn", "peephole", "coupled", "no-input-gate", "feedforward"]
assert set(KINDS) == set(CELLS.names())


def make(cell: str = "lstm", **options: object) -> Network:
    return Network(NetworkSettings.model_validate({"cell": cell, "hidden": 5, **options}), SYMBOLS)


def text(steps: int = 20, batch: int = 2) -> Tensor:
    return torch.randint(0, SYMBOLS, (steps, batch))


class Plain(nn.Module):
    """What somebody without this package would write to use a network trained with it."""

    def __init__(self, recurrence: nn.RNNBase, embedding: int) -> None:
        super().__init__()
        if embedding:
            self.encoder = nn.Embedding(SYMBOLS, embedding)
        self.rnn = recurrence
        self.readout = nn.Linear(recurrence.hidden_size, SYMBOLS)

    def forward(self, symbols: Tensor) -> Tensor:
        if hasattr(self, "encoder"):
            x = self.encoder(symbols)
        else:
            x = nn.functional.one_hot(symbols, SYMBOLS).to(self.readout.weight.dtype)
        return self.readout(self.rnn(x)[0])


@pytest.mark.parametrize("embedding", [0, 4])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(
    ("cell", "activation", "plain"),
    [("lstm", "tanh", nn.LSTM), ("gru", "tanh", nn.GRU), ("rnn", "tanh", nn.RNN), ("rnn", "relu", nn.RNN)],
)
def test_plain_pytorch_loads_the_weights(
    cell: str, activation: str, plain: type[nn.RNNBase], layers: int, embedding: int
) -> None:
    network = make(cell, activation=activation, layers=layers, embedding=embedding).double()
    options = {"nonlinearity": activation} if plain is nn.RNN else {}
    other = Plain(plain(embedding or SYMBOLS, 5, layers, **options), embedding).double()
    other.load_state_dict(network.state_dict())  # strict: every name and shape
    symbols = text()
    logits, _ = network(symbols)
    assert_same(logits, other(symbols))
    assert list(network.state_dict()) == list(other.state_dict())


@pytest.mark.parametrize("embedding", [0, 4])
@pytest.mark.parametrize(
    ("cell", "rows", "states", "extra"),
    [
        ("lstm", 4, 1, 0),
        ("gru", 3, 1, 0),
        ("rnn", 1, 1, 0),
        ("peephole", 4, 1, 15),
        ("coupled", 3, 1, 0),
        ("no-input-gate", 3, 1, 0),
        ("feedforward", 1, 0, 0),
    ],
)
def test_parameters_are_counted(cell: str, rows: int, states: int, extra: int, embedding: int) -> None:
    """Counted by hand: two layers of 5, 6 symbols; `states` is 0 where nothing is read from the step before."""
    width = embedding or 6
    first = rows * 5 * (width + 1) + states * rows * 5 * (5 + 1) + extra
    second = rows * 5 * (5 + 1) + states * rows * 5 * (5 + 1) + extra
    readout = 5 * 6 + 6
    network = make(cell, layers=2, embedding=embedding)
    assert network.parameter_count == 6 * embedding + first + second + readout


def test_the_forget_gate_starts_at_its_bias() -> None:
    for cell, place in (("lstm", 1), ("peephole", 1), ("coupled", 0), ("no-input-gate", 0)):
        network = make(cell, layers=2, forget_bias=3.0)
        for layer in ("l0", "l1"):
            both = network.get_parameter(f"rnn.bias_ih_{layer}") + network.get_parameter(f"rnn.bias_hh_{layer}")
            *others, f = sorted(both.chunk(network.cell.blocks), key=lambda gate: gate.mean().item())
            assert torch.equal(f, both.chunk(network.cell.blocks)[place])
            assert (f == 3.0).all()
            assert all((gate.abs() < 1.0).all() and gate.abs().max() > 0 for gate in others)
        # Nothing goes in, so a forget gate is σ(3) = 0.9526.
        with torch.no_grad():
            network.get_parameter("rnn.weight_ih_l0").zero_()
            gate = network.run(text(1), record=("forget_gate",)).signals["l0"]["forget_gate"]
        assert gate.numpy() == pytest.approx(0.9526, abs=1e-4)


def test_a_peephole_lstm_begins_as_an_lstm() -> None:
    torch.manual_seed(1)
    peephole = make("peephole", layers=2)
    assert all((value == 0).all() for name, value in peephole.named_parameters() if "weight_ch" in name)
    lstm = make("lstm", layers=2)
    lstm.load_state_dict({name: value for name, value in peephole.state_dict().items() if "weight_ch" not in name})
    symbols = text()
    assert_same(peephole(symbols)[0], lstm(symbols)[0])


def test_cells_without_a_forget_gate_start_as_pytorch_does() -> None:
    network = make("gru")
    assert all(parameter.abs().max() <= 1 / 5**0.5 for parameter in network.rnn.parameters())


@pytest.mark.parametrize("cell", KINDS)
def test_a_forget_bias_is_for_cells_with_a_forget_gate(cell: str) -> None:
    if any(signal.name == "forget_gate" for signal in make(cell).cell.signals):
        assert NetworkSettings.parse({"cell": cell, "forget_bias": 2.0}).forget_bias == 2.0
        return
    with pytest.raises(SettingsError, match=f"2.0 with the cell {cell}, .* lstm, peephole, coupled"):
        NetworkSettings.parse({"cell": cell, "forget_bias": 2.0})
    stored = NetworkSettings.parse({"cell": cell}).model_dump()
    assert NetworkSettings.parse(stored).model_dump() == stored


@settings(max_examples=12)
@given(cuts=st.lists(st.integers(1, 19), max_size=4, unique=True), layers=st.integers(1, 2), seed=st.integers(0, 99))
@pytest.mark.parametrize("cell", KINDS)
def test_pieces_with_the_state_carried_are_the_whole(cell: str, cuts: list[int], layers: int, seed: int) -> None:
    torch.manual_seed(seed)
    network = make(cell, layers=layers).double()
    symbols = text()
    whole, after = network(symbols)
    state: dict[str, Tensor] | None = None
    logits: list[Tensor] = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 20], strict=True):
        piece, state = network(symbols[start:stop], state)
        logits.append(piece)
    assert_same(torch.cat(logits), whole)
    assert state is not None
    assert set(state) == set(after)
    for name, value in after.items():
        assert_same(state[name], value)


@pytest.mark.parametrize("cell", KINDS)
def test_a_sequence_does_not_see_its_neighbours(cell: str) -> None:
    network = make(cell, layers=2).double()
    symbols, lengths = text(9, 3), torch.tensor([9, 2, 5])
    together, after = network(symbols, lengths=lengths)
    for column, length in enumerate(lengths.tolist()):
        alone, last = network(symbols[:length, column : column + 1])
        assert_same(together[:length, column], alone[:, 0])
        for name, value in last.items():
            assert_same(after[name][:, column], value[:, 0])


def test_a_symbol_changes_what_comes_after_it_alone() -> None:
    network = make("lstm", layers=2).eval()
    one = text()
    other = one.clone()
    other[7] = (other[7] + 1) % SYMBOLS
    first, _ = network(one)
    second, _ = network(other)
    assert torch.equal(first[:7], second[:7])
    assert (first[7:] != second[7:]).any(dim=-1).all()


def test_dropout_acts_in_training_alone() -> None:
    """Between the layers, which `run` shows, and before the readout, which is all there is with one layer."""
    symbols = text()
    deep, flat = make("lstm", layers=2, dropout=0.5), make("lstm", dropout=0.5)
    assert not torch.equal(deep.run(symbols).outputs, deep.run(symbols).outputs)
    assert torch.equal(flat.run(symbols).outputs, flat.run(symbols).outputs)
    assert not torch.equal(flat(symbols)[0], flat(symbols)[0])
    for network in (deep.eval(), flat.eval()):
        assert torch.equal(network(symbols)[0], network(symbols)[0])


def test_recurrent_dropout_drops_recurrent_weights_alone() -> None:
    """Each is dropped or doubled (half of them stay, so that their sum is the same on average); none in evaluation."""
    network = make("lstm", layers=2, recurrent_dropout=0.5)
    for layer, own in zip(network.rnn.stack().layers, ("l0", "l1"), strict=True):
        for name, value in layer.parameters.items():
            whole = network.get_parameter(f"rnn.{name}_{own}")
            if name == "weight_hh":
                kept = value != 0
                assert 20 < kept.sum() < 80  # of 100
                assert torch.equal(value[kept], 2 * whole[kept])
            else:
                assert value is whole
    network.eval()
    for layer, own in zip(network.rnn.stack().layers, ("l0", "l1"), strict=True):
        assert layer.parameters["weight_hh"] is network.get_parameter(f"rnn.weight_hh_{own}")


def test_a_network_runs_on_the_engine_that_is_asked_for() -> None:
    network = make("lstm").double()
    symbols = text()
    assert_same(network(symbols, engine="reference")[0], network(symbols, engine="torch")[0])
    edit = Edit("l0", "forget_gate", 0.0)
    held = network.run(symbols, edits=[edit]).outputs
    assert (held - network.run(symbols).outputs).abs().max() > 1e-3
    assert_same(network(symbols, edits=[edit])[0], network.readout(held))
    with pytest.raises(ModelError, match="cannot be edited"):
        network.run(symbols, edits=[edit], engine="torch")


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("cell", ["rnn", "feedforward"])
def test_the_activation_is_the_one_in_the_settings(cell: str, activation: str) -> None:
    hidden = make(cell, activation=activation).run(text()).outputs
    assert (hidden.min() < 0) == (activation == "tanh")
    assert (hidden == 0).any() == (activation == "relu")


@pytest.mark.parametrize("cell", KINDS)
def test_every_parameter_is_trained(cell: str) -> None:
    network = make(cell, layers=2, embedding=3)
    logits, _ = network(text())
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_copy_shares_nothing() -> None:
    network = make("lstm")
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.get_parameter("rnn.weight_ih_l0").zero_()
    assert other.rnn.stack().layers[0].parameters["weight_ih"].abs().max() == 0
    assert network.rnn.stack().layers[0].parameters["weight_ih"].abs().max() > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell": "ltsm"},
        {"hidden": 0},
        {"layers": 0},
        {"layers": -1},
        {"dropout": 1.0},
        {"embedding": -1},
        {"activation": "softplus"},
        {"neurons": 5},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        NetworkSettings.model_validate(wrong)
    assert [error["loc"] for error in caught.value.errors()] == [tuple(wrong)]
