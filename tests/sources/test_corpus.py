from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.pack import spread
from unrolled.errors import SettingsError, SourceError, UnknownNameError, VocabularyError
from unrolled.sources import PARTS, Corpus, Parts, Vocabulary, bytes_vocabulary, open_source, prepare

fractions = st.one_of(st.just(0.0), st.floats(0, 0.49), st.sampled_from([0.05, 0.1, 0.3, 1e-9]))


def corpus_of(where: Path, text: str, **options) -> Corpus:
    path = where / "text.txt"
    path.write_bytes(text.encode())
    return prepare(open_source(str(path)), **options)


def test_a_text_becomes_numbers(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "abaé\r\n")
    assert corpus.vocabulary.symbols == ("\n", "\r", "a", "b", "é")
    assert corpus.symbols.tolist() == [2, 3, 2, 4, 1, 0]
    assert corpus.symbols.dtype == np.uint8
    assert corpus.boundaries.tolist() == [[0, 6]]
    assert corpus.sha256 == hashlib.sha256("abaé\r\n".encode()).hexdigest()


def test_how_much_has_been_read_is_told(tmp_path: Path) -> None:
    """The first reading finds the characters, and how many there are for the second one; of a known vocabulary it is
    the only one."""
    told: list[tuple[int, int]] = []
    text = "abc\n" * 300_000
    corpus = corpus_of(tmp_path, text, progress=lambda done, total: told.append((done, total)))
    counts = [1 << 20, len(text)]
    assert told == [*((count, 0) for count in counts), *((count, len(text)) for count in counts)]
    told.clear()
    corpus_of(tmp_path, text, vocabulary=corpus.vocabulary, progress=lambda done, total: told.append((done, total)))
    assert told == [(count, 0) for count in counts]


def test_it_is_described_for_the_settings(tmp_path: Path) -> None:
    folder = spread(tmp_path / "folder", {"a.txt": b"one", "b.txt": b"two", "c.md": b"three"})
    corpus = prepare(open_source(str(folder), include=["*.txt"], limit=6))
    assert corpus.describe() == {
        "name": str(folder),
        "kind": "text",
        "symbols": "characters",
        "include": ["*.txt"],
        "encoding": "utf-8",
        "limit": 6,
        "length": 6,
        "sequences": 1,
        "files": 2,
        "sha256": hashlib.sha256(b"one\ntw").hexdigest(),
    }


def test_numbers_are_read_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        corpus_of(tmp_path, "abc").symbols[0] = 1


def test_a_large_corpus_is_the_same_in_a_nameless_file(tmp_path: Path) -> None:
    text = "abcdefg€\n" * 1_100_000  # nine symbols: just under 10 MB in memory, over 16 MiB as uint16
    wide = Vocabulary("characters", (*sorted(set(text)), *(chr(0x1000 + n) for n in range(300))))
    folder = tmp_path / "large"
    folder.mkdir()
    small, large = corpus_of(tmp_path, text), corpus_of(tmp_path, text, vocabulary=wide, folder=folder)
    assert (small.symbols.dtype, large.symbols.dtype) == (np.uint8, np.uint16)
    assert large.symbols.base is not None
    assert not large.symbols.flags.writeable
    assert list(folder.iterdir()) == []
    assert large.vocabulary.decode(large.symbols) == text
    assert small.sha256 == large.sha256


def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    script = """
import resource, sys
from unrolled.sources import open_source, prepare
prepare(open_source(sys.argv[1], limit=1_000_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
corpus = prepare(open_source(sys.argv[1]))
print(len(corpus), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    path = tmp_path / "text.txt"
    with path.open("w") as file:
        for _ in range(80):
            file.write("a line of fifty characters, the last one a newline\n"[-50:] * 20_000)
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": source, "TMPDIR": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    length, grown = map(int, done.stdout.split())
    assert length == 80_000_000
    assert grown < 24_000  # KiB: what is kept before it goes to the file, and no more


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("abcdefgh\n" * 2_500_000)
    script = """
import resource, signal, sys
from pathlib import Path
from unrolled.sources import open_source, prepare
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    prepare(open_source(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().startswith("DiskFullError There is no room to keep the text's symbols")


@given(length=st.integers(0, 10_000), validation=fractions, test=fractions)
def test_parts_tile_the_text(length: int, validation: float, test: float) -> None:
    parts = Parts(validation, test)
    bounds = [parts.bounds(name, length) for name in ("train", "validation", "test")]
    assert [bounds[0][0], bounds[0][1], bounds[1][1]] == [0, bounds[1][0], bounds[2][0]]
    assert bounds[2][1] == length
    for (start, stop), fraction in zip(bounds, (1 - validation - test, validation, test), strict=True):
        assert 0 <= start <= stop
        assert abs((stop - start) - fraction * length) <= 1
    assert parts.bounds("all", length) == (0, length)


def test_parts_are_exact_where_floating_point_is_not() -> None:
    assert [Parts(0.05, 0.05).bounds(name, 100) for name in PARTS] == [(0, 90), (90, 95), (95, 100), (0, 100)]
    assert Parts(0.1, 0).bounds("validation", 1_115_394) == (1_003_854, 1_115_394)
    assert Parts(0.1, 0.2).bounds("train", 10) == (0, 7)


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0), (0, -1), (1, 0), (0.5, 0.5), (float("nan"), 0)])
def test_impossible_parts_are_refused(validation: float, test: float) -> None:
    with pytest.raises(SettingsError, match="together below 1"):
        Parts(validation, test)


