"""Batches tile the text, foretell the next symbol, carry the state where the text goes on, and can be gone on with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.errors import SourceError
from unrolled.sources.tasks import TASKS
from unrolled.training.batches import Batch, TaskBatches, TextBatches

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(0, 60))
"""Streams, unroll, and how many symbols there are beyond the fewest."""


def text_batches(streams: int, unroll: int, more: int) -> tuple[np.ndarray, TextBatches]:
    symbols = np.arange(streams * (unroll + 1) + more, dtype=np.uint16)  # each its own place, so that it can be seen
    return symbols, TextBatches(symbols, streams, unroll)


def same(one: Batch, other: Batch) -> bool:
    weights = (one.weights is None) == (other.weights is None) and (
        one.weights is None or other.weights is None or torch.equal(one.weights, other.weights)
    )
    tensors = torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)
    return tensors and weights and one.carries == other.carries


@given(SHAPES)
def test_streams_tile_the_text_and_targets_are_the_next_symbols(shape: tuple[int, int, int]) -> None:
    streams, unroll, _ = shape
    symbols, batches = text_batches(*shape)
    length = len(symbols) // streams
    epoch = [batches.next() for _ in range((length - 1) // unroll)]
    assert not epoch[0].carries
    assert all(batch.carries for batch in epoch[1:])
    for batch in epoch:
        assert batch.inputs.shape == batch.targets.shape == (unroll, streams)
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert batch.weights is None
        assert torch.equal(batch.targets, batch.inputs + 1)
    read = torch.cat([batch.inputs for batch in epoch])
    for stream in range(streams):
        assert read[:, stream].tolist() == list(range(stream * length, stream * length + len(read)))
    assert length - len(read) <= unroll  # no more is left out than is too short for a batch
    assert same(batches.next(), epoch[0])


@given(SHAPES)
def test_a_batch_carries_where_its_streams_go_on(shape: tuple[int, int, int]) -> None:
    _, batches = text_batches(*shape)
    before = batches.next()
    for _ in range(12):
        batch = batches.next()
        assert batch.carries == torch.equal(batch.inputs[0], before.targets[-1])
        before = batch


@given(SHAPES, st.integers(0, 20))
def test_text_batches_go_on_from_a_place(shape: tuple[int, int, int], done: int) -> None:
    _, batches = text_batches(*shape)
    for _ in range(done):
        batches.next()
    _, other = text_batches(*shape)
    other.go_to(batches.place())
    assert all(same(batches.next(), other.next()) for _ in range(9))


def test_a_text_too_short_for_a_batch_is_refused() -> None:
    TextBatches(np.zeros(44, np.uint8), 4, 10)
    with pytest.raises(SourceError, match="43 symbols, too few for 4 streams of 10"):
        TextBatches(np.zeros(43, np.uint8), 4, 10)


@pytest.mark.parametrize("name", ["counter", "selective-counter", "state-memorizer", "copy-machine"])
@pytest.mark.parametrize("knowable", [False, True])
def test_a_tasks_weights_are_the_targets_that_count(name: str, knowable: bool) -> None:
    """By letters: what stands behind the mark can be known; padding never counts."""
    task = TASKS.get(name)()
    batch = TaskBatches(task, 30, 5, knowable=knowable).next()
    assert batch.weights is not None
    assert not batch.carries
    alphabet = np.array(list(task.alphabet))
    for column in range(30):
        sequence = "".join(alphabet[torch.cat([batch.inputs[:1, column], batch.targets[:, column]])])
        whole = sequence[: sequence.index("\n", 1) + 1]
        prime, answer = task.split(whole)
        assert answer == task.expected(prime)
        first = len(prime) if knowable else 1
        counts = [first <= place < len(whole) for place in range(1, len(sequence))]
        assert batch.weights[:, column].tolist() == counts


@given(
    name=st.sampled_from(["counter", "selective-counter", "state-memorizer", "copy-machine"]),
    count=st.integers(1, 5),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=4),
    knowable=st.booleans(),
)
def test_task_batches_side_by_side_are_each_ones_own(name: str, count: int, seeds: list[int], knowable: bool) -> None:
    """But for steps that do not count, behind the end of the shorter ones."""
    alone, (first, *others) = (
        [TaskBatches(TASKS.get(name)(), count, seed, knowable=knowable) for seed in seeds] for _ in range(2)
    )
    for _ in range(3):
        batch = first.next_beside(others)
        assert batch.weights is not None
        expected = [each.next() for each in alone]
        assert batch.inputs.shape[1] == max(len(each.inputs) for each in expected)
        for at, each in enumerate(expected):
            steps = len(each.inputs)
            own = Batch(batch.inputs[at, :steps], batch.targets[at, :steps], batch.weights[at, :steps], False)
            assert same(own, each)
            assert not batch.weights[at, steps:].any()
    assert [each.place() for each in (first, *others)] == [each.place() for each in alone]


@given(SHAPES, st.integers(1, 3))
def test_text_batches_side_by_side_are_each_ones_own(shape: tuple[int, int, int], many: int) -> None:
    (_, alone), (_, first) = text_batches(*shape), text_batches(*shape)
    others = [text_batches(*shape)[1] for _ in range(many - 1)]
    for _ in range(9):
        batch, expected = first.next_beside(others), alone.next()
        for at in range(many):
            assert same(Batch(batch.inputs[at], batch.targets[at], None, batch.carries), expected)


def test_task_batches_go_on_from_a_place_and_depend_on_the_seed() -> None:
    def fresh(seed: int) -> TaskBatches:
        return TaskBatches(TASKS.get("copy-machine")(), 8, seed, knowable=False)

    batches, other = fresh(1), fresh(2)
    assert not same(fresh(1).next(), fresh(2).next())
    for _ in range(3):
        batches.next()
    other.go_to(batches.place())
    assert all(same(batches.next(), other.next()) for _ in range(4))
