"""A whole training step of a small network in one call of the compiled kernels.

Where a network has only some tens of neurons, PyTorch spends nearly all of a step on its way from one small operation
to the next. Here forward pass, loss, back-propagation through time, clipping and Adam are one call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from unrolled.cells.rnn import RNN
from unrolled.engines.compiled.kernels import Kernels, find_kernels
from unrolled.engines.compiled.layer import ACTIVATIONS, CELLS
from unrolled.networks import Network
from unrolled.training.batches import Batch
from unrolled.training.settings import TrainingSettings

MOST_NEURONS = 64
"""Up to this many the one call was the faster way in `benchmarks/training.py`; at 96 both took as long."""

_INT, _REAL, _POINTER = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class _Call(ctypes.Structure):
    """`small_step` of small.c."""

    _fields_ = [
        *((name, _INT) for name in ("cell", "activation", "layers", "neurons", "symbols", "steps", "batch")),
        *((name, _INT) for name in ("networks", "threads", "update", "parameters_size")),
        *((name, _REAL) for name in ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay", "clip")),
        *((name, _POINTER) for name in ("inputs", "targets", "weights", "parameters", "moments", "squares")),
        *((name, _POINTER) for name in ("hidden", "cells", "losses", "space")),
    ]


def small_step_why_not(network: Network, settings: TrainingSettings, device: torch.device) -> str | None:
    """Why a network cannot be trained by `SmallStep`, in one clause; None where it can."""
    form = network.settings
    if settings.engine not in {"auto", "compiled"}:
        return "another engine was asked for"
    if isinstance(kernels := find_kernels(), str):
        return kernels
    if device.type != "cpu":
        return "it runs on the processor alone"
    if form.cell not in CELLS:
        return f"it has no kernel for the cell {form.cell}"
    if form.hidden > MOST_NEURONS:
        return f"it is for networks of up to {MOST_NEURONS} neurons a layer"
    if form.embedding or form.dropout or form.recurrent_dropout:
        return "it knows no embedding and no dropout"
    return None


class SmallStep:
    """Trains networks of one form, each with an optimizer of its own, side by side.

    The parameters and Adam's moments are moved into a few arrays in a row; networks and optimizers see views of them,
    so that what saves and loads them need not know.

    Args:
        networks: of one form, for which `small_step_why_not` is None.
        optimizers: AdamW, one for each network, over its parameters in their order. All have made as many steps.
        clip: the largest norm of a network's whole gradient; 0 leaves it as it is.
    """

    def __init__(self, networks: list[Network], optimizers: list[torch.optim.AdamW], clip: float) -> None:
        kernels = find_kernels()
        assert isinstance(kernels, Kernels)
        self._kernels = kernels.functions
        self.networks = networks
        self._optimizers = optimizers
        cell = networks[0].cell
        self._state = cell.state
        size = sum(parameter.numel() for parameter in networks[0].parameters())
        self._values, self._moments, self._squares = (torch.zeros(len(networks), size) for _ in range(3))
        self._losses = torch.zeros(len(networks), dtype=torch.float64)
        self._updates = 0
        for at, (network, optimizer) in enumerate(zip(networks, optimizers, strict=True)):
            self._take_up(at, network, optimizer)
        form = networks[0].settings
        self._numbers: dict[str, Any] = {
            "cell": CELLS[form.cell],
            "activation": ACTIVATIONS[cell.activation] if isinstance(cell, RNN) else 0,
            "layers": form.layers,
            "neurons": form.hidden,
            "symbols": networks[0].symbols,
            "networks": len(networks),
            "parameters_size": size,
            "clip": clip,
        }
        self._space = torch.empty(0)

    def _take_up(self, at: int, network: Network, optimizer: torch.optim.AdamW) -> None:
        start = 0
        for parameter in network.parameters():
            held = optimizer.state[parameter]
            if held:
                self._updates = int(held["step"])
            old = (parameter.data, held.get("exp_avg"), held.get("exp_avg_sq"))
            new = [
                row[at, start : start + parameter.numel()].view(parameter.shape)
                for row in (self._values, self._moments, self._squares)
            ]
            for to, value in zip(new, old, strict=True):
                if value is not None:
                    to.copy_(value)
            parameter.data = new[0]
            held.update(step=torch.tensor(float(self._updates)), exp_avg=new[1], exp_avg_sq=new[2])
            start += parameter.numel()

    def update(
        self, batch: Batch, state: Mapping[str, Tensor] | None, learning_rate: float
    ) -> tuple[list[float], dict[str, Tensor]]:
        """One update of every network; one whose loss is no finite number stays as it is.

        Args:
            batch: `inputs` and `targets` `(steps, batch)`, or with the networks in front; `weights` like them.
            state: the carried signals, `(layers, batch, neurons)` or with the networks in front; zeros where None.

        Returns:
            Each network's loss in nats a symbol, from before the update, and the states after the last step.
        """
        steps, streams = batch.inputs.shape[-2:]
        shape = (self._numbers["layers"], streams, self._numbers["neurons"])
        networks = self._numbers["networks"]
        shape = shape if batch.inputs.dim() == 2 else (networks, *shape)
        after = {
            name: torch.zeros(shape) if state is None else state[name].clone(memory_format=torch.contiguous_format)
            for name in self._state
        }
        group = self._optimizers[0].param_groups[0]
        arrays = [each if each is None else each.contiguous() for each in (batch.inputs, batch.targets, batch.weights)]
        call = _Call(
            **self._numbers,
            steps=steps,
            batch=streams,
            threads=torch.get_num_threads(),
            update=self._updates + 1,
            learning_rate=learning_rate,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            epsilon=group["eps"],
            weight_decay=group["weight_decay"],
            inputs=arrays[0].data_ptr(),  # pyright: ignore[reportOptionalMemberAccess]
            targets=arrays[1].data_ptr(),  # pyright: ignore[reportOptionalMemberAccess]
            weights=None if arrays[2] is None else arrays[2].data_ptr(),
            parameters=self._values.data_ptr(),
            moments=self._moments.data_ptr(),
            squares=self._squares.data_ptr(),
            hidden=after["hidden"].data_ptr(),
            cells=after["cell"].data_ptr() if "cell" in after else None,
            losses=self._losses.data_ptr(),
        )
        needed = int(self._kernels.unrolled_small_space(ctypes.byref(call)))
        if len(self._space) < needed:
            self._space = torch.empty(needed)
        call.space = self._space.data_ptr()
        self._kernels.unrolled_small_step(ctypes.byref(call))
        losses = cast(list[float], self._losses.tolist())
        self._updates += 1
        return losses, after

    def publish(self) -> None:
        """Lets the optimizers know how many updates there were."""
        for optimizer in self._optimizers:
            for held in optimizer.state.values():
                held["step"].fill_(self._updates)
