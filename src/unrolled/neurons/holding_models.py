"""`unrolled.hold`: neurons of any PyTorch model held at a value while it runs."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unrolled.engines import Edit
from unrolled.engines.edit import check_edits
from unrolled.errors import ModelError
from unrolled.traces.capture import find_recurrent
from unrolled.traces.forms import parameters_of, sites_of, stack_of
from unrolled.traces.held import HeldCall, HeldForward
from unrolled.traces.names import parse_name

Value = float | Tensor | NDArray[Any]


@contextmanager
def hold(
    model: nn.Module, values: Mapping[str, Value], *, where: Tensor | NDArray[Any] | None = None, engine: str = "auto"
) -> Generator[None]:
    """Holds neurons of a model's nn.RNN, nn.LSTM and nn.GRU at values, as long as the `with` block lasts.

    What comes after, within the step and later, sees the held value. Modules of which nothing is held run as they are,
    bit for bit; the others run step by step with the same numbers to rounding, and give gradients where those are on.
    At the end, also after an error, the model is as it was. Such blocks may lie in each other: of those that hold the
    same number the innermost wins, and within one block the last.

    Args:
        model: any module that `unrolled.trace` takes.
        values: by the names of `unrolled.trace`, for one neuron (`lstm.l0.cell.7`, `encoder.gru.l1_reverse.12`) or a
            whole signal (`lstm.l0.forget_gate`): a finite number; or a tensor or array, `(steps,)` or `(steps, batch)`
            for a neuron, `(steps, neurons)` or `(steps, batch, neurons)` for a signal, whatever form the module itself
            takes. A name holds in every call of the module; `lstm#2.l0.cell.7` in the second of a pass of the model
            alone, `lstm#1…` in the first.
        where: `(steps,)` or `(steps, batch)` of bool, at which steps they hold; None for all.
        engine: which one runs what is held.

    Raises:
        UnknownNameError: no such module, layer, signal, neuron or engine.
        ModelError: nothing recurrent in the model, or in a form that cannot be looked into; a value that cannot be
            held; and, while the model runs, one that does not fit the steps, or a call that the model did not make.
    """
    recurrent = find_recurrent(model)
    planned = _planned(recurrent, values, None if where is None else _places(where))
    held = {name: HeldForward(name, recurrent[name], holds, engine) for name, holds in planned.items()}

    def begin(*_: object) -> None:
        for forward in held.values():
            forward.begin()

    def end(*_: object) -> None:
        for forward in held.values():
            forward.end()

    handles = [model.register_forward_pre_hook(begin), model.register_forward_hook(end)]
    try:
        for forward in held.values():
            forward.put_in()
        yield
    finally:
        for forward in held.values():
            forward.take_out()
        for handle in handles:
            handle.remove()


def _planned(
    recurrent: Mapping[str, nn.RNNBase], values: Mapping[str, Value], where: Tensor | None
) -> dict[str, list[HeldCall]]:
    """What is held, by the name of the module."""
    stacks = {name: stack_of(module, parameters_of(module)) for name, module in recurrent.items()}
    sites = {site.name: (name, site) for name, stack in stacks.items() for site in sites_of(name, stack)}
    planned: dict[str, list[HeldCall]] = {}
    for given, value in values.items():
        numbered = re.fullmatch(r"(.+)#([1-9]\d{0,8})(\..+)", given)
        name = parse_name(numbered[1] + numbered[3] if numbered else given, [site for _, site in sites.values()])
        module, _ = sites[name.site]
        neurons = None if name.neuron is None else [name.neuron]
        edit = Edit(
            name.site.removeprefix(f"{module}."), name.signal, _value(given, value, neurons), neurons, where=where
        )
        check_edits([edit], stacks[module])
        planned.setdefault(module, []).append(HeldCall(edit, int(numbered[2]) if numbered else None))
    return planned


def _places(given: Tensor | NDArray[Any]) -> Tensor:
    """As an edit has it; its type and shape are looked at where it is used."""
    try:
        return torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"Where to hold is told by a {type(given).__name__}.", "Give a tensor or an array of bool."
        ) from error


def _value(name: str, given: Value, neurons: Sequence[int] | None) -> Tensor:
    """As an edit has it, `(steps, batch, held neurons)` or a number."""
    try:
        value = torch.as_tensor(given)
        if value.is_complex():
            raise TypeError("a signal is real")
    except (TypeError, ValueError, RuntimeError) as error:
        what = f"{given.dtype}" if isinstance(given, np.ndarray | Tensor) else repr(given)
        raise ModelError(f"{name} cannot be held at {what}.", "Give a number, a tensor or an array.") from error
    if not value.dim():
        return value
    value = value if neurons is None else value[..., None]
    if value.dim() == 2:
        return value[:, None]
    if value.dim() == 3:
        return value
    form = "(steps, neurons) or (steps, batch, neurons)" if neurons is None else "(steps,) or (steps, batch)"
    raise ModelError(f"What {name} is to be held at has the shape {tuple(np.shape(given))}; it must be {form}.")
