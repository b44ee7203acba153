"""What runs against what: plain PyTorch as its users write it, and ours as `unrolled` runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells import CELLS
from unrolled.engines import Engine, Stack
from unrolled.networks import Network
from unrolled.training.batches import Batch, Batches
from unrolled.training.settings import TrainingSettings
from unrolled.training.trainer import Trainer

MODULES: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
"""The cells that PyTorch has a module for."""
RATE, CLIP = 0.002, 1.0
READY = 8
"""Batches that lie ready: what is measured is the step, not where the symbols come from."""


@dataclass(frozen=True)
class Shape:
    """A task's size; inputs: numbers that the first layer reads at each step, or symbols that there are."""

    layers: int
    neurons: int
    batch: int
    steps: int
    inputs: int

    def __str__(self) -> str:
        return f"{self.layers} × {self.neurons}, {self.batch}, {self.steps:,}"


def stack_of(cell: str, module: nn.RNNBase) -> Stack:
    """The stack that has a module's parameters."""
    make: Any = CELLS.get(cell)
    return Stack.from_parameters(make(), dict(module.named_parameters()), depth=module.num_layers)


def random_inputs(shape: Shape) -> Tensor:
    """Numbers `(steps, batch, inputs)`, the same at each call."""
    return torch.randn(shape.steps, shape.batch, shape.inputs, generator=torch.Generator().manual_seed(0))


def random_batches(shape: Shape) -> list[Batch]:
    """Batches of symbols, each from a zero state, the same at each call."""
    generator = torch.Generator().manual_seed(0)
    windows = [torch.randint(shape.inputs, (shape.steps + 1, shape.batch), generator=generator) for _ in range(READY)]
    return [Batch(window[:-1].contiguous(), window[1:].contiguous(), None, carries=False) for window in windows]


def recorder(engine: Engine, stack: Stack, x: Tensor) -> Callable[[], object]:
    """Runs a stack and records every signal of it."""
    names = tuple(signal.name for signal in stack.cell.signals)

    @torch.inference_mode()
    def run() -> object:
        return engine.run(stack, x, record=names)

    return run


def one_hot(shape: Shape, batch: Batch) -> Tensor:
    """The inputs as vectors `(steps, batch, inputs)`."""
    return F.one_hot(batch.inputs, shape.inputs).float()


class Plain(nn.Module):
    """A network of one-hot symbols as PyTorch's users write it, with the weights of one of ours."""

    def __init__(self, network: Network, layers: nn.Module | None = None) -> None:
        super().__init__()
        settings = network.settings
        self.rnn = layers or MODULES[settings.cell](network.symbols, settings.hidden, settings.layers)
        self.readout = nn.Linear(settings.hidden, network.symbols)
        if layers is None:
            self.load_state_dict(network.state_dict())
        else:
            self.readout.load_state_dict(network.readout.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.readout(self.rnn(x)[0])


def training_step(shape: Shape, model: nn.Module, *, fused: bool = False) -> Callable[[], float]:
    """Forward, loss, backward and Adam; gives the loss, as training loops do that show it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=fused)
    ready = cycle(random_batches(shape))

    def step() -> float:
        batch = next(ready)
        loss = F.cross_entropy(model(one_hot(shape, batch)).flatten(0, 1), batch.targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


class _Ready(Batches):
    """Batches without end, from those that lie ready."""

    carry = False

    def __init__(self, shape: Shape) -> None:
        self._cycle = cycle(random_batches(shape))

    def next(self) -> Batch:
        return next(self._cycle)

    def place(self) -> dict[str, Any]:
        return {}

    def go_to(self, place: dict[str, Any]) -> None:
        """There is no place in what begins again and again."""


def trainer(shape: Shape, network: Network, *, engine: str = "auto") -> Trainer:
    """Trains as `unrolled train` does, the gradient clipped; its `update` is one step."""
    settings = TrainingSettings.parse(
        {
            "steps": 1_000_000,
            "batch": shape.batch,
            "unroll": shape.steps,
            "learning_rate": RATE,
            "schedule": "constant",
            "warmup": 0,
            "gradient_clip": CLIP,
            "engine": engine,
        }
    )
    return Trainer(network, _Ready(shape), settings, torch.device("cpu"))
