"""What an engine is: a way to run a stack of cells over time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.engines.edit import Edit, check_edits, check_fit
from unrolled.engines.stack import Layer, Stack
from unrolled.errors import ModelError, UnknownNameError

BLOCK = 512
"""Steps that are recorded at a time: a cell state rebuilt from gates is anchored again this often."""

Sink: TypeAlias = Callable[[str, int, Mapping[str, Tensor]], None]
"""Takes a layer's name, the first step of a block and its signals `(steps, batch, neurons)`; the tensors may be reused
after it returns. A block starts at a multiple of `BLOCK` and has `BLOCK` steps, a layer's last block perhaps fewer.
Blocks of a forward layer come in the order of time, those of a reverse layer in any order."""


@dataclass(frozen=True)
class Result:
    """What a run gives.

    outputs: `(steps, batch, neurons · directions)` of the last layer; zero past the end of a shorter sequence.
    state: the carried signals after each sequence's last step, `(layers · directions, batch, neurons)`.
    signals: layer name → signal name → `(steps, batch, neurons)`; empty where a sink took them.
    """

    outputs: Tensor
    state: dict[str, Tensor]
    signals: dict[str, dict[str, Tensor]] = field(default_factory=dict[str, dict[str, Tensor]])


@dataclass(frozen=True)
class Request:
    """What `Engine.run` was asked for, and found to fit."""

    stack: Stack
    inputs: Tensor
    state: Mapping[str, Tensor] | None
    lengths: Tensor | None
    record: Collection[str]
    edits: Sequence[Edit]
    sink: Sink | None
    training: bool

    def as_vectors(self) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """The inputs `(steps, batch, inputs)`, the state before, and the lengths, all on the inputs' device."""
        x = as_vectors(self.stack, self.inputs)
        before = self.stack.zero_state(x.shape[1], x) if self.state is None else dict(self.state)
        return x, before, None if self.lengths is None else self.lengths.to(x.device)


class Engine(ABC):
    """A way to run a stack; every engine gives the numbers of `reference`."""

    name: ClassVar[str]

    @abstractmethod
    def run_request(self, request: Request) -> Result:
        """Runs what can be run; see `run`."""

    @abstractmethod
    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        """Why this engine cannot run the stack so, in one clause; None where it can.

        Whether gradients are wanted it sees from `torch.is_grad_enabled()`; a run that records carries none.
        """

    def run(
        self,
        stack: Stack,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        record: Collection[str] = (),
        edits: Sequence[Edit] = (),
        sink: Sink | None = None,
        training: bool = False,
    ) -> Result:
        """Runs the stack over time.

        Args:
            stack: the cells and their parameters.
            inputs: `(steps, batch, inputs)`, at least one step; or symbols `(steps, batch)` of int64, each standing for
                its one-hot vector.
            state: the carried signals before the first step; zeros where None.
            lengths: `(batch,)` steps of each sequence, 1 to `steps`; None where all are as long as the inputs.
            record: names of the signals to record, of every layer. A run that records carries no gradient.
            edits: what is held while it runs; the last of those that hold the same number wins.
            sink: takes the recorded signals block by block instead of the result.
            training: whether dropout acts.

        Raises:
            UnknownNameError: `record` or `edits` name a layer or signal that the stack does not have.
            ModelError: the inputs, lengths or edits do not fit the stack, or the engine cannot run it so.
        """
        request = Request(stack, inputs, state, lengths, record, edits, sink, training)
        _check_request(request)
        if why_not := self.why_not(stack, recording=bool(record), editing=bool(edits)):
            raise ModelError(
                f"The engine {self.name!r} cannot run this: {why_not}.", "Let choose_engine take one that can."
            )
        return self.run_request(request)


