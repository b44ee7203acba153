"""Archives, read in place: nothing is ever unpacked under a name, whatever an archive says."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from unrolled.errors import DiskFullError, SourceError
from unrolled.sources.members import Member, Members, open_file

_BLOCK = 1 << 20
_FOREIGN = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR", b"\x28\xb5\x2f\xfd": "Zstandard"}
_DAMAGE = (  # what the readers raise on made-up bytes
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(ValueError, OverflowError, LookupError, RuntimeError),
)


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to, so that a few bytes cannot fill the machine.

    Args:
        total: bytes at most, counted while they are read, not believed.
        ratio: at most so many times the archive's own size …
        grace: … once more than this many bytes have come out.
    """

    total: int = 4 << 30
    ratio: int = 200
    grace: int = 64 << 20


@dataclass
class Meter:
    """Counts what comes out of an archive and stops it at the limits."""

    name: str
    packed: int
    limits: Limits
    unpacked: int = field(default=0)

    @classmethod
    def of(cls, path: Path, file: IO[bytes], limits: Limits) -> Meter:
        """A meter for an archive that is open."""
        return cls(repr(str(path)), os.fstat(file.fileno()).st_size, limits)

    def count(self, size: int) -> None:
        """Counts `size` more bytes.

        Raises:
            SourceError: that is more than the limits allow.
        """
        self.unpacked += size
        self.expect(self.unpacked)

    def expect(self, size: int) -> None:
        """Refuses what is over the limits; the sizes that an archive declares can lie, so what is read is counted too.

        Raises:
            SourceError: `size` bytes are more than the limits allow.
        """
        if size > self.limits.total:
            raise SourceError(
                f"{self.name} unpacks to more than {self.limits.total} bytes, the most that is read from an archive.",
                "Choose fewer files by --include, or unpack it and give the folder.",
            )
        if size > max(self.limits.grace, self.limits.ratio * self.packed):
            raise SourceError(
                f"{self.name} ({self.packed} bytes) unpacks to more than {self.limits.ratio} times its size, "
                "as only an archive made to do harm does.",
                "Unpack it and give the folder if you trust it.",
            )

    def watch(self, *files: IO[bytes]) -> IO[bytes]:
        """The first file, its bytes counted as they are read; closing it closes all (those that lie below it)."""
        return cast("IO[bytes]", io.BufferedReader(_Watched(files, self), _BLOCK))


class _Watched(io.RawIOBase):
    """A stream that counts, and calls damage by its name."""

    def __init__(self, files: tuple[IO[bytes], ...], meter: Meter) -> None:
        self._files = files
        self._meter = meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _damage_named(self._meter.name):
            data = self._files[0].read(len(buffer))
        self._meter.count(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def kind_of(path: Path) -> str:
    """What a file is by its first bytes: `zip`, `tar`, `compressed tar`, `compressed file`, or `text` for all else.

    Raises:
        SourceError: the file cannot be read, or is an archive of a kind that we do not read.
    """
    with open_file(path) as file:
        head = file.read(512)
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise SourceError(f"{str(path)!r} is a {name} archive.", "Zip and tar (gz, bz2, xz) are read; pack it so.")
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    if _decompressor(head):
        with _decompressed(path, Limits()) as file:
            return "compressed tar" if _is_tar(file.read(512)) else "compressed file"
    return "tar" if _is_tar(head) else "text"


@contextmanager
def zip_files(path: Path, limits: Limits) -> Generator[Members, None, None]:
    """The files of a zip (wheel, jar, …); links and folders are left out.

    Raises:
        SourceError: it is damaged, encrypted, or made to do harm.
    """
    with open_file(path) as file:
        meter = Meter.of(path, file, limits)
        with _damage_named(meter.name):
            archive = zipfile.ZipFile(file)
            entries = archive.infolist()
        members: list[Member] = []
        links = 0
        for entry in entries:
            if entry.external_attr >> 28 == 0xA:  # the Unix file type of a symbolic link
                links += 1
            elif not entry.is_dir():
                members.append(
                    Member(_safe(entry.filename, meter.name), _zip_opener(archive, entry, meter), entry.file_size)
                )
        yield Members(_once(members, meter.name), links, meter.expect)


def _zip_opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: Meter) -> Callable[[], IO[bytes]]:
    def open_entry() -> IO[bytes]:
        if entry.flag_bits & 1:
            raise SourceError(f"{meter.name} is encrypted.", "Unpack it with its password and give the folder.")
        with _damage_named(meter.name):
            return meter.watch(archive.open(entry))

    return open_entry


