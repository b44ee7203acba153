"""Dropout by the kernels: the right share, anywhere, found again in the pass back."""

from __future__ import annotations

import math

import pytest
import torch

from tests.stacks import needs_kernels
from unrolled.engines.compiled.dropout import dropout

pytestmark = needs_kernels


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9])
def test_the_share_is_dropped_and_the_rest_scaled_up(share: float) -> None:
    torch.manual_seed(1)
    values = dropout(torch.ones(1000, 1003), share)
    dropped, count = int((values == 0).sum()), values.numel()
    assert abs(dropped - share * count) < 5 * math.sqrt(count * share * (1 - share))
    assert values[values != 0].allclose(torch.tensor(1 / (1 - share)))
    # No rows, columns or neighbours that fall together more than chance lets them.
    kept = (values != 0).double()
    for means, size in ((kept.mean(0), 1000), (kept.mean(1), 1003)):
        assert float((means - (1 - share)).abs().max()) < 6 * math.sqrt(share * (1 - share) / size)
    for near in (kept[:, 1:] * kept[:, :-1], kept[1:] * kept[:-1]):
        assert float(near.mean()) == pytest.approx((1 - share) ** 2, abs=0.005)


def test_another_call_drops_others_and_the_same_seed_the_same() -> None:
    values = torch.rand(4099) + 1
    torch.manual_seed(7)
    first, second = dropout(values, 0.5), dropout(values, 0.5)
    torch.manual_seed(7)
    assert torch.equal(dropout(values, 0.5), first)
    together = float(((first == 0) == (second == 0)).double().mean())
    assert together == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("size", [1, 3, 16, 17, 4099])
def test_the_gradient_is_dropped_where_the_value_was(size: int) -> None:
    values = (torch.rand(size) + 1).requires_grad_()
    out = dropout(values, 0.5)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad == 0, out == 0)
    assert torch.equal(values.grad[out != 0], torch.full_like(values.grad[out != 0], 2.0))
    assert torch.allclose(out, values.detach() * values.grad)


def test_no_share_changes_nothing_and_float64_is_pytorchs() -> None:
    values = torch.rand(10)
    assert dropout(values, 0.0) is values
    torch.manual_seed(3)
    ours = dropout(values.double(), 0.5)
    torch.manual_seed(3)
    assert torch.equal(ours, torch.nn.functional.dropout(values.double(), 0.5))