def test_a_part_is_a_view_of_its_place(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "abcdefghij" * 10, parts=Parts(0.2, 0.1))
    part = corpus.part("validation")
    assert (part.name, part.start, len(part)) == ("validation", 70, 20)
    assert corpus.vocabulary.decode(part.symbols) == "abcdefghij" * 2
    assert np.shares_memory(part.symbols, corpus.symbols)
    assert part.boundaries.tolist() == [[0, 20]]
    assert len(corpus.part("train")) + len(part) + len(corpus.part("test")) == len(corpus.part("all")) == 100


def test_a_part_that_is_too_short_says_what_to_do(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "abcdefghij" * 2)
    with pytest.raises(SourceError, match=r"test part of .* has one symbol.*settled when the run is trained"):
        corpus.part("test")
    with pytest.raises(SourceError, match=r"validation part of .* has no symbol"):
        corpus_of(tmp_path, "abcdefghij", parts=Parts(0, 0.5)).part("validation")
    with pytest.raises(SourceError, match=r"text\.txt has one symbol; .* Give a longer text\.$"):
        corpus_of(tmp_path, "a").part("all")
    with pytest.raises(UnknownNameError, match="there are: all, test, train, validation"):
        corpus.part("training")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    for vocabulary in (None, Vocabulary.of("ab"), bytes_vocabulary()):
        with pytest.raises(SourceError, match=r"empty\.txt is empty"):
            prepare(open_source(str(path)), vocabulary)


def test_unknown_characters_are_an_error_or_what_was_asked_for(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of("ab?\n")
    text = "ab\n" * 400_000 + "aéb"  # beyond the first block
    with pytest.raises(VocabularyError, match=r"'é' .* at line 400001, column 2 of") as caught:
        corpus_of(tmp_path, text, vocabulary=vocabulary)
    assert caught.value.offset == 1_200_001  # type: ignore[attr-defined]
    skipped = corpus_of(tmp_path, text, vocabulary=vocabulary, unknown="skip")
    assert vocabulary.decode(skipped.symbols[-3:]) == "\nab"
    replaced = corpus_of(tmp_path, text, vocabulary=vocabulary, unknown="?")
    assert vocabulary.decode(replaced.symbols[-3:]) == "a?b"
    assert skipped.sha256 == replaced.sha256
    with pytest.raises(SourceError, match="holds no character that the vocabulary knows"):
        corpus_of(tmp_path, "xyz", vocabulary=vocabulary, unknown="skip")


def test_columns_count_on_where_a_block_ends_within_a_line(tmp_path: Path) -> None:
    text = "\n" + "a" * (1 << 20) + "é"
    with pytest.raises(VocabularyError, match=r"at line 2, column 1048577 of"):
        corpus_of(tmp_path, text, vocabulary=Vocabulary.of("a\n"))


def test_kinds_of_symbols(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("é\0".encode())
    corpus = prepare(open_source(str(path), symbols="bytes"))
    assert corpus.vocabulary == bytes_vocabulary()
    assert corpus.symbols.tolist() == [0xC3, 0xA9, 0]
    assert corpus.describe()["encoding"] is None
    with pytest.raises(VocabularyError, match=r"reads characters, but .* opened as bytes"):
        prepare(open_source(str(path), symbols="bytes"), Vocabulary.of("é"))
    path.write_bytes("é".encode("latin-1"))
    assert prepare(open_source(str(path), encoding="latin-1"), bytes_vocabulary()).symbols.tolist() == [0xC3, 0xA9]


def test_a_task_needs_the_networks_own_symbols() -> None:
    with pytest.raises(VocabularyError, match=r"'X' .* of example 1 of task:counter"):
        prepare(open_source("task:counter"), Vocabulary.of("ab\n"))


@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), min_size=1))
def test_preparing_and_decoding_gives_the_text_back(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    corpus = corpus_of(tmp_path_factory.getbasetemp(), text)
    assert corpus.vocabulary.decode(corpus.symbols) == text
    assert set(corpus.vocabulary.symbols) == set(text)
