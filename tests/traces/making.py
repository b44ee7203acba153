"""Small networks and texts that the tests record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from unrolled.networks import Network, NetworkSettings
from unrolled.traces.format import SymbolKind

LETTERS = "\n abcdeX"


@dataclass(frozen=True)
class Names:
    """As much of a vocabulary as a recording needs."""

    symbols: tuple[str, ...] = tuple(LETTERS)
    kind: SymbolKind = "characters"


def make_network(cell: str = "lstm", layers: int = 2, hidden: int = 5, seed: int = 1, **more: object) -> Network:
    """A network whose states move a good deal more than fresh ones do."""
    torch.manual_seed(seed)
    network = Network(NetworkSettings(cell=cell, layers=layers, hidden=hidden, **more), len(LETTERS))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.0)
    return network


def make_symbols(*lengths: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, len(LETTERS), length) for length in lengths]
