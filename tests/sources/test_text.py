from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.pack import pack, spread
from unrolled.errors import SettingsError, SourceError, UnknownNameError, VocabularyError
from unrolled.sources import Vocabulary, open_source, prepare

MARK = "\ufeff"


def read(path: object, **options) -> str:
    """All the text of a source."""
    texts = [block.text for block in open_source(str(path), **options).blocks()]
    return (b"" if texts and isinstance(texts[0], bytes) else "").join(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "gb18030", "shift_jis"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = "plain text\r\nand more\n" * 3 if encoding in ("latin-1", "shift_jis") else "añ\r\n漢字\U0001f600\n"
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode(encoding))
    assert read(path, encoding=encoding) == text


def test_characters_that_lie_across_two_reads_are_whole(tmp_path: Path) -> None:
    for lead in range(4):
        text = "a" * ((1 << 20) - lead) + "\U0001f600" * 3
        path = tmp_path / f"{lead}.txt"
        path.write_text(text, "utf-8")
        assert read(path) == text


@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1))
def test_a_text_file_is_read_as_it_stands(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "as-it-stands.txt"
    path.write_bytes(text.encode())
    assert read(path) == text.removeprefix(MARK)


@given(data=st.binary(min_size=1))
def test_bytes_are_read_as_they_stand(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.bin"
    path.write_bytes(b"\0" + data)
    assert read(path, symbols="bytes") == b"\0" + data


def test_a_utf8_mark_is_dropped_once(tmp_path: Path) -> None:
    path = tmp_path / "marked.txt"
    path.write_bytes(b"\xef\xbb\xbfab\xef\xbb\xbf")
    assert read(path) == "ab\ufeff"
    assert read(path, symbols="bytes") == b"\xef\xbb\xbfab\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"abc\0def", "zero byte at byte 3", "--encoding utf-16"),
        (b"\xef\xbb\xbfabc\0", "zero byte at byte 6", "--symbols bytes"),
        (b"\x7fELF\x02\x01\x01\0", "zero byte at byte 7", "--symbols bytes"),
        (b"caf\xe9 au lait", "no text in utf-8: byte 0xE9 at byte 3", "--encoding latin-1"),
        (b"\xef\xbb\xbfcaf\xe9 au lait", "byte 0xE9 at byte 6", "--encoding latin-1"),
        (b"abc\xc3", "byte 0xC3 at byte 3", "--symbols bytes"),
        (b"a" * ((1 << 20) - 1) + b"\xe2\x82!", "byte 0xE2 at byte 1048575", "latin-1"),
        (b"a" * ((1 << 20) + 5) + b"\0", "zero byte at byte 1048581", "utf-16"),
        ("ab".encode("utf-16"), "begins with a mark of utf-16", "--encoding utf-16"),
        ("ab".encode("utf-32"), "begins with a mark of utf-32", "--encoding utf-32"),
        (b"\xfe\xff\0a", "begins with a mark of utf-16", "--encoding utf-16"),
    ],
)
def test_what_is_no_text_is_told_with_the_byte(tmp_path: Path, content: bytes, message: str, hint: str) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read(path)
    assert message in caught.value.message
    assert str(path) in caught.value.message
    assert hint in caught.value.hint


def test_utf16_without_a_mark_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"a\0b\0c")
    with pytest.raises(SourceError, match="no text in utf-16"):
        read(path, encoding="utf-16")


