"""The equations, one file a cell."""

from unrolled.cells.cell import Cell, Identity, Memory, Signal
from unrolled.registry import Registry

CELLS: Registry[type[Cell]] = Registry(
    "unrolled.cells",
    {
        "feedforward": "unrolled.cells.feedforward:FeedForward",
        "rnn": "unrolled.cells.rnn:RNN",
        "lstm": "unrolled.cells.lstm:LSTM",
        "gru": "unrolled.cells.gru:GRU",
        "peephole": "unrolled.cells.peephole:PeepholeLSTM",
        "coupled": "unrolled.cells.coupled:CoupledLSTM",
        "no-input-gate": "unrolled.cells.no_input_gate:NoInputGateLSTM",
    },
)
"""Every cell by name."""

__all__ = ["CELLS", "Cell", "Identity", "Memory", "Signal"]
