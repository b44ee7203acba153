"""Colours of values: against matplotlib's own ramps, the page's tests, and the contrast that WCAG asks for."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.colours import DARK_INK, LIGHT_INK, PALETTES, SHADES, Palette, luminance, scale_for

HIDDEN, CELL, GATE = (-1.0, 1.0), (None, None), (0.0, 1.0)


@pytest.mark.parametrize(
    ("palette", "gate", "ramp"),
    [
        ("classic", False, matplotlib.colormaps["RdBu"](np.linspace(0, 1, SHADES))),
        ("classic", True, matplotlib.colormaps["GnBu"](np.linspace(0.14, 1, SHADES))),
        ("colourblind", False, matplotlib.colormaps["PuOr"](np.linspace(0, 1, SHADES))),
        ("colourblind", True, matplotlib.colormaps["cividis"](np.linspace(1, 0, SHADES))),
    ],
)
def test_ramps_are_those_that_are_known(palette: Palette, gate: bool, ramp: np.ndarray) -> None:
    """matplotlib joins ColorBrewer's colours by straight lines, d3 by curves (cividis too): so they are near."""
    ours = scale_for(GATE if gate else HIDDEN, gate=gate, palette=palette).colours
    assert np.abs(ours - ramp[:, :3] * 255).max() < 20


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("gate", [False, True])
def test_letters_can_be_read_on_every_colour(palette: Palette, gate: bool) -> None:
    scale = scale_for(GATE if gate else HIDDEN, gate=gate, palette=palette)
    ground = luminance(scale.colours) + 0.05
    ink = np.where(scale.light, luminance(LIGHT_INK), luminance(DARK_INK)) + 0.05
    assert (np.maximum(ground / ink, ink / ground) >= 4.5).all()


def test_scales_are_the_pages() -> None:
    """The same numbers as in web/tests/colour.test.ts."""
    hidden, cell, gate = scale_for(HIDDEN), scale_for(CELL, largest=12.5), scale_for(GATE, gate=True)
    assert hidden.colours[[0, -1]].tolist() == [[103, 0, 31], [5, 48, 97]]
    assert gate.colours[-1].tolist() == [8, 64, 129]
    assert hidden.shades([0.5, 0, 7, -7, np.nan]).tolist() == [383, 255, 510, 0, -1]
    assert (cell.low, cell.high, cell.own, cell.shades(6.25)) == (-12.5, 12.5, True, 383)
    relu = scale_for((0, None), largest=3)
    assert (relu.low, relu.high, relu.signed) == (0, 3, False)
    for largest in (None, 0.0, np.nan):
        assert scale_for(CELL, largest=largest).high == 1


@given(st.lists(st.floats(-1e30, 1e30), min_size=2), st.floats(1e-30, 1e30))
def test_larger_values_never_have_smaller_shades(values: list[float], largest: float) -> None:
    scale = scale_for(CELL, largest=largest)
    shades = scale.shades(sorted(values))
    assert (np.diff(shades) >= 0).all()
    assert shades.min() >= 0
    assert shades.max() < SHADES
    assert (scale.shades(np.negative(values)) + scale.shades(values) - (SHADES - 1)).max() <= 1
