from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.errors import VocabularyError
from unrolled.sources import UnknownSymbolError, Vocabulary, bytes_vocabulary

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(texts)
def test_text_survives_encoding(text: str) -> None:
    vocabulary = Vocabulary.of(text)
    numbers = vocabulary.encode(text)
    assert numbers.dtype == np.uint32
    assert [vocabulary.symbols[number] for number in numbers] == list(text)
    assert vocabulary.decode(numbers) == text
    assert vocabulary.decode_bytes(numbers) == text.encode()


@given(texts)
def test_a_vocabulary_is_sorted_by_code_point(text: str) -> None:
    points = [ord(symbol) for symbol in Vocabulary.of(text).symbols]
    assert points == sorted(set(map(ord, text)))


def test_counts_of_zero_do_not_count() -> None:
    assert Vocabulary.from_counts({"b": 2, "a": 1, "z": 0}).symbols == ("a", "b")


@given(texts)
def test_json_survives(text: str) -> None:
    vocabulary = Vocabulary.of(text)
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


@given(st.binary())
def test_bytes_survive(data: bytes) -> None:
    vocabulary = bytes_vocabulary()
    assert vocabulary.encode(data).tolist() == list(data)
    assert vocabulary.decode_bytes(vocabulary.encode(data)) == data
    assert vocabulary.encode(data.decode("utf-8", "surrogateescape")).tolist() == list(data)


def test_bytes_have_readable_names() -> None:
    vocabulary = bytes_vocabulary()
    assert len(vocabulary) == 256
    assert (vocabulary.symbols[0x41], vocabulary.symbols[0x20], vocabulary.symbols[0x0A]) == ("A", " ", "0x0A")
    assert (vocabulary.symbols[0x7F], vocabulary.symbols[0xFF]) == ("0x7F", "0xFF")


def test_a_string_is_utf8_in_a_vocabulary_of_bytes() -> None:
    vocabulary = bytes_vocabulary()
    assert vocabulary.encode("é").tolist() == [0xC3, 0xA9]
    assert vocabulary.decode([0xC3, 0xA9]) == "é"
    assert vocabulary.decode([0xC3]) == "\ufffd"
    with pytest.raises(VocabularyError, match="no bytes in UTF-8"):
        vocabulary.encode("\ud800")


@pytest.mark.parametrize("length", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 600_000])
def test_long_texts_are_encoded_across_blocks(length: int) -> None:
    text = ("abcdé" * (length // 5 + 1))[:length]
    vocabulary = Vocabulary.of("abcdé")
    assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize("unknown", ["z", "\x00", "é", chr(ord("a") + 100), "\U0010ffff", "\ud800"])
def test_an_unknown_character_is_named_with_its_place(unknown: str) -> None:
    vocabulary = Vocabulary.of("ab\n")
    with pytest.raises(UnknownSymbolError) as caught:
        vocabulary.encode("ab\nb" + unknown + "a")
    assert (caught.value.character, caught.value.offset) == (unknown, 4)
    assert f"U+{ord(unknown):04X}" in caught.value.message
    assert "line 2, column 2" in caught.value.message
    assert "--unknown skip" in caught.value.hint


def test_the_place_of_an_unknown_character_counts_over_blocks() -> None:
    text = "a" * 300_000 + "\n" + "a" * 10 + "é"
    with pytest.raises(UnknownSymbolError, match="line 2, column 11") as caught:
        Vocabulary.of("a\n").encode(text)
    assert caught.value.offset == 300_011


def test_unknown_characters_are_skipped_or_replaced_on_request() -> None:
    vocabulary = Vocabulary.of("ab?")
    assert vocabulary.decode(vocabulary.encode("aéb\U0001f600", "skip")) == "ab"
    assert vocabulary.decode(vocabulary.encode("aéb\U0001f600", "?")) == "a?b?"
    assert vocabulary.encode("éé", "skip").shape == (0,)


@pytest.mark.parametrize("unknown", ["", "ignore", "z", "ab"])
def test_another_policy_is_refused(unknown: str) -> None:
    with pytest.raises(VocabularyError, match="'error', 'skip' or one character"):
        Vocabulary.of("ab").encode("ab", unknown)


def test_kinds_do_not_mix() -> None:
    with pytest.raises(VocabularyError, match="cannot read bytes"):
        Vocabulary.of("ab").encode(b"ab")
    tokens = Vocabulary("tokens", ("th", "e"))
    assert tokens.decode([0, 1]) == "the"
    with pytest.raises(VocabularyError, match="cannot be cut"):
        tokens.encode("the")


@pytest.mark.parametrize("numbers", [[-1], [3], [0.5], np.array([[0, 9]])])
def test_numbers_out_of_range_are_refused(numbers: object) -> None:
    with pytest.raises(VocabularyError, match=r"lie in 0 … 2"):
        Vocabulary.of("abc").decode(numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65537, np.uint32)])
def test_numbers_take_the_smallest_type(count: int, dtype: type) -> None:
    characters = [chr(point) for point in range(70_000) if not 0xD800 <= point <= 0xDFFF]
    assert Vocabulary("characters", tuple(characters[:count])).dtype == dtype


@pytest.mark.parametrize(
    ("kind", "symbols", "message"),
    [
        ("letters", ("a",), "of kind characters or bytes or tokens"),
        ("characters", (), "at least one"),
        ("characters", ("a", "b", "a"), "'a' twice"),
        ("characters", ("ab",), "not one character"),
        ("characters", ("",), "not one character"),
        ("characters", ("\ud800",), "not one character"),
        ("characters", (1,), "each is a string"),
        ("characters", (["a"],), "each is a string"),
        ("bytes", ("a",), "all 256"),
    ],
)
def test_a_malformed_vocabulary_is_refused(kind: str, symbols: tuple, message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary(kind, symbols)  # type: ignore[arg-type]
    if kind != "letters":
        with pytest.raises(VocabularyError):
            Vocabulary.from_json({"format": "unrolled-vocabulary/1", "kind": kind, "symbols": list(symbols)})


def test_a_file_survives_and_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    for vocabulary in (Vocabulary.of('añ\u2028\n"\\'), bytes_vocabulary()):
        vocabulary.save(path)
        assert Vocabulary.load(path) == vocabulary
    assert [entry.name for entry in tmp_path.iterdir()] == ["vocabulary.json"]


GOOD = {"format": "unrolled-vocabulary/1", "kind": "characters", "symbols": ["a"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "a JSON object|A vocabulary is"),
        (json.dumps({**GOOD, "more": 1}).encode(), "not format, kind, symbols, more"),
        (json.dumps({"kind": "characters", "symbols": ["a"]}).encode(), "not kind, symbols"),
        (json.dumps({**GOOD, "format": "unrolled-vocabulary/2"}).encode(), "unrolled-vocabulary/2"),
        (json.dumps({**GOOD, "symbols": "a"}).encode(), "list of strings"),
        (json.dumps({**GOOD, "kind": None}).encode(), "kind is a string"),
        (b'{"format": "unrolled-vocabulary/1", "kind": "bytes", "kind": "characters", "symbols": ["a"]}', "twice"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(VocabularyError, match=message) as caught:
        Vocabulary.load(path)
    assert "vocabulary.json is damaged" in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"vocabulary\.json cannot be read: No such file"):
        Vocabulary.load(tmp_path / "vocabulary.json")
