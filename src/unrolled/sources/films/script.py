"""Writes films: which frame is shown when, so that every question is asked at every distance from its answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unrolled.sources.films.world import DISTRACTORS, SHOTS, UNCERTAIN

LONGEST_GAP = 100
QUESTIONS_BETWEEN = 0.3
"""The share of the frames between a cue and its question that are questions themselves; the others are distractors."""

CUES: dict[str, tuple[tuple[str, ...], ...]] = {
    "sunbathing": (("clapper", "beach"), ("sun", "beach"), ("beach", "sun"), ("clapper", "sea")),
    "resting": (("clapper",), ("sun", "kitchen"), ("street", "sun"), ("clapper", "supermarket")),
    "sleeping": (("moon",), ("beach", "moon"), ("moon", "beach")),
    "shopping": (("supermarket",),),
    "cooking": (("kitchen",), ("beach",), ("street",), ("sea",), ("clapper",)),
    "eating": (("pan", "pan", "pan"),),
    "waiting": (("clapper",), ("clapper", "pan"), ("clapper", "pan", "pan")),
    "mourning": (("grave",),),
    "dining": ((),),
}
"""Frames after which a question has that answer. (After a death, nobody dines any more.)"""

ANSWERS = {
    "face": ("sunbathing", "resting", "sleeping"),
    "bed": ("resting", "sleeping"),
    "bacon": ("shopping", "cooking"),
    "table": ("eating", "waiting"),
    "candles": ("mourning", "dining"),
}
"""What each question can have as its answer."""

_NUMBERS = {shot: number for number, shot in enumerate(SHOTS)}
_QUESTIONS = np.array([_NUMBERS[shot] for shot in UNCERTAIN])
_DISTRACTORS = np.array([_NUMBERS[shot] for shot in DISTRACTORS])
_CUES = {answer: tuple(np.array([_NUMBERS[s] for s in cue], int) for cue in cues) for answer, cues in CUES.items()}


def write_film(rng: np.random.Generator, steps: int, gaps: Sequence[int] = ()) -> NDArray[np.uint8]:
    """One film: again and again a cue, frames between, and the question that the cue answers.

    A question is drawn first, then its answer, both evenly, then a cue for it and the gap from the cue's first frame to
    the question. What is asked between has whatever answer follows from the whole film.

    Args:
        steps: frames of the film, 1 or more.
        gaps: those to draw from, each 1 or more; where there are none, any from 1 to 100, each size as often as any
            (even in the logarithm).

    Returns:
        `(steps,)`, numbers of `SHOTS`.
    """
    between = rng.choice(_DISTRACTORS, steps)
    asked = rng.random(steps) < QUESTIONS_BETWEEN
    between[asked] = rng.choice(_QUESTIONS, int(asked.sum()))
    film = between.astype(np.uint8)
    start = 0
    while start < steps - 1:
        question = UNCERTAIN[rng.integers(len(UNCERTAIN))]
        possible = ANSWERS[question]
        cues = _CUES[possible[rng.integers(len(possible))]]
        cue = cues[rng.integers(len(cues))]
        drawn = gaps[int(rng.integers(len(gaps)))] if gaps else int(LONGEST_GAP ** rng.random() + 0.5)
        gap = max(drawn, len(cue), 1)
        if start + gap >= steps:
            if gaps:
                break
            gap = steps - 1 - start
        cue = cue[:gap]
        film[start : start + len(cue)] = cue
        film[start + gap] = _NUMBERS[question]
        start += gap + 1
    return film


def write_films(seed: int, films: int, steps: int, gaps: Sequence[int] = ()) -> NDArray[np.uint8]:
    """Several films `(films, steps)`; the same for the same seed. See `write_film`."""
    rng = np.random.default_rng(seed)
    return np.stack([write_film(rng, steps, gaps) for _ in range(films)])
