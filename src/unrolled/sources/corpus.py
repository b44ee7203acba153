"""A source read once into symbol numbers, ready for training and recording."""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import DiskFullError, SettingsError, SourceError, UnknownNameError, VocabularyError
from unrolled.progress import Progress, silent
from unrolled.sources.source import Block, Source
from unrolled.sources.vocabulary import UnknownSymbolError, Vocabulary, code_points

PartName = Literal["train", "validation", "test", "all"]
PARTS: tuple[PartName, ...] = ("train", "validation", "test", "all")

_IN_MEMORY = 16 << 20  # bytes; more than that is kept in a file


@dataclass(frozen=True)
class Parts:
    """How a text is divided: train, validation and test, in this order of the text.

    Args:
        validation: the fraction that training is watched by, 0 or more.
        test: the fraction at the end that is kept for the last measurement, 0 or more.

    Raises:
        SettingsError: a fraction is negative, or nothing is left to train on.
    """

    validation: float = 0.05
    test: float = 0.05

    def __post_init__(self) -> None:
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise SettingsError(
                "The validation and test parts are fractions, 0 or more and together below 1, "
                f"not {self.validation} and {self.test}."
            )

    def bounds(self, name: PartName, length: int) -> tuple[int, int]:
        """Where a part begins and ends in a text of `length` symbols; the three tile it."""
        # Fractions of what was written: 1 - 0.05 - 0.05 is a little less than 0.9 in floating point.
        test = Fraction(str(self.test))
        train_stop = floor(length * (1 - test - Fraction(str(self.validation))))
        test_start = floor(length * (1 - test))
        bounds: dict[PartName, tuple[int, int]] = {
            "train": (0, train_stop),
            "validation": (train_stop, test_start),
            "test": (test_start, length),
            "all": (0, length),
        }
        if name not in bounds:
            raise UnknownNameError("part", name, PARTS)
        return bounds[name]


@dataclass(frozen=True)
class Part:
    """A part of a corpus.

    Args:
        name: `train`, `validation`, `test` or `all`.
        start: its first symbol's place in the corpus.
        symbols: `(symbols,)`, a view.
        boundaries: int64 `(sequences, 2)`, start and stop of each sequence within the part.
    """

    name: PartName
    start: int
    symbols: NDArray[Any]
    boundaries: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def sequences(self) -> list[NDArray[Any]]:
        """The symbols of each sequence, views."""
        return [self.symbols[start:stop] for start, stop in self.boundaries]


@dataclass(frozen=True)
class Corpus:
    """A source as symbol numbers.

    Args:
        source: where it came from.
        vocabulary: what the numbers stand for.
        symbols: `(symbols,)`, read-only, of the smallest type of uint8, uint16, uint32; when it is large it lies in a
            nameless file that is mapped into memory, so that memory does not grow with the text.
        boundaries: int64 `(sequences, 2)`, start and stop of each sequence (an example of a task, or the whole text).
        sha256: of the text that was read (characters as UTF-8), before unknown characters were left out or replaced.
        files: how many files (or examples) it came from.
        parts: how it is divided.
    """

    source: Source
    vocabulary: Vocabulary
    symbols: NDArray[Any]
    boundaries: NDArray[np.int64]
    sha256: str
    files: int
    parts: Parts = field(default_factory=Parts)

    def __len__(self) -> int:
        return len(self.symbols)

    def part(self, name: PartName) -> Part:
        """A part of it. A task holds nothing back, as training draws its own examples: each part is the whole.

        Raises:
            UnknownNameError: there is no such part.
            SourceError: the part is empty or too short (a prediction needs two symbols).
        """
        start, stop = self.parts.bounds(name, len(self))
        if self.source.kind == "task":
            return Part(name, 0, self.symbols, self.boundaries)
        if stop - start < 2:
            many = {0: "no symbol", 1: "one symbol"}[stop - start]
            what = self.source.name if name == "all" else f"The {name} part of {self.source.name}"
            raise SourceError(f"{what} has {many}; it takes two to predict one from the other.", self._longer(name))
        return Part(name, start, self.symbols[start:stop], np.array([[0, stop - start]]))

    def _longer(self, name: PartName) -> str:
        """What to do about a part that is too short."""
        if (limit := self.source.describe().get("limit")) is not None:
            return f"The --limit is {limit}: raise it{'.' if name == 'all' else ', or choose the part all.'}"
        if name == "all":
            return "Give a longer text."
        divided = "how a text is divided is settled when the run is trained (--validation, --test)"
        return f"Give a longer text or choose the part all; {divided}."

    def describe(self) -> dict[str, Any]:
        """What a run's settings keep of it: the source, its length in symbols, its hash."""
        return {
            **self.source.describe(),
            "length": len(self),
            "sequences": len(self.boundaries),
            "files": self.files,
            "sha256": self.sha256,
        }


