"""Hypotheses of yes and no, asked of one text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.errors import SettingsError
from unrolled.neurons.hypotheses import HYPOTHESES, Hypothesis
from unrolled.traces.chunks import Array


@dataclass(frozen=True)
class Answer:
    """A hypothesis on one text: whether it is true, `(steps,)` of bool."""

    name: str
    about: str
    label: Array


def ask(name: str, text: str) -> Answer:
    """What a hypothesis that is registered says of a text, one character a step.

    Raises:
        UnknownNameError: there is none of that name.
        SettingsError: it is a number or a class, no question of yes or no.
    """
    return answer(name, HYPOTHESES.get(name), text)


def answer(name: str, hypothesis: Hypothesis, text: str) -> Answer:
    """As `ask`, for any function from a text to a label."""
    label = hypothesis(text)
    if getattr(label, "dtype", None) != np.bool_:
        raise SettingsError(
            f"The hypothesis {name!r} is no question of yes and no: there is no place where it is true.",
            "Name one that is, such as quoted.",
        )
    return Answer(name, (hypothesis.__doc__ or "").strip().partition("\n")[0], label)
