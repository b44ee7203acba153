"""What a neuron may stand for: a hypothesis labels every character of a text.

A hypothesis is a plain function from a text to a label, one entry a character: bool where it is a question of yes or
no, float64 with NaN where it says nothing where it is a number, or `Classes`. A label is about what is known once its
character has been read, so that a network that has read no further can know it too; the few that look ahead say so.
"""

from unrolled.neurons.hypotheses.catalogue import HYPOTHESES, LOOK_AHEAD, NEEDS, RESERVED, groups, missing
from unrolled.neurons.hypotheses.choosing import (
    Described,
    describe_hypotheses,
    hypotheses_for,
    labeller,
    labellers,
)
from unrolled.neurons.hypotheses.marking import Classes, HypothesisError, Kind, Label, Labeller, kind_of
from unrolled.neurons.hypotheses.own import load_hypothesis

__all__ = [
    "HYPOTHESES",
    "LOOK_AHEAD",
    "NEEDS",
    "RESERVED",
    "Classes",
    "Described",
    "HypothesisError",
    "Kind",
    "Label",
    "Labeller",
    "describe_hypotheses",
    "groups",
    "hypotheses_for",
    "kind_of",
    "labeller",
    "labellers",
    "load_hypothesis",
    "missing",
]
