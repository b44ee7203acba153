"""Code: three layers learn to write Java.

They read what a JDK has in its packages java.*. What they write is measured: whether it is closed, indented, in order,
whether it parses, what is made up and what copied. Then the neurons that know where in the code they are.
"""

from __future__ import annotations

from functools import partial

from unrolled.experiments.code import (
    ALWAYS,
    BRACKETS,
    DEFINED,
    LINES,
    MOSTLY,
    NEW,
    judge_undefined,
    learn_code,
)
from unrolled.experiments.lab import Lab, Reads
from unrolled.experiments.text_networks import Learned, Plan, judge, judge_shares, plan_for
from unrolled.experiments.text_neurons import find_neurons, judge_neuron, switch_off
from unrolled.experiments.written import closing, files, methods

READS = Reads("code in Java", default="corpus:java")
INCLUDE = ("java.base/java/*.java", "java/*.java")
"""Of `corpus:java`: 26 million characters of the packages java.*, where a JDK of version 9 or later has them, or an
older one."""
PRIME = "/*\n * Copyright (c) "

TWO_CORES = Plan(
    "two cores",
    {"layers": 3, "hidden": 384, "batch": 32, "unroll": 100, "learning_rate": 0.003, "steps": 4500},
    loss=1.0,
)
GPU = Plan(
    "a GPU",
    {"layers": 3, "hidden": 1024, "batch": 128, "unroll": 128, "learning_rate": 0.002, "steps": 10_000},
    loss=0.7,
)

NEURONS = {
    "indentation": "java-indentation-neuron",
    "spaces-to-tab-stop": "java-spaces-neuron",
    "java-comment": "java-comment-neuron",
    "java-string": "java-string-neuron",
}
"""What is looked for, and the claim that there is a neuron for it."""
ORDER, DOCUMENTED, RETURN = "files in order", "documentation in order", "methods that end in return"
COMMENTS, LICENCE = "comments closed", "lines of the licence recited"


def reproduce(lab: Lab) -> None:
    """Trains, lets it write, measures, and looks for neurons."""
    explore(lab, plan_for(TWO_CORES, GPU))


def explore(lab: Lab, plan: Plan) -> None:
    """The recipe with any plan."""
    source = lab.source or "corpus:java"
    include = () if lab.source else INCLUDE
    measures = {
        COMMENTS: closing.comments_closed,
        RETURN: methods.end_in_return,
        ORDER: files.parts_in_order,
        DOCUMENTED: files.documentation_in_order,
    }
    learned, written, shares = learn_code(lab, plan, source, include, "java", PRIME, measures)
    for claim, measure, bar in (
        ("java-file-order", ORDER, ALWAYS),
        ("java-documentation-order", DOCUMENTED, MOSTLY),
        ("java-returns", RETURN, MOSTLY),
        ("java-closed", BRACKETS, ALWAYS),
        ("java-comments-closed", COMMENTS, ALWAYS),
        ("java-indented", LINES, ALWAYS),
        ("java-new-names", NEW, 0.5),
    ):
        judge_shares(lab, learned, claim, shares[measure], bar)
    judge_undefined(lab, learned, "java-undefined", shares[DEFINED])
    licence_and_tests(lab, learned, written)
    found = find_neurons(lab, learned, list(NEURONS))
    for hypothesis, claim in NEURONS.items():
        judge_neuron(lab, learned, claim, found, hypothesis)
    switch_off(lab, learned, found, "java-string", '"')


def licence_and_tests(lab: Lab, learned: Learned, written: dict[str, str]) -> None:
    """What it has learned by heart, and whether it writes tests, where its text has any."""
    lab.heading("The licence, and tests")
    licence = [files.licence_recited(text, learned.training) for text in written.values()]
    count = partial(methods.count_tests, language="java")
    tests, taught = [count(text) for text in written.values()], count(learned.training)
    lab.table(
        ("written at", LICENCE, "tests"),
        [(name, *each) for name, *each in zip(written, licence, tests, strict=True)],
        f"The training text has {taught:,} methods that look like tests.",
    )
    lab.number("licence_recited", [list(share) for share in licence])
    lab.number("tests", {"written": tests, "training": taught})
    judge_shares(lab, learned, "java-licence", licence, MOSTLY)
    because = f"{sum(tests)} written; {taught:,} in the training text"
    judge(lab, learned, "java-tests", [many > 0 for many in tests] if taught else None, because)