class Recording:
    """Gathers recorded blocks of one layer after another, or hands them on to a sink."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._blocks: dict[str, list[tuple[int, dict[str, Tensor]]]] = {}

    def add(self, layer: Layer, start: int, signals: Mapping[str, Tensor]) -> None:
        """Takes signals from step `start` on, a multiple of `BLOCK`; any number of steps."""
        if self._sink is None:
            self._blocks.setdefault(layer.name, []).append((start, dict(signals)))
            return
        steps = len(next(iter(signals.values())))
        for first in range(0, steps, BLOCK):
            block = {name: value[first : first + BLOCK] for name, value in signals.items()}
            self._sink(layer.name, start + first, block)

    def signals(self) -> dict[str, dict[str, Tensor]]:
        whole: dict[str, dict[str, Tensor]] = {}
        for layer, blocks in self._blocks.items():
            parts = [signals for _, signals in sorted(blocks, key=lambda block: block[0])]
            whole[layer] = parts[0] if len(parts) == 1 else _joined(parts)
        return whole


def _joined(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _check_request(request: Request) -> None:
    """Refuses what no engine could run as it was meant; see `Engine.run`."""
    stack, inputs = request.stack, request.inputs
    _check_shapes(stack, inputs, request.state, request.lengths)
    _check_kinds(stack, inputs, request.state)
    signals = [signal.name for signal in stack.cell.signals]
    for name in request.record:
        if name not in signals:
            raise UnknownNameError("signal", name, signals)
    check_edits(request.edits, stack)
    check_fit(request.edits, stack, *inputs.shape[:2])


def _check_shapes(stack: Stack, inputs: Tensor, state: Mapping[str, Tensor] | None, lengths: Tensor | None) -> None:
    by_symbol = inputs.dim() == 2 and inputs.dtype == torch.int64
    by_vector = inputs.dim() == 3 and inputs.shape[2] == stack.inputs
    if not (by_symbol or by_vector) or inputs.shape[0] < 1:
        raise ModelError(
            f"The inputs have the shape {tuple(inputs.shape)}; this stack reads (steps, batch, {stack.inputs}), "
            "or symbols (steps, batch) of int64, one step or more."
        )
    if by_symbol and inputs.numel() and not 0 <= int(inputs.min()) <= int(inputs.max()) < stack.inputs:
        raise ModelError(
            f"The inputs hold symbols {int(inputs.min())} to {int(inputs.max())}; this stack knows 0 to "
            f"{stack.inputs - 1}."
        )
    steps, batch = inputs.shape[:2]
    if lengths is not None and (lengths.shape != (batch,) or ((lengths < 1) | (lengths > steps)).any()):
        given = [int(length) for length in lengths.flatten()]
        raise ModelError(f"The lengths are {given}; allowed are {batch} numbers from 1 to {steps}.")
    if state is not None:
        sizes = stack.cell.state_sizes(stack.neurons, stack.projection)
        right = {name: (len(stack.layers), batch, size) for name, size in sizes.items()}
        given = {name: tuple(value.shape) for name, value in state.items()}
        if given != right:
            raise ModelError(f"The state has the shapes {given}; this stack carries {right}.")


def _check_kinds(stack: Stack, inputs: Tensor, state: Mapping[str, Tensor] | None) -> None:
    """Numbers of one type in one place; only under autocast PyTorch brings types together itself."""
    like = next(iter(stack.layers[0].parameters.values()))
    for name, value in {"inputs": inputs, **(state or {})}.items():
        symbols = name == "inputs" and value.dim() == 2
        strange = value.dtype != like.dtype and not symbols
        if value.device != like.device or (strange and not torch.is_autocast_enabled(like.device.type)):
            raise ModelError(
                f"The {name} are {_kind(value)}; the stack's parameters are {_kind(like)}.",
                "Bring both to one type and one device.",
            )


def _kind(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} on {value.device}"


def as_vectors(stack: Stack, inputs: Tensor) -> Tensor:
    """Inputs `(steps, batch, inputs)`, one-hot where they were given as symbols."""
    if inputs.is_floating_point():
        return inputs
    like = stack.layers[0].parameters["weight_hh" if stack.cell.state else "weight_ih"]
    return F.embedding(inputs, torch.eye(stack.inputs, dtype=like.dtype, device=like.device))


def past_end(steps: int, lengths: Tensor) -> Tensor:
    """`(steps, batch)`: true where a sequence has already ended."""
    return torch.arange(steps, device=lengths.device)[:, None] >= lengths[None, :]


def reverse(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Turns each sequence of `(steps, batch, …)` round within its own length; what lies past its end stays."""
    if lengths is None:
        return values.flip(0)
    steps = torch.arange(values.shape[0], device=values.device)[:, None]
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return values.gather(0, index.reshape(*index.shape, *[1] * (values.dim() - 2)).expand_as(values))
