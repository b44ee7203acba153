"""Circuits set by hand: each neuron does what it says, to rounding, on any text; the others know nothing of it.

What it says is held against a state machine of plain Python, written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unrolled.engines import Edit
from unrolled.errors import ModelError
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons.circuits import CIRCUITS, Circuit, Planted, Planting, babble, graft, plant, random_network
from unrolled.neurons.circuits.known import COUNTED, bracket_counter, copy, quote_toggle
from unrolled.neurons.hypotheses import HYPOTHESES
from unrolled.neurons.measures import auc, correlation, restlessness
from unrolled.sources.vocabulary import Vocabulary

ALPHABET = 'aetx"()“” \t\n'
VOCABULARY = Vocabulary.of(ALPHABET)
LATCHES = [name for name, make in CIRCUITS.items() if not make().counts]
IN_CELLS = [("lstm", name) for name in CIRCUITS] + [("gru", name) for name in LATCHES]
TEXTS = st.text(st.sampled_from(ALPHABET), min_size=1, max_size=80)
ROUNDING = 1e-6


def toggle(text: str) -> Iterator[float]:
    inside = False
    for character in text:
        if character == '"':
            inside = not inside
        elif character == "\n":
            inside = False
        yield inside


def latch(text: str) -> Iterator[float]:
    inside = False
    for character in text:
        inside = character == "“" or (inside and character not in "”\n")
        yield inside


def brackets(text: str) -> Iterator[float]:
    depth = 0
    for character in text:
        depth = depth + 1 if character == "(" else max(0, depth - 1) if character == ")" else depth
        yield depth


def in_line(text: str) -> Iterator[float]:
    position = 0
    for character in text:
        position += 1
        yield position
        position *= character != "\n"


def indented(text: str) -> Iterator[float]:
    width, begun = 0, False
    for before, character in pairwise("\n" + text):
        if before == "\n":
            width, begun = 0, False
        begun = begun or character not in " \t"
        width += not begun
        yield width


def lines(text: str) -> Iterator[float]:
    return accumulate(float(character == "\n") for character in text)


def five_back(text: str) -> Iterator[float]:
    return (at >= 5 and text[at - 5] in "aeiou" for at in range(len(text)))


MACHINES: dict[str, Callable[[str], Iterator[float]]] = {
    "quote toggle": toggle,
    "quote latch": latch,
    "bracket counter": brackets,
    "line counter": in_line,
    "newline counter": lines,
    "indentation latch": indented,
    "copy": five_back,
}
OTHER_MARKS = {"quote toggle": "“”", "quote latch": '"'}
"""Characters without which a text must be for the hypothesis to be what the circuit does."""


@lru_cache
def planted(cell: str, name: str, layers: int = 1, *, turned: bool = False) -> Planting:
    """One circuit among 24 neurons a layer; of several layers in the last, where the seed puts it."""
    circuit = CIRCUITS[name]()
    circuit = circuit.turned() if turned else circuit
    seeds = (plant([circuit], VOCABULARY, cell=cell, hidden=24, layers=layers, seed=seed) for seed in range(50))  # pyright: ignore[reportArgumentType]
    return next(found for found in seeds if found.planted[0].neuron.startswith(f"rnn.l{layers - 1}."))


def read(network: Network, text: str, vocabulary: Vocabulary = VOCABULARY, engine: str = "auto") -> dict[str, Tensor]:
    """`rnn.l0.cell` and so on → `(steps, neurons)`."""
    symbols = torch.from_numpy(vocabulary.encode(text).astype(np.int64))[:, None]
    record = [signal.name for signal in network.cell.signals]
    with torch.inference_mode():
        layers = network.run(symbols, record=record, engine=engine).signals
    return {f"rnn.{layer}.{name}": value[:, 0] for layer, signals in layers.items() for name, value in signals.items()}


def values_of(told: Planted, signals: dict[str, Tensor]) -> np.ndarray:
    """What the planted neuron says of every character: its label, as it is told."""
    name, _, number = told.name.rpartition(".")
    return told.direction * signals[name][:, int(number)].double().numpy()


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("cell", "name"), IN_CELLS)
@given(text=TEXTS)
def test_each_neuron_is_its_state_machine(cell: str, name: str, layers: int, text: str) -> None:
    """Also in the third layer, which it reads through relays."""
    found = planted(cell, name, layers)
    told = values_of(found.planted[0], read(found.network, text))
    assert np.allclose(told, list(MACHINES[name](text)), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("name", CIRCUITS)
@given(text=TEXTS)
def test_each_label_is_its_state_machine(name: str, text: str) -> None:
    text = text.translate(dict.fromkeys(map(ord, OTHER_MARKS.get(name, ""))))
    assert CIRCUITS[name]().label(text).tolist() == list(MACHINES[name](text))


def test_the_labels_are_the_registry_s() -> None:
    """Under a name of the registry nothing else is meant."""
    text = babble(2000)
    known = [circuit for circuit in (make() for make in CIRCUITS.values()) if circuit.hypothesis in HYPOTHESES.names()]
    assert len(known) >= 4
    for circuit in known:
        assert np.array_equal(circuit.label(text), HYPOTHESES.get(circuit.hypothesis)(text), equal_nan=True)


@pytest.mark.parametrize(("cell", "name"), IN_CELLS)
@given(text=TEXTS)
def test_it_may_go_down_instead(cell: str, name: str, text: str) -> None:
    found = planted(cell, name, turned=True)
    assert found.planted[0].direction == -1
    told = values_of(found.planted[0], read(found.network, text))
    assert np.allclose(told, list(MACHINES[name](text)), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_nothing_drifts_in_100_000_characters(cell: str, engine: str) -> None:
    names = [name for name in CIRCUITS if (cell, name) in IN_CELLS and name != "quote latch"]
    text = babble(100_000, seed=1)
    vocabulary = Vocabulary.of(text)
    found = plant([CIRCUITS[name]() for name in names], vocabulary, cell=cell, hidden=24)  # pyright: ignore[reportArgumentType]
    signals = read(found.network, text, vocabulary, engine)
    for name, told in zip(names, found.planted, strict=True):
        right = np.array(list(MACHINES[name](text)))
        assert np.abs(values_of(told, signals) - right).max() < 1e-12, name
        assert right.max() > 0


def test_a_counter_counts_to_its_limit_and_no_further() -> None:
    """What float32 can hold: 2²⁴ + 1 is 2²⁴ again."""
    found = planted("lstm", "bracket counter")
    told = found.planted[0]
    number = int(told.neuron.rpartition(".")[2])
    before = COUNTED - 3
    state = found.network.rnn.stack().zero_state(1, torch.zeros(1))
    state["cell"][0, 0, number] = before
    state["hidden"][0, 0, number] = 1
    symbols = torch.from_numpy(VOCABULARY.encode("((((()").astype(np.int64))[:, None]
    cell = found.network.run(symbols, state, record=["cell"]).signals["l0"]["cell"][:, 0, number]
    assert (cell.double() - before).tolist() == [1, 2, 3, 3, 3, 2]
    assert told.largest == COUNTED


@pytest.mark.parametrize("name", CIRCUITS)
@given(text=TEXTS)
def test_the_gates_of_a_circuit_are_open_or_shut(name: str, text: str) -> None:
    """So nothing fades, however long it is kept."""
    found = planted("lstm", name)
    told = found.planted[0]
    signals = read(found.network, text)
    for neuron in (told.neuron, *told.helpers):
        for gate in ("input_gate", "forget_gate", "output_gate"):
            value = signals[f"rnn.l0.{gate}"][:, int(neuron.rpartition(".")[2])]
            assert bool(((value == 1) | (value < 1e-17)).all())


@pytest.fixture(scope="module")
def crowd() -> tuple[Planting, str, dict[str, Tensor]]:
    """All circuits that fit one text, among 100 neurons that do not read their characters."""
    text = babble(30_000, seed=2)
    circuits = [make() for name, make in CIRCUITS.items() if name not in {"quote latch", "newline counter"}]
    vocabulary = Vocabulary.of(text)
    found = plant(circuits, vocabulary, hidden=100, seed=5, deaf=True)
    return found, text, read(found.network, text, vocabulary)


def others(found: Planting) -> list[int]:
    return [number for number in range(100) if f"rnn.l0.{number}" not in found.circuits]


def test_the_others_know_nothing(crowd: tuple[Planting, str, dict[str, Tensor]]) -> None:
    """Not nearer to 0, for a slow neuron is like a slow label by chance, and sees a mark as a pause between letters."""
    found, text, signals = crowd
    rest = signals["rnn.l0.cell"][:, others(found)].numpy()
    for told in found.planted:
        label = told.label(text)
        score = 2 * auc(rest, label) - 1 if label.dtype == np.bool_ else correlation(rest, label)
        assert np.abs(score).max() < 0.45, told.hypothesis
        assert np.median(np.abs(score)) < 0.15, told.hypothesis
        own = values_of(told, signals)[:, None]
        best = 2 * auc(own, label) - 1 if label.dtype == np.bool_ else correlation(own, label)
        assert best == pytest.approx(1), told.hypothesis


def test_the_others_are_as_busy_and_as_slow(crowd: tuple[Planting, str, dict[str, Tensor]]) -> None:
    """Neither its variance nor its pace gives a planted neuron away."""
    found, _, signals = crowd
    rest = signals["rnn.l0.cell"][:, others(found)].double().numpy()
    assert (rest.var(axis=0) > 1e-3).all()
    for told in found.planted:
        own = values_of(told, signals)[:, None]
        for measure in (lambda values: values.var(axis=0), restlessness):
            assert measure(rest).min() < measure(own)[0] < measure(rest).max(), told.hypothesis


def test_nobody_reads_a_circuit_unless_it_leaks() -> None:
    """Holding the planted neuron at another value changes nothing else, to the last bit."""
    text = babble(600, seed=3)
    vocabulary = Vocabulary.of(text)
    symbols = torch.from_numpy(vocabulary.encode(text).astype(np.int64))[:, None]
    for leak in (0.0, 0.5):
        found = plant([quote_toggle()], vocabulary, hidden=12, layers=2, seed=4, leak=leak)
        site, number = found.planted[0].neuron.rsplit(".", 1)
        layer = site.removeprefix("rnn.")
        held = Edit(layer, "hidden", 0.3, [int(number)])
        with torch.inference_mode():
            one, two = (
                found.network.run(symbols, record=["cell", "hidden"], edits=edits, engine="reference").signals
                for edits in ((), (held,))
            )
        rest = [other for other in range(12) if other != int(number)]
        same = all(torch.equal(one[name]["cell"][..., rest], two[name]["cell"][..., rest]) for name in one)
        assert same == (leak == 0)


@pytest.fixture(scope="module")
def trained() -> tuple[Network, Vocabulary, str]:
    text = babble(2000, seed=6)
    vocabulary = Vocabulary.of(text)
    torch.manual_seed(0)
    network = Network(NetworkSettings(hidden=16, layers=2), len(vocabulary))
    symbols = torch.from_numpy(vocabulary.encode(text).astype(np.int64)).view(20, 100).T
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(15):
        scores, _ = network(symbols[:-1])
        loss = F.cross_entropy(scores.flatten(0, 1), symbols[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval(), vocabulary, text


def test_a_graft_leaves_the_others_of_a_trained_network_as_they_were(trained: tuple[Network, Vocabulary, str]) -> None:
    """They run on as though the neurons that went had been held at 0; the network that was given stays whole."""
    network, vocabulary, text = trained
    before = {name: value.clone() for name, value in network.state_dict().items()}
    neurons = [3, 11]
    found = graft(network, vocabulary, CIRCUITS["line counter"](), neurons)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    told = values_of(found.planted, read(found.network, text, vocabulary))
    assert np.allclose(told, list(in_line(text)), rtol=0, atol=ROUNDING)
    symbols = torch.from_numpy(vocabulary.encode(text).astype(np.int64))[:, None]
    held = Edit("l0", "hidden", 0.0, neurons)
    with torch.inference_mode():
        right = network.run(symbols, record=["cell"], edits=[held], engine="reference").signals
        mine = found.network.run(symbols, record=["cell"], engine="reference").signals
    rest = [other for other in range(16) if other not in neurons]
    assert torch.allclose(mine["l0"]["cell"][..., rest], right["l0"]["cell"][..., rest], atol=1e-5)
    assert torch.allclose(mine["l1"]["cell"], right["l1"]["cell"], atol=1e-5)


def test_a_leak_of_1_leaves_every_weight_of_the_others(trained: tuple[Network, Vocabulary, str]) -> None:
    network, vocabulary, _ = trained
    found = graft(network, vocabulary, quote_toggle(), [3], leak=1.0).network.state_dict()
    for name, value in network.state_dict().items():
        of_neuron = name.endswith("_l0")
        same = (value == found[name]).reshape(len(value), -1).all(dim=1)
        changed = (~same).nonzero().flatten().tolist()
        assert changed == ([3, 19, 35, 51] if of_neuron else []), name


@pytest.mark.parametrize(
    ("settings", "circuit", "neurons", "more", "said"),
    [
        ({"cell": "gru"}, bracket_counter(), [0], {}, "needs an LSTM, for it counts"),
        ({"cell": "rnn"}, quote_toggle(), [0], {}, "needs an LSTM or a GRU"),
        ({"embedding": 4}, quote_toggle(), [0], {}, "embedding of 4 numbers"),
        ({}, quote_toggle("@"), [0], {}, None),
        ({}, copy(1, "@"), [0, 1], {}, "none of the characters"),
        ({}, quote_toggle(), [8], {}, "1 different neurons from 0 to 7"),
        ({}, copy(1, "a"), [2, 2], {}, "2 different neurons"),
        ({}, quote_toggle(), [0], {"layer": 1}, "There is no layer 1"),
        ({"layers": 2}, quote_toggle(), [0], {"layer": 1}, "needs 2 different relays"),
        ({}, quote_toggle(), [0], {"relays": [1]}, "needs 0 different relays"),
    ],
)
def test_what_cannot_be_grafted_is_refused_in_one_line(
    settings: dict[str, object], circuit: Circuit, neurons: list[int], more: dict[str, object], said: str | None
) -> None:
    network = Network(NetworkSettings.parse({"hidden": 8, **settings}), len(VOCABULARY))
    if said is None:  # the newline is there
        assert graft(network, VOCABULARY, circuit, neurons).planted.neuron == "rnn.l0.0"
        return
    with pytest.raises(ModelError, match=said) as caught:
        graft(network, VOCABULARY, circuit, neurons, **more)  # pyright: ignore[reportArgumentType]
    assert "\n" not in str(caught.value)


def test_a_vocabulary_of_another_network_is_refused() -> None:
    network = Network(NetworkSettings(hidden=8), 3)
    with pytest.raises(ModelError, match="12 symbols, the network 3"):
        graft(network, VOCABULARY, quote_toggle(), [0])


def test_a_planting_is_the_seed_s_and_keeps_the_circuits_apart() -> None:
    circuits = [make() for make in CIRCUITS.values()]
    one, two, other = (plant(circuits, VOCABULARY, hidden=80, layers=3, seed=seed) for seed in (1, 1, 2))
    assert [(told.name, told.helpers) for told in one.planted] == [(told.name, told.helpers) for told in two.planted]
    weights = [dict(found.network.state_dict()) for found in (one, two, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not torch.equal(weights[0]["rnn.weight_ih_l0"], weights[2]["rnn.weight_ih_l0"])
    assert len(one.circuits) == sum(1 + len(told.helpers) for told in one.planted)
    with pytest.raises(ModelError, match="the network has 10 in each layer"):
        plant(circuits, VOCABULARY, hidden=10)


def test_nothing_at_all_is_a_random_network() -> None:
    found = plant([], VOCABULARY, hidden=8, seed=3)
    assert (found.planted, found.circuits) == ((), frozenset())
    plain = random_network(NetworkSettings(hidden=8), VOCABULARY, seed=3)
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in found.network.state_dict().items())


@given(st.integers(0, 300), st.integers(0, 5), st.sampled_from(['""', "“”"]))
def test_babble_is_as_long_as_asked_and_the_seed_s(characters: int, seed: int, quotes: str) -> None:
    text = babble(characters, seed, quotes)
    assert len(text) == characters
    assert text == babble(characters, seed, quotes)
    assert all(depth_ >= 0 for depth_ in np.cumsum([(c == "(") - (c == ")") for c in text]))
    assert quotes == '""' or '"' not in text
