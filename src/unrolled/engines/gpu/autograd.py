"""The steps of an LSTM as one differentiable function."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from unrolled.engines.gpu.launch import Pass, run_lstm, run_lstm_back


class _Steps(torch.autograd.Function):
    """Back-propagation through time (Werbos 1990): one pass back, then the products for the weights over all steps."""

    @staticmethod
    def forward(
        ctx: Any,
        interpreted: bool,
        from_x: Tensor,
        hidden: Tensor,
        cell: Tensor,
        weight_hh: Tensor,
        weight_ch: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        before = {"hidden": hidden, "cell": cell}
        done = run_lstm(from_x, before, weight_hh, weight_ch, interpreted=interpreted)
        ctx.done, ctx.interpreted = done, interpreted
        ctx.set_materialize_grads(False)
        # `data`: no view of the pass for autograd, which would let nobody change it in place.
        outputs = done.hidden[1:].data, done.cell[1:].data
        ctx.save_for_backward(weight_hh, weight_ch, *outputs)
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        done: Pass = ctx.done
        weight_hh, weight_ch, hidden, _ = ctx.saved_tensors  # refuses where any of them has been changed since
        d_hidden, d_cell = gradients
        d_hidden = torch.zeros_like(hidden) if d_hidden is None else d_hidden
        d_gates, d_first_cell = run_lstm_back(done, weight_hh, weight_ch, d_hidden, d_cell, interpreted=ctx.interpreted)
        d_first_hidden = d_gates[0] @ weight_hh.float()
        d_weight = d_gates.flatten(0, 1).t() @ done.hidden[:-1].flatten(0, 1).float()
        d_peepholes = None
        if weight_ch is not None:
            d_i, d_f, _, d_o = d_gates.chunk(4, dim=-1)
            seen = ((d_i, done.cell[:-1]), (d_f, done.cell[:-1]), (d_o, done.cell[1:]))
            d_peepholes = torch.cat([(into * c).sum((0, 1)) for into, c in seen]).to(weight_ch.dtype)
        kind = weight_hh.dtype
        return None, d_gates, d_first_hidden.to(kind), d_first_cell.to(kind), d_weight.to(kind), d_peepholes


def run_differentiably(
    from_x: Tensor, before: dict[str, Tensor], weight_hh: Tensor, weight_ch: Tensor | None, *, interpreted: bool
) -> tuple[Tensor, Tensor]:
    """h and c after each step, `(steps, batch, neurons)`, with gradients; the arguments are those of `run_lstm`.

    h is of the weights' type, c of float32.
    """
    given = from_x, before["hidden"], before["cell"], weight_hh, weight_ch
    return cast("tuple[Tensor, Tensor]", cast(Any, _Steps.apply)(interpreted, *given))
