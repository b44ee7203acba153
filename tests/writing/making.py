"""Small networks whose odds are uneven, what they think of a whole text, and how many steps they take."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.engines import Result
from unrolled.networks import Network, NetworkSettings
from unrolled.sources.vocabulary import Vocabulary

LETTERS = "\n abcdü→"


class CountingNetwork(Network):
    """Counts the steps that it runs."""

    steps = 0

    def run(self, symbols: Tensor, *arguments: Any, **options: Any) -> Result:
        self.steps += len(symbols)
        return super().run(symbols, *arguments, **options)


def make(symbols: int = len(LETTERS), **options: object) -> CountingNetwork:
    """A network of five neurons in two layers, unless something else is given, in float64."""
    network = CountingNetwork(NetworkSettings.parse({"hidden": 5, "layers": 2, **options}), symbols).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.5)
    return network


def letters(symbols: str = LETTERS) -> Vocabulary:
    return Vocabulary("characters", tuple(symbols))


def odds_after(network: Network, vocabulary: Vocabulary, text: str) -> Tensor:
    """Every symbol's probability `(symbols,)` after a text, read as a whole by the plain engine."""
    read = torch.from_numpy(vocabulary.encode(text).astype("int64"))[:, None]
    with torch.no_grad():
        return torch.softmax(network.eval()(read, engine="reference")[0][-1, 0].double(), dim=-1)


def spelling(word: bytes, certainty: float = 1.0) -> Network:
    """A network of bytes that writes a word over and over: each byte's neuron is the next one's."""
    network = Network(NetworkSettings.parse({"cell": "feedforward", "activation": "relu", "hidden": 256}), 256)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.get_parameter("rnn.weight_ih_l0").copy_(torch.eye(256))
        for byte, following in zip(word, word[1:] + word[:1], strict=True):
            network.get_parameter("readout.weight")[following, byte] = certainty
    return network
