"""What a network reads before it writes or completes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from unrolled.sources.tasks.task import EDGE
from unrolled.sources.vocabulary import Vocabulary


def edge_of(source: Mapping[str, object]) -> str:
    """What begins and ends every sequence of the source that a run learned from; empty for a text."""
    return EDGE if source.get("kind") == "task" else ""


def encode_prime(vocabulary: Vocabulary, text: str, *, edge: str = "", unknown: str = "error") -> Tensor:
    """A text as the symbols `(steps,)` of int64 to read from a zero state, at least one.

    Args:
        edge: what begins and ends every sequence of a task: what stands before the last one in the text is over, so it
            is read from there on. Empty for a text.
        unknown: what becomes of a character that the vocabulary lacks.

    Returns:
        The text's symbols; where there are none, a newline, or the first symbol where the vocabulary has no newline.

    Raises:
        VocabularyError: the text holds a character that the vocabulary lacks, and `unknown` is `error`.
    """
    read = vocabulary.encode(edge + text.rpartition(edge)[2] if edge else text, unknown)
    if not len(read):
        newline = vocabulary.kind == "bytes" or "\n" in vocabulary.symbols
        read = vocabulary.encode("\n") if newline else np.zeros(1, np.uint32)
    return torch.from_numpy(read.astype(np.int64))