@contextmanager
def tar_files(path: Path, limits: Limits) -> Generator[Members, None, None]:
    """The files of a plain tar; links, devices and folders are left out.

    Raises:
        SourceError: it is damaged or made to do harm.
    """
    with open_file(path) as file, _tar_members(file, Meter.of(path, file, limits)) as members:
        yield members


@contextmanager
def compressed_tar_files(path: Path, limits: Limits) -> Generator[Members, None, None]:
    """The files of a compressed tar.

    It can only be read from its beginning; so as to read its files in their order, it is first decompressed into a
    nameless temporary file.

    Raises:
        SourceError: it is damaged or made to do harm.
        DiskFullError: there is no room for the temporary file.
    """
    with _decompressed(path, limits) as file, tempfile.TemporaryFile() as temporary:
        try:
            while block := file.read(_BLOCK):
                temporary.write(block)
            temporary.seek(0)
        except OSError as error:
            raise DiskFullError(
                f"There is no room to decompress {str(path)!r}: {error.strerror}.",
                "Make room where temporary files lie (TMPDIR), or unpack it and give the folder.",
            ) from error
        with open_file(path) as packed, _tar_members(temporary, Meter.of(path, packed, limits)) as members:
            yield members


@contextmanager
def compressed_file(path: Path, limits: Limits) -> Generator[Members, None, None]:
    """The one file that is compressed by itself (`book.txt.gz`)."""
    yield Members([Member(path.stem, lambda: _decompressed(path, limits))])


def _decompressed(path: Path, limits: Limits) -> IO[bytes]:
    file = open_file(path)
    opener = _decompressor(file.read(10))
    file.seek(0)
    if opener is None:
        file.close()
        raise SourceError(f"{str(path)!r} changed while it was read.", "Try again.")
    return Meter.of(path, file, limits).watch(opener(file), file)


def _decompressor(head: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    """How to read a file that begins so, if it is compressed."""
    if head.startswith(b"\x1f\x8b"):
        return lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return lambda file: cast("IO[bytes]", bz2.BZ2File(file))
    if head.startswith(b"\xfd7zXZ\0"):
        return lambda file: cast("IO[bytes]", lzma.LZMAFile(file))
    return None


@contextmanager
def _tar_members(file: IO[bytes], meter: Meter) -> Generator[Members, None, None]:
    with _damage_named(meter.name):
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 (it owns nothing: the file is the caller's)
        entries = archive.getmembers()
        file.seek(archive.offset)
        end = file.read(512)
    if end != bytes(512):  # tarfile stops without a word where it understands no more
        raise SourceError(f"{meter.name} is damaged or cut off: its end is missing.", "Fetch or pack it again.")
    members: list[Member] = []
    links = 0
    for entry in entries:
        links += entry.issym() or entry.islnk()
        if entry.isfile():
            members.append(Member(_safe(entry.name, meter.name), _tar_opener(archive, entry, meter)))
    yield Members(_once(members, meter.name), links)


def _tar_opener(archive: tarfile.TarFile, entry: tarfile.TarInfo, meter: Meter) -> Callable[[], IO[bytes]]:
    return lambda: meter.watch(cast("IO[bytes]", archive.extractfile(entry)))


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")  # an old tar has nothing but a checksum
    except tarfile.HeaderError:
        return False
    return True


def _safe(path: str, archive: str) -> str:
    """A member's path without a leading `./`; nothing is written under it, but one that leads out is a bad sign."""
    parts = path.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0][1:2] == ":":
        raise SourceError(
            f"{archive} holds {path!r}, a path that leads out of the archive.", "Pack it again without such paths."
        )
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _once(members: list[Member], archive: str) -> list[Member]:
    seen: set[str] = set()
    for member in members:
        if member.path in seen:
            raise SourceError(
                f"{archive} holds {member.path!r} twice.", "Pack it again, so that it is clear which counts."
            )
        seen.add(member.path)
    return members


@contextmanager
def _damage_named(archive: str) -> Generator[None, None, None]:
    try:
        yield
    except NotImplementedError as error:
        raise SourceError(f"{archive} is packed in a way that is not read: {error}.", "Pack it by deflate.") from error
    except _DAMAGE as error:
        raise SourceError(
            f"{archive} is damaged or cut off: {str(error) or type(error).__name__}.", "Fetch or pack it again."
        ) from error
