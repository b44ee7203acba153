"""What an editor is offered, and what it costs in a long text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.writing.making import letters, make
from unrolled.writing.complete import complete
from unrolled.writing.editor.offers import offers, start_of_context
from unrolled.writing.reader import Reader
from unrolled.writing.settings import EditorSettings


@given(length=st.integers(0, 10**6), context=st.integers(2, 10**4))
def test_at_most_the_context_is_read_and_at_least_half_of_it(length: int, context: int) -> None:
    read = length - start_of_context(length, context)
    assert read <= context
    assert read >= min(length, context // 2)


def test_in_a_long_text_the_second_completion_costs_one_step() -> None:
    network, chosen = make(), EditorSettings(length=1)  # with one symbol the search itself takes no step
    reader, text = Reader(network, letters()), "ab ba\n" * 16_667
    offers(reader, text, chosen)
    assert network.steps <= chosen.context
    for character in "abcd":
        text += character
        before = network.steps
        offers(reader, text, chosen)
        assert network.steps == before + 1


@pytest.mark.parametrize(("before", "word"), [("ab ba", "ba"), ("ab ", ""), ("", ""), ("a\nüb", "üb"), ("a→", "")])
def test_they_are_the_continuations_of_the_word_before_the_cursor(before: str, word: str) -> None:
    network = make()
    found = offers(Reader(network, letters()), before, EditorSettings(length=5, top=8))
    expected = complete(network, letters(), before, length=5, top=8).continuations
    assert [(each.word, each.text, each.probability) for each in found] == [
        (word, word + each.text, each.probability) for each in expected if each.text.strip()
    ]
    assert found


def test_blanks_alone_are_not_offered() -> None:
    network, chosen = make(), EditorSettings(length=1, top=100, until="token")
    texts = [each.text for each in offers(Reader(network, letters()), "a", chosen)]
    assert sorted(texts) == sorted(f"a{character}" for character in "abcdü→")
