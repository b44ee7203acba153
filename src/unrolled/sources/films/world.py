"""The world behind a drawn film, how each frame changes it, and what is happening in a frame.

A frame shows one thing; what it means can depend on what was shown before. That memory is the world:

- the place, shown by an establishing frame, until another place is shown;
- night, from the moon until the sun rises;
- whether somebody has died in this film;
- how far the cooking has come: a step with each frame of the pan, done after three.

A clapper begins a new scene: place, night and cooking are forgotten, a death is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Place: TypeAlias = Literal["nowhere", "beach", "supermarket", "kitchen", "street"]

DONE = 3
"""Frames of the pan until the bacon is done."""


@dataclass(frozen=True)
class World:
    """What has been shown so far. `cooked` counts frames of the pan, from 0 to `DONE`."""

    place: Place = "nowhere"
    night: bool = False
    death: bool = False
    cooked: int = 0


BEGINNING = World()
"""What is known before the first frame of a film: nothing."""

SHOWS: dict[str, Place] = {
    "beach": "beach",
    "sea": "beach",
    "supermarket": "supermarket",
    "kitchen": "kitchen",
    "pan": "kitchen",
    "street": "street",
}
"""The frames that show a place."""

CERTAIN = {
    "beach": "walking",
    "supermarket": "walking",
    "kitchen": "walking",
    "street": "walking",
    "sea": "swimming",
    "pan": "cooking",
    "grave": "dying",
}
"""What happens in the frames that tell by themselves; in all that are neither here nor in `UNCERTAIN`, nothing does."""

UNCERTAIN = ("face", "bed", "bacon", "table", "candles")
"""The frames whose meaning depends on the world: closed eyes, somebody in bed, bacon in a hand, a laid table, heads
bowed by candles."""

DISTRACTORS = ("bird", "car", "lamp", "cat")
"""Frames that mean nothing and change nothing. The lamp looks like the moon."""

SHOTS = ("clapper", "sun", "moon", *CERTAIN, *UNCERTAIN, *DISTRACTORS)
"""Every kind of frame; its number is its place here."""

LABELS = (
    *("nothing", "walking", "swimming", "cooking", "dying"),
    *("sunbathing", "resting", "sleeping", "shopping", "eating", "waiting", "mourning", "dining"),
)
"""Everything that can be happening; its number is its place here."""


def follow(world: World, shot: str) -> World:
    """The world after a frame was shown."""
    if shot == "clapper":
        return World(death=world.death)
    if shot in {"moon", "sun"}:
        return replace(world, night=shot == "moon")
    if shot == "grave":
        return replace(world, death=True)
    if shot == "pan":
        world = replace(world, cooked=min(world.cooked + 1, DONE))
    return replace(world, place=SHOWS.get(shot, world.place))


def label(world: World, shot: str) -> str:
    """What is happening in a frame.

    Args:
        world: what has been shown, this frame included.
        shot: what the frame shows.
    """
    if shot in {"face", "bed"}:
        by_day = "sunbathing" if shot == "face" and world.place == "beach" else "resting"
        return "sleeping" if world.night else by_day
    if shot == "bacon":
        return "shopping" if world.place == "supermarket" else "cooking"
    if shot == "table":
        return "eating" if world.cooked == DONE else "waiting"
    if shot == "candles":
        return "mourning" if world.death else "dining"
    return CERTAIN.get(shot, "nothing")


@dataclass(frozen=True)
class Tables:
    """The rules over numbers, for many films at once.

    worlds: every world that a film can lead to; the beginning is number 0.

    after: `(shots, worlds)`, the world after a shot.
    meaning: `(shots, worlds)`, the label of a shot by the world before it.
    tells: `(shots,)`, whether a frame alone tells: its label is the same in every world.
    """

    worlds: tuple[World, ...]
    after: NDArray[np.uint8]
    meaning: NDArray[np.uint8]
    tells: NDArray[np.bool_]


@cache
def tables() -> Tables:
    """The rules as tables, made of `follow` and `label`."""
    worlds = [BEGINNING]
    for world in worlds:  # which grows, until every world that some film leads to is there
        worlds += dict.fromkeys(new for shot in SHOTS if (new := follow(world, shot)) not in worlds)
    number = {world: at for at, world in enumerate(worlds)}
    after = [[number[follow(world, shot)] for world in worlds] for shot in SHOTS]
    meaning = [[LABELS.index(label(follow(world, shot), shot)) for world in worlds] for shot in SHOTS]
    table = np.array(meaning, np.uint8)
    return Tables(tuple(worlds), np.array(after, np.uint8), table, (table == table[:, :1]).all(axis=1))
