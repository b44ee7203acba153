from __future__ import annotations

import re
from collections import Counter as Tally

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.errors import SettingsError, SourceError, UnknownNameError
from unrolled.sources import TASKS, Task, TaskSource, Vocabulary, open_source, prepare
from unrolled.sources.tasks.copy_machine import CopyMachine
from unrolled.sources.tasks.counter import Counter
from unrolled.sources.tasks.selective_counter import SelectiveCounter
from unrolled.sources.tasks.state_memorizer import StateMemorizer

# Each rule written once more, independently: does a whole sequence belong to the task with its default settings?
RULES = {
    "counter": lambda s: (m := re.fullmatch(r"\n(a{1,10})X(b+)\n", s)) and len(m[1]) == len(m[2]),
    "selective-counter": lambda s: (
        (m := re.fullmatch(r"\n([aX]+)Y(b{1,10})\n", s)) and m[1].count("a") == len(m[2]) and m[1].count("X") <= 10
    ),
    "state-memorizer": lambda s: re.fullmatch(r"\n(Ax{1,10}Ya|Bx{1,10}Yb)\n", s),
    "copy-machine": lambda s: re.fullmatch(r"\n([abc]{3})X\1\n", s),
}
tasks = pytest.mark.parametrize("task", [TASKS.get(name)() for name in TASKS.names()], ids=TASKS.names())


def test_there_are_four_tasks() -> None:
    assert set(TASKS.names()) == set(RULES)


@tasks
def test_drawn_examples_follow_the_rule(task: Task) -> None:
    for example in task.examples(np.random.default_rng(0), 3000):
        assert RULES[task.name](example), example


@tasks
def test_recorded_examples_follow_the_rule_and_are_distinct(task: Task) -> None:
    sequences = list(task.sequences())
    assert len(set(sequences)) == len(sequences)
    assert all(RULES[task.name](sequence) for sequence in sequences)
    assert sequences == list(task.sequences())


@pytest.mark.parametrize(
    ("name", "count"), [("counter", 10), ("selective-counter", 110), ("state-memorizer", 20), ("copy-machine", 27)]
)
def test_recordings_hold_every_case(name: str, count: int) -> None:
    assert len(list(TASKS.get(name)().sequences())) == count


@tasks
def test_a_batch_is_what_its_examples_are(task: Task) -> None:
    symbols, lengths, knowable = task.batch(np.random.default_rng(5), 200)
    examples = task.examples(np.random.default_rng(5), 200)
    assert symbols.dtype == np.uint32
    assert symbols.shape == knowable.shape == (200, max(map(len, examples)))
    assert lengths.tolist() == [len(example) for example in examples]
    for row, known, example in zip(symbols, knowable, examples, strict=True):
        assert task.vocabulary.decode(row[: len(example)]) == example
        assert not row[len(example) :].any()
        answer = example[example.rindex(task.mark) + 1 :]
        assert known.sum() == len(answer)
        assert known[len(example) - len(answer) : len(example)].all()


@tasks
def test_batches_depend_on_the_generator_alone(task: Task) -> None:
    rng = np.random.default_rng(1)
    task.batch(rng, 64)
    state = rng.bit_generator.state
    later = [task.batch(rng, 64) for _ in range(3)]
    again = np.random.default_rng(99)
    again.bit_generator.state = state
    for batch in later:
        repeated = task.batch(again, 64)
        assert all(np.array_equal(a, b) for a, b in zip(batch, repeated, strict=True))
    assert not np.array_equal(later[0].lengths, later[1].lengths) or task.name == "copy-machine"


@tasks
def test_an_empty_batch_is_empty(task: Task) -> None:
    assert task.batch(np.random.default_rng(0), 0).symbols.shape[0] == 0
    assert task.examples(np.random.default_rng(0), 0) == []


@tasks
def test_every_case_comes_equally_often(task: Task) -> None:
    def case(example: str) -> tuple:
        return (len(example), example.count("X")) if task.name == "selective-counter" else (example,)

    draws = 40_000
    counts = Tally(case(example) for example in task.examples(np.random.default_rng(3), draws))
    cases = {case(sequence) for sequence in task.sequences()}
    assert set(counts) == cases
    expected = draws / len(cases)
    # Five standard deviations of a count: fails by chance less than once in ten thousand seeds, and the seed is set.
    assert max(abs(count - expected) for count in counts.values()) < 5 * expected**0.5


def test_distractors_stand_at_every_place_equally_often() -> None:
    task = SelectiveCounter(minimum=3, maximum=3, distractors=1)
    places = Tally(e.index("X") for e in task.examples(np.random.default_rng(0), 20_000) if "X" in e)
    assert set(places) == {1, 2, 3, 4}
    assert max(abs(count - sum(places.values()) / 4) for count in places.values()) < 300


@tasks
def test_the_expected_answer_completes_every_prime(task: Task) -> None:
    for sequence in task.sequences():
        prime, answer = task.split(sequence)
        assert prime[-1] == task.mark
        assert prime + answer == sequence
        for cut in range(len(answer) + 1):
            assert task.expected(prime + answer[:cut]) == answer[cut:]


def test_answers_reach_beyond_the_range_that_was_trained_on() -> None:
    assert Counter().expected("\n" + "a" * 40 + "X") == "b" * 40 + "\n"
    assert StateMemorizer().expected("\nB" + "x" * 99 + "Y") == "b\n"
    assert SelectiveCounter().expected("\n" + "aX" * 40 + "Yb") == "b" * 39 + "\n"