@pytest.mark.parametrize("encoding", ["utf-9", "rot13", "base64", "", "a\0b"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(SettingsError, match=r"no text encoding.*utf-8, utf-16"):
        open_source("any.txt", encoding=encoding)


def test_other_arguments_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abc")
    with pytest.raises(SettingsError, match="'characters' or 'bytes', not 'words'"):
        open_source(str(path), symbols="words")  # type: ignore[arg-type]
    for limit in (0, -1):
        with pytest.raises(SettingsError, match="at least 1 symbol"):
            open_source(str(path), limit=limit)
    for pattern in ("", "!"):
        with pytest.raises(SettingsError, match="pattern is empty"):
            open_source(str(tmp_path), include=[pattern])
    with pytest.raises(SettingsError, match="is one file"):
        open_source(str(path), include=["*.txt"])


def test_a_limit_cuts_the_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    text = "é" * 700_000  # two reads
    path.write_text(text, "utf-8")
    for limit in (1, 524_287, 524_288, 524_289, 699_999, 700_000, 10**9):
        assert read(path, limit=limit) == text[:limit]
    assert len(read(path, limit=5, symbols="bytes")) == 5


def test_what_lies_beyond_a_limit_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"a" * (1 << 20) + b"\0")
    assert len(read(path, limit=1 << 20)) == 1 << 20
    with pytest.raises(SourceError, match="zero byte"):
        read(path, limit=(1 << 20) + 1)


class TestFolders:
    FILES = {  # noqa: RUF012
        "b.txt": b"B\n",
        "a.txt": b"A",
        "sub/c.txt": b"C\n",
        "sub/deep/d.java": b"D",
        "empty.txt": b"",
        "sub-e.txt": b"E\n",
        ".hidden.txt": b"H\n",
        ".git/config.txt": b"G\n",
        "picture.png": b"\x89PNG\0\0",
    }

    def test_files_are_joined_in_the_order_of_their_paths_each_with_a_newline(self, tmp_path: Path) -> None:
        source = open_source(str(spread(tmp_path, self.FILES)))
        for _ in range(2):  # a source can be read any number of times
            assert "".join(str(block.text) for block in source.blocks()) == "A\nB\nE\nC\nD"
        assert source.skipped == ["picture.png"]  # type: ignore[attr-defined]

    def test_bytes_are_joined_as_they_stand(self, tmp_path: Path) -> None:
        assert read(spread(tmp_path, self.FILES), symbols="bytes", include=["*.txt"]) == b"AB\nE\nC\n"

    @pytest.mark.parametrize(
        ("include", "text"),
        [
            (["*.java"], "D"),
            (["*.txt"], "A\nB\nE\nC\n"),
            (["?.txt", "*.java"], "A\nB\nC\nD"),
            (["sub/*.txt"], "C\n"),
            (["sub/*"], "C\nD"),
            (["**/[ac].txt"], "A\nC\n"),
            (["*.txt", "!b.*"], "A\nE\nC\n"),
            (["!*.png", "!sub/*"], "A\nB\nE\n"),
        ],
    )
    def test_patterns_choose(self, tmp_path: Path, include: list[str], text: str) -> None:
        assert read(spread(tmp_path, self.FILES), include=include) == text

    def test_no_match_lists_the_endings(self, tmp_path: Path) -> None:
        spread(tmp_path, {**self.FILES, "Makefile": b"all:"})
        with pytest.raises(SourceError) as caught:
            read(tmp_path, include=["*.py", "*.JAVA"])
        assert "matches '*.py' or '*.JAVA'" in caught.value.message
        assert ".txt (5), .java (1), .png (1), no ending (1)" in caught.value.message
        assert "--include '*.ENDING'" in caught.value.hint

    def test_an_empty_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="none, it is empty"):
            read(tmp_path)

    def test_files_that_were_asked_for_must_be_text(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"picture\.png in .*zero byte at byte 4"):
            read(spread(tmp_path, self.FILES), include=["*.txt", "*.png"])

    def test_a_folder_without_text_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"None of the 2 files .* is text in utf-8"):
            read(spread(tmp_path, {"a.png": b"\0", "b.jpg": b"\xff\xd8"}))

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("secret")
        folder = spread(tmp_path / "folder", {"a.txt": b"A\n"})
        (folder / "out.txt").symlink_to(secret)
        (folder / "up").symlink_to(tmp_path)
        (folder / "loop").symlink_to(folder)
        (folder / "dangling.txt").symlink_to("nowhere")
        assert read(folder) == "A\n"
        with pytest.raises(SourceError, match=r"Links are not followed \(4 there\)"):
            read(folder, include=["out.txt"])

    def test_a_link_given_by_name_is_followed(self, tmp_path: Path) -> None:
        spread(tmp_path / "folder", {"a.txt": b"A\n"})
        (tmp_path / "link").symlink_to("folder")
        assert read(tmp_path / "link") == "A\n"

    def test_what_is_no_file_is_passed_over(self, tmp_path: Path) -> None:
        spread(tmp_path, {"a.txt": b"A\n"})
        os.mkfifo(tmp_path / "pipe.txt")
        assert read(tmp_path) == "A\n"


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "a\0b", "x" * 5000, "loop", "file.txt/more"])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file.txt").write_text("text")
    with pytest.raises(SourceError, match=r"There is no file|cannot be read|cannot be opened"):
        read(tmp_path / name)


@pytest.mark.parametrize("ending", ["txt", "zip", "tar", "tar.gz", "txt.gz"])
def test_a_file_that_has_gone_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"file.{ending}"
    if ending == "txt":
        path.write_text("text")
    elif ending == "txt.gz":
        path.write_bytes(gzip.compress(b"text"))
    else:
        pack(path, {"a.txt": b"text"})
    source = open_source(str(path))
    path.unlink()
    with pytest.raises(SourceError, match="There is no file"):
        list(source.blocks())


def test_pipes_devices_and_sockets_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", Path("/dev/zero")):
            with pytest.raises(SourceError, match=r"pipe, device or socket.*Give - as the source"):
                read(path)
        with pytest.raises(SourceError):
            read(tmp_path / "socket")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abc")
    path.chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        read(path)
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(SourceError, match="Permission denied"):
        read(tmp_path)


def test_a_task_without_its_prefix_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="called task:counter"):
        open_source("counter")
    Path("counter").write_text("a file of that name")
    assert read("counter") == "a file of that name"
    Path("task:counter").write_text("even so")
    assert read("./task:counter") == "even so"


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(SourceError, match="source is empty"):
        open_source("")


