"""Dropout whose random numbers cost next to nothing: PyTorch draws them one after the other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.engines.compiled.kernels import Kernels, find_kernels


def dropout(values: Tensor, share: float) -> Tensor:
    """Values with a share of them zero and the rest scaled up, as `torch.nn.functional.dropout`; differentiable.

    The seed is a number of PyTorch's generator. Where the kernels cannot, PyTorch does it.
    """
    if not share:
        return values
    kernels = find_kernels()
    if isinstance(kernels, str) or values.device.type != "cpu" or values.dtype != torch.float32:
        return F.dropout(values, share)
    seed = int(torch.randint(2**62, ()))
    return DropoutFunction.apply(values, share, seed, kernels)  # pyright: ignore


class DropoutFunction(torch.autograd.Function):
    """What is dropped is found again from the seed: nothing is kept for the pass back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, share: float, seed: int, kernels: Kernels) -> Tensor:
        ctx.share, ctx.seed, ctx.kernels = share, seed, kernels
        return kernels.drop(values.contiguous(), share, seed)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore
        return ctx.kernels.drop(gradient.contiguous(), ctx.share, ctx.seed), None, None, None
