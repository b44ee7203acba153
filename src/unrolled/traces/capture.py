"""What the recurrent modules inside a model got and gave in one forward pass; the model stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unrolled.engines import Edit
from unrolled.errors import ModelError
from unrolled.traces.forms import is_unbatched, parameters_of, states_by_name, time_first
from unrolled.traces.held import edits_of

RECURRENT: dict[type[nn.Module], str] = {nn.LSTM: "lstm", nn.GRU: "gru", nn.RNN: "rnn"}
CELLS = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)


@dataclass(frozen=True)
class Call:
    """One call of one recurrent module.

    name: the module's path in the model, with `#2`, `#3` from its second call on.
    inputs: `(steps, batch, inputs)`; outputs `(steps, batch, neurons · directions)`, both zero past a sequence's end.
    state: the initial state by signal, `(layers · directions, batch, neurons)`; None where none was given.
    lengths: steps of each sequence.
    parameters: what it ran with, named as in `torch.nn.LSTM`.
    edits: what was held while it ran.
    """

    name: str
    module: nn.RNNBase
    inputs: Tensor
    outputs: Tensor
    state: dict[str, Tensor] | None
    lengths: tuple[int, ...]
    parameters: dict[str, Tensor]
    edits: tuple[Edit, ...]


def modules_of(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every module in a model, itself first, with its path."""
    return list(model.named_modules())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def find_recurrent(model: nn.Module) -> dict[str, nn.RNNBase]:
    """The recurrent modules of a model by their names; a bare one is called `lstm`, `gru` or `rnn`.

    Raises:
        ModelError: there is none, or one in a form that cannot be looked into; the message says what was found.
    """
    if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ModelError(f"The model is a {type(model).__name__}, not a torch.nn.Module.", "Give the network itself.")
    found: dict[str, nn.RNNBase] = {}
    for path, module in modules_of(model):
        _refuse_wrapped(path, module)
        if not isinstance(module, nn.RNNBase):
            continue
        kinds = [kind for kind in RECURRENT if isinstance(module, kind)]
        own_forward = not kinds or type(module).forward is not kinds[0].forward
        if own_forward:
            raise ModelError(
                f"{path or 'The model'} is a {type(module).__name__} with a forward of its own.",
                "Only nn.RNN, nn.LSTM and nn.GRU as PyTorch runs them can be traced.",
            )
        found[path or RECURRENT[kinds[0]]] = module
    if not found:
        kinds = Counter(type(module).__name__ for module in model.modules() if not list(module.children()))
        what = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in sorted(kinds.items()))
        cells = any(isinstance(module, CELLS) for module in model.modules())
        raise ModelError(
            f"The model holds no nn.RNN, nn.LSTM or nn.GRU; it holds {what or 'nothing'}.",
            "Loops over single cells cannot be traced yet: use the module of the same name without 'Cell'."
            if cells
            else "Give the model that holds one, or one itself.",
        )
    return found


def _refuse_wrapped(path: str, module: nn.Module) -> None:
    """Hooks do not see what happens inside a compiled, scripted, replicated or quantized module."""
    kind = type(module)
    where = f"{path} is" if path else "The model is"
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        raise ModelError(f"{where} wrapped in {kind.__name__}.", "Give what is inside it: model.module.")
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(f"{where} a TorchScript module.", "Give the Python module that it was made from.")
    if kind.__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None:
        raise ModelError(f"{where} compiled with torch.compile.", "Give the module that was compiled.")
    if ".quantized" in kind.__module__ and any(word in kind.__name__ for word in ("LSTM", "GRU", "RNN")):
        raise ModelError(f"{where} quantized ({kind.__name__}).", "Give the module that it was made from.")


def run_captured(model: nn.Module, inputs: object) -> tuple[list[Call], object]:
    """Runs the model once, in evaluation mode, without gradients, and leaves modes, hooks and random states as they
    were.

    Args:
        model: holds at least one recurrent module.
        inputs: forward's argument; a tuple or dict holds several.

    Returns:
        The calls in the order they were made, and what the model returned.
    """
    calls: list[Call] = []
    recurrent = find_recurrent(model)
    modes = [(module, module.training) for module in model.modules()]
    handles = [
        module.register_forward_hook(_hook(name, calls), with_kwargs=True, prepend=True)
        for name, module in recurrent.items()
    ]
    handles += [
        module.register_forward_pre_hook(_refuse_nothing(name), with_kwargs=True) for name, module in recurrent.items()
    ]
    try:
        model.eval()
        with torch.no_grad(), _random_states_kept(model), _arrays_named(inputs):
            if isinstance(inputs, Mapping):
                given = model(**cast(Mapping[str, object], inputs))
            elif isinstance(inputs, tuple) and not isinstance(inputs, PackedSequence):
                given = model(*cast(tuple[object, ...], inputs))
            else:
                given = model(inputs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    if not calls:
        raise ModelError(
            f"The model's forward never called {', '.join(recurrent)}.",
            "Give inputs for which it does; a call of .forward() in place of the module itself is not seen.",
        )
    return calls, given


@contextmanager
def _arrays_named(inputs: object) -> Generator[None]:
    """Says of a forward that fails on a NumPy array that it wanted a tensor; a model may well take arrays."""
    try:
        yield
    except (TypeError, AttributeError) as error:
        several = cast(Mapping[str, object], inputs).values() if isinstance(inputs, Mapping) else inputs
        given = cast(tuple[object, ...], several) if isinstance(inputs, (tuple, Mapping)) else (inputs,)
        if not any(isinstance(value, np.ndarray) for value in given):
            raise
        raise ModelError(
            f"The model cannot read a NumPy array ({error}).", "Give a tensor: torch.from_numpy(array)."
        ) from error


@contextmanager
def _random_states_kept(model: nn.Module) -> Generator[None]:
    devices = {parameter.device for parameter in model.parameters() if parameter.device.type == "cuda"}
    with torch.random.fork_rng(devices=[device.index or 0 for device in devices]):
        yield


def _refuse_nothing(name: str) -> Any:
    def hook(module: nn.RNNBase, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = args[0] if args else kwargs.get("input")
        if isinstance(given, Tensor) and not given.numel():
            raise ModelError(
                f"{name} is given no steps: its inputs have the shape {tuple(given.shape)}.",
                "Give at least one sequence of at least one step.",
            )

    return hook


def _own(values: Tensor) -> Tensor:
    """Of its own, as the model may change the given one later."""
    return values.detach().clone(memory_format=torch.contiguous_format)


def _hook(name: str, calls: list[Call]) -> Any:
    times = 0

    def hook(module: nn.RNNBase, args: tuple[Any, ...], kwargs: dict[str, Any], output: tuple[Any, Any]) -> None:
        nonlocal times
        times += 1
        given = args[0] if args else kwargs["input"]
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        (inputs, lengths), (outputs, _) = time_first(module, given), time_first(module, output[0])
        states = states_by_name(state, unbatched=is_unbatched(given))
        before = None if states is None else {name: _own(value) for name, value in states.items()}
        parameters = {name: value.detach() for name, value in parameters_of(module).items()}
        called = name if times == 1 else f"{name}#{times}"
        calls.append(Call(called, module, _own(inputs), _own(outputs), before, lengths, parameters, edits_of(module)))

    return hook
