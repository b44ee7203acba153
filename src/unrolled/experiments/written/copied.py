"""What was learned by heart: the longest run of a text that stands in another, word for word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unrolled.neurons.hypotheses.marking import code_points

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
"""There is one as the base is odd; sums are modulo 2⁶⁴."""
_PIECE, _SIEVE = 1 << 22, 24


def longest_copied(text: str, training: str) -> str:
    """The longest run of `text` that `training` holds too; the first of several.

    By halving: where a run of some length is copied, so is every shorter one. All runs of one length are compared by
    their hashes, and what these find by the texts themselves.
    """
    written, known = code_points(text), code_points(training)
    best = (0, 0)
    shortest, longest = 1, min(len(written), len(known))
    while shortest <= longest:
        length = (shortest + longest) // 2
        start = _find_copied(text, training, written, known, length)
        if start is None:
            longest = length - 1
        else:
            best, shortest = (start, length), length + 1
    return text[best[0] : best[0] + best[1]]


def _find_copied(
    text: str, training: str, written: npt.NDArray[np.uint32], known: npt.NDArray[np.uint32], length: int
) -> int | None:
    """Where the first run of `length` starts that the training text holds."""
    wanted = _hashes(written, length)
    sieve = np.zeros(1 << _SIEVE, bool)
    sieve[_top(wanted)] = True
    common = np.zeros(len(wanted), bool)
    for begin in range(0, len(known) - length + 1, _PIECE):
        there = _hashes(known[begin : begin + _PIECE + length - 1], length)
        common |= np.isin(wanted, there[sieve[_top(there)]])
    # Two runs may have one hash, if ever so rarely.
    return next((at for at in np.flatnonzero(common).tolist() if text[at : at + length] in training), None)


def _top(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The first bits of hashes, by which most can be told apart quickly."""
    return hashes >> np.uint64(64 - _SIEVE)


def _hashes(numbers: npt.NDArray[np.uint32], length: int) -> npt.NDArray[np.uint64]:
    """A number for every run of `length`: Σ n·Bᵏ over the run, k from its start, modulo 2⁶⁴ (Rabin and Karp 1987)."""
    terms = numbers.astype(np.uint64) * _powers(_BASE, len(numbers))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])
    starts = len(numbers) - length + 1
    return (sums[length:] - sums[:starts]) * _powers(_INVERSE, starts)


def _powers(base: int, count: int) -> npt.NDArray[np.uint64]:
    """1, B, B², …, modulo 2⁶⁴."""
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)
