"""A network that reads frames and says what is happening: encoder of pixels, stack of cells, readout."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from unrolled.engines import Result, choose_engine
from unrolled.networks import NetworkSettings
from unrolled.networks.network import Recurrence, make_cell

SIDE = 12
"""The encoder sees frames of any size averaged down to `SIDE` × `SIDE` pixels."""
PIXELS = SIDE * SIDE * 3
CODE = 16
"""Numbers that the encoder makes of a frame."""


def shrink(pictures: NDArray[np.uint8]) -> Tensor:
    """Pictures `(pictures, height, width, 3)` as the encoder reads them: `(pictures, PIXELS)` of float32, −1 to 1."""
    colours = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    return F.adaptive_avg_pool2d(colours, SIDE).flatten(1)


class FilmNetwork(nn.Module):
    """Reads one frame a step and says what is happening in it.

    Args:
        settings: cell, layers, neurons; `embedding` is the size of a frame's code, `CODE` where it is 0.
        labels: how many labels there are.

    The state dict has `encoder.weight (code, PIXELS)` and `encoder.bias`, `rnn.weight_ih_l0` and so on as in
    `torch.nn.LSTM`, `readout.weight (labels, neurons)` and `readout.bias`. The encoder is linear, so that what a frame
    shows is all that it can tell; memory is the stack's alone.
    """

    def __init__(self, settings: NetworkSettings, labels: int) -> None:
        super().__init__()
        self.settings = settings
        code = settings.embedding or CODE
        self.encoder = nn.Linear(PIXELS, code)
        self.rnn = Recurrence(make_cell(settings), code, settings)
        self.readout = nn.Linear(settings.hidden, labels)

    def run(self, pictures: Tensor, frames: Tensor, *, record: Collection[str] = (), engine: str = "auto") -> Result:
        """Runs encoder and stack over films.

        Args:
            pictures: `(pictures, PIXELS)`, see `shrink`. Each is encoded once, in however many frames it stands.
            frames: `(steps, films)` of int64, the picture of each frame.
            record: names of signals to record; such a run carries no gradient.
        """
        stack = self.rnn.stack()
        choice = choose_engine(stack, recording=bool(record), engine=engine)
        codes = F.embedding(frames, self.encoder(pictures))
        return choice.engine.run(stack, codes, record=record, training=self.training)

    def forward(self, pictures: Tensor, frames: Tensor, *, engine: str = "auto") -> Tensor:
        """Scores of the labels at each frame, `(steps, films, labels)`."""
        return self.readout(self.run(pictures, frames, engine=engine).outputs)

    @property
    def parameter_count(self) -> int:
        """Numbers that training changes."""
        return sum(parameter.numel() for parameter in self.parameters())


def count_parameters(settings: NetworkSettings, labels: int) -> int:
    """How many numbers a network would have; takes no memory."""
    with torch.device("meta"):
        return FilmNetwork(settings, labels).parameter_count


def neurons_for(cell: str, parameters: int, labels: int, code: int = CODE) -> int:
    """How many neurons make a one-layer network of that cell come nearest to a number of parameters.

    Raises:
        UnknownNameError: there is no such cell.
        SettingsError: there is, but it is none of those a network is made of.
    """

    def distance(neurons: int) -> int:
        settings = NetworkSettings.parse({"cell": cell, "hidden": neurons, "embedding": code})
        return count_parameters(settings, labels) - parameters

    low, high = 1, 2
    while distance(high) < 0:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if distance(middle) < 0 else (low, middle)
    return min((low, high), key=lambda neurons: abs(distance(neurons)))
