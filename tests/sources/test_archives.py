from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.pack import ARCHIVES, pack, spread
from unrolled.errors import SourceError, UnrolledError
from unrolled.sources import open_source, prepare
from unrolled.sources.archives import Limits

FILES = {
    "z.java": b"class Z {}\n",
    "src/main/B.java": b"class B {}",
    "src/main/A.java": "class A { /* é */ }\n".encode(),
    "src-old/C.java": b"class C {}\n",
    "notes.txt": b"notes\n",
    ".hidden/x.java": b"hidden\n",
    "logo.png": b"\x89PNG\0\0",
}


def read(path: Path, **options) -> str:
    return "".join(str(block.text) for block in open_source(str(path), **options).blocks())


@pytest.mark.parametrize("ending", ARCHIVES)
def test_an_archive_reads_like_the_folder_that_was_packed(tmp_path: Path, ending: str) -> None:
    archive = pack(tmp_path / f"packed.{ending}", FILES)
    folder = spread(tmp_path / "folder", FILES)
    for include in ([], ["*.java"], ["src/*"]):
        packed, spread_out = (prepare(open_source(str(path), include=include)) for path in (archive, folder))
        assert packed.sha256 == spread_out.sha256
        assert packed.files == spread_out.files
    assert read(archive, include=["*.java"]) == "class C {}\nclass A { /* é */ }\nclass B {}\nclass Z {}\n"


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_what_a_file_is_shows_in_its_bytes_not_its_name(tmp_path: Path, ending: str) -> None:
    pack(tmp_path / f"packed.{ending}", FILES).rename(tmp_path / "book.txt")
    assert read(tmp_path / "book.txt", include=["notes.txt"]) == "notes\n"


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
def test_one_compressed_file_is_its_text(tmp_path: Path, ending: str) -> None:
    import bz2
    import lzma

    squeeze = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[ending]
    path = tmp_path / f"book.txt.{ending}"
    path.write_bytes(squeeze("Ein Büchlein\n".encode() * 1000))
    assert read(path) == "Ein Büchlein\n" * 1000


def test_a_text_that_begins_like_an_archive_is_a_text(tmp_path: Path) -> None:
    for text in ("BZh is how a file begins", "PK", "ustar" * 200):
        path = tmp_path / "text.txt"
        path.write_text(text)
        assert read(path) == text


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "C:\\evil.txt"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, ending: str, name: str) -> None:
    archive = pack(tmp_path / f"packed.{ending}", {"good.txt": b"good\n", name: b"evil\n"})
    with pytest.raises(SourceError, match="leads out of the archive"):
        read(archive)
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_a_path_that_stands_twice_is_refused(tmp_path: Path, ending: str) -> None:
    archive = tmp_path / f"packed.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("a.txt", "one\n")
            packed.writestr("a.txt", "two\n")
    else:
        with tarfile.open(archive, "w") as packed:
            for name in ("a.txt", "./a.txt"):
                packed.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(SourceError, match=r"holds 'a\.txt' twice"):
        read(archive)


