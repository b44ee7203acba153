"""The learning rate against what the closed forms give."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from unrolled.training.schedule import FLOOR, learning_rate
from unrolled.training.settings import TrainingSettings


def rates(steps: int, **given: object) -> list[float]:
    settings = TrainingSettings.parse({"steps": steps, "learning_rate": 0.5, "warmup": 0, **given})
    return [learning_rate(settings, step) for step in range(steps)]


def test_a_cosine_falls_from_the_top_to_its_floor() -> None:
    found = rates(100)
    assert found[0] == 0.5
    assert found[50] == pytest.approx(0.5 * (1 + FLOOR) / 2)
    assert found[25] == pytest.approx(0.5 * (FLOOR + (1 - FLOOR) * (2 + math.sqrt(2)) / 4))
    assert all(earlier > later > 0.5 * FLOOR for earlier, later in pairwise(found))
    assert found[-1] == pytest.approx(0.5 * FLOOR, rel=0.05)


def test_decay_is_by_factors() -> None:
    assert rates(7, schedule="decay", decay_every=3, decay_factor=0.1) == pytest.approx(
        [0.5] * 3 + [0.05] * 3 + [0.005]
    )


def test_constant_is_constant_and_warmup_rises_in_a_line() -> None:
    assert rates(5, schedule="constant") == [0.5] * 5
    assert rates(5, schedule="constant", warmup=4) == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])
