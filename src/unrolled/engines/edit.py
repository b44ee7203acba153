"""What is held while a stack runs: a signal of some neurons, at a value, always or now and then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unrolled.engines.stack import Layer, Stack
from unrolled.errors import ModelError, UnknownNameError


@dataclass(frozen=True)
class Edit:
    """Holds a signal of some neurons at a value while the stack runs.

    What comes after, within the step and later, sees the held value. Of several edits that hold the same number the
    last wins.

    Args:
        layer: the layer's name (`l0`, `l1_reverse`).
        signal: the signal's name.
        value: a finite number, or a tensor of such that broadcasts to `(steps, batch, neurons)`: all steps, and the
            held neurons.
        neurons: which ones; None for all.
        steps: the span of steps in which it holds; None for all. Also in a reverse layer they are counted from the
            sequence's first.
        where: `(steps,)` or `(steps, batch)` of bool, at which of those steps it holds; None for all.
    """

    layer: str
    signal: str
    value: float | Tensor
    neurons: Sequence[int] | None = None
    steps: range | None = None
    where: Tensor | None = None

    def at(self, steps: Tensor) -> Edit:
        """The same edit for a run over some steps of the one that it was made for.

        Args:
            steps: `(steps,)` of int64; or `(steps, batch)`, for one sequence that is read at several places at once.

        Raises:
            ModelError: it does not say what holds at one of the steps.
        """
        value, where = self.value, None if self.where is None else self._taken(self.where, steps)
        if isinstance(value, Tensor) and value.dim() == 3 and len(value) > 1:
            value = self._taken(value, steps)
        if self.steps is not None:
            inside = _within(self.steps, steps if where is None else steps.to(where.device))
            where = inside if where is None else where & (inside if where.dim() == inside.dim() else inside[:, None])
        return replace(self, value=value, steps=None, where=where)

    def window(self, start: int, stop: int) -> Edit:
        """As `at`, for the steps from `start` to `stop`."""
        return self.at(torch.arange(start, stop))

    def _taken(self, values: Tensor, steps: Tensor) -> Tensor:
        """Values `(all steps, …)` at some steps."""
        steps = steps.to(values.device)
        if steps.numel() and int(steps.max()) >= len(values):
            raise ModelError(
                f"What holds {self.layer}.{self.signal} is given for {len(values)} steps; there is a step "
                f"{int(steps.max())}.",
                "Give a value, or a place in `where`, for each step.",
            )
        if steps.dim() == 1 or values.dim() == 1:
            return values[steps]
        if values.shape[1] != 1:
            raise ModelError(
                f"What holds {self.layer}.{self.signal} is given for {values.shape[1]} sequences; a text is one.",
                "Give it the shape (steps, 1, neurons), and `where` the shape (steps,).",
            )
        return values[steps, 0]


@dataclass(frozen=True)
class Hold:
    """An edit as an engine wants it.

    neurons: which ones, or all of them as a slice.
    value: `(steps or 1, batch or 1, held neurons or 1)` in the type and on the device of the run.
    where: `(steps, batch or 1)` of bool; None where it always holds.
    """

    signal: str
    neurons: list[int] | slice
    value: Tensor
    where: Tensor | None

    def applied(self, t: int, value: Tensor) -> Tensor:
        """What the signal `(batch, neurons)` is after step t."""
        held = self.value[t if len(self.value) > 1 else 0].to(value.dtype)
        if self.where is not None:
            held = torch.where(self.where[t][:, None], held, value[:, self.neurons])
        value = value.clone()
        value[:, self.neurons] = held
        return value


def make_holds(edits: Sequence[Edit], layer: Layer, steps: int) -> list[Hold]:
    """The edits of a layer, in their order, for a run of so many steps in the type and on the device of the layer."""
    like = next(iter(layer.parameters.values()))
    holds: list[Hold] = []
    for edit in edits:
        if edit.layer != layer.name:
            continue
        edit = edit.window(0, steps) if edit.steps is not None else edit
        value = torch.as_tensor(edit.value, dtype=like.dtype, device=like.device)
        where = None if edit.where is None else edit.where.to(like.device)
        holds.append(
            Hold(
                edit.signal,
                slice(None) if edit.neurons is None else list(edit.neurons),
                value.reshape((1,) * (3 - value.dim()) + value.shape),
                where[:, None] if where is not None and where.dim() == 1 else where,
            )
        )
    return holds


def _within(span: range, steps: Tensor) -> Tensor:
    """Which of some steps lie in a span."""
    span = span if span.step > 0 else span[::-1]
    return (steps >= span.start) & (steps < span.stop) & ((steps - span.start) % span.step == 0)


def check_edits(edits: Sequence[Edit], stack: Stack) -> None:
    """Refuses edits that no run of the stack could take.

    Raises:
        UnknownNameError: there is no such layer or signal.
        ModelError: there is no such neuron, one is named twice in one edit, or a value is no finite number.
    """
    signals = [signal.name for signal in stack.cell.signals]
    layers = [layer.name for layer in stack.layers]
    for edit in edits:
        if edit.signal not in signals:
            raise UnknownNameError("signal", edit.signal, signals)
        if edit.layer not in layers:
            raise UnknownNameError("layer", edit.layer, layers)
        size, neurons = _size(edit, stack), list(edit.neurons or ())
        wrong = [neuron for neuron in neurons if not 0 <= neuron < size]
        if wrong:
            raise ModelError(f"There is no neuron {wrong[0]} in {edit.layer}; its {edit.signal} has 0 to {size - 1}.")
        if len(set(neurons)) < len(neurons):
            twice = next(neuron for neuron in neurons if neurons.count(neuron) > 1)
            raise ModelError(
                f"Neuron {twice} of {edit.layer}.{edit.signal} is held twice by one edit.", "Name it once."
            )
        like = next(iter(stack.layers[0].parameters.values()))
        value = torch.as_tensor(edit.value).detach().to(like.dtype)
        if not bool(value.isfinite().all()):
            wrong = float(value[~value.isfinite()].flatten()[0])
            kind = str(like.dtype).removeprefix("torch.")
            raise ModelError(f"{edit.layer}.{edit.signal} cannot be held at {wrong}; give finite numbers of {kind}.")


def check_fit(edits: Sequence[Edit], stack: Stack, steps: int, batch: int) -> None:
    """Refuses edits, found to be of the stack, that do not fit a run of so many steps and sequences.

    Raises:
        ModelError: the shape of a value or of `where`, or the type of `where`.
    """
    for edit in edits:
        held = (steps, batch, _size(edit, stack) if edit.neurons is None else len(edit.neurons))
        if isinstance(edit.value, Tensor) and not _broadcasts(edit.value.shape, held):
            raise ModelError(
                f"The value to hold has the shape {tuple(edit.value.shape)}; it must broadcast to {held}, "
                "(steps, batch, held neurons)."
            )
        where = edit.where
        if where is not None and where.dtype != torch.bool:
            kind = str(where.dtype).removeprefix("torch.")
            raise ModelError(f"Where to hold is told in {kind}; it must be bool.", "Compare it with something.")
        if where is not None and where.shape not in {(steps,), (steps, 1), (steps, batch)}:
            raise ModelError(
                f"Where to hold has the shape {tuple(where.shape)}; it must be {(steps,)} or {(steps, batch)}, "
                "(steps,) or (steps, batch)."
            )


def check_parts(edits: Sequence[Edit], stack: Stack, steps: int, batch: int) -> None:
    """As `check_edits` and `check_fit`, before a long run that is made in parts, each with its window of the edits.

    Raises:
        UnknownNameError, ModelError: as they do; or an edit does not say what holds at the last step.
    """
    check_edits(edits, stack)
    check_fit([edit.window(steps - 1, steps) for edit in edits], stack, 1, batch)


def _size(edit: Edit, stack: Stack) -> int:
    """Numbers that the signal has."""
    return stack.projection if edit.signal == "hidden" and stack.projection else stack.neurons


def _broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(size in {1, wanted} for size, wanted in pairs)
