"""How a recording walks through its sequences: long ones piece by piece, short ones several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from unrolled.traces.format import SHARD

SLICE = 2048
"""Steps of a long sequence that are run at a time. Cut where whole shards end, so that a resume begins at a cut."""
NUMBERS = 16 * 2**20
"""Recorded numbers of a batch of short sequences that are held at a time."""
BATCH = 256

assert SHARD % SLICE == 0


@dataclass(frozen=True)
class Slice:
    """Steps that are run together: whole sequences side by side, or (one sequence) a part of it.

    `fresh` says whether they start from a fresh state rather than from the state after the slice before.
    """

    sequences: tuple[range, ...]
    fresh: bool = True

    @property
    def start(self) -> int:
        return self.sequences[0].start

    @property
    def stop(self) -> int:
        return self.sequences[-1].stop


def plan_slices(sequences: Sequence[range], numbers_a_step: int) -> list[Slice]:
    """The slices in the order of the steps, without gaps. The same for a resumed recording as for the first."""
    rows = max(SLICE, min(SHARD, NUMBERS // numbers_a_step))
    slices: list[Slice] = []
    waiting: list[range] = []
    for sequence in sequences:
        longest = max([len(sequence), *map(len, waiting)])
        if waiting and (longest * (len(waiting) + 1) > rows or len(waiting) == BATCH or len(sequence) > SLICE):
            slices.append(Slice(tuple(waiting)))
            waiting = []
        if len(sequence) <= SLICE:
            waiting.append(sequence)
            continue
        first = (sequence.start // SLICE + 1) * SLICE
        cuts = [sequence.start, *range(first, sequence.stop, SLICE), sequence.stop]
        slices += [Slice((range(start, stop),), fresh=start == sequence.start) for start, stop in pairwise(cuts)]
    if waiting:
        slices.append(Slice(tuple(waiting)))
    return slices
