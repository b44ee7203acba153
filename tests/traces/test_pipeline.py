"""What goes on beside the computation changes nothing: not the order, not the bytes, not what an error leaves."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.traces.making import Names, make_network, make_symbols
from tests.traces.test_resume import files
from unrolled.traces.format import SHARD
from unrolled.traces.pipeline import NEAR, Pipeline, Sharing, compute_threads, share_threads
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace


@pytest.mark.parametrize("in_turns", [False, True])
def test_makes_at_once_and_stores_in_order(in_turns: bool) -> None:
    meeting = threading.Barrier(3)
    stored: list[int] = []
    threads: set[int] = set()

    def make(number: int) -> int:
        if number < 3:
            meeting.wait(60)  # none of the first three ends before all have begun
        sum(range(random.randrange(20_000)))
        return number

    def store(number: int) -> None:
        threads.add(threading.get_ident())
        stored.append(number)

    pipeline = Pipeline(Sharing(1, 3, in_turns), depth=5)
    for number in range(100):
        pipeline.give(lambda number=number: make(number), store)
    pipeline.finish()
    assert stored == list(range(100))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("in_turns", [False, True])
def test_no_more_is_on_its_way_than_there_is_room_for(in_turns: bool) -> None:
    depth, made, stored, waiting = 4, [], [], []
    full = threading.Event()

    def make(number: int) -> int:
        made.append(number)
        if len(made) == depth:
            full.set()
        return number

    def store(number: int) -> None:
        assert full.wait(60)
        waiting.append(len(made) - len(stored))
        stored.append(number)

    pipeline = Pipeline(Sharing(1, 2, in_turns), depth)
    for number in range(50):
        pipeline.give(lambda number=number: make(number), store)
    pipeline.finish()
    assert stored == list(range(50))
    assert max(waiting) == depth  # it comes so far, and no further


def _give(pipeline: Pipeline, make: Callable[[int], int], store: Callable[[int], None]) -> None:
    for number in range(1000):
        pipeline.give(lambda number=number: make(number), store)


@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("where", ["make", "store"])
def test_an_error_is_raised_where_things_are_given_and_nothing_is_stored_after_it(where: str, in_turns: bool) -> None:
    stored: list[int] = []

    def act(number: int, here: str) -> int:
        if number == 10 and here == where:
            raise OSError(28, "no room")
        return number

    def store(number: int) -> None:
        stored.append(act(number, "store"))

    pipeline = Pipeline(Sharing(1, 2, in_turns), depth=3)
    with pytest.raises(OSError, match="no room"):
        _give(pipeline, lambda number: act(number, "make"), store)
    with pytest.raises(OSError, match="no room"):
        pipeline.finish()
    pipeline.close()  # again is allowed
    assert stored == list(range(10))


def test_threads_are_shared_and_given_back() -> None:
    before = torch.get_num_threads()
    for threads in (1, 2, 3, 8):
        with compute_threads(threads):
            small, large = share_threads(), share_threads(NEAR + 1)
            assert min(small.computing, small.workers) >= 1
            assert small.computing + small.workers == max(2, threads)
            assert not small.in_turns
            assert large == Sharing(threads, threads, in_turns=threads > 1)
            with compute_threads(small.computing):
                assert torch.get_num_threads() == small.computing
            assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("cell", "hidden"), [("lstm", 40), ("gru", 3)])
def test_one_thread_and_several_write_the_same_bytes(cell: str, hidden: int, dtype: str, tmp_path: Path) -> None:
    network = make_network(cell, layers=2, hidden=hidden)
    sequences = make_symbols(SHARD + 3000, *[17] * 300, *range(1, 60), 2100)
    for threads in (1, 4):
        with compute_threads(threads):
            record_run(network, Names(), sequences, out=tmp_path / str(threads), dtype=dtype)  # type: ignore[arg-type]
            assert torch.get_num_threads() == threads
    one, several = (files(tmp_path / name) for name in ("1", "4"))
    assert one.keys() == several.keys()
    assert [name for name in one if one[name] != several[name]] == []


def test_taking_turns_writes_the_same_bytes(tmp_path: Path) -> None:
    network = make_network(layers=1, hidden=160)  # weights of 410 kB
    sequences = make_symbols(SHARD + 700, *[9] * 30)
    for threads in (1, 2):
        with compute_threads(threads):
            assert share_threads(4 * 4 * 160**2).in_turns == (threads == 2)
            record_run(network, Names(), sequences, out=tmp_path / str(threads))
    assert files(tmp_path / "1") == files(tmp_path / "2")


class Readout(nn.Linear):
    """Fails once it has been asked so many times; `asked` counts."""

    asked = 0
    fails_at = 1 << 60

    def forward(self, input: Tensor) -> Tensor:
        self.asked += 1
        if self.asked > self.fails_at:
            raise RuntimeError("the readout failed")
        return super().forward(input)


def test_what_fails_beside_the_computation_ends_it_and_can_be_gone_on_with(tmp_path: Path) -> None:
    network, symbols = make_network(layers=1, hidden=3), make_symbols(3 * SHARD + 5000)
    network.readout = readout = Readout(3, len(Names().symbols))
    record_run(network, Names(), symbols, out=tmp_path / "whole")
    readout.fails_at = readout.asked * 7 // 4  # in the third of its three shards
    with pytest.raises(RuntimeError, match="the readout failed"):
        record_run(network, Names(), symbols, out=tmp_path / "t")
    left = Trace.open(tmp_path / "t")
    assert left.steps == 2 * SHARD  # also a shard that was too soon after the first to be published at once
    assert not left.info.whole
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("trace-")]
    readout.fails_at = 1 << 60
    asked = iter([False, True])
    stopped = record_run(network, Names(), symbols, out=tmp_path / "t", resume=True, stop=lambda: next(asked))
    assert stopped.steps == 3 * SHARD
    assert record_run(network, Names(), symbols, out=tmp_path / "t", resume=True).info.whole
    assert files(tmp_path / "t") == files(tmp_path / "whole")
