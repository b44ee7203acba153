"""The kernel that puts values in bins, by every instruction set, against PyTorch's own search."""

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
    assert torch.equal(found, torch.searchsorted(edges, values))