def test_links_and_devices_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    archive = tmp_path / "packed.tar"
    with tarfile.open(archive, "w") as packed:
        for kind, name in (
            (tarfile.SYMTYPE, "soft.txt"),
            (tarfile.LNKTYPE, "hard.txt"),
            (tarfile.FIFOTYPE, "pipe.txt"),
            (tarfile.CHRTYPE, "device.txt"),
            (tarfile.DIRTYPE, "folder.txt"),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, str(secret)
            packed.addfile(entry)
        entry = tarfile.TarInfo("./good.txt")
        entry.size = 5
        packed.addfile(entry, io.BytesIO(b"good\n"))
    assert read(archive) == "good\n"
    with pytest.raises(SourceError, match=r"Links are not followed \(2 there\)"):
        read(archive, include=["soft.txt"])


def test_links_in_a_zip_are_not_followed(tmp_path: Path) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        link = zipfile.ZipInfo("soft.txt")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
        packed.writestr("good.txt", "good\n")
    assert read(archive) == "good\n"


@pytest.mark.parametrize("ending", ["zip", "tar.gz", "tar.bz2", "tar.xz", "gz"])
def test_a_bomb_is_stopped_at_the_ratio(tmp_path: Path, ending: str) -> None:
    zeros = b"\n" * (3 << 20)
    path = tmp_path / f"bomb.{ending}"
    if ending == "gz":
        path.write_bytes(gzip.compress(zeros))
    else:
        pack(path, {"a.txt": zeros})
    with pytest.raises(SourceError, match=r"bomb.*unpacks to more than 200 times its size") as caught:
        read(path, limits=Limits(grace=2 << 20))
    assert "give the folder if you trust it" in caught.value.hint


def test_small_texts_that_compress_well_are_no_bombs(tmp_path: Path) -> None:
    archive = pack(tmp_path / "packed.zip", {"a.txt": b"\n" * (2 << 20)})
    assert len(read(archive)) == 2 << 20


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_the_total_is_limited_over_all_files(tmp_path: Path, ending: str) -> None:
    archive = pack(tmp_path / f"packed.{ending}", {f"{n}.txt": os.urandom(300).hex().encode() for n in range(10)})
    with pytest.raises(SourceError, match="unpacks to more than 5000 bytes"):
        read(archive, limits=Limits(total=5000))
    enough = Limits(total=50_000)
    assert read(archive, limits=enough) == read(archive, limits=enough) != ""


def test_a_huge_sparse_file_in_a_tar_is_stopped(tmp_path: Path) -> None:
    with (tmp_path / "sparse.txt").open("wb") as file:
        file.truncate(10 << 30)
    archive = tmp_path / "packed.tar"
    done = subprocess.run(["tar", "-C", str(tmp_path), "-cSf", str(archive), "sparse.txt"], check=False)
    if done.returncode:
        pytest.skip("this tar command packs no sparse files")
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(SourceError, match="zero byte at byte 0"):
        read(archive, include=["*.txt"])
    with pytest.raises(SourceError, match="200 times its size"):
        for _ in open_source(str(archive), symbols="bytes").blocks():
            pass


def test_a_bomb_costs_little_memory(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("a.txt", "w") as entry:
        for _ in range(128):
            entry.write(b"\n" * (1 << 20))
    script = f"""
import resource, sys
from unrolled.errors import SourceError
from unrolled.sources import open_source, prepare
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    prepare(open_source({str(archive)!r}))
    sys.exit("not stopped")
except SourceError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, capture_output=True, check=True
    )
    assert int(done.stdout) < 50_000  # KiB


def test_an_encrypted_zip_is_told(tmp_path: Path) -> None:
    archive = pack(tmp_path / "packed.zip", {"a.txt": b"text\n"})
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + offset] |= 1  # the flag that says: encrypted
    archive.write_bytes(data)
    with pytest.raises(SourceError, match=r"is encrypted.*give the folder"):
        read(archive)


def test_an_unknown_compression_is_told(tmp_path: Path) -> None:
    archive = pack(tmp_path / "packed.zip", {"a.txt": b"text\n"})
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(magic) + offset] = 9  # Deflate64
    archive.write_bytes(data)
    with pytest.raises(SourceError, match=r"in a way that is not read.*Pack it by deflate"):
        read(archive)


@pytest.mark.parametrize(("magic", "name"), [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "RAR")])
def test_archives_of_other_kinds_are_told(tmp_path: Path, magic: bytes, name: str) -> None:
    (tmp_path / "packed").write_bytes(magic + bytes(100))
    with pytest.raises(SourceError, match=rf"is a {name} archive.*Zip and tar"):
        read(tmp_path / "packed")


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_cut_archive_is_never_taken_for_a_whole_one(tmp_path: Path, ending: str) -> None:
    files = {f"{n}.txt": os.urandom(700).hex().encode() for n in range(4)}
    whole = pack(tmp_path / f"whole.{ending}", files)
    data = whole.read_bytes()
    text = read(whole)
    # A tar has two blocks of zeros and more for its end: one of them is enough.
    end = 4 * (512 + 1536) + 512 if ending == "tar" else len(data)
    for cut in (*range(10, end, 97), end - 1):
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(data[:cut])
        try:
            assert read(path) == text
        except SourceError:
            continue
        pytest.fail(f"cut at {cut} of {len(data)} and not noticed")


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.xz"])
@given(data=st.data())
def test_damage_is_one_clear_line_or_no_damage(
    ending: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"damaged.{ending}"
    if not (folder / f"sound.{ending}").exists():
        pack(folder / f"sound.{ending}", FILES)
    content = bytearray((folder / f"sound.{ending}").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(UnrolledError):
        read(path)


def test_a_zip_that_says_it_is_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """Its data is cut out: only its own list of files is left to go by."""
    archive = pack(tmp_path / "bomb.zip", {"a.txt": b"a\n" * 4_000_000, "b.md": b"few words\n"})
    packed = bytearray(archive.read_bytes())
    packed[60:5000] = bytes(4940)
    archive.write_bytes(packed)
    with pytest.raises(SourceError, match="unpacks to more than 200 times its size"):
        read(archive, limits=Limits(grace=2 << 20))
    assert read(archive, limits=Limits(grace=2 << 20), include=["*.md"]) == "few words\n"


def test_an_archive_that_is_none_and_one_inside_another(tmp_path: Path) -> None:
    (tmp_path / "words.zip").write_text("plain words")
    with pytest.raises(SourceError, match=r"is called \.zip but is none"):
        read(tmp_path / "words.zip")
    inner = pack(tmp_path / "inner.zip", {"a.txt": b"words\n" * 200})
    outer = pack(tmp_path / "outer.zip", {"below/inner.zip": inner.read_bytes()})
    with pytest.raises(SourceError, match=r"the archive below/inner\.zip: unpack that"):
        read(outer)
