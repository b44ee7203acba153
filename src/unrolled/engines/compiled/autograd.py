"""The kernels as one differentiable function of a layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.engines.compiled.layer import PackedLayer


class LayerFunction(torch.autograd.Function):
    """`(steps, batch, neurons)` of hidden states, and the carried signals after the last step.

    Back-propagation through time (Werbos 1990): one pass back for what goes into the gates, then the products for the
    weights over all steps at once.
    """

    @staticmethod
    def forward(
        ctx: Any, layer: PackedLayer, names: tuple[str, ...], x: Tensor, lengths: Tensor | None, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        """`rest`: the first states in the order of `Cell.state`, then the parameters in the order of `names`."""
        first = dict(zip(layer.cell.state, rest, strict=False))
        done = layer.forward(layer.new_pass(x, first, lengths, training=True))
        ctx.layer, ctx.done, ctx.names = layer, done, names
        ctx.save_for_backward(*rest[len(first) :])
        ctx.needs_x = x.requires_grad
        last = layer.last(done)
        return (layer.signals(done)["hidden"], *(last[name] for name in layer.cell.state))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        layer, done, names = ctx.layer, ctx.done, ctx.names
        ctx.saved_tensors  # noqa: B018 - refuses parameters that have been changed since  # pyright: ignore
        from_outputs, *from_last = gradients
        from_gates, first = layer.back(done, from_outputs, dict(zip(layer.cell.state, from_last, strict=True)))
        by_name = layer.from_weights(done, from_gates)
        if "weight_ch" in names:
            by_name["weight_ch"] = layer.from_peepholes(done, from_gates)
        from_x = layer.from_inputs(from_gates) if ctx.needs_x else None
        states = [first[name][:, : layer.neurons] for name in layer.cell.state]
        return (None, None, from_x, None, *states, *(by_name[name] for name in names))
