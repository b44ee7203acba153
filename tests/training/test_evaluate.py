"""Scores against plain PyTorch, symbol by symbol; answers against a loop by hand; a counter whose limit is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from unrolled.engines import Edit
from unrolled.errors import ModelError, SourceError, UnknownNameError
from unrolled.networks import Network, NetworkSettings
from unrolled.sources.tasks.counter import Counter
from unrolled.sources.vocabulary import Vocabulary
from unrolled.training.evaluate import Score, evaluate_sequences, evaluate_text
from unrolled.training.exam import counts_right_to, greedy_answers, share_right

SYMBOLS = 5


def make(**options: object) -> Network:
    """Far from fresh, so that its odds are uneven."""
    network = Network(NetworkSettings.parse({"hidden": 4, "layers": 2, **options}), SYMBOLS).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    return network


def by_hand(network: Network, symbols: np.ndarray) -> tuple[float, int]:
    """Nats in all and how many were the likeliest, by `nn.LSTM`, one symbol after the other."""
    plain = nn.LSTM(SYMBOLS, 4, 2).double()
    weights = network.state_dict()
    plain.load_state_dict({name.removeprefix("rnn."): value for name, value in weights.items() if "rnn." in name})
    state, nats, right = None, 0.0, 0
    for symbol, following in zip(symbols.tolist(), symbols[1:].tolist(), strict=False):
        x = torch.zeros(1, 1, SYMBOLS, dtype=torch.float64)
        x[0, 0, symbol] = 1
        with torch.no_grad():
            output, state = plain(x, state)
        odds = torch.softmax(weights["readout.weight"] @ output[0, 0] + weights["readout.bias"], 0)
        nats -= math.log(odds[following])
        right += int(odds.argmax() == following)
    return nats, right


def assert_score(score: Score, symbols: int, nats: float, right: int) -> None:
    assert score.symbols == symbols
    assert score.nats_per_symbol == pytest.approx(nats / symbols, abs=1e-12)
    assert score.bits_per_symbol == pytest.approx(nats / symbols / math.log(2), abs=1e-12)
    assert score.accuracy == right / symbols


def test_a_text_is_foretold_with_the_state_carried_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.training.evaluate.SLICE", 7)
    network, symbols = make(dropout=0.5), np.random.default_rng(1).integers(0, SYMBOLS, 60).astype(np.uint8)
    for length in (60, 57, 2):
        assert_score(evaluate_text(network, symbols[:length]), length - 1, *by_hand(network, symbols[:length]))
    assert network.training


def test_streams_start_from_zero_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.training.evaluate.SLICE", 2)
    network, symbols = make(), np.random.default_rng(2).integers(0, SYMBOLS, 50)
    parts = [by_hand(network, symbols[start : start + 17]) for start in (0, 16, 32)]
    nats, right = (sum(each) for each in zip(*parts, strict=True))
    assert_score(evaluate_text(network, symbols, streams=3), 48, nats, int(right))


def held_by_hand(network: Network, symbols: np.ndarray, held: np.ndarray) -> tuple[float, int]:
    """As `by_hand`, by `nn.LSTMCell`: h of neuron 2 of the first layer is overwritten where `held` is a number."""
    weights = network.state_dict()
    cells = [nn.LSTMCell(SYMBOLS if not layer else 4, 4).double() for layer in range(2)]
    for layer, cell in enumerate(cells):
        cell.load_state_dict({name: weights[f"rnn.{name}_l{layer}"] for name in cell.state_dict()})
    states = [(torch.zeros(1, 4, dtype=torch.float64),) * 2 for _ in cells]
    nats, right = 0.0, 0
    for symbol, following, value in zip(symbols.tolist(), symbols[1:].tolist(), held.tolist(), strict=False):
        x = torch.zeros(1, SYMBOLS, dtype=torch.float64)
        x[0, symbol] = 1
        with torch.no_grad():
            for layer, cell in enumerate(cells):
                states[layer] = cell(x, states[layer])
                x = states[layer][0]
                if not layer and not math.isnan(value):
                    x[0, 2] = value
        odds = torch.softmax(weights["readout.weight"] @ x[0] + weights["readout.bias"], 0)
        nats -= math.log(odds[following])
        right += int(odds.argmax() == following)
    return nats, right


@pytest.mark.parametrize("streams", [1, 3])
def test_a_text_is_foretold_with_neurons_held(streams: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of what is held are those of the text, in each slice and each stream."""
    monkeypatch.setattr("unrolled.training.evaluate.SLICE", 7)
    generator = np.random.default_rng(2)
    network, symbols = make(), generator.integers(0, SYMBOLS, 49)
    values, where = generator.normal(size=48), generator.random(48) < 0.5
    edits = [
        Edit("l0", "hidden", torch.from_numpy(values)[:, None, None], [2], where=torch.from_numpy(where)),
        Edit("l0", "hidden", 0.5, [2], range(12, 40, 5)),
    ]
    held = np.where(where, values, math.nan)
    held[12:40:5] = 0.5
    size = 48 // streams
    parts = [(symbols[at : at + size + 1], held[at : at + size]) for at in range(0, 48, size)]
    nats, right = (sum(each) for each in zip(*(held_by_hand(network, *part) for part in parts), strict=True))
    assert_score(evaluate_text(network, symbols, streams=streams, edits=edits), 48, nats, int(right))
    free = evaluate_text(network, symbols, streams=streams)
    assert abs(free.nats_per_symbol - nats / 48) > 1e-3


