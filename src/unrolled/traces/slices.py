"""How a recording walks through its sequences: long ones piece by piece, short ones several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from unrolled.traces.format import SHARD

SHORTEST = 2048
"""Steps up to which a sequence is a short one; and the least that are run at a time of a long one."""
NUMBERS = 16 * 2**20
"""Numbers of a slice that are held at a time, unless `SHORTEST` steps are more."""
BATCH = 256

assert SHARD % SHORTEST == 0


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


def slice_steps(numbers_a_step: int) -> int:
    """Steps of a long sequence that are run at a time: more of a small network, for an engine makes ready once a run.

    A shard's steps, halved until a slice holds no more than `NUMBERS`: so a slice ends where a shard ends, and there a
    resume begins.
    """
    steps = SHARD
    while steps > SHORTEST and steps * numbers_a_step > NUMBERS:
        steps //= 2
    return steps


def plan_slices(sequences: Sequence[range], numbers_a_step: int) -> list[Slice]:
    """The slices in the order of the steps, without gaps. The same for a resumed recording as for the first."""
    rows = max(SHORTEST, min(SHARD, NUMBERS // numbers_a_step))
    steps = slice_steps(numbers_a_step)
    slices: list[Slice] = []
    waiting: list[range] = []
    for sequence in sequences:
        longest = max([len(sequence), *map(len, waiting)])
        if waiting and (longest * (len(waiting) + 1) > rows or len(waiting) == BATCH or len(sequence) > SHORTEST):
            slices.append(Slice(tuple(waiting)))
            waiting = []
        if len(sequence) <= SHORTEST:
            waiting.append(sequence)
            continue
        first = (sequence.start // steps + 1) * steps
        cuts = [sequence.start, *range(first, sequence.stop, steps), sequence.stop]
        slices += [Slice((range(start, stop),), fresh=start == sequence.start) for start, stop in pairwise(cuts)]
    if waiting:
        slices.append(Slice(tuple(waiting)))
    return slices
