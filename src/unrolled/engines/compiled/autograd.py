"""The kernels as one differentiable function of a layer."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from unrolled.engines.compiled.layer import PackedLayer


class _LayerFunction(torch.autograd.Function):
    """Back-propagation through time (Werbos 1990): one pass back for what goes into the gates, then the products for
    the weights over all steps at once.
    """

    @staticmethod
    def forward(
        ctx: Any, layer: PackedLayer, names: tuple[str, ...], x: Tensor, lengths: Tensor | None, *rest: Tensor
    ) -> tuple[Tensor, ...]:
        """`rest`: the first states in the order of `Cell.state`, then the parameters in the order of `names`."""
        first = dict(zip(layer.cell.state, rest, strict=False))
        done = layer.forward(layer.new_pass(x, first, lengths, training=True))
        ctx.layer, ctx.done, ctx.names = layer, done, names
        # `data`: no view of the pass for autograd, which would let nobody change it in place.
        hidden, last = layer.signals(done)["hidden"].data, layer.last(done)
        ctx.save_for_backward(x, lengths, *rest, hidden)
        return (hidden, *(last[name][:, : layer.neurons].clone() for name in layer.cell.state))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        layer, done, names = ctx.layer, ctx.done, ctx.names
        _ = ctx.saved_tensors  # refuses where what the pass read or gave has been changed since
        from_outputs, *from_last = gradients
        from_gates, first = layer.back(done, from_outputs, dict(zip(layer.cell.state, from_last, strict=True)))
        by_name = layer.from_weights(done, from_gates)
        if "weight_ch" in names:
            by_name["weight_ch"] = layer.from_peepholes(done, from_gates)
        from_x = layer.from_inputs(from_gates) if ctx.needs_input_grad[2] else None
        states = [first[name][:, : layer.neurons] for name in layer.cell.state]
        return (None, None, from_x, None, *states, *(by_name[name] for name in names))


def run_differentiably(
    layer: PackedLayer, names: tuple[str, ...], x: Tensor, lengths: Tensor | None, rest: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Hidden states `(steps, batch, neurons)`, and the carried signals after the last step, with gradients.

    Args:
        names: names of the parameters.
        x: as `Pass.x`.
        lengths: as in `PackedLayer.new_pass`.
        rest: the first states in the order of `Cell.state`, then the parameters in the order of `names`.
    """
    return cast(Any, _LayerFunction.apply)(layer, names, x, lengths, *rest)
