"""Labels that need no parser: layout, words, names, and what the tasks ask for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.neurons.hypotheses import Classes, labeller
from unrolled.neurons.hypotheses.code import spans_to
from unrolled.neurons.hypotheses.layout import file_position
from unrolled.neurons.hypotheses.names import proper_noun, slogan
from unrolled.sources.tasks import TASKS


def said(name: str, text: str) -> list[object]:
    label = labeller(name)(text)
    if isinstance(label, Classes):
        return [label.names[code] if code >= 0 else "" for code in label.codes.tolist()]
    return label.tolist()


@given(st.lists(st.text(" \tab", max_size=9), max_size=5))
def test_layout_against_going_line_by_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = {name: labeller(name)(text) for name in ("line-position", "indentation", "tabs", "file-position")}
    at = 0
    for line in lines:
        for column in range(len(line)):
            read = line[: column + 1]
            white = read[: len(read) - len(read.lstrip())]
            expected = (column + 1, len(white), white.count("\t"), at + column + 1)
            assert tuple(label[at + column] for label in found.values()) == expected
        at += len(line) + 1


@given(st.text("()ab", max_size=30))
def test_brackets_against_counting_them(text: str) -> None:
    depth = 0
    for at, letter in enumerate(text):
        depth = max(0, depth + (letter == "(") - (letter == ")"))
        assert labeller("round-depth")(text)[at] == depth


@given(st.lists(st.tuples(st.sampled_from("s;-"), st.integers(0, 4)), max_size=30))
def test_spans_end_at_the_first_stop_that_is_no_deeper(places: list[tuple[str, int]]) -> None:
    depths = np.array([depth for _, depth in places], np.float64)
    starts, stops = ([at for at, (mark, _) in enumerate(places) if mark == kind] for kind in "s;")
    fitting = {start: [stop for stop in stops if stop > start and depths[stop] <= depths[start]] for start in starts}
    expected = {(start, stops_of[0] if stops_of else len(places)) for start, stops_of in fitting.items()}
    assert set(spans_to(starts, stops, depths)) == expected


def test_files_begin_where_they_are_said_to() -> None:
    assert file_position("abcde", (0, 3, 9)).tolist() == [1, 2, 3, 1, 2]


def test_a_word_that_only_begins_sentences_is_no_name() -> None:
    text = "Today we met Ann. Today Ann left. And then? Today. We saw the Dog, our Dog, a dog, a dog and Ann."
    found = proper_noun(text)
    assert {text[at : at + 3] for at in np.flatnonzero(found[1:] & ~found[:-1]) + 1} == {"Ann"}


def test_a_slogan_is_shouted_and_a_phrase_is_not() -> None:
    text = "we are the best\n" * 20 + "VOTE FOR US NOW\nvote for us\n" * 8
    found = slogan(text)
    assert not found[: text.index("VOTE")].any()
    assert found[text.index("VOTE") : text.index("VOTE") + 11].all()
    assert found[text.index("vote") : text.index("vote") + 11].all()


def test_forms_of_be_are_told_when_they_have_ended() -> None:
    text = "It will be, because you've not been there; being best is to be"
    after = [text.index(","), text.index(" there"), text.index(" best")]
    assert np.flatnonzero(labeller("be")(text)).tolist() == after
    assert np.flatnonzero(labeller("auxiliary-be")(text)).tolist() == after[:2]


@pytest.mark.parametrize("task", ["counter", "selective-counter"])
def test_what_is_left_to_write_is_what_the_task_expects(task: str) -> None:
    mark = TASKS.get(task)().mark.lower()
    for sequence in TASKS.get(task)().sequences():
        prime = TASKS.get(task)().split(sequence)[0]
        left = said(f"left-after-{mark}", sequence[:-1])
        for at in range(len(sequence) - 1):
            is_answer = at + 1 >= len(prime)
            assert said(f"after-{mark}", sequence)[at] == is_answer
            if is_answer:
                assert left[at] == len(TASKS.get(task)().expected(sequence[: at + 1])) - 1
            else:
                assert np.isnan(left[at])
            assert said("a-count", sequence)[at] == sequence[: at + 1].count("a")


def test_the_letter_to_copy_is_what_the_task_expects() -> None:
    task = TASKS.get("copy-machine")()
    text = "".join(task.sequences())
    due, following = said("letter-to-copy", text), said("next-symbol", text)
    for at, letter in enumerate(due):
        assert letter in ("", following[at])
    assert sum(map(bool, due)) == len(list(task.sequences())) * 4
    positions = said("copy-position", "\nbacXba")
    assert positions == [0, 1, 2, 3, 0, 1, 2]


def test_the_state_to_remember_is_what_the_task_expects() -> None:
    task = TASKS.get("state-memorizer")()
    for sequence in task.sequences():
        states = said("remembered-state", sequence)
        assert states[0] == states[-1] == ""
        assert {str(state).lower() for state in states[1:-1]} == {sequence[-2]}
