"""What an engine runs: a cell, and the parameters of each layer and direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unrolled.cells.cell import Cell, Parameters


@dataclass(frozen=True)
class Layer:
    """One direction of one layer; `parameters` are named as `Cell.parameter_shapes` says."""

    index: int
    reverse: bool
    parameters: Parameters

    @property
    def name(self) -> str:
        """`l0`, `l0_reverse`, `l1`, …: the last part of a site's name."""
        return f"l{self.index}{'_reverse' if self.reverse else ''}"


@dataclass(frozen=True)
class Stack:
    """Layers of one cell, the output of each the input of the next.

    Args:
        cell: the equations.
        layers: in PyTorch's order, forward before reverse where `bidirectional`.
        inputs, neurons: sizes of what the first layer reads and of each layer.
        projection: size of the hidden state where it is projected, else 0.
        dropout: share of each layer's outputs but the last's that is dropped while training.
    """

    cell: Cell
    layers: tuple[Layer, ...]
    inputs: int
    neurons: int
    projection: int = 0
    bidirectional: bool = False
    dropout: float = 0.0

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def depth(self) -> int:
        return len(self.layers) // self.directions

    @property
    def outputs(self) -> int:
        """Numbers a step that the last layer gives, all directions together."""
        return (self.projection or self.neurons) * self.directions

    def zero_state(self, batch: int, like: Tensor) -> dict[str, Tensor]:
        """A state of zeros: each carried signal `(layers · directions, batch, neurons)`."""
        sizes = self.cell.state_sizes(self.neurons, self.projection)
        return {
            name: torch.zeros(len(self.layers), batch, size, dtype=like.dtype, device=like.device)
            for name, size in sizes.items()
        }

    def as_known(self) -> Stack:
        """The same stack in a cell that every engine knows, see `Cell.as_known`."""
        known = [self.cell.as_known(layer.parameters) for layer in self.layers]
        layers = [replace(layer, parameters=own) for layer, (_, own) in zip(self.layers, known, strict=True)]
        return replace(self, cell=known[0][0], layers=tuple(layers))

    @classmethod
    def from_parameters(
        cls,
        cell: Cell,
        parameters: Mapping[str, Tensor],
        *,
        depth: int,
        projection: int = 0,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> Stack:
        """A stack from parameters named as in `torch.nn.LSTM`: `weight_ih_l0`, `bias_hh_l1_reverse`, …"""
        suffixes = [
            (index, reverse) for index in range(depth) for reverse in ((False, True) if bidirectional else (False,))
        ]
        first = parameters["weight_ih_l0"]
        neurons = first.shape[0] // cell.blocks
        names = tuple(cell.parameter_shapes(first.shape[1], neurons, projection))
        layers: list[Layer] = []
        for index, reverse in suffixes:
            suffix = f"_l{index}{'_reverse' if reverse else ''}"
            own = {name: parameters[name + suffix] for name in names if name + suffix in parameters}
            layers.append(Layer(index, reverse, own))
        return cls(cell, tuple(layers), first.shape[1], neurons, projection, bidirectional, dropout)
