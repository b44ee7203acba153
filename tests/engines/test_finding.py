"""The kernels that the search for neurons counts by, by every instruction set, against PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.engines.compiled.kernels import libraries, load_kernels


@pytest.mark.skipif(not libraries(), reason="the kernels were not built, for want of a C compiler")
@pytest.mark.parametrize("library", libraries(), ids=lambda path: path.stem)
@given(rows=st.integers(1, 5), steps=st.integers(1, 70), count=st.integers(1, 40), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_bins_are_those_of_searchsorted(library: Path, rows: int, steps: int, count: int, seed: int) -> None:
    """Edges that stand several times, values on edges, below all and above all of them."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(-6, 7, (rows, steps), generator=generator) / 2
    edges = (torch.randint(-4, 5, (rows, count), generator=generator) / 2).sort(dim=1).values
    found = load_kernels(library).bins(edges, values)
    assert torch.equal(found, torch.searchsorted(edges, values).short())


@pytest.mark.skipif(not libraries(), reason="the kernels were not built, for want of a C compiler")
@pytest.mark.parametrize("library", libraries(), ids=lambda path: path.stem)
@given(steps=st.integers(1, 70), width=st.integers(1, 40), apart=st.integers(1, 9), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_sums_of_a_class_are_those_of_a_mask(library: Path, steps: int, width: int, apart: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(-1, 4, (steps + 6 * apart,), generator=generator).to(torch.int8)
    moved = codes.as_strided((7, steps), (apart, 1))
    values = torch.randint(-9, 10, (steps, width), generator=generator).float()
    found = load_kernels(library).add_by_class(moved, values, 4)
    for move, row in enumerate(moved):
        for each in range(4):
            assert torch.equal(found[move, each], values[row == each].sum(0))
