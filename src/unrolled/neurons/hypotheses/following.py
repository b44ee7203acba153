"""What comes next."""

from __future__ import annotations

import numpy as np

from unrolled.neurons.hypotheses.marking import Classes, code_points, symbol_classes


def next_symbol(text: str) -> Classes:
    """The symbol that follows, one class each; after the last one nothing is said.

    >>> label = next_symbol("abba")
    >>> label.names, label.codes.tolist()
    (('a', 'b'), [1, 1, 0, -1])
    """
    characters = code_points(text)
    return symbol_classes(np.roll(characters, -1), np.arange(1, len(text) + 1) < len(text))
