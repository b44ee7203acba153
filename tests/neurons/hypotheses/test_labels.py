"""What all hypotheses have in common: docs, examples, one entry a character, and nothing told before it is known."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unrolled.neurons.hypotheses import HYPOTHESES, LOOK_AHEAD, Classes, Label, kind_of, missing
from unrolled.neurons.hypotheses.marking import classify, count_since, count_spans, last_true, symbol_classes

NAMES = [name for name in HYPOTHESES.names() if not missing(name)]
"""Those that can be asked here; what others say without their parts is in `test_choosing`."""
MODULES = sorted({HYPOTHESES.get(name).__module__ for name in HYPOTHESES.names()})

LETTERS = st.text(st.sampled_from("ab AB\n\t#@/*\"'\\.“”1é\ud800"), max_size=60)
PIECES = st.lists(
    st.sampled_from(
        [
            *('"""', "'''", '"', "'", "/*", "/**", "*/", "//", "#", "\\", "\n", "\n\n", " ", "    ", "\t", "(", ")"),
            *(
                "[",
                "]",
                "{",
                "}",
                ":",
                ":=",
                ";",
                "if",
                "if (",
                "elif",
                "return",
                "r",
                "x",
                "def",
                "be",
                "been",
                "being",
            ),
            *(
                "will",
                "it's",
                "O'",
                "’",
                "Ann",
                "USA",
                "US",
                "A",
                "Mr",
                ".",
                "!",
                "?",
                "http",
                "https://",
                "@you",
                "#tag",
            ),
            *("aaa", "X", "Y", "b", "é", "😀", "\ud800", "1", "_", "“", "”", "…"),
        ]
    ),
    max_size=14,
).map("".join)
"""Texts in which much begins and little ends as it should."""


def as_words(label: Label | Classes) -> list[object]:
    """What a label says, so that it can be compared: NaN and −1 are None."""
    if isinstance(label, Classes):
        return [label.names[code] if code >= 0 else None for code in label.codes.tolist()]
    return [None if value != value else value for value in label.tolist()]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module: str) -> None:
    needs = ("tree_sitter", "tree_sitter_java", "tree_sitter_python") if module.endswith(("java", "python")) else ()
    for each in needs:
        pytest.importorskip(each, reason="the parsers of the extra `code` are not installed")
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.failed == 0
    assert outcome.attempted > 0


@pytest.mark.parametrize("name", HYPOTHESES.names())
def test_each_has_a_line_of_docs_and_an_example(name: str) -> None:
    words = HYPOTHESES.get(name).__doc__ or ""
    assert words.splitlines()[0].endswith(".")
    assert ">>> " in words


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(text=LETTERS | PIECES)
def test_every_character_gets_a_label(name: str, text: str) -> None:
    label = HYPOTHESES.get(name)(text)
    if isinstance(label, Classes):
        assert label.codes.shape == (len(text),)
        assert label.codes.dtype == np.int16
        assert -1 <= label.codes.min(initial=-1) <= label.codes.max(initial=-1) < max(1, len(label.names))
        assert len(set(label.names)) == len(label.names)
    else:
        assert label.shape == (len(text),)
        assert label.dtype in (np.bool_, np.float64)
        assert not np.isinf(label).any()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOOK_AHEAD])
@settings(max_examples=40)
@given(text=LETTERS | PIECES)
@example('x = r"""a\\"""" + \'b\\\'\nc\' "d\\" /* e *//**/ f //')
@example("dogs' O'Ann “it’s” #x https://a httpd\nhttp: will be been, it'll being. US' Mr. A.")
@example("if (a[1]): b := c) return {x\n}\nif a := b:\n  return \\\n a; if(")
@example('aaXaY\nAxYB\nbaXba\n\t  x\n     \n"a\n\nb"')
def test_what_stands_later_never_changes_an_earlier_label(name: str, text: str) -> None:
    label = HYPOTHESES.get(name)
    told = as_words(label(text))
    for cut in range(len(text)):
        assert as_words(label(text[:cut])) == told[:cut]


LATER = {
    "proper-noun": ("we saw Ann", " and Ann"),
    "slogan": ("ROW FOR US. ", "ROW FOR US. " * 9),
    "java-identifier": ("class A { int b", "() { } }"),
    "java-block-depth": ("class A { void b() { if", " (c) { } } }"),
    "python-identifier": ("a.b", "()"),
    "python-block-depth": ("if a:\n  b(", ")"),
    "next-symbol": ("a", "b"),
}
"""A text, and what changes the label of it when it follows."""


@pytest.mark.parametrize("name", [name for name in NAMES if name in LOOK_AHEAD])
def test_those_that_look_ahead_do(name: str) -> None:
    """So none is declared that need not be."""
    text, more = LATER[name]
    label = HYPOTHESES.get(name)
    assert as_words(label(text)) != as_words(label(text + more))[: len(text)]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_counting_against_going_one_by_one(places: Sequence[tuple[bool, bool]]) -> None:
    begins, counted = (np.array([place[at] for place in places], bool) for at in (0, 1))
    count, last = 0, -1
    for at, (begin, one) in enumerate(places):
        count = one if begin else count + one
        last = at if begin else last
        assert count_since(begins, counted)[at] == count
        assert last_true(begins)[at] == last


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_spans_are_counted(spans: Sequence[tuple[int, int]]) -> None:
    assert count_spans(9, spans).tolist() == [sum(start <= at < stop for start, stop in spans) for at in range(9)]


def test_kinds_are_told_apart() -> None:
    kinds = [kind_of(each) for each in (np.zeros(2, bool), np.zeros(2), Classes(np.zeros(2, np.int16), ("a",)))]
    assert kinds == ["answer", "number", "class"]


def test_more_classes_than_there_can_be() -> None:
    """In a text with more different characters, the rest is passed over; more words are refused."""
    numbers = np.arange(100, 40_000, dtype=np.uint32)
    label = symbol_classes(numbers, np.ones(len(numbers), bool))
    assert len(label.names) == 32_767
    assert label.codes.tolist() == [*range(32_767), *[-1] * (len(numbers) - 32_767)]
    with pytest.raises(ValueError, match="40,000 different words"):
        classify([str(number) for number in range(40_000)])
