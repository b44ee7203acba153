"""What follows from what was shown: worlds, labels, and how far back the frame lies that tells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.films.world import tables


def worlds_of(shots: NDArray[Any]) -> NDArray[np.uint8]:
    """The world after each frame.

    Args:
        shots: `(films, steps)`, numbers of `SHOTS`.

    Returns:
        `(films, steps)`, numbers of `tables().worlds`.
    """
    after = tables().after
    worlds = np.zeros(shots.shape, np.uint8)
    now = np.zeros(len(shots), np.uint8)
    for step in range(shots.shape[1]):
        now = after[shots[:, step], now]
        worlds[:, step] = now
    return worlds


def labels_of(shots: NDArray[Any]) -> NDArray[np.int64]:
    """What is happening in each frame `(films, steps)`, as numbers of `LABELS`."""
    before = np.zeros(shots.shape, np.uint8)
    before[:, 1:] = worlds_of(shots)[:, :-1]
    return tables().meaning[shots, before].astype(np.int64)


def gaps_of(shots: NDArray[Any]) -> NDArray[np.int64]:
    """How many frames ago the frame was shown from which on a label is certain.

    The gap is the smallest number of frames before this one that decide its label: whatever the world was before them,
    with them the label is the same. 0 where a frame alone tells. Where even all frames since the film began leave it
    open, it is the beginning that tells (nobody has died yet): then the gap reaches one step before the first frame.

    Args:
        shots: `(films, steps)`, numbers of `SHOTS`.

    Returns:
        `(films, steps)`, 0 to `steps`.
    """
    rules = tables()
    gaps = np.zeros(shots.shape, np.int64)
    films, steps = np.nonzero(~rules.tells[shots])
    possible = rules.meaning[shots[films, steps]]  # (frames, worlds): the label, by the world `gap` frames ago
    gap = 0
    while len(films):
        decided = (possible == possible[:, :1]).all(axis=1) | (steps < gap)
        gaps[films[decided], steps[decided]] = gap
        films, steps, possible = films[~decided], steps[~decided], possible[~decided]
        gap += 1
        earlier = steps - gap
        moved = np.take_along_axis(possible, rules.after[shots[films, earlier]].astype(np.int64), axis=1)
        possible = np.where(earlier[:, None] >= 0, moved, possible)
    return gaps


def tells_of(shots: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each frame `(films, steps)` alone tells what is happening."""
    return tables().tells[shots]


def chance(shots: NDArray[Any], labels: NDArray[Any]) -> float:
    """The share of frames that the best guess from the frame alone gets right: for each kind of frame its most frequent
    label. No network that sees the present frame only can do better on them.

    Args:
        shots, labels: `(frames,)` each; at least one frame.
    """
    right = sum(np.bincount(labels[shots == shot]).max() for shot in np.unique(shots))
    return float(right / len(shots))
