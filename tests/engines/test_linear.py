"""The kernels' product with a matrix, against PyTorch's in twice the precision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.stacks import needs_kernels
from unrolled.engines.compiled.linear import linear

pytestmark = needs_kernels

size = st.integers(1, 70)


def run(multiply: object, x: Tensor, weight: Tensor, bias: Tensor, *, sizes: bool = False) -> list[Tensor]:
    """The result, and the gradients of all three for another result to be multiplied with it.

    `sizes`: of all numbers without their signs, which is what rounding is in proportion to.
    """
    leaves = [(each.abs() if sizes else each).detach().requires_grad_() for each in (x, weight, bias)]
    out = multiply(*leaves)  # type: ignore[operator]
    torch.manual_seed(1)
    upstream = torch.randn(out.shape, dtype=torch.float64).to(out.dtype)
    out.backward(upstream.abs() if sizes else upstream)
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


@given(shape=st.tuples(size, size, size, size), view=st.sampled_from(["whole", "narrow", "turned", "spread"]))
def test_results_and_gradients_are_right_but_for_rounding(shape: tuple[int, int, int, int], view: str) -> None:
    steps, batch, inputs, outputs = shape
    torch.manual_seed(0)
    x = {
        "whole": torch.randn(steps, batch, inputs),
        "narrow": torch.randn(steps, batch, inputs + 3)[..., :inputs],
        "turned": torch.randn(batch, steps, inputs).transpose(0, 1),
        "spread": torch.randn(steps, batch, inputs * 2)[..., ::2],
    }[view]
    weight, bias = torch.randn(outputs, inputs), torch.randn(outputs)
    before = [each.clone() for each in (x, weight, bias)]
    mine = run(linear, x, weight, bias)
    right = run(F.linear, x.double(), weight.double(), bias.double())
    sizes = run(F.linear, x.double(), weight.double(), bias.double(), sizes=True)
    assert len(mine) == len(right) == 4
    for our, exact, whole in zip(mine, right, sizes, strict=True):
        assert our.shape == exact.shape
        assert ((our - exact).abs() <= whole * 2**-20).all()
    assert all(torch.equal(*pair) for pair in zip((x, weight, bias), before, strict=True))


def test_without_rows_there_is_nothing_to_learn() -> None:
    out, *gradients = run(linear, torch.ones(3, 0, 5), torch.ones(4, 5), torch.ones(4))
    assert out.shape == (3, 0, 4)
    assert all(not gradient.any() for gradient in gradients)


def test_only_what_asks_for_a_gradient_gets_one() -> None:
    x, weight = torch.ones(2, 5), torch.ones(4, 5, requires_grad=True)
    linear(x, weight, torch.ones(4)).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
    assert weight.grad.eq(2).all()


def test_other_numbers_are_left_to_pytorch() -> None:
    x, weight, bias = (torch.randn(shape, dtype=torch.float64) for shape in ((7, 5), (4, 5), (4,)))
    assert torch.equal(linear(x, weight, bias), F.linear(x, weight, bias))
