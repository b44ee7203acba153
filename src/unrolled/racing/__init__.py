"""Which way of running a network is faster, here and now: contestants that take turns on one clock."""

from unrolled.racing.clock import Times, race
from unrolled.racing.contestants import Shape, one_hot, random_inputs, recorder, stack_of, trainer, training_step

__all__ = [
    "Shape",
    "Times",
    "one_hot",
    "race",
    "random_inputs",
    "recorder",
    "stack_of",
    "trainer",
    "training_step",
]
