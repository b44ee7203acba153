"""Minutes become a number of steps, once, so that everything afterwards depends on steps alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from unrolled.errors import SettingsError
from unrolled.sources import Corpus
from unrolled.training.trainer import Trainer
from unrolled.training.watch import MOST, VALIDATIONS, validate

MEASURE_SECONDS = 2.0
MARGIN = 0.95
"""Share of the time that is planned for: the rest covers checkpoints and a machine that slows down."""
UNSEEN = 3.0
"""Seconds, at most a fiftieth of the time, for what goes before and after: starting Python and ending it."""
LOOKING_SHARE = 0.1
"""Share of the time that looks at the validation part may take; where they would take more, there are fewer."""
SAMPLE = 8192
"""Symbols of the validation part that are read to measure a look."""
FEW = 200
"""Updates with which a network learns little more than which symbols are frequent."""


@dataclass(frozen=True)
class Speed:
    """Seconds that one update takes, one look at the validation part, and the last one, at the whole of it.

    The looks take no time where nothing is held out.
    """

    update: float
    look: float = 0.0
    last_look: float = 0.0


def measure_speed(trainer: Trainer, corpus: Corpus, seconds: float, stop: Callable[[], bool]) -> Speed:
    """How fast this machine trains now.

    Args:
        trainer: a throwaway: it is trained for a moment.
        corpus: whose validation part will be looked at now and then.
        seconds: the whole time that training may take; the measurement takes a small part of it.
        stop: asked after every update.

    Raises:
        KeyboardInterrupt: `stop` said yes.
    """
    times: list[float] = []
    deadline = time.monotonic() + min(MEASURE_SECONDS, seconds / 20)
    while len(times) < 4 or (time.monotonic() < deadline and len(times) < 200):
        start = time.monotonic()
        trainer.update()
        times.append(time.monotonic() - start)
        if stop():
            raise KeyboardInterrupt
    look = last_look = 0.0
    if validate(trainer.network, corpus, trainer.settings, most=SAMPLE // 8) is not None:  # warms what the next finds
        start = time.monotonic()
        score = validate(trainer.network, corpus, trainer.settings, most=SAMPLE)
        assert score is not None
        each, length = (time.monotonic() - start) / score.symbols, len(corpus.part("validation"))
        look, last_look = each * min(MOST, length), each * length
    return Speed(statistics.median(times[1:]), look, last_look)


def fitting(speed: Speed, seconds: float) -> tuple[int, int]:
    """How many updates fit, and after how many of them to look at the validation part.

    Args:
        seconds: that are left.

    Raises:
        SettingsError: there is not time for one update.
    """
    left = (seconds - min(UNSEEN, seconds / 50)) * MARGIN - speed.last_look
    looks = VALIDATIONS
    if speed.look:
        looks = max(1, min(VALIDATIONS, int(left * LOOKING_SHARE / speed.look)))
    steps = int((left - looks * speed.look) / speed.update)
    if steps < 1:
        raise SettingsError(
            f"One update takes {speed.update:.1f} s here, and a look at the validation part {speed.look:.1f} s: "
            f"the time left is too short for them.",
            "Give more --minutes, or a smaller --hidden.",
        )
    return steps, max(1, -(-steps // max(1, looks - 1)))
