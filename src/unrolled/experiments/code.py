"""What the recipes on Java and on Python have in common: code is written, measured and looked into."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from unrolled.experiments.lab import Lab, percent
from unrolled.experiments.text_networks import Learned, Plan, compare, judge, learn, tell_copied, tell_network, write
from unrolled.experiments.written import closing, identifiers, indenting, methods, variables
from unrolled.experiments.written.parsing import check_parsers
from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Language

ALWAYS, MOSTLY = 0.99, 0.9
"""Shares from which on something is said to be so always, or mostly."""
BRACKETS, STRINGS, LINES = "brackets closed", "strings closed", "lines indented with their block"
BEGINS: Mapping[Language, re.Pattern[str]] = {
    "java": re.compile(r"^(?:/\*\n|package\b)", re.MULTILINE),
    "python": re.compile(r"^(?:(?:import|from|def|class)\b|@)", re.MULTILINE),
}
"""Where code can be read from without what was before it."""
PARSE, DEFINED, NEW = "methods that parse", "variables defined", "new names well-formed"


def learn_code(
    lab: Lab,
    plan: Plan,
    source: str,
    include: Sequence[str],
    language: Language,
    prime: str,
    more: Mapping[str, Callable[[str], Share]],
) -> tuple[Learned, dict[str, str], dict[str, list[Share]]]:
    """Trains on code, lets the network write some, and measures it.

    Args:
        prime: what its writing begins with.
        more: measures of this language, beside those of both.

    Returns:
        The network, what it wrote at each temperature, and of each measure its shares.
    """
    check_parsers()
    learned = learn(lab, plan, source, include, BEGINS[language])
    tell_network(lab, learned)
    written = write(lab, learned, prime)
    lab.heading("How good the code is")
    lab.tell("measuring what was written")
    known = identifiers.names(learned.training)

    def new_names(text: str) -> Share:
        return identifiers.well_formed(identifiers.new_names(text, known, language), known)

    measures: dict[str, Callable[[str], Share]] = {
        BRACKETS: partial(closing.brackets_closed, language=language),
        STRINGS: partial(closing.strings_closed, language=language),
        LINES: partial(indenting.lines_indented, language=language),
        PARSE: partial(methods.methods_that_parse, language=language),
        DEFINED: partial(variables.variables_defined, language=language),
        NEW: new_names,
        **more,
    }
    shares = compare(lab, learned, written, measures)
    made_up = identifiers.new_names("\n".join(written.values()), known, language)
    good = [name for name in made_up if identifiers.well_formed([name], known).good]
    lab.number("new_names", len(made_up))
    lab.say(
        f"""{len(made_up):,} names stand nowhere in the training text; of them {len(good):,} are well-formed, such
        as {", ".join(f"`{name}`" for name in sorted(good, key=len)[-12:]) or "none"}."""
    )
    tell_copied(lab, learned, written)
    return learned, written, shares


def judge_undefined(lab: Lab, learned: Learned, claim: str, shares: Sequence[Share]) -> None:
    """The claim that variables are used which were never declared."""
    undefined = [1 - share.value for share in shares if share.value is not None]
    because = "undefined: " + (", ".join(percent(value) for value in undefined) or "no variable is used")
    judge(lab, learned, claim, [value > 0 for value in undefined] or None, because)
