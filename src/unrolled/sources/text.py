"""A text of any size as a source: files decoded piece by piece."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from unrolled.errors import SettingsError, SourceError
from unrolled.sources.archives import Limits, compressed_file, compressed_tar_files, kind_of, tar_files, zip_files
from unrolled.sources.members import Opener, chosen, folder_files, one_file, unreadable
from unrolled.sources.source import Block, Symbols
from unrolled.sources.vocabulary import Vocabulary, bytes_vocabulary

_BLOCK = 1 << 20  # bytes read at a time
ARCHIVES = frozenset({".zip", ".whl", ".jar", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz"})
"""Endings of archives that are read."""
_MARKS = {  # the byte order marks that the encoding must deal with; a UTF-8 one is dropped
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class NotTextError(SourceError):
    """A file that is no text in the encoding that was named."""


@dataclass(frozen=True)
class Reading:
    """How a text is read.

    Args:
        include: patterns that choose files of a folder or archive, see `unrolled.sources.members.chosen`.
        encoding: of the characters, by any name that Python knows; not used for bytes.
        symbols: `characters` or `bytes`.
        limit: read at most so many symbols.
        limits: how much an archive may unpack to.

    Raises:
        SettingsError: one of them is not allowed.
    """

    include: tuple[str, ...] = ()
    encoding: str = "utf-8"
    symbols: Symbols = "characters"
    limit: int | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.symbols not in ("characters", "bytes"):
            raise SettingsError(f"symbols is 'characters' or 'bytes', not {self.symbols!r}.")
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"limit is at least 1 symbol, not {self.limit}.")
        if any(not pattern.removeprefix("!") for pattern in self.include):
            raise SettingsError("An include pattern is empty.", "For example --include '*.java'.")
        try:
            io.TextIOWrapper(io.BytesIO(), self.encoding)  # refuses what is no encoding of text, such as rot13
            codecs.getincrementaldecoder(self.encoding)
        except (LookupError, ValueError) as error:
            raise SettingsError(
                f"There is no text encoding {self.encoding!r}.",
                "Common ones: utf-8, utf-16, latin-1, cp1252, shift_jis, gb18030.",
            ) from error


@dataclass(frozen=True)
class TextSource:
    """One running text: a file, or the files of a folder or archive one after the other, sorted by path.

    A file that does not end in a newline gets one before the next file begins, so that no two lines run into one;
    nothing else is changed (carriage returns stay), but for a UTF-8 byte order mark, which is dropped. Read as bytes,
    nothing at all is changed. Where no `include` chooses the files, those that are no text are passed over and listed
    in `skipped`. See `unrolled.sources.source.Source`.
    """

    name: str
    files: Opener
    several: bool
    reading: Reading = field(default_factory=Reading)
    kind: Literal["text", "task"] = "text"
    skipped: list[str] = field(default_factory=list[str], compare=False)

    @property
    def symbols(self) -> Symbols:
        """What a symbol is."""
        return self.reading.symbols

    @property
    def vocabulary(self) -> Vocabulary | None:
        """All bytes, where it is read as bytes."""
        return bytes_vocabulary() if self.symbols == "bytes" else None

    def blocks(self) -> Iterator[Block]:
        """The text, at most `limit` symbols of it.

        Raises:
            SourceError: a file cannot be read or decoded, or none is left.
        """
        left = self.reading.limit
        for block in self._all_blocks():
            if left is not None and len(block.text) >= left:
                yield Block(block.text[:left], block.place)
                return
            left = None if left is None else left - len(block.text)
            yield block

    def describe(self) -> dict[str, Any]:
        """Name, kind and how it is read."""
        return {
            "name": self.name,
            "kind": self.kind,
            "symbols": self.symbols,
            "include": list(self.reading.include),
            "encoding": self.reading.encoding if self.symbols == "characters" else None,
            "limit": self.reading.limit,
        }

    def _all_blocks(self) -> Iterator[Block]:
        self.skipped.clear()
        unended = ""  # the file before, if its last line has no end
        with self.files() as members:
            found = chosen(members, self.reading.include, self.name) if self.several else members.found
            if self.reading.limit is None:
                members.expect(sum(member.size for member in found))
            for member in found:
                place = f"{member.path} in {self.name}" if self.several else self.name
                with _named(member.open, place) as file:
                    pieces = self._text(file, place)
                    try:
                        piece = next(pieces, None)
                    except NotTextError:
                        if not self.several or self.reading.include:
                            raise
                        self.skipped.append(member.path)
                        continue
                    if piece and unended:
                        yield Block("\n", unended)
                    while piece:
                        yield Block(piece, place)
                        unended = "" if isinstance(piece, bytes) or piece.endswith("\n") else place
                        piece = next(pieces, None)
        if len(self.skipped) == len(found):
            raise NotTextError(
                f"None of the {len(found)} files in {self.name} is text in {self.reading.encoding}.",
                f"It holds the archive {inner}: unpack that and give it by itself."
                if (inner := next((path for path in self.skipped if Path(path).suffix.lower() in ARCHIVES), None))
                else "Name another --encoding, or read them as they are by --symbols bytes.",
            )

    def _text(self, file: IO[bytes], place: str) -> Iterator[str] | Iterator[bytes]:
        return _pieces(file, place) if self.symbols == "bytes" else _decoded(file, place, self.reading.encoding)


def _named(opener: Callable[[], IO[bytes]], place: str) -> IO[bytes]:
    try:
        return opener()
    except OSError as error:
        raise unreadable(place, error) from error


def _pieces(file: IO[bytes], place: str) -> Iterator[bytes]:
    while True:
        try:
            piece = file.read(_BLOCK)
        except OSError as error:
            raise unreadable(place, error) from error
        if not piece:
            return
        yield piece


def _decoded(file: IO[bytes], place: str, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    pieces = _pieces(file, place)
    piece = next(pieces, b"")
    read = 0
    if codecs.lookup(encoding).name == "utf-8":
        mark = next((mark for mark in _MARKS if piece.startswith(mark)), None)
        if mark:
            raise NotTextError(f"{place} is no UTF-8 but begins with a mark of {_MARKS[mark]}.", _hint(_MARKS[mark]))
        if piece.startswith(codecs.BOM_UTF8):
            read = len(codecs.BOM_UTF8)
            piece = piece[read:]
    while piece:
        following = next(pieces, b"")
        if not wide and (zero := piece.find(0)) >= 0:
            raise NotTextError(f"{place} is no text: it holds a zero byte at byte {read + zero}.", _hint("utf-16"))
        read += len(piece)
        try:
            text = decoder.decode(piece, final=not following)
        except UnicodeDecodeError as error:
            at = read - len(error.object) + error.start
            what = f"byte 0x{error.object[error.start]:02X} at byte {at}"
            raise NotTextError(
                f"{place} is no text in {encoding}: {what} ({error.reason}).", _hint("latin-1")
            ) from error
        except UnicodeError as error:
            raise NotTextError(f"{place} is no text in {encoding}: {error}.", _hint("latin-1")) from error
        if text:
            yield text
        piece = following


def _hint(encoding: str) -> str:
    return f"Name its encoding, such as --encoding {encoding}, or read it as it is by --symbols bytes."


def text_at(path: Path, name: str, reading: Reading) -> TextSource:
    """The text in a file, folder or archive.

    Args:
        path: where it lies; what it is shows in its first bytes, whatever it is called.
        name: how the user called it.
        reading: how it is read.

    Raises:
        SourceError: the path is missing or of a kind that cannot be read.
        SettingsError: `include` was given for a single file.
    """
    kind = "folder" if _is_folder(path) else kind_of(path)
    files: Opener
    match kind:
        case "folder":
            files = partial(folder_files, path)
        case "zip":
            files = partial(zip_files, path, reading.limits)
        case "tar":
            files = partial(tar_files, path, reading.limits)
        case "compressed tar":
            files = partial(compressed_tar_files, path, reading.limits)
        case "compressed file":
            files = partial(compressed_file, path, reading.limits)
        case _:
            if path.suffix.lower() in ARCHIVES:
                raise SourceError(
                    f"{name} is called {path.suffix} but is none.",
                    "Fetch or pack it again; if it is a text, rename it.",
                )
            files = partial(one_file, path)
    several = kind not in ("text", "compressed file")
    if reading.include and not several:
        raise SettingsError(f"{name} is one file; --include chooses among those of a folder or an archive.")
    return TextSource(name, files, several, reading)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError) as error:
        raise unreadable(repr(str(path)), error) from error
