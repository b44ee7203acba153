"""Minutes as steps: what fits is worked out by hand, and measured on a real trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from unrolled.errors import SettingsError
from unrolled.training.calibrate import LOOKING_SHARE, MARGIN, Speed, fitting
from unrolled.training.train import train
from unrolled.training.watch import VALIDATIONS

TEXT = "The rain had not stopped, and nobody had come down the road since noon.\n" * 80
PLANNED = (100 - 2) * MARGIN
"""Of 100 seconds; a fiftieth is for the start and the end."""
SMALL = {"hidden": 8, "unroll": 16, "batch": 4}


def test_without_looks_all_the_time_is_for_updates() -> None:
    steps, every = fitting(Speed(update=0.5, look=0.0), 100.0)
    assert steps == int(PLANNED / 0.5)
    assert every * (VALIDATIONS - 1) >= steps > (every - 1) * (VALIDATIONS - 1)


def test_the_start_and_the_end_take_three_seconds_of_a_long_time() -> None:
    steps, _ = fitting(Speed(update=0.5, look=0.0), 1000.0)
    assert steps == int((1000 - 3) * MARGIN / 0.5)


def test_quick_looks_are_all_taken() -> None:
    steps, _ = fitting(Speed(update=0.5, look=0.1), 100.0)
    assert steps == int((PLANNED - VALIDATIONS * 0.1) / 0.5)


def test_slow_looks_are_fewer_and_take_no_more_than_their_share() -> None:
    speed = Speed(update=0.5, look=3.0)
    steps, every = fitting(speed, 100.0)
    looks = steps // every + (steps % every > 0)
    assert looks * speed.look <= 100 * LOOKING_SHARE
    assert steps * speed.update + looks * speed.look <= PLANNED


def test_the_last_look_at_the_whole_part_is_planned_for() -> None:
    steps, _ = fitting(Speed(update=0.5, look=0.1, last_look=20.0), 100.0)
    assert steps == int((PLANNED - 20 - VALIDATIONS * 0.1) / 0.5)


def test_no_time_for_one_update_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"One update takes 2.0 s"):
        fitting(Speed(update=2.0, look=0.5), 2.0)


def test_minutes_become_steps_once_and_are_told(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    told: list[str] = []
    outcome = train(str(text), tmp_path / "run", minutes=0.1, tell=told.append, **SMALL)
    assert outcome.finished
    assert any(f"{outcome.step:,} updates fit into 0.1 minutes" in line for line in told)


def test_a_stop_while_the_speed_is_measured_leaves_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        train(str(text), tmp_path / "run", minutes=5, stop=lambda: True, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
