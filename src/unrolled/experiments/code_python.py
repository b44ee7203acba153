"""Code: three layers learn to write Python.

They read the standard library. What they write is measured: whether it is closed and indented, whether its functions
parse, what is made up and what copied. Then the neurons that know where in the code they are.
"""

from __future__ import annotations

from unrolled.experiments.code import (
    ALWAYS,
    BRACKETS,
    DEFINED,
    LINES,
    MOSTLY,
    NEW,
    PARSE,
    STRINGS,
    judge_undefined,
    learn_code,
)
from unrolled.experiments.lab import Lab, Reads
from unrolled.experiments.text_networks import Plan, judge_shares, plan_for
from unrolled.experiments.text_neurons import find_neurons, judge_neuron, switch_off

READS = Reads("code in Python", default="corpus:python")
PRIME = '"""'

TWO_CORES = Plan(
    "two cores",
    {"layers": 3, "hidden": 384, "batch": 32, "unroll": 100, "learning_rate": 0.003, "steps": 4500},
    loss=1.3,
)
GPU = Plan(
    "a GPU",
    {"layers": 3, "hidden": 1024, "batch": 128, "unroll": 128, "learning_rate": 0.002, "steps": 6000},
    loss=1.1,
)

NEURONS = {
    "indentation": "python-indentation-neuron",
    "spaces-to-tab-stop": "python-spaces-neuron",
    "python-comment": "python-comment-neuron",
    "python-string": "python-string-neuron",
}
"""What is looked for, and the claim that there is a neuron for it."""


def reproduce(lab: Lab) -> None:
    """Trains, lets it write, measures, and looks for neurons."""
    explore(lab, plan_for(TWO_CORES, GPU))


def explore(lab: Lab, plan: Plan) -> None:
    """The recipe with any plan."""
    learned, _, shares = learn_code(lab, plan, lab.source or "corpus:python", (), "python", PRIME, {})
    for claim, measure, bar in (
        ("python-closed", BRACKETS, ALWAYS),
        ("python-strings-closed", STRINGS, ALWAYS),
        ("python-indented", LINES, ALWAYS),
        ("python-parses", PARSE, MOSTLY),
        ("python-new-names", NEW, 0.5),
    ):
        judge_shares(lab, learned, claim, shares[measure], bar)
    judge_undefined(lab, learned, "python-undefined", shares[DEFINED])
    found = find_neurons(lab, learned, list(NEURONS))
    for hypothesis, claim in NEURONS.items():
        judge_neuron(lab, learned, claim, found, hypothesis)
    switch_off(lab, learned, found, "python-string", "\"'")
