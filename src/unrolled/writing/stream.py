"""One text while it is written: bytes become characters, and after the stop string it is over."""

from __future__ import annotations

import codecs

import numpy as np
import numpy.typing as npt

from unrolled.sources.vocabulary import Vocabulary

Symbols = npt.NDArray[np.int64]


class Stream:
    """Takes the symbols of one text as they are written, some at a time.

    Args:
        vocabulary: of the symbols.
        stop: the symbols of the stop string; none where nothing ends the text.
    """

    def __init__(self, vocabulary: Vocabulary, stop: Symbols) -> None:
        self.over = False
        self._vocabulary, self._stop = vocabulary, stop
        self._last = stop[:0]  # of what was written: the stop string may have begun there
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, written: Symbols) -> Symbols:
        """Those of the symbols that still belong to the text: all, or up to the end of the stop string."""
        if self.over:
            return written[:0]
        size = len(self._stop)
        if not size:
            return written
        seen = np.concatenate([self._last, written])
        found = np.flatnonzero((_windows(seen, size) == self._stop).all(axis=1))
        if not len(found):
            self._last = seen[max(0, len(seen) - size + 1) :]
            return written
        self.over = True
        return written[: int(found[0]) + size - len(self._last)]

    def text(self, symbols: Symbols, *, final: bool = False) -> str:
        """Symbols that were taken as text; bytes that make no character yet are kept back unless it is the end."""
        return self._decoder.decode(self._vocabulary.decode_bytes(symbols), final=final or self.over)


def _windows(seen: Symbols, size: int) -> Symbols:
    return np.lib.stride_tricks.sliding_window_view(seen, size) if len(seen) >= size else seen[:0].reshape(0, size)
