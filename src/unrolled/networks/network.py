"""A network over symbols: encoder, stack of cells, readout."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells import CELLS
from unrolled.cells.cell import Cell
from unrolled.engines import Edit, Result, Sink, Stack, choose_engine
from unrolled.engines.compiled.dropout import dropout
from unrolled.engines.compiled.linear import linear
from unrolled.errors import ModelError
from unrolled.networks.settings import NetworkSettings

SITE = "rnn"
"""What the stack is called in site names: `rnn.l0`, `rnn.l1`, …"""


def make_cell(settings: NetworkSettings) -> Cell:
    """The cell that the settings name."""
    cell = cast(Callable[..., Cell], CELLS.get(settings.cell))
    return cell(settings.activation) if settings.cell in {"rnn", "feedforward"} else cell()


class Recurrence(nn.Module):
    """Holds a stack's parameters under the names that `torch.nn.LSTM` gives them."""

    def __init__(self, cell: Cell, inputs: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.cell = cell
        self.depth = settings.layers
        self.dropout = settings.dropout
        self.recurrent_dropout = settings.recurrent_dropout
        bound = 1 / math.sqrt(settings.hidden)
        # Both biases add up in the forget gate: one starts at the setting, the other at zero.
        starts = {} if cell.forget_block is None else {"bias_ih": settings.forget_bias, "bias_hh": 0.0}
        forget = slice(*(settings.hidden * ((cell.forget_block or 0) + end) for end in (0, 1)))
        for index in range(settings.layers):
            width = settings.hidden if index else inputs
            for name, shape in cell.parameter_shapes(width, settings.hidden).items():
                value = torch.empty(shape).uniform_(-bound, bound)
                if name in starts:
                    value[forget] = starts[name]
                if name == "weight_ch":
                    value.zero_()  # it begins as an LSTM, whose gates do not see how far it has counted
                self.register_parameter(f"{name}_l{index}", nn.Parameter(value))
        self._names = [name for name, _ in self.named_parameters()]

    def stack(self) -> Stack:
        """The stack that an engine runs, in a cell that every engine knows; shares the parameters.

        While training, `recurrent_dropout` drops weights of `weight_hh`, the same at every step of an update
        (DropConnect, Wan et al. 2013; for LSTMs, Merity, Keskar and Socher 2018).
        """
        parameters: dict[str, Tensor] = {name: getattr(self, name) for name in self._names}
        if self.training and self.recurrent_dropout:
            for name in self._names:
                if name.startswith("weight_hh"):
                    parameters[name] = dropout(parameters[name], self.recurrent_dropout)
        return Stack.from_parameters(self.cell, parameters, depth=self.depth, dropout=self.dropout).as_known()


class Network(nn.Module):
    """Reads one symbol a step and foretells the next.

    Args:
        settings: cell, layers, neurons, embedding, dropout.
        symbols: size of the vocabulary.

    Without an embedding the stack reads the symbols themselves, one-hot. The state dict has `encoder.weight (symbols,
    embedding)` where there is an embedding, `rnn.weight_ih_l0` and so on as in `torch.nn.LSTM`, `readout.weight
    (symbols, neurons)` and `readout.bias (symbols,)`.
    """

    def __init__(self, settings: NetworkSettings, symbols: int) -> None:
        super().__init__()
        self.settings = settings
        self.symbols = symbols
        self.encoder = nn.Embedding(symbols, settings.embedding) if settings.embedding else nn.Identity()  # one-hot
        self.rnn = Recurrence(make_cell(settings), settings.embedding or symbols, settings)
        self.readout = nn.Linear(settings.hidden, symbols)

    @property
    def cell(self) -> Cell:
        """The cell of every layer."""
        return self.rnn.cell

    def run(
        self,
        symbols: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        record: Collection[str] = (),
        edits: Sequence[Edit] = (),
        sink: Sink | None = None,
        engine: str = "auto",
    ) -> Result:
        """Runs encoder and stack over symbols `(steps, batch)` of int64; see `Engine.run` for the rest."""
        stack = self.rnn.stack()
        choice = choose_engine(stack, recording=bool(record), editing=bool(edits), engine=engine)
        return choice.engine.run(
            stack,
            self.encoder(symbols),
            state,
            lengths=lengths,
            record=record,
            edits=edits,
            sink=sink,
            training=self.training,
        )

    def forward(
        self,
        symbols: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        edits: Sequence[Edit] = (),
        engine: str = "auto",
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Scores for the next symbol.

        Args:
            symbols: `(steps, batch)` of int64.
            state: each carried signal `(layers, batch, neurons)`; zeros where None.
            lengths: `(batch,)`, steps of each sequence.
            edits: what is held while it runs.

        Returns:
            Logits `(steps, batch, symbols)` and the state after the last step.
        """
        result = self.run(symbols, state, lengths=lengths, edits=edits, engine=engine)
        outputs = dropout(result.outputs, self.settings.dropout if self.training else 0.0)
        multiply = linear if engine in {"auto", "compiled"} else F.linear
        return multiply(outputs, self.readout.weight, self.readout.bias), result.state

    @property
    def parameter_count(self) -> int:
        """Numbers that training changes."""
        return sum(parameter.numel() for parameter in self.parameters())


def count_parameters(settings: NetworkSettings, symbols: int) -> int:
    """How many numbers a network would have; takes no memory."""
    with torch.device("meta"):
        return Network(settings, symbols).parameter_count


def check_memory(settings: NetworkSettings, symbols: int) -> None:
    """Refuses a network that this machine's memory cannot hold while it is trained.

    Raises:
        ModelError: weights, gradients and Adam's two moments are larger than the memory.
    """
    count = count_parameters(settings, symbols)
    needed = 4 * count * torch.float32.itemsize
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise ModelError(
            f"A network of {count:,} parameters takes {needed / 1e9:,.0f} GB to train; this machine has "
            f"{memory / 1e9:,.0f} GB.",
            "Take a smaller --hidden or fewer --layers.",
        )
