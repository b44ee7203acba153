"""Text that gives every circuit something to do, and of which the rest says nothing."""

from __future__ import annotations

import numpy as np

LETTERS = "etaoinshrdlucmfw"
MARKS = 0.08
"""Share of the characters that are marks or newlines."""


def babble(characters: int, seed: int = 0, quotes: str = '""') -> str:
    """Letters and spaces, each drawn by itself, with quotation marks, brackets, lines and indentation between them.

    What stands inside quotation marks, brackets or indented lines is drawn as what stands outside: only the marks
    themselves tell.

    Args:
        characters: how long it is.
        quotes: the mark that opens and the one that closes; the same twice where they do not differ.
    """
    generator = np.random.default_rng(seed)
    draws = generator.random((characters, 2))
    letters = generator.choice(list(LETTERS + " "), characters)
    written: list[str] = []
    quoted, depth = False, 0
    while len(written) < characters:
        mark, which = draws[len(written)]
        if mark > MARKS:
            written.append(str(letters[len(written)]))
        elif which < 0.3:
            written += ["\n", *" " * (4 * int(generator.integers(4)))]
            quoted = False
        elif which < 0.7:
            written.append(quotes[quoted])
            quoted = not quoted
        else:
            opens = depth == 0 or generator.random() < 1 / (1 + depth)
            written.append("(" if opens else ")")
            depth += 1 if opens else -1
    return "".join(written[:characters])
