"""A recurrent module that runs with neurons held, in its own form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from unrolled.engines import Edit, choose_engine
from unrolled.errors import ModelError
from unrolled.traces.forms import (
    Given,
    States,
    as_given,
    as_states,
    is_unbatched,
    parameters_of,
    stack_of,
    states_by_name,
    time_first,
)


@dataclass(frozen=True)
class HeldCall:
    """An edit of a module: in each of its calls in a pass of the model, or (from 1) in that one alone."""

    edit: Edit
    call: int | None


class HeldForward:
    """Stands in for a module's forward while some of its neurons are held.

    Args:
        name: the module's, for messages.
        holds: what is held; the last of those that hold the same number wins.
        engine: which one runs what is held.
    """

    def __init__(self, name: str, module: nn.RNNBase, holds: Sequence[HeldCall], engine: str) -> None:
        self._name, self._module, self._holds, self._engine = name, module, holds, engine
        self._calls = 0
        self._around: HeldForward | None = None
        self.edits: tuple[Edit, ...] = ()  # of the last call

    def put_in(self) -> None:
        """Takes the place of the module's forward, or of another hold's, which still holds.

        Raises:
            ModelError: the module has a forward that is not its class's.
        """
        around = self._module.__dict__.get("forward")
        if around is not None and not isinstance(around, HeldForward):
            raise ModelError(f"{self._name} has a forward of its own.", "Only nn.RNN, nn.LSTM and nn.GRU can be held.")
        self._around = around
        self._module.forward = self

    def take_out(self) -> None:
        """Puts back what was there; does nothing where it was not put in."""
        if self._module.__dict__.get("forward") is self:
            del self._module.forward
            if self._around is not None:
                self._module.forward = self._around

    def begin(self) -> None:
        """A pass of the model begins."""
        self._calls = 0

    def end(self) -> None:
        """A pass of the model is over.

        Raises:
            ModelError: a call that was to be held has not been made.
        """
        missing = max((hold.call or 0 for hold in self._holds), default=0)
        if missing > self._calls:
            raise ModelError(
                f"{self._name}#{missing} was to be held; the model called {self._name} {self._calls} times in a pass.",
                "Leave the number out to hold every call.",
            )

    def next_edits(self) -> tuple[Edit, ...]:
        """What is held in the next call; counts it."""
        self._calls += 1
        around = self._around.next_edits() if self._around is not None else ()
        return around + tuple(hold.edit for hold in self._holds if hold.call in {None, self._calls})

    def __call__(self, input: Given, hx: States | None = None) -> tuple[Given, States]:
        module, self.edits = self._module, self.next_edits()
        if not self.edits:
            return type(module).forward(module, input, hx)
        stack, unbatched = stack_of(module, parameters_of(module)), is_unbatched(input)
        inputs, lengths = time_first(module, input)
        steps = torch.tensor(lengths)
        result = choose_engine(stack, editing=True, engine=self._engine).engine.run(
            stack,
            inputs,
            states_by_name(hx, unbatched=unbatched),
            lengths=steps if len(set(lengths)) > 1 else None,
            edits=self.edits,
            training=module.training,
        )
        return as_given(module, input, result.outputs, steps), as_states(result.state, unbatched=unbatched)


def edits_of(module: nn.RNNBase) -> tuple[Edit, ...]:
    """What was held in the module's last call."""
    forward = module.__dict__.get("forward")
    return forward.edits if isinstance(forward, HeldForward) else ()