@pytest.mark.parametrize(
    ("edit", "error", "said"),
    [
        (Edit("l0", "hidden", torch.zeros(58, 1, 1), [2]), ModelError, "given for 58 steps; there is a step 58"),
        (Edit("l0", "hidden", math.inf), ModelError, "cannot be held at inf"),
        (Edit("l2", "hidden", 0.0), UnknownNameError, "no layer 'l2'"),
    ],
)
def test_what_cannot_be_held_is_refused_before_anything_is_read(edit: Edit, error: type[Exception], said: str) -> None:
    def progress(*_: object, **__: object) -> None:
        raise AssertionError("some of it was read")

    with pytest.raises(error, match=said):
        evaluate_text(make(), np.zeros(60, np.int64), edits=[edit], progress=progress)


def test_evaluation_stops_when_asked_with_the_score_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.training.evaluate.SLICE", 10)
    network, symbols = make(), np.random.default_rng(1).integers(0, SYMBOLS, 60)
    assert_score(evaluate_text(network, symbols, stop=lambda: True), 10, *by_hand(network, symbols[:11]))


def test_sequences_are_foretold_one_by_one() -> None:
    network, generator = make(dropout=0.5), np.random.default_rng(3)
    lengths = [2, 9, 5, 1, 3, 9, *generator.integers(2, 12, 70)]
    sequences = [generator.integers(0, SYMBOLS, length) for length in lengths]
    nats, right = (sum(each) for each in zip(*(by_hand(network, sequence) for sequence in sequences), strict=True))
    assert_score(evaluate_sequences(network, sequences), sum(lengths) - len(lengths), nats, int(right))
    assert network.training


def test_nothing_to_foretell_is_an_error() -> None:
    with pytest.raises(SourceError, match="too few"):
        evaluate_text(make(), np.zeros(1, np.uint8))
    with pytest.raises(SourceError, match="at least two"):
        evaluate_sequences(make(), [np.zeros(1, np.uint8)])


def test_answers_are_the_likeliest_symbols_fed_back() -> None:
    network, vocabulary = make(dropout=0.4), Vocabulary("characters", tuple("\nabXc"))
    primes = ["\naX", "\nbbbX", "\n", "\nabababababX"]
    answers = greedy_answers(network, vocabulary, primes, 12)
    assert network.training
    network.eval()
    for prime, answer in zip(primes, answers, strict=True):
        text = prime
        while len(text) < len(prime) + 12 and not (len(text) > len(prime) and text.endswith("\n")):
            logits, _ = network(torch.from_numpy(vocabulary.encode(text).astype(np.int64))[:, None])
            text += vocabulary.symbols[int(logits[-1, 0].argmax())]
        assert answer == text.removeprefix(prime)


def counting_by_hand(until: int) -> Network:
    """A feed-forward-free counter: a ReLU network of three neurons, right up to N = `until`.

    Neuron 0 counts a's up and b's down, neuron 1 stays at 1 once the X has come, neuron 2 is `count − until` where that
    is above 0, and spoils the answer.
    """
    network = Network(NetworkSettings.parse({"cell": "rnn", "activation": "relu", "hidden": 3}), 4)
    newline, a, b, x = range(4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        read, keep = network.get_parameter("rnn.weight_ih_l0"), network.get_parameter("rnn.weight_hh_l0")
        read[0, a], read[0, b], keep[0, 0] = 1, -1, 1
        read[1, x], keep[1, 1] = 1, 1
        read[2, a], keep[2, 0], keep[2, 2] = 1, 1, 1
        network.get_parameter("rnn.bias_ih_l0")[2] = -until - 0.5
        weight, bias = network.get_parameter("readout.weight"), network.get_parameter("readout.bias")
        weight[b, 0], weight[b, 1], bias[b] = 10, 5, -10  # while something is left to count down
        weight[newline, 1] = 1  # once nothing is
        bias[a] = 0.5
        weight[a, 2] = 1000
    return network


def test_a_network_made_by_hand_counts_as_far_as_it_was_made_to() -> None:
    task = Counter()
    for until in (1, 5, 15, 16, 17, 40):
        assert counts_right_to(counting_by_hand(until), task) == until
    assert counts_right_to(counting_by_hand(40), task, most=33) == 33
    assert counts_right_to(Network(NetworkSettings.parse({"hidden": 3}), 4), task) == 0
    assert share_right(counting_by_hand(7), Counter(minimum=1, maximum=10)) == 0.7
    assert share_right(counting_by_hand(7), Counter(minimum=1, maximum=10), most=5) == 1.0


def test_an_exam_reads_in_the_networks_own_vocabulary() -> None:
    """The same network with its symbols in another order."""
    network = counting_by_hand(9)
    order = [2, 0, 3, 1]  # b, newline, X, a
    with torch.no_grad():
        for name, axis in (("rnn.weight_ih_l0", 1), ("readout.weight", 0), ("readout.bias", 0)):
            parameter = network.get_parameter(name)
            parameter.copy_(parameter.index_select(axis, torch.tensor(order)))
    vocabulary = Vocabulary("characters", tuple("b\nXa"))
    assert counts_right_to(network, Counter(), vocabulary=vocabulary) == 9
    assert share_right(network, Counter(), vocabulary=vocabulary) == 0.9
