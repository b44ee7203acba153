"""Names that a network made up."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from unrolled.experiments.written.closing import blanked
from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Language

_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_FORM = re.compile(r"_*(?:[a-z][a-z\d]*(?:[A-Z][a-z\d]*)*|(?:[A-Z][a-z\d]*)+|[a-zA-Z\d]+(?:_[a-zA-Z\d]+)+)_*")


def names(text: str) -> set[str]:
    """Everything in a text that could be a name."""
    return set(_NAME.findall(text))


def words_of(name: str) -> list[str]:
    """The words that a name is made of: `readHTTPHeader` and `read_http_header` are read, http, header."""
    return [word.lower() for word in _WORD.findall(name)]


def new_names(text: str, known: AbstractSet[str], language: Language) -> list[str]:
    """The names in a text's code, each once and sorted, that are not known."""
    return sorted(names(blanked(text, language)) - known)


def well_formed(new: list[str], known: AbstractSet[str]) -> Share:
    """Share of new names that are written like names (camelCase, CamelCase, UPPER_CASE, snake_case) and made of words
    that known names are made of."""
    words = {word for name in known for word in words_of(name)}
    return Share.of(_FORM.fullmatch(name) is not None and words.issuperset(words_of(name)) for name in new)
