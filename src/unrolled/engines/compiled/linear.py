"""Products of matrices by the kernels: PyTorch's own takes twice as long on some processors."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.engines.compiled.kernels import Kernels, find_kernels


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x · weightᵀ + bias, as `torch.nn.functional.linear`; differentiable once.

    Where the kernels cannot, PyTorch does it.

    Args:
        x: `(…, inputs)`.
        weight: `(outputs, inputs)`.
        bias: `(outputs,)`.
    """
    kernels, given = find_kernels(), (x, weight, bias)
    able = all(each.device.type == "cpu" and each.dtype == torch.float32 for each in given)
    if isinstance(kernels, str) or not able or torch.is_autocast_enabled("cpu"):
        return F.linear(x, weight, bias)
    return cast(Any, _LinearFunction.apply)(x, weight, bias, kernels)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a · b of two matrices of float32 in a CPU's memory, where nothing is differentiated.

    Args:
        a: `(rows, depth)`; rows or columns are contiguous.
        b: `(depth, columns)`.
    """
    kernels = find_kernels()
    if isinstance(kernels, str) or b.shape[1] == 1:  # which a matrix of vectors is too wide for
        return a @ b
    return kernels.multiply(a, b.contiguous(), a.new_empty(len(a), b.shape[1]))


def _rows(values: Tensor) -> Tensor:
    """`(rows, last)`, each row contiguous."""
    return (values if values.stride(-1) == 1 else values.contiguous()).flatten(0, -2)


class _LinearFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, kernels: Kernels) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.kernels = kernels
        rows = _rows(x)
        out = bias.repeat(len(rows), 1)
        kernels.multiply(rows, weight.t().contiguous(), out, add=True)
        return out.view(*x.shape[:-1], len(weight))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x, weight), kernels = ctx.saved_tensors, ctx.kernels
        rows, given = _rows(gradient), _rows(x)
        from_x = (
            kernels.multiply(rows, weight.contiguous(), torch.empty(given.shape)) if ctx.needs_input_grad[0] else None
        )
        from_weight = kernels.multiply(rows.t(), given, torch.empty(weight.shape))
        return None if from_x is None else from_x.view(x.shape), from_weight, rows.sum(0), None
