"""What stands at each step of a traced model: labels that were given, or the whole numbers that it read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import numpy as np
from torch import Tensor

from unrolled.errors import ModelError
from unrolled.traces.chunks import Array
from unrolled.traces.format import SymbolsInfo

Labels: TypeAlias = str | Sequence[str] | Sequence[Sequence[str]]


def symbols_of(
    labels: Labels | None, names: Sequence[str] | None, inputs: object, lengths: Sequence[int], batch_first: bool
) -> tuple[SymbolsInfo, Array | None]:
    """The symbols of all sequences in a row, `(steps,)`, and what they are called.

    Args:
        labels: of each step; for several sequences one entry a sequence. A string has one label a character.
        names: what the whole numbers that the model reads are called, by number.
        inputs: what the model was given.
        lengths: steps of each sequence.
        batch_first: how to read a square tensor of whole numbers.

    Raises:
        ModelError: labels and steps do not fit.
    """
    if labels is not None:
        return _from_labels(labels, lengths)
    numbers = _whole_numbers(inputs, lengths, batch_first)
    if numbers is None:
        if names is not None:
            raise ModelError(
                "names= are for a model that reads whole numbers, and this one does not.", "Give symbols=."
            )
        return SymbolsInfo(kind="none"), None
    if names is not None:
        if numbers.min() < 0 or numbers.max() >= len(names):
            raise ModelError(f"The model reads the number {int(numbers.max())}, but there are {len(names)} names=.")
        return _described(list(names)), numbers.astype(np.uint32)
    known, places = np.unique(numbers, return_inverse=True)
    return SymbolsInfo(kind="tokens", vocabulary=tuple(map(str, known.tolist()))), places.astype(np.uint32)


def _from_labels(labels: Labels, lengths: Sequence[int]) -> tuple[SymbolsInfo, Array]:
    single = len(lengths) == 1 and all(isinstance(label, str) for label in labels)
    parts = [labels] if single and (isinstance(labels, str) or len(labels) == lengths[0]) else labels
    if isinstance(parts, str) or [len(part) for part in parts] != list(lengths):
        given = len(labels) if isinstance(parts, str) else ", ".join(str(len(part)) for part in parts)
        raise ModelError(
            f"symbols= has {given} labels, but the model ran over {', '.join(map(str, lengths))} steps.",
            "Give one label a step; for several sequences, one string or list a sequence.",
        )
    flat = [str(label) for part in parts for label in part]
    order = {label: place for place, label in enumerate(sorted(set(flat)))}
    return _described(list(order)), np.array([order[label] for label in flat], np.uint32)


def _described(vocabulary: list[str]) -> SymbolsInfo:
    characters = all(len(label) == 1 for label in vocabulary)
    return SymbolsInfo(kind="characters" if characters else "tokens", vocabulary=tuple(vocabulary))


def _whole_numbers(inputs: object, lengths: Sequence[int], batch_first: bool) -> Array | None:
    """The numbers that were read, where one of the inputs is a tensor of them that fits the steps."""
    given = list(cast(Mapping[str, object], inputs).values()) if isinstance(inputs, Mapping) else inputs
    candidates = cast(Sequence[object], given) if isinstance(given, (tuple, list)) else [given]
    for tensor in candidates:
        if not isinstance(tensor, Tensor) or tensor.is_floating_point() or tensor.is_complex():
            continue
        values = tensor.detach().cpu().numpy().astype(np.int64)
        if values.ndim == 1:
            values = values[None]
        if values.ndim != 2:
            continue
        shape = (len(lengths), max(lengths))
        if values.shape == shape[::-1] and (values.shape != shape or not batch_first):
            values = values.T
        if values.shape[0] == shape[0] and values.shape[1] >= shape[1]:
            return np.concatenate([row[:length] for row, length in zip(values, lengths, strict=True)])
    return None