@pytest.mark.parametrize(
    ("name", "prime"),
    [
        ("counter", ""),
        ("counter", "\naaa"),
        ("counter", "aaaX"),
        ("counter", "\nX"),
        ("counter", "\nabX"),
        ("counter", "\naaXbbb"),
        ("counter", "\naaXbb\n\n"),
        ("selective-counter", "\nXXY"),
        ("selective-counter", "\naXX"),
        ("state-memorizer", "\nxxY"),
        ("state-memorizer", "\nAxxYb"),
        ("copy-machine", "\nabX"),
        ("copy-machine", "\nabdX"),
        ("copy-machine", "\nabcXac"),
    ],
)
def test_a_prime_without_an_answer_is_refused(name: str, prime: str) -> None:
    with pytest.raises(SourceError, match="has no answer to") as caught:
        TASKS.get(name)().expected(prime)
    assert "such as '\\n" in caught.value.hint


@tasks
def test_the_alphabet_is_what_occurs_and_begins_with_the_newline(task: Task) -> None:
    assert set("".join(task.sequences())) == set(task.alphabet)
    assert task.vocabulary.symbols[0] == "\n"


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 1000))
def test_the_copy_machine_has_any_size(length: int, letters: int, seed: int) -> None:
    task = CopyMachine(length, letters)
    sequences = list(task.sequences())
    assert len(set(sequences)) == min(letters**length, 1024)
    assert sequences == sorted(sequences)
    for example in (*sequences, *task.examples(np.random.default_rng(seed), 20)):
        prime, answer = task.split(example)
        assert len(prime) == length + 2
        assert task.expected(prime) == answer
        task.vocabulary.encode(example)


def test_large_settings_stay_quick_to_list() -> None:
    sequences = list(CopyMachine(length=50, letters=26).sequences())
    assert len(sequences) == 1024
    assert len({sequence[1] for sequence in sequences}) == 26


def open_task(spec: str, limit: int | None = None) -> TaskSource:
    source = open_source(spec, limit=limit)
    assert isinstance(source, TaskSource)
    return source


def test_settings_stand_in_the_address() -> None:
    source = open_task("task:counter,maximum=20,minimum=19")
    assert source.task == Counter(19, 20)
    assert source.describe() == {
        "name": "task:counter,maximum=20,minimum=19",
        "kind": "task",
        "settings": {"minimum": 19, "maximum": 20},
        "limit": None,
    }


def test_a_recording_holds_each_example_as_its_own_sequence() -> None:
    corpus = prepare(open_task("task:counter,maximum=3"))
    assert corpus.vocabulary == Vocabulary("characters", ("\n", "a", "b", "X"))
    pieces = [corpus.vocabulary.decode(corpus.symbols[start:stop]) for start, stop in corpus.boundaries]
    assert pieces == ["\naXb\n", "\naaXbb\n", "\naaaXbbb\n"]
    assert corpus.boundaries.tolist() == [[0, 5], [5, 12], [12, 21]]
    for name in ("train", "validation", "test", "all"):
        assert np.array_equal(corpus.part(name).boundaries, corpus.boundaries)


def test_a_limit_keeps_whole_examples() -> None:
    assert [len(block.text) for block in open_task("task:counter", limit=20).blocks()] == [5, 7]
    assert [len(block.text) for block in open_task("task:counter", limit=21).blocks()] == [5, 7, 9]
    with pytest.raises(SourceError, match="No example of task:counter fits into 4 symbols") as caught:
        prepare(open_task("task:counter", limit=4))
    assert "--limit of 5" in caught.value.hint


def test_too_many_examples_ask_for_a_limit() -> None:
    with pytest.raises(SourceError, match=r"more than 16777216 symbols.*--limit"):
        for _ in open_task("task:counter,maximum=100000").blocks():
            pass
    assert len(prepare(open_task("task:counter,maximum=100000", limit=1000))) <= 1000


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("task:", UnknownNameError, "there are: copy-machine, counter"),
        ("task:count", UnknownNameError, "Did you mean 'counter'"),
        ("task:movie", UnknownNameError, "no task 'movie'"),
        ("task:counter,max=3", UnknownNameError, "there are: maximum, minimum"),
        ("task:counter,=3", UnknownNameError, "no setting of task:counter ''"),
        ("task:counter,maximum", SettingsError, "as a whole number, not 'maximum'"),
        ("task:counter,maximum=ten", SettingsError, "whole number.*maximum=10"),
        ("task:counter,maximum=1e3", SettingsError, "whole number"),
        ("task:counter,maximum=3,maximum=4", SettingsError, "once"),
        ("task:counter,maximum=0", SettingsError, "maximum from 1 to 100000, not 0: the most a's"),
        ("task:counter,maximum=-5", SettingsError, "not -5"),
        ("task:counter,maximum=999999999", SettingsError, "from 1 to 100000"),
        ("task:counter,minimum=11", SettingsError, r"minimum \(11\) above its maximum \(10\)"),
        ("task:copy-machine,letters=27", SettingsError, "letters from 1 to 26"),
    ],
)
def test_bad_addresses_say_what_is_allowed(spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_source(spec)


def test_what_is_for_texts_is_refused_for_a_task() -> None:
    with pytest.raises(SettingsError, match="are for texts"):
        open_source("task:counter", include=["*.py"])
    with pytest.raises(SettingsError, match="are for texts"):
        open_source("task:counter", symbols="bytes")
