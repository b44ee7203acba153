"""Where a continuation is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from unrolled.sources.vocabulary import Vocabulary

Until = Literal["token", "line"]


def in_words(character: str) -> bool:
    """Whether words and identifiers hold such a character: letters, digits, `_`."""
    return character.isalnum() or character == "_"


@dataclass(frozen=True)
class Endings:
    """Which symbols end a continuation.

    A token is a run of letters, digits and `_`, or one other character, and the blanks before it belong to it. A line
    ends at its newline or carriage return. So every text goes on with exactly one token and exactly one line: the
    probabilities of all of them add up to 1.

    words, blanks, newlines: `(symbols,)`, which symbols are such. Bytes from 128 on are parts of letters.
    """

    until: Until
    words: Tensor
    blanks: Tensor
    newlines: Tensor

    @classmethod
    def of(cls, vocabulary: Vocabulary, until: Until) -> Endings:
        """The endings in a vocabulary of characters or bytes."""
        symbols = vocabulary.symbols
        if vocabulary.kind == "bytes":
            symbols = [chr(byte) if byte < 0x80 else "é" for byte in range(256)]
        kinds = (in_words, " \t".__contains__, "\n\r".__contains__)
        return cls(until, *(torch.tensor([such(symbol) for symbol in symbols]) for such in kinds))

    def of_symbols(self, in_word: Tensor) -> tuple[Tensor, Tensor]:
        """Which symbols end continuations that are in a word or not `(continuations,)`.

        Returns:
            `(continuations, symbols)` twice: those that no longer belong to it, and those that are its last.
        """
        if self.until == "line":
            before = self.newlines.expand(len(in_word), -1)
            return before, torch.zeros_like(before)
        return in_word[:, None] & ~self.words, ~in_word[:, None] & ~(self.words | self.blanks)