def prepare(
    source: Source,
    vocabulary: Vocabulary | None = None,
    folder: Path | None = None,
    *,
    unknown: str = "error",
    parts: Parts | None = None,
    progress: Progress = silent,
) -> Corpus:
    """Reads a source, twice where its vocabulary has to be found first; memory does not grow with its length.

    Args:
        source: what to read.
        vocabulary: of the network that will read it; by default the source's own, or every character that occurs.
        folder: where the file of a large corpus lies (nameless, gone with the corpus); by default among the
            system's temporary files.
        unknown: what becomes of a character that the vocabulary lacks, see `Vocabulary.encode`.
        parts: how it is divided.
        progress: called with the symbols read so far; the total is 0 where nobody knows it, which is but for the second
            of two readings.

    Raises:
        SourceError: the source is empty or cannot be read.
        VocabularyError: it holds what the vocabulary lacks, or is of another kind.
        DiskFullError: there is no room for the file.
    """
    if vocabulary is not None and vocabulary.kind != "bytes" and source.symbols == "bytes":
        raise VocabularyError(
            f"The network reads {vocabulary.kind}, but {source.name} was opened as bytes.", "Open it as characters."
        )
    vocabulary, total = vocabulary or source.vocabulary, 0
    own = vocabulary is None
    if vocabulary is None:
        vocabulary, total = _vocabulary_of(source, progress)
    store = _Store(vocabulary.dtype, folder)
    digest = hashlib.sha256()
    starts = [0]
    where = _Where()
    for block in source.blocks():
        where.enter(block)
        if block.begins_sequence and store.length > starts[-1]:
            starts.append(store.length)
        try:
            store.append(vocabulary.encode(block.text, unknown))
        except UnknownSymbolError as error:
            if own:
                raise SourceError(f"{block.place} changed while it was read.", "Try again.") from error
            raise where.named(error, str(block.text)) from error
        digest.update(_as_bytes(block))
        where.leave(block)
        progress(store.length, total)
    if not store.length:
        what = "holds no character that the vocabulary knows" if where.read else "is empty"
        raise SourceError(f"{source.name} {what}.", "Give a text to read.")
    boundaries = np.array([starts, [*starts[1:], store.length]], np.int64).T.copy()
    return Corpus(source, vocabulary, store.finish(), boundaries, digest.hexdigest(), where.files, parts or Parts())


def _vocabulary_of(source: Source, progress: Progress) -> tuple[Vocabulary, int]:
    """Every character of a source, and how many there are in all."""
    counts = np.zeros(0x110000, np.int64)
    read = 0
    for block in source.blocks():
        found = np.bincount(code_points(str(block.text)))
        counts[: len(found)] += found
        read += len(block.text)
        progress(read, 0)
    if not read:
        raise SourceError(f"{source.name} is empty.", "Give a text to read.")
    return Vocabulary.from_counts({chr(point): int(counts[point]) for point in np.flatnonzero(counts)}), read


class _Where:
    """Keeps count of files, lines and columns, so that an error can name them."""

    def __init__(self) -> None:
        self.read = self.files = 0
        self._place = ""
        self._line = self._column = 1

    def enter(self, block: Block) -> None:
        if block.place != self._place:
            self._place, self._line, self._column = block.place, 1, 1
            self.files += 1

    def leave(self, block: Block) -> None:
        self.read += len(block.text)
        if isinstance(block.text, str):
            self._line, self._column = self._behind(block.text)

    def named(self, error: UnknownSymbolError, text: str) -> UnknownSymbolError:
        """The error with its place in the whole source."""
        line, column = self._behind(text[: error.offset])
        where = f"at line {line}, column {column} of {self._place}"
        return UnknownSymbolError(error.character, self.read + error.offset, where)

    def _behind(self, text: str) -> tuple[int, int]:
        newlines = text.count("\n")
        return self._line + newlines, len(text) - text.rfind("\n") if newlines else self._column + len(text)


def _as_bytes(block: Block) -> bytes:
    return block.text if isinstance(block.text, bytes) else block.text.encode("utf-8", "surrogatepass")


class _Store:
    """Numbers, kept in memory while they are few, then in a file without a name."""

    def __init__(self, dtype: np.dtype[Any], folder: Path | None) -> None:
        self.length = 0
        self._dtype = dtype
        self._folder = folder
        self._pieces: list[NDArray[Any]] = []
        self._file: IO[bytes] | None = None

    def append(self, numbers: NDArray[Any]) -> None:
        self.length += len(numbers)
        self._pieces.append(numbers.astype(self._dtype))
        if self._file or self.length * self._dtype.itemsize > _IN_MEMORY:
            self._write()

    def finish(self) -> NDArray[Any]:
        if not self._file:
            numbers = np.concatenate(self._pieces)
            numbers.flags.writeable = False
            return numbers
        with self._file as file:
            file.flush()
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), self._dtype)

    def _write(self) -> None:
        try:
            if not self._file:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 (closed by finish, or with this)
            for piece in self._pieces:
                self._file.write(piece.tobytes())
            self._pieces.clear()
        except OSError as error:
            raise DiskFullError(
                f"There is no room to keep the text's symbols: {error.strerror}.",
                "Make room where temporary files lie (TMPDIR).",
            ) from error
