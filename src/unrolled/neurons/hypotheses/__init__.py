"""What a neuron may stand for: a hypothesis labels every character of a text.

A hypothesis is a plain function from a text to `(characters,)`: bool where it is a question of yes or no, else float64,
with NaN where it says nothing. A label is about what is known once its character has been read, so that a network that
has read no further can know it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from unrolled.neurons.hypotheses.marking import Label
from unrolled.registry import Registry

Hypothesis: TypeAlias = Callable[[str], Label]

_HERE = "unrolled.neurons.hypotheses"

HYPOTHESES: Registry[Hypothesis] = Registry(
    "unrolled.hypotheses",
    {
        "line-position": f"{_HERE}.layout:line_position",
        "indentation": f"{_HERE}.layout:indentation",
        "tabs": f"{_HERE}.layout:tabs",
        "spaces-to-tab-stop": f"{_HERE}.layout:spaces_to_tab_stop",
        "java-comment": f"{_HERE}.code:java_comment",
        "java-string": f"{_HERE}.code:java_string",
        "python-comment": f"{_HERE}.code:python_comment",
        "python-string": f"{_HERE}.code:python_string",
        "hashtag": f"{_HERE}.messages:hashtag",
        "mention": f"{_HERE}.messages:mention",
        "link": f"{_HERE}.messages:link",
        "hashtag-mention-link": f"{_HERE}.messages:hashtag_mention_link",
        "capital": f"{_HERE}.words:capital",
        "capitalised-word": f"{_HERE}.words:capitalised_word",
        "all-capitals": f"{_HERE}.words:all_capitals",
        "proper-noun": f"{_HERE}.words:proper_noun",
        "be": f"{_HERE}.words:be",
        "auxiliary-be": f"{_HERE}.words:auxiliary_be",
        "quoted": f"{_HERE}.words:quoted",
        "slogan": f"{_HERE}.words:slogan",
    },
    what="hypothesis",
)
"""Every hypothesis by name; other packages add theirs under the entry points of the same name."""
