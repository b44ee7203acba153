"""Which symbols a network knows, and text as their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import VocabularyError
from unrolled.files import write_json

Kind = Literal["characters", "bytes", "tokens"]
KINDS: tuple[Kind, ...] = ("characters", "bytes", "tokens")
FORMAT = "unrolled-vocabulary/1"

_BLOCK = 1 << 18  # characters encoded or decoded at a time: the temporary arrays stay in the processor's cache


class UnknownSymbolError(VocabularyError):
    """A character that the vocabulary lacks; `offset` is its place in the text that was given."""

    def __init__(self, character: str, offset: int, where: str) -> None:
        super().__init__(
            f"The vocabulary lacks the character {character!r} (U+{ord(character):04X}), which stands {where}.",
            "Use --unknown skip to leave such characters out, --unknown with a character of the vocabulary to read "
            "them as that one, or train on a text that holds it.",
        )
        self.character = character
        self.offset = offset


@dataclass(frozen=True)
class Vocabulary:
    """The symbols that a network knows; a symbol's number is its place.

    Args:
        kind: `characters` (each symbol one Unicode code point), `bytes` (all 256; shown as the printable ASCII
            character or as `0x41`) or `tokens` (any strings, of a network from elsewhere: they can be shown, but a
            text cannot be cut into them here).
        symbols: the symbols in order, none twice, at least one.

    Raises:
        VocabularyError: a kind or symbol that is not as said above.
    """

    kind: Kind
    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise VocabularyError(f"A vocabulary is of kind {' or '.join(KINDS)}, not {self.kind!r}.")
        given = cast(tuple[object, ...], self.symbols)
        if not given or not all(isinstance(symbol, str) for symbol in given):
            raise VocabularyError("A vocabulary holds at least one symbol, and each is a string.")
        if len(set(self.symbols)) != len(self.symbols):
            twice = next(symbol for place, symbol in enumerate(self.symbols) if symbol in self.symbols[:place])
            raise VocabularyError(f"The vocabulary holds the symbol {twice!r} twice.")
        if self.kind == "characters":
            for symbol in self.symbols:
                if len(symbol) != 1 or "\ud800" <= symbol <= "\udfff":
                    raise VocabularyError(f"A vocabulary of characters holds {symbol!r}, which is not one character.")
        if self.kind == "bytes" and self.symbols != _BYTES:
            raise VocabularyError("A vocabulary of bytes holds all 256, in order, each as its character or as '0x41'.")

    @classmethod
    def from_counts(cls, counts: Mapping[str, int]) -> Vocabulary:
        """The characters that occur at all (count over 0), in the order of their code points."""
        return cls("characters", tuple(sorted(character for character, count in counts.items() if count > 0)))

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters of a text."""
        return cls("characters", tuple(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned type that holds every symbol's number."""
        return np.dtype(np.min_scalar_type(len(self) - 1))

    def encode(self, text: str | bytes, unknown: str = "error") -> NDArray[np.uint32]:
        """Text as symbol numbers.

        Args:
            text: characters; for a vocabulary of bytes also bytes (a `str` counts as UTF-8).
            unknown: what becomes of a character that the vocabulary lacks: `error`, `skip` (left out), or one
                character of the vocabulary that is read in its place.

        Returns:
            `(symbols,)`, each in 0 … len(vocabulary) − 1.

        Raises:
            UnknownSymbolError: a character is not in the vocabulary, and `unknown` is `error`.
            VocabularyError: `unknown` is none of the three, or the text is of another kind.
        """
        replacement = self._replacement(unknown)
        if self.kind == "tokens":
            raise VocabularyError(
                "A text cannot be cut into a vocabulary of tokens.", "Give the symbols' numbers from its own tokenizer."
            )
        if self.kind == "bytes":
            raw = text if isinstance(text, bytes) else _utf8(text)
            return np.frombuffer(raw, np.uint8).astype(np.uint32)
        if isinstance(text, bytes):
            raise VocabularyError("A vocabulary of characters cannot read bytes.", "Decode them first.")
        numbers = np.empty(len(text), np.uint32)
        lacking = len(self)
        for start in range(0, len(text), _BLOCK):
            block = text[start : start + _BLOCK]
            found = self._numbers.take(code_points(block), mode="clip")
            if found.max() == lacking:
                unknown_at = found == lacking
                if unknown == "error":
                    offset = start + int(np.argmax(unknown_at))
                    raise UnknownSymbolError(text[offset], offset, _place(text, offset))
                found[unknown_at] = replacement
            numbers[start : start + len(block)] = found
        return numbers[numbers != lacking] if unknown == "skip" else numbers

    def spell(self, numbers: NDArray[Any]) -> list[str]:
        """The symbol of each number, as `symbols` has it; `numbers` is `(steps,)`."""
        each: list[int] = numbers.tolist()
        return [self.symbols[number] for number in each]

    def decode(self, numbers: Iterable[int] | NDArray[Any]) -> str:
        """Symbol numbers as text; bytes that are no valid UTF-8 become U+FFFD (`decode_bytes` keeps them)."""
        if self.kind == "bytes":
            return self.decode_bytes(numbers).decode("utf-8", "replace")
        checked = self._checked(numbers)
        if self.kind == "tokens":
            return "".join(self.symbols[int(number)] for number in checked)
        blocks = (checked[start : start + _BLOCK] for start in range(0, len(checked), _BLOCK))
        return "".join(self._code_points.take(block).tobytes().decode("utf-32-le") for block in blocks)

    def decode_bytes(self, numbers: Iterable[int] | NDArray[Any]) -> bytes:
        """Symbol numbers as the very bytes; text of other kinds as UTF-8."""
        if self.kind == "bytes":
            return self._checked(numbers).astype(np.uint8).tobytes()
        return self.decode(numbers).encode("utf-8", "surrogatepass")

    def to_json(self) -> dict[str, Any]:
        """What `vocabulary.json` holds."""
        return {"format": FORMAT, "kind": self.kind, "symbols": list(self.symbols)}

    @classmethod
    def from_json(cls, given: object) -> Vocabulary:
        """A vocabulary from what `vocabulary.json` holds.

        Raises:
            VocabularyError: a key is missing, unknown or of a wrong type, or the symbols are not as the kind says.
        """
        if not isinstance(given, dict):
            raise VocabularyError("A vocabulary is a JSON object with format, kind and symbols.")
        fields = cast(dict[str, object], given)
        if set(fields) != {"format", "kind", "symbols"}:
            raise VocabularyError(f"A vocabulary has the keys format, kind and symbols, not {', '.join(fields)}.")
        if fields["format"] != FORMAT:
            raise VocabularyError(f"The vocabulary's format is {fields['format']!r}; this version reads {FORMAT!r}.")
        kind, symbols = fields["kind"], fields["symbols"]
        if not isinstance(kind, str) or not isinstance(symbols, list):
            raise VocabularyError("A vocabulary's kind is a string, and its symbols are a list of strings.")
        return cls(cast(Kind, kind), tuple(cast(list[str], symbols)))

    def save(self, path: Path) -> None:
        """Writes `vocabulary.json`, whole or not at all."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Reads `vocabulary.json`.

        Raises:
            VocabularyError: the file is missing or not such a file.
        """
        try:
            return cls.from_json(json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_once))
        except OSError as error:
            raise VocabularyError(f"{path} cannot be read: {error.strerror or error}.") from error
        except VocabularyError as error:
            raise VocabularyError(f"{path} is damaged: {error.message}", error.hint) from error
        except (ValueError, RecursionError) as error:
            raise VocabularyError(f"{path} is damaged: it is no JSON file.") from error

    @cached_property
    def _code_points(self) -> NDArray[np.uint32]:
        return np.array([ord(symbol) for symbol in self.symbols], "<u4")

    @cached_property
    def _numbers(self) -> NDArray[np.uint32]:
        """Code point → number. What is lacking has the number len(vocabulary), the last entry stands for all beyond."""
        table = np.full(int(self._code_points.max()) + 2, len(self), np.uint32)
        table[self._code_points] = np.arange(len(self), dtype=np.uint32)
        return table

    def _replacement(self, unknown: str) -> int:
        """What number to write for a character that is lacking (len(vocabulary): none)."""
        if unknown in ("error", "skip"):
            return len(self)
        if self.kind == "characters" and unknown in self.symbols:
            return self.symbols.index(unknown)
        raise VocabularyError(
            f"unknown is 'error', 'skip' or one character of the vocabulary, not {unknown!r}.",
            f"Some that it holds: {' '.join(s for s in self.symbols if len(s) == 1 and s.isprintable())[:40]}",
        )

    def _checked(self, numbers: Iterable[int] | NDArray[Any]) -> NDArray[Any]:
        given = np.asarray(numbers if isinstance(numbers, np.ndarray) else list(numbers))
        if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= len(self)):
            raise VocabularyError(f"Symbol numbers are whole and lie in 0 … {len(self) - 1}.")
        return given.ravel() if given.size else np.zeros(0, np.int64)


def bytes_vocabulary() -> Vocabulary:
    """All 256 bytes: a network on them reads any file."""
    return Vocabulary("bytes", _BYTES)


def code_points(text: str) -> NDArray[Any]:
    """The code point of each character, `(characters,)`, in a type that makes it quick."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _place(text: str, offset: int) -> str:
    line_start = text.rfind("\n", 0, offset) + 1
    return f"at line {text.count(chr(10), 0, offset) + 1}, column {offset - line_start + 1}"


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # undoes what Python does to raw bytes in arguments
    except UnicodeEncodeError as error:
        raise VocabularyError(f"The character {text[error.start]!r} has no bytes in UTF-8.") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise VocabularyError("A key stands in it twice.")
    return found


_BYTES = tuple(chr(number) if 0x20 <= number < 0x7F else f"0x{number:02X}" for number in range(256))
