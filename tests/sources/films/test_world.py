"""The rules of drawn films against an account of them that remembers nothing and looks back instead."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unrolled.sources.films import LABELS, SHOTS, chance, gaps_of, labels_of, tells_of
from unrolled.sources.films.script import LONGEST_GAP, write_films
from unrolled.sources.films.world import DISTRACTORS, World, follow, label, tables

FILMS = st.lists(st.sampled_from(SHOTS), min_size=1, max_size=10)


def numbers(*shots: str) -> np.ndarray:
    return np.array([[SHOTS.index(shot) for shot in shots]])


def meanings(*shots: str) -> list[str]:
    return [LABELS[number] for number in labels_of(numbers(*shots))[0]]


def looked_up(shots: list[str]) -> str:
    """What happens in the last frame, found by looking back through the film."""
    *before, now = shots
    scene = before[len(before) - before[::-1].index("clapper") :] if "clapper" in before else before
    shown = [shot for shot in scene if shot in {"beach", "sea", "supermarket", "kitchen", "pan", "street"}]
    place = shown[-1] if shown else ""
    sky = [shot for shot in scene if shot in {"sun", "moon"}]
    night = bool(sky) and sky[-1] == "moon"
    if now == "bed":
        return "sleeping" if night else "resting"
    if now == "face":
        return "sleeping" if night else "sunbathing" if place in {"beach", "sea"} else "resting"
    if now == "bacon":
        return "shopping" if place == "supermarket" else "cooking"
    if now == "table":
        return "eating" if scene.count("pan") >= 3 else "waiting"
    if now == "candles":
        return "mourning" if "grave" in before else "dining"
    certain = {"sea": "swimming", "pan": "cooking", "grave": "dying"}
    walking = {"beach", "supermarket", "kitchen", "street"}
    return "walking" if now in walking else certain.get(now, "nothing")


@given(FILMS)
def test_a_label_is_what_looking_back_finds(shots: list[str]) -> None:
    assert meanings(*shots) == [looked_up(shots[: end + 1]) for end in range(len(shots))]


@pytest.mark.parametrize(
    ("shots", "last"),
    [
        (("supermarket", "car", "bacon"), "shopping"),
        (("supermarket", "street", "bacon"), "cooking"),
        (("bacon",), "cooking"),
        (("beach", "bird", "face"), "sunbathing"),
        (("beach", "moon", "face"), "sleeping"),
        (("beach", "lamp", "face"), "sunbathing"),
        (("beach", "moon", "sun", "face"), "sunbathing"),
        (("beach", "clapper", "face"), "resting"),
        (("moon", "clapper", "bed"), "resting"),
        (("pan", "pan", "table"), "waiting"),
        (("pan", "cat", "pan", "pan", "table"), "eating"),
        (("pan", "pan", "pan", "clapper", "table"), "waiting"),
        (("candles",), "dining"),
        (("grave", "clapper", "clapper", "candles"), "mourning"),
    ],
)
def test_films_worked_out_by_hand(shots: tuple[str, ...], last: str) -> None:
    assert meanings(*shots)[-1] == last


@settings(max_examples=40)
@given(FILMS)
def test_a_gap_is_the_fewest_frames_that_decide_whatever_was_before(shots: list[str]) -> None:
    worlds = tables().worlds
    for step, gap in enumerate(gaps_of(numbers(*shots))[0]):

        def possible(frames: int, step: int = step) -> set[str]:
            ends = set()
            for world in worlds:
                for shot in shots[step - frames : step + 1]:
                    world = follow(world, shot)
                ends.add(label(world, shots[step]))
            return ends

        deciding = [frames for frames in range(step + 1) if len(possible(frames)) == 1]
        assert gap == (deciding[0] if deciding else step + 1)


def test_a_frame_tells_exactly_if_no_two_films_give_it_different_labels() -> None:
    """Every world is reached by some film, so what is told apart in worlds is told apart in films."""
    reached, waiting = {World()}, [World()]
    while waiting:
        new = {follow(waiting[-1], shot) for shot in SHOTS} - reached
        waiting.pop()
        reached |= new
        waiting += new
    assert reached == set(tables().worlds)
    assert len(reached) == len(tables().worlds)
    for number, shot in enumerate(SHOTS):
        labels = {label(follow(world, shot), shot) for world in reached}
        assert tells_of(np.array(number)) == (len(labels) == 1)
    assert [shot for number, shot in enumerate(SHOTS) if not tells_of(np.array(number))] == [
        *("face", "bed", "bacon", "table", "candles")
    ]


def test_distractors_change_nothing() -> None:
    for world, shot in product(tables().worlds, DISTRACTORS):
        assert follow(world, shot) == world
        assert label(world, shot) == "nothing"


def test_chance_is_the_best_answer_for_each_kind_of_frame() -> None:
    shots, labels = np.array([1, 1, 1, 2, 2]), np.array([7, 7, 8, 9, 8])
    tables_of_answers = product(range(10), repeat=2)
    best = max(np.mean(np.where(shots == 1, one, two) == labels) for one, two in tables_of_answers)
    assert chance(shots, labels) == pytest.approx(best)


def test_films_ask_every_question_over_every_gap() -> None:
    shots = write_films(3, 600, 120)
    gaps, labels = gaps_of(shots), labels_of(shots)
    assert set(range(1, LONGEST_GAP + 1)) <= set(np.unique(gaps))
    assert set(np.unique(labels)) == set(range(len(LABELS)))
    asked = ~tells_of(shots)
    assert ((gaps > 0) == asked).all()
    assert chance(shots[asked], labels[asked]) < 0.75


@pytest.mark.parametrize("gap", [1, 2, 7, 60])
def test_films_of_one_gap_ask_at_that_gap(gap: int) -> None:
    shots = write_films(1, 100, 120, (gap,))
    at = gaps_of(shots) == gap
    assert at.sum() > 50
    assert len(np.unique(labels_of(shots)[at])) >= 6


def test_a_seed_gives_one_film() -> None:
    assert (write_films(5, 3, 40) == write_films(5, 3, 40)).all()
    assert (write_films(5, 3, 40) != write_films(6, 3, 40)).any()
