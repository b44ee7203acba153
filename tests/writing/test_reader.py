"""A reader against a fresh read of every text, and the steps that it takes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.writing.making import LETTERS, letters, make, odds_after
from unrolled.errors import VocabularyError
from unrolled.sources.tasks.task import EDGE
from unrolled.writing.complete import complete, complete_after
from unrolled.writing.reader import MOST_PLACES, SPACING, Reader
from unrolled.writing.settings import CompletionSettings

SOME = st.text(alphabet=LETTERS, max_size=30)


def same_odds(reader: Reader, text: str) -> bool:
    ours = reader.log_odds(reader.read(text).output).exp()
    return torch.allclose(ours, odds_after(reader.network, reader.vocabulary, text), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole", "feedforward"])
def test_one_more_character_costs_one_step(cell: str) -> None:
    network, text = make(cell=cell), "abba ü→\n" * 40
    reader = Reader(network, letters())
    assert same_odds(reader, text)
    for character in "cab d":
        text += character
        before = network.steps
        reader.read(text)
        assert network.steps - before == 1
        assert same_odds(reader, text)
    before = network.steps
    reader.read(text)
    assert network.steps == before


@given(
    start=st.text(alphabet=LETTERS, min_size=1, max_size=400),
    edits=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), SOME), max_size=6),
)
@settings(max_examples=60)
def test_after_an_edit_it_goes_on_from_just_before(start: str, edits: list[tuple[float, float, str]]) -> None:
    torch.manual_seed(0)
    network, text = make(), start
    reader = Reader(network, letters())
    reader.read(text)
    for place, end, more in edits:
        first = int(place * len(text))
        changed = text[:first] + more + text[first + int(end * (len(text) - first)) :]
        if not changed:
            continue
        shared = next((at for at, pair in enumerate(zip(text, changed, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(text), len(changed)) if shared is None else shared
        before = network.steps
        reader.read(changed)
        assert network.steps - before < len(changed) - shared + SPACING
        assert same_odds(reader, changed)
        text = changed


def test_however_long_the_text_few_places_are_kept() -> None:
    """Twice as many symbols as there are places to keep: now they lie further apart, and going back costs as much."""
    network = make(cell="rnn", hidden=2, layers=1)
    reader = Reader(network, letters())
    text = "abba ü→\n" * (MOST_PLACES * SPACING * 3 // 2 // 8)
    reader.read(text)
    assert reader.spacing == 2 * SPACING
    for shared in (len(text) - 1, len(text) // 2 + 3, 1000):
        before = network.steps
        reader.read(text[:shared] + "c")
        assert network.steps - before <= 1 + reader.spacing
    assert same_odds(reader, text[:1000] + "c")


def test_a_task_is_read_from_its_last_edge() -> None:
    network = make()
    reader = Reader(network, letters(), edge=EDGE)
    reader.read(f"abba{EDGE}ab")
    assert network.steps == 3
    reader.read(f"dddddd{EDGE}abc")
    assert network.steps == 4


def test_what_is_skipped_costs_nothing() -> None:
    network = make()
    reader = Reader(network, letters(), unknown="skip")
    reader.read("abba")
    before = network.steps
    reader.read("azbzbaz")
    assert network.steps == before
    with pytest.raises(VocabularyError):
        Reader(network, letters()).read("z")


def test_what_is_refused_changes_nothing() -> None:
    network = make()
    reader = Reader(network, letters())
    reader.read("abba")
    with pytest.raises(VocabularyError):
        reader.read("dddz")
    before = network.steps
    reader.read("abbac")
    assert network.steps == before + 1


def test_completing_while_typing_is_completing_at_once() -> None:
    network, text = make(), "ab ba\n" * 20
    reader, chosen = Reader(network, letters()), CompletionSettings(top=5, length=6)
    for typed in ("", "a", "ab", "ab ", "ab", "d", "dü"):
        ours, fresh = (
            complete_after(reader, text + typed, chosen),
            complete(network, letters(), text + typed, top=5, length=6),
        )
        assert [one.text for one in ours.continuations] == [one.text for one in fresh.continuations]
        odds = [one.probability for one in ours.continuations]
        assert odds == pytest.approx([one.probability for one in fresh.continuations], rel=1e-10)