class TestStandardInput:
    SCRIPT = """
import sys
from pathlib import Path
from unrolled.errors import UnrolledError
from unrolled.sources import open_source, prepare
try:
    corpus = prepare(open_source("-", folder=Path(sys.argv[1]) if len(sys.argv) > 1 else None))
    print(corpus.vocabulary.decode(corpus.symbols), end="")
except UnrolledError as error:
    sys.exit(str(error))
"""

    def run(self, given: bytes | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        source = Path(__file__).parents[2] / "src"
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", self.SCRIPT, *arguments],
            **({"stdin": subprocess.DEVNULL} if given is None else {"input": given}),
            env={**os.environ, "PYTHONPATH": str(source), "PYTHONIOENCODING": "utf-8", **environment},
            capture_output=True,
            check=False,
        )

    def test_it_is_read_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        done = self.run("añb\n".encode(), TMPDIR=str(tmp_path))
        assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "añb\n", b"")
        assert list(tmp_path.iterdir()) == []

    def test_it_is_kept_and_found_again(self, tmp_path: Path) -> None:
        assert self.run(b"first\n", str(tmp_path)).stdout == b"first\n"
        assert [path.name for path in tmp_path.iterdir()] == ["stdin.txt"]
        assert self.run(b"second\n", str(tmp_path)).stdout == b"first\n"
        assert (tmp_path / "stdin.txt").read_bytes() == b"first\n"

    def test_nothing_at_all_is_told(self, tmp_path: Path) -> None:
        done = self.run(None, TMPDIR=str(tmp_path))
        assert done.returncode == 1
        assert b"- is empty" in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_binary_input_is_told(self, tmp_path: Path) -> None:
        done = self.run(b"ab\0", TMPDIR=str(tmp_path))
        assert b"zero byte at byte 2" in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        done = self.run(b"ab", str(tmp_path / "gone"))
        assert b"cannot be kept in" in done.stderr
        assert b"Traceback" not in done.stderr

    def test_a_closed_one_is_told(self, tmp_path: Path) -> None:
        source = Path(__file__).parents[2] / "src"
        done = subprocess.run(
            ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, self.SCRIPT],
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            check=False,
        )
        assert b"Standard input is closed" in done.stderr


class TestCorpora:
    def test_python_is_the_running_library(self) -> None:
        source = open_source("corpus:python")
        places = [block.place for block in source.blocks()]
        files = list(dict.fromkeys(place.removesuffix(" in corpus:python") for place in places))
        assert files == sorted(files)
        assert {"os.py", "json/decoder.py", "asyncio/tasks.py"} <= set(files)
        assert not [
            name
            for name in files
            if name.startswith("test/") or "/test/" in name or "site-packages" in name or not name.endswith(".py")
        ]
        assert not source.skipped  # type: ignore[attr-defined]
        assert "def makedirs(" in read("corpus:python", include=["os.py"])

    def test_python_is_always_the_same(self) -> None:
        first, second = (prepare(open_source("corpus:python", include=["json/*"])) for _ in range(2))
        assert first.sha256 == second.sha256
        assert first.files >= 4

    def test_java_is_a_jdks_source(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "lib").mkdir()
        files = {"java.base/java/lang/B.java": b"class B {}\n", "java.base/A.java": b"class A {}\n", "x.txt": b"no"}
        pack(tmp_path / "lib/src.zip", files)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
        assert read("corpus:java") == "class A {}\nclass B {}\n"
        assert open_source("corpus:java").describe()["include"] == ["*.java"]

    def test_java_is_found_beside_the_command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        home = tmp_path / "jdk"
        (home / "lib").mkdir(parents=True)
        (home / "bin").mkdir()
        (home / "bin/java").write_text("#!/bin/sh\n")
        (home / "bin/java").chmod(0o755)
        pack(home / "lib/src.zip", {"A.java": b"class A {}\n"})
        (tmp_path / "path").mkdir()
        (tmp_path / "path/java").symlink_to(home / "bin/java")
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("PATH", str(tmp_path / "path"))
        assert read("corpus:java") == "class A {}\n"

    def test_a_missing_jdk_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("unrolled.sources.corpora._JDKS", tmp_path)  # this machine may have one
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(SourceError, match=r"No JDK.*Install one, such as openjdk"):
            open_source("corpus:java")
        (tmp_path / "jdk-25/lib").mkdir(parents=True)
        pack(tmp_path / "jdk-25/lib/src.zip", {"A.java": b"class A {}\n"})
        assert read("corpus:java") == "class A {}\n"

    def test_an_unknown_corpus_lists_those_that_there_are(self) -> None:
        with pytest.raises(UnknownNameError, match="there are: java, python"):
            open_source("corpus:ruby")


def test_a_vocabulary_error_names_file_line_and_column(tmp_path: Path) -> None:
    spread(tmp_path, {"a.txt": b"one\ntwo", "b.txt": "three\nfo\u00f1r".encode()})
    vocabulary = Vocabulary.of("onetwhrfu\n")
    with pytest.raises(VocabularyError, match=r"'ñ' \(U\+00F1\), which stands at line 2, column 3 of b\.txt in"):
        prepare(open_source(str(tmp_path)), vocabulary)
