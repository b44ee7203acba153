"""Minutes become a number of steps, once, so that everything afterwards depends on steps alone."""

from __future__ import annotations

import statistics
import time

from unrolled.errors import SettingsError
from unrolled.sources import Corpus
from unrolled.training.trainer import Trainer
from unrolled.training.watch import VALIDATIONS, validate

MEASURE_SECONDS = 2.0
MARGIN = 0.96
"""Share of the time that is planned for: the rest covers checkpoints and a machine that slows down."""


def steps_for_minutes(trainer: Trainer, corpus: Corpus, seconds: float, began: float) -> int:
    """How many updates fit.

    Args:
        trainer: a throwaway: it is trained for a moment.
        corpus: whose validation part is looked at now and then.
        seconds: the whole time, from `began` on (`time.monotonic()`).
        began: when the user started.

    Raises:
        SettingsError: there is not time for one update.
    """
    times: list[float] = []
    deadline = time.monotonic() + min(MEASURE_SECONDS, seconds / 10)
    while len(times) < 5 or (time.monotonic() < deadline and len(times) < 200):
        start = time.monotonic()
        trainer.update()
        times.append(time.monotonic() - start)
    start = time.monotonic()
    validates = validate(trainer.network, corpus, trainer.settings) is not None
    # The first look warms caches that the later ones find warm; it is close enough.
    looking = (time.monotonic() - start) * VALIDATIONS if validates else 0.0
    left = began + seconds * MARGIN - time.monotonic() - looking
    steps = int(left / statistics.median(times[2:]))
    if steps < 1:
        raise SettingsError(
            f"{seconds / 60:g} minutes are not enough for one update and a look at the validation part.",
            "Give more --minutes, or a smaller --hidden.",
        )
    return steps
