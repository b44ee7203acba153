"""Labels of a whole text, kept small and out of memory's way: one file a hypothesis, read a stretch at a time."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from unrolled.files import room
from unrolled.neurons.hypotheses.marking import Classes, Kind, Label, kind_of

Array: TypeAlias = npt.NDArray[Any]

UNSAID = -1
"""The code of a step about which a label says nothing."""
GROUPS = 16
"""Groups that a number is cut into, and classes that are told apart: the most frequent; the rest are one."""
RESIDENT = 64 << 20
"""Bytes of labels up to which all that was read lately stays in memory."""
AT_ONCE = 1 << 18
"""Steps of a control task that are drawn at a time."""


@dataclass(frozen=True, eq=False)
class Question:
    """A label of every step, as the finder asks it.

    Attributes:
        codes: `(steps,)` of int8, for counting: 0 and 1 of an answer, the group of a number, the class; −1 where it
            says nothing.
        numbers: `(steps,)` of float32 of a number, in standard deviations from its mean, 0 where it says nothing; None
            for the others.
        groups: how many codes there are.
        always: whether it says something at every step.
    """

    name: str
    kind: Kind
    codes: Array
    numbers: Array | None
    groups: int
    always: bool

    def first(self, steps: int) -> Question:
        """The same of the first steps alone."""
        return replace(self, codes=self.codes[:steps], numbers=None if self.numbers is None else self.numbers[:steps])

    def columns(self, steps: slice) -> Array:
        """What values are multiplied with, `(steps, columns)` of float32: the answer, the number, or one column a
        class; zero where it says nothing."""
        if self.numbers is not None:
            return self.numbers[steps][:, None]
        codes = self.codes[steps]
        if self.kind == "answer":
            return (codes == 1).astype(np.float32)[:, None]
        return (codes[:, None] == np.arange(self.groups, dtype=np.int8)).astype(np.float32)

    def said(self, steps: slice) -> Array:
        """Where it says something, `(steps,)` of float32."""
        return (self.codes[steps] != UNSAID).astype(np.float32)

    def varies(self, steps: slice, least: int) -> bool:
        """Whether it says `least` times at least something else than what it says most often."""
        counts = np.bincount(self.codes[steps].astype(np.int64) + 1, minlength=2)[1:]
        return int(counts.sum() - counts.max()) >= least

    def share(self, steps: slice) -> float | None:
        """Of an answer: the share of the steps at which it is yes."""
        return float((self.codes[steps] == 1).mean()) if self.kind == "answer" else None


class LabelStore:
    """Keeps labels in files of its own, so that memory does not grow with the text. No folder lists them: they go with
    the process, however it ends."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._maps: list[mmap.mmap] = []
        self._bytes = 0

    def __enter__(self) -> LabelStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._maps.clear()

    def ask(self, name: str, label: Label | Classes) -> Question:
        """Takes a label of every step."""
        kind = kind_of(label)
        if isinstance(label, Classes):
            codes, groups = _frequent(label.codes)
            return Question(name, kind, self.keep(codes), None, groups, bool((codes != UNSAID).all()))
        if kind == "answer":
            return Question(name, kind, self.keep(label.astype(np.int8)), None, 2, True)
        said = np.isfinite(label)
        label = _standardised(label, said)
        codes, groups = _grouped(label, said)
        numbers = np.where(said, label, 0.0).astype(np.float32)
        return Question(name, kind, self.keep(codes), self.keep(numbers), groups, bool(said.all()))

    def pending(self, name: str) -> LateQuestion:
        """A number that becomes known while the text is read."""
        codes = self.keep(np.full(self.steps, UNSAID, np.int8))
        return LateQuestion(name, "number", codes, self.keep(np.zeros(self.steps, np.float32)), GROUPS, always=False)

    def room(self, shape: tuple[int, ...], dtype: type[np.generic]) -> Array:
        """An array of zeros in a file of its own.

        Raises:
            DiskFullError: there is no room for it.
        """
        size = max(1, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        hint = "Free some space there, or name a folder on another disk by TMPDIR."
        with room(Path(gettempdir()) / "unrolled-labels", hint), TemporaryFile(prefix="unrolled-labels-") as file:
            _claim(file.fileno(), size)  # a hole in a file that is mapped would end the process once the disk is full
            self._maps.append(mmap.mmap(file.fileno(), size))
        self._bytes += size
        return np.frombuffer(self._maps[-1], dtype, int(np.prod(shape))).reshape(shape)

    @property
    def large(self) -> bool:
        """Whether memory should not hold all labels at a time."""
        return self._bytes > RESIDENT

    def let_go(self) -> None:
        """Keeps nothing in memory of what was read or written so far; it is read again from the files when needed."""
        for each in self._maps:
            if hasattr(mmap, "MADV_DONTNEED"):
                each.madvise(mmap.MADV_DONTNEED)

    def keep(self, values: Array) -> Array:
        """The same values, in a file of their own."""
        kept = self.room(values.shape, values.dtype.type)
        kept[:] = values
        self.let_go()
        return kept


@dataclass(frozen=True, eq=False)
class LateQuestion(Question):
    """A number that is written down step by step."""

    def write(self, steps: slice, values: Array) -> None:
        """Takes the numbers of some steps, NaN where there is none. Groups are of equal width, up to 8."""
        assert self.numbers is not None
        said = np.isfinite(values)
        self.numbers[steps] = np.where(said, values, 0.0)
        self.codes[steps] = np.where(said, np.clip(np.nan_to_num(values) * GROUPS / 8, 0, GROUPS - 1), UNSAID)


def control_task(name: str, question: Question, symbols: Array, store: LabelStore, seed: int) -> Question:
    """A task that only memory of the text's own symbols can solve: what the control says depends, by chance, on the
    last three symbols, and each answer is as frequent as the hypothesis' own (Hewitt and Liang 2019).

    Args:
        symbols: `(steps,)`, whole numbers.
    """
    generator = np.random.default_rng([seed, crc32(name.encode())])
    drawn = generator.integers(len(symbols), size=1 << 16)
    codes = store.room(question.codes.shape, np.int8)
    numbers = None if question.numbers is None else store.room(question.numbers.shape, np.float32)
    for start in range(0, len(symbols), AT_ONCE):
        steps = slice(start, min(start + AT_ONCE, len(symbols)))
        which = drawn[_stirred(symbols, steps)]
        codes[steps] = question.codes[which]
        if numbers is not None and question.numbers is not None:
            numbers[steps] = question.numbers[which]
    store.let_go()
    return Question(name, question.kind, codes, numbers, question.groups, question.always)


def _stirred(symbols: Array, steps: slice) -> Array:
    """A number of 16 bits that the last three symbols give, of some steps."""
    first = max(0, steps.start - 2)
    before = np.concatenate(
        [np.zeros(2 + first - steps.start, np.uint64), symbols[first : steps.stop].astype(np.uint64)]
    )
    mixed = (before[2:] * np.uint64(1_000_003) + before[1:-1]) * np.uint64(998_244_353) + before[:-2]
    mixed ^= mixed >> np.uint64(29)
    return (mixed * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(48)


def _claim(file: int, size: int) -> None:
    """Lets a file have so many bytes, all zero, and room for them on the disk."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        os.write(file, zeros[: size - start])


def _standardised(label: Array, said: Array) -> Array:
    """In standard deviations from its mean, whatever its unit: sums of squares neither vanish nor overflow."""
    if not said.any():
        return label
    label = label / max(float(np.abs(label[said]).max()), np.finfo(np.float64).tiny)
    spread = float(label[said].std())
    return (label - label[said].mean()) / (spread if spread > 0 else 1.0)


def _frequent(codes: Array) -> tuple[Array, int]:
    """The most frequent classes, and the rest as one."""
    counts = np.bincount(codes[codes >= 0].astype(np.int64), minlength=1)
    if len(counts) <= GROUPS:
        return codes.astype(np.int8), len(counts)
    order = np.argsort(-counts, kind="stable")
    new = np.full(len(counts) + 1, GROUPS - 1, np.int8)
    new[order[: GROUPS - 1]] = np.arange(GROUPS - 1)
    new[-1] = UNSAID
    return new[codes], GROUPS


def _grouped(label: Array, said: Array) -> tuple[Array, int]:
    """Numbers in groups of about equal size; no value is in two of them."""
    if not said.any():
        return np.full(len(label), UNSAID, np.int8), 1
    edges = np.unique(np.quantile(label[said], np.arange(1, GROUPS) / GROUPS))
    codes = np.searchsorted(edges, label, side="left").astype(np.int8)
    codes[~said] = UNSAID
    return codes, len(edges) + 1
