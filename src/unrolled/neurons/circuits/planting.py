"""Networks in which nobody has learned anything: busy neurons of every slowness, and circuits among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Literal

import torch
from torch import Tensor

from unrolled.errors import ModelError
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons.circuits.circuit import Circuit
from unrolled.neurons.circuits.grafting import Planted, graft
from unrolled.sources.vocabulary import Vocabulary

HALF_LIVES = (0.5, 1000.0)
"""Steps after which half of a random neuron's memory is gone: shortest and longest, evenly spread on a log scale."""
FORGETTERS, SHUT = 4, 12.0
"""Symbols at which a random neuron forgets everything, at most so many of each; and by what its gate is shut then."""

CALM = 0.1
"""Share of the others' weights that the gate has which keeps: it is its bias that sets the pace."""


@dataclass(frozen=True)
class Planting:
    """A network with circuits in it.

    Args:
        planted: one for each circuit, in their order.
        circuits: every neuron that belongs to a circuit, helpers and relays too; all others were drawn at random.
    """

    network: Network
    vocabulary: Vocabulary
    planted: tuple[Planted, ...]
    circuits: frozenset[str]


def plant(
    circuits: Sequence[Circuit],
    vocabulary: Vocabulary,
    *,
    cell: Literal["lstm", "gru"] = "lstm",
    hidden: int = 64,
    layers: int = 1,
    seed: int = 0,
    leak: float = 0.0,
    deaf: bool = False,
) -> Planting:
    """A random network with circuits at random places.

    Args:
        circuits: what is planted; nothing at all where there is none.
        hidden, layers: size of the network.
        seed: of all weights and places.
        leak: share of their weights with which the random neurons read the circuits'.
        deaf: whether the random neurons do not read the characters that mean anything to a circuit.

    Raises:
        ModelError: the network has no room for the circuits, or its cell cannot hold one of them.
    """
    settings = NetworkSettings.parse({"cell": cell, "hidden": hidden, "layers": layers})
    unread = "".join(circuit.reads for circuit in circuits) if deaf else ""
    network = random_network(settings, vocabulary, seed=seed, unread=unread)
    chance = Random(seed)
    layer_of = [chance.randrange(layers) for _ in circuits]
    needed = [
        (len(circuit.units), len(circuit.reads) if layer else 0)
        for circuit, layer in zip(circuits, layer_of, strict=True)
    ]
    total = sum(units + relays for units, relays in needed)
    if total > hidden:
        raise ModelError(f"The circuits need {total} neurons; the network has {hidden} in each layer.")
    free = iter(chance.sample(range(hidden), hidden))
    found: list[Planted] = []
    for circuit, layer, (units, relays) in zip(circuits, layer_of, needed, strict=True):
        neurons, others = list(islice(free, units)), list(islice(free, relays))
        grafted = graft(network, vocabulary, circuit, neurons, layer=layer, relays=others, leak=leak)
        network = grafted.network
        found.append(grafted.planted)
    taken = {name for planted in found for name in (planted.neuron, *planted.helpers)}
    return Planting(network, vocabulary, tuple(found), frozenset(taken))


@torch.no_grad()
def random_network(settings: NetworkSettings, vocabulary: Vocabulary, *, seed: int, unread: str = "") -> Network:
    """A network in which nobody has learned anything, but every neuron is busy, each at its own pace.

    Half-lives lie evenly on a log scale; some neurons count or latch, and forget at symbols of their own.

    Args:
        settings: an LSTM or a GRU without an embedding.
        seed: of every weight.
        unread: characters whose weights are 0.
    """
    generator = torch.Generator().manual_seed(seed)
    network = Network(settings, len(vocabulary)).eval()
    columns = [number for character in unread for number in vocabulary.encode(character, "skip").tolist()]
    for layer in range(settings.layers):
        parameters = {
            name: getattr(network.rnn, f"{name}_l{layer}").view(network.cell.blocks, settings.hidden, -1)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        _draw(parameters, generator, symbols=layer == 0)
        parameters["weight_ih"][:, :, columns if layer == 0 else []] = 0
    network.readout.weight.normal_(0, 1 / math.sqrt(settings.hidden), generator=generator)
    network.readout.bias.zero_()
    return network


def _draw(parameters: Mapping[str, Tensor], generator: torch.Generator, *, symbols: bool) -> None:
    """Random weights `(blocks, neurons, columns)` of a layer; `symbols`: whether it reads them one-hot."""
    _, neurons, inputs = parameters["weight_ih"].shape
    parameters["weight_ih"].normal_(0, 1.5 if symbols else 2 / math.sqrt(inputs), generator=generator)
    parameters["weight_hh"].normal_(0, 1 / math.sqrt(neurons), generator=generator)
    parameters["bias_ih"].normal_(generator=generator)
    parameters["bias_hh"].zero_()
    keeps = 1  # an LSTM's forget gate, a GRU's update gate
    shortest, longest = map(math.log, HALF_LIVES)
    half_life = torch.empty(neurons).uniform_(shortest, longest, generator=generator).exp()
    kept = 0.5 ** (1 / half_life)
    parameters["bias_ih"][keeps, :, 0] = torch.logit(kept)
    for name in ("weight_ih", "weight_hh"):
        parameters[name][keeps] *= CALM
    if symbols:
        count = torch.randint(FORGETTERS + 1, (neurons, 1), generator=generator)
        order = torch.rand(neurons, inputs, generator=generator).argsort(dim=1)
        parameters["weight_ih"][keeps][order < count] = -SHUT
