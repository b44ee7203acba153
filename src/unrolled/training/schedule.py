"""The learning rate as a function of the step alone, so that a resumed run sees the same."""

from __future__ import annotations

import math

from unrolled.training.settings import TrainingSettings

FLOOR = 0.02
"""The share of the learning rate that the cosine ends at."""


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """The learning rate of update `step`, counted from 0."""
    warm = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    if settings.schedule == "cosine":
        falling = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
    elif settings.schedule == "decay":
        falling = settings.decay_factor ** (step // settings.decay_every)
    else:
        falling = 1.0
    return settings.learning_rate * warm * falling
