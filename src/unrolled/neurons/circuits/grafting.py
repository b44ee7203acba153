"""Puts a circuit into a network: the weights of given neurons are set by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import tanh
from typing import Literal

import torch
from torch import Tensor

from unrolled.errors import ModelError
from unrolled.networks import SITE, Network
from unrolled.neurons.circuits.circuit import ALWAYS, NEVER, Circuit, Direction, Gate, Unit
from unrolled.neurons.hypotheses import Labeller
from unrolled.sources.vocabulary import Vocabulary

STRENGTH = 80.0
"""Times a gate's sum, which is ½ or more: σ(±40) is 1 or 0 in float32 and float64, so that nothing fades."""
HELD: Mapping[str, float] = {"lstm": tanh(1), "gru": 1.0}
"""The hidden state of a unit that holds 1, in the cells that a circuit can be put into."""
BIASES = ("bias_ih", "bias_hh")


@dataclass(frozen=True)
class Planted:
    """A neuron that is known to stand for a hypothesis.

    Args:
        circuit, hypothesis, label: see `Circuit`.
        neuron: such as `rnn.l0.7`.
        signal: the one that is told of: `cell`, or of a GRU `hidden`.
        direction: whether it goes up (1) or down (−1) with the label. The signal is direction · label, to rounding.
        largest: the largest label for which that holds.
        helpers: the circuit's other neurons.
    """

    circuit: str
    hypothesis: str
    label: Labeller
    neuron: str
    signal: Literal["cell", "hidden"]
    direction: Direction
    largest: float
    helpers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Such as `rnn.l0.cell.7`."""
        site, _, number = self.neuron.rpartition(".")
        return f"{site}.{self.signal}.{number}"


@dataclass(frozen=True)
class Grafted:
    """The network that a circuit was put into, and what is known of it."""

    network: Network
    planted: Planted


def graft(
    network: Network,
    vocabulary: Vocabulary,
    circuit: Circuit,
    neurons: Sequence[int],
    *,
    layer: int = 0,
    relays: Sequence[int] = (),
    leak: float = 0.0,
) -> Grafted:
    """A copy of a network, trained or not, in which a circuit stands in the place of some neurons.

    What the other neurons read of the text and of each other stays as it is.

    Args:
        vocabulary: of the network; characters that it lacks never come.
        neurons: one for each of the circuit's units, in their order.
        layer: theirs. Above the first, the characters that mean anything come by relays through the layers below.
        relays: above the first layer, one neuron for each character of `circuit.reads`, the same in each layer below.
        leak: share of the weights with which the others (and the readout) read these neurons that stays: 0 makes
            them deaf to the circuit, 1 lets them read it as they read what stood there before.

    Raises:
        ModelError: the network's cell cannot hold the circuit, it reads no symbols one-hot or none that the circuit
            reads, or the layer or neurons are not there.
    """
    _check(network, vocabulary, circuit, neurons, layer, relays)
    network = deepcopy(network)
    read = circuit.reads
    places = {character: number for character in read for number in vocabulary.encode(character, "skip").tolist()}
    columns, held = places, 1.0
    for below in range(layer):
        _deafen(network, below, relays, 0.0)
        for character, neuron in zip(read, relays, strict=True):
            _set_units(network, below, [neuron], (_relay(character),), 1, columns, held)
        columns, held = dict(zip(read, relays, strict=True)), HELD[network.settings.cell]
    _deafen(network, layer, neurons, leak)
    _set_units(network, layer, neurons, circuit.units, circuit.direction, columns, held)
    *helpers, told = (f"{SITE}.l{layer}.{neuron}" for neuron in neurons)
    helpers += [f"{SITE}.l{below}.{neuron}" for below in range(layer) for neuron in relays]
    signal = "cell" if network.settings.cell == "lstm" else "hidden"
    about = (circuit.name, circuit.hypothesis, circuit.label)
    return Grafted(network, Planted(*about, told, signal, circuit.direction, circuit.largest, tuple(helpers)))


def _relay(character: str) -> Unit:
    """Holds 1 for the one step at which a character is read."""
    return Unit(NEVER, write=Gate(-0.5, {character: 1}))


@torch.no_grad()
def _set_units(
    network: Network,
    layer: int,
    neurons: Sequence[int],
    units: Sequence[Unit],
    direction: Direction,
    columns: Mapping[str, int],
    held: float,
) -> None:
    """Gives neurons the weights of units; what they read is set to nothing else.

    Args:
        direction: of the last unit; the others go up.
        columns: character → number of the input that is `held` where it is read, else 0.
    """
    own = HELD[network.settings.cell]
    signs = [1] * (len(units) - 1) + [direction]
    parameters = {name: getattr(network.rnn, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", *BIASES)}
    for neuron, unit, sign in zip(neurons, units, signs, strict=True):
        for parameter in parameters.values():
            parameter[neuron :: network.settings.hidden] = 0
        blocks = _lstm_blocks(unit, sign) if network.settings.cell == "lstm" else _gru_blocks(unit)
        for block, gate in enumerate(blocks):
            row = block * network.settings.hidden + neuron
            parameters["bias_ih"][row] = STRENGTH * gate.bias
            for characters, weight in gate.characters.items():
                for character in characters:
                    if character in columns:
                        parameters["weight_ih"][row, columns[character]] = STRENGTH * weight / held
            for other, weight in gate.units.items():
                parameters["weight_hh"][row, neurons[other]] = STRENGTH * weight * signs[other] / own
        if network.settings.cell == "gru":  # what the reset gate lets through to the candidate
            parameters["bias_hh"][len(blocks) * network.settings.hidden + neuron] = STRENGTH * sign / 2


def _lstm_blocks(unit: Unit, sign: Direction | int) -> tuple[Gate, ...]:
    """Input gate, forget gate, candidate, output gate."""
    return unit.write, unit.keep, Gate(sign / 2, {unit.down: -sign}), ALWAYS


def _gru_blocks(unit: Unit) -> tuple[Gate, ...]:
    """Reset and update gate: a candidate whose reset gate is shut is 0, and so forgets."""
    return unit.write, unit.keep


@torch.no_grad()
def _deafen(network: Network, layer: int, neurons: Sequence[int], leak: float) -> None:
    """Leaves a share of the weights with which anything reads these neurons."""
    readers: list[Tensor] = [getattr(network.rnn, f"weight_hh_l{layer}")]
    last = layer + 1 == network.settings.layers
    readers.append(network.readout.weight if last else getattr(network.rnn, f"weight_ih_l{layer + 1}"))
    for weights in readers:
        weights[:, list(neurons)] *= leak


def _check(
    network: Network,
    vocabulary: Vocabulary,
    circuit: Circuit,
    neurons: Sequence[int],
    layer: int,
    relays: Sequence[int],
) -> None:
    """Refuses what cannot be grafted; see `graft`."""
    settings = network.settings
    if settings.cell not in HELD or (settings.cell == "gru" and circuit.counts):
        allowed = "an LSTM, for it counts" if circuit.counts else "an LSTM or a GRU"
        raise ModelError(
            f"The {circuit.name} cannot be put into a network of {settings.cell} cells: it needs {allowed}."
        )
    if settings.embedding:
        raise ModelError(
            f"The network reads symbols by an embedding of {settings.embedding} numbers; a circuit needs them one-hot.",
            "Train one with --embedding 0.",
        )
    if len(vocabulary) != network.symbols:
        raise ModelError(f"The vocabulary has {len(vocabulary)} symbols, the network {network.symbols}.")
    if not any(len(vocabulary.encode(character, "skip")) for character in circuit.reads):
        raise ModelError(f"The vocabulary has none of the characters that the {circuit.name} reads: {circuit.reads!r}.")
    if not 0 <= layer < settings.layers:
        raise ModelError(f"There is no layer {layer}; the network has 0 to {settings.layers - 1}.")
    wanted = {"neurons": (neurons, len(circuit.units)), "relays": (relays, len(circuit.reads) if layer else 0)}
    for what, (given, count) in wanted.items():
        right = len(set(given)) == len(given) == count and all(0 <= neuron < settings.hidden for neuron in given)
        if not right:
            raise ModelError(
                f"The {circuit.name} in layer {layer} needs {count} different {what} from 0 to {settings.hidden - 1}, "
                f"not {list(given)}."
            )
