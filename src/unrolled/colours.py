"""Colours of values, from the table that the page reads too: 511 a ramp, odd, so that zero has one of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Colour: TypeAlias = tuple[int, int, int]
Palette: TypeAlias = Literal["classic", "colourblind"]

PALETTES: tuple[Palette, ...] = ("classic", "colourblind")
SHADES = 511
DARK_INK: Colour = (5, 6, 8)
LIGHT_INK: Colour = (255, 255, 255)
"""Letters on colours; one of the two has a contrast of 4.5 (WCAG AA) on every colour."""

_TABLE = Path(__file__).with_name("colours.json")
_WORDS = {
    ("classic", True): ("red: negative", "white: zero", "blue: positive"),
    ("classic", False): ("light green: {low}", "dark blue: {high}"),
    ("colourblind", True): ("brown: negative", "white: zero", "purple: positive"),
    ("colourblind", False): ("yellow: {low}", "dark blue: {high}"),
}


@dataclass(frozen=True)
class Scale:
    """The colours of values from `low` to `high`.

    Attributes:
        signed: negative and positive values have hues of their own, with near-white at zero between them.
        own: the bounds are a neuron's own largest value, not the signal's range.
    """

    low: float
    high: float
    signed: bool
    own: bool = False
    palette: Palette = "classic"

    @property
    def colours(self) -> Array:
        """`(511, 3)` bytes: red, green and blue from `low` to `high`."""
        return _ramp(self.palette, self.signed)

    def shades(self, values: npt.ArrayLike) -> Array:
        """The number of each value's colour, 0 to 510; beyond the bounds the outermost, −1 for NaN and infinity."""
        given = np.asarray(values, np.float64)
        share = (np.where(np.isfinite(given), given, self.low) - self.low) / (self.high - self.low)
        shades = np.floor(np.clip(share, 0, 1) * (SHADES - 1) + 0.5).astype(np.int64)
        return np.where(np.isfinite(given), shades, -1)

    @property
    def light(self) -> Array:
        """`(511,)`: whether light letters are easier to read on a colour than dark ones."""
        return _light(self.palette, self.signed)

    @property
    def words(self) -> str:
        """What the colours mean, for a legend."""
        low, high = ("zero", "largest") if self.own else ("0, closed", "1, open")
        return " · ".join(_WORDS[self.palette, self.signed]).format(low=low, high=high)


def scale_for(
    bounds: tuple[float | None, float | None],
    *,
    gate: bool = False,
    largest: float | None = None,
    palette: Palette = "classic",
) -> Scale:
    """The colours of a signal, as the page has them.

    Args:
        bounds: of the signal's values; None where it has none.
        gate: gates, and what is never below zero, run from light to dark; all else from hue to hue about zero.
        largest: the neuron's own largest absolute value, which stands in for a bound that is missing.
    """
    low, high = bounds
    signed = not gate and (low is None or low < 0)
    if low is None or high is None:
        end = largest if largest and np.isfinite(largest) else 1.0
        return Scale(-end if signed else 0.0, end, signed, own=True, palette=palette)
    end = max(-low, high)
    return Scale(-end if signed else low, end, signed, palette=palette)


def luminance(colours: npt.ArrayLike) -> Array:
    """Relative luminance of WCAG 2, 0 to 1, of red, green and blue (last axis, bytes)."""
    part = np.asarray(colours, np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


@cache
def _ramp(palette: Palette, signed: bool) -> Array:
    row = json.loads(_TABLE.read_text(encoding="utf-8"))[palette]["signed" if signed else "gate"]
    return np.frombuffer(bytes.fromhex(row), np.uint8).reshape(SHADES, 3)


@cache
def _light(palette: Palette, signed: bool) -> Array:
    ground = luminance(_ramp(palette, signed)) + 0.05
    return (luminance(LIGHT_INK) + 0.05) / ground > ground / (luminance(DARK_INK) + 0.05)
