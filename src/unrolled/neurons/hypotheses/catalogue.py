"""Every hypothesis by name and by group, which of them look ahead, and what some need."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import NamedTuple

from unrolled.neurons.hypotheses.marking import Kind, Labeller
from unrolled.neurons.hypotheses.names import MODEL
from unrolled.registry import Registry

_HERE = "unrolled.neurons.hypotheses"


def _group(prefix: str, **modules: str) -> dict[str, str]:
    """Names with where they are: functions are called as the hypothesis is, with low lines."""
    return {
        f"{prefix}{name}": f"{_HERE}.{module}:{f'{prefix}{name}'.replace('-', '_')}"
        for module, names in modules.items()
        for name in names.split()
    }


_CODE = "comment doc-comment string round-depth square-depth curly-depth if return identifier block-depth"
_BUILTIN: Mapping[str, Mapping[str, str]] = {
    "layout": _group(
        "",
        layout="line-position file-position indentation indentation-level tabs spaces-to-tab-stop"
        " spaces-since-tab-stop round-depth square-depth curly-depth",
    ),
    "words": _group(
        "",
        words="word-start word-position word-length capital vowel capitalised-word all-capitals",
        prose="sentence-position quoted quoted-in-paragraph be auxiliary-be",
        names="proper-noun slogan proper-noun-spacy auxiliary-be-spacy",
    ),
    "messages": _group("", messages="hashtag mention link hashtag-mention-link"),
    "java": _group("java-", java=_CODE),
    "python": _group("python-", python=_CODE),
    "tasks": _group(
        "", tasks="a-count after-x after-y left-after-x left-after-y remembered-state copy-position letter-to-copy"
    ),
    "next": _group("", following="next-symbol"),
}

OTHERS = "others"
"""The group of what other packages add."""

HYPOTHESES: Registry[Labeller] = Registry(
    "unrolled.hypotheses",
    {name: where for group in _BUILTIN.values() for name, where in group.items()},
    what="hypothesis",
)
"""Every hypothesis by name; other packages add theirs under the entry points of the same name."""

RESERVED = ("surprise",)
"""Names of labels that no text alone gives: the network's own surprise is the loss that it makes."""

LOOK_AHEAD = frozenset(
    {
        *("proper-noun", "proper-noun-spacy", "auxiliary-be-spacy", "slogan"),
        *("java-identifier", "java-block-depth", "python-identifier", "python-block-depth"),
        "next-symbol",
    }
)
"""Hypotheses whose label of a character may hang on what stands behind it."""


class Need(NamedTuple):
    """Modules that a hypothesis needs, and the kind of its label, which cannot be tried out where they are missing."""

    modules: tuple[str, ...]
    kind: Kind


_JAVA, _PYTHON, _SPACY = ("tree_sitter", "tree_sitter_java"), ("tree_sitter", "tree_sitter_python"), ("spacy", MODEL)
NEEDS: Mapping[str, Need] = {
    "java-identifier": Need(_JAVA, "class"),
    "java-block-depth": Need(_JAVA, "number"),
    "python-identifier": Need(_PYTHON, "class"),
    "python-block-depth": Need(_PYTHON, "number"),
    "proper-noun-spacy": Need(_SPACY, "answer"),
    "auxiliary-be-spacy": Need(_SPACY, "answer"),
}
"""What some hypotheses need that the base install does not have."""


def groups() -> dict[str, tuple[str, ...]]:
    """The names of each group, in their order; `others` where other packages add some."""
    own = {group: tuple(names) for group, names in _BUILTIN.items()}
    known = {name for names in own.values() for name in names}
    added = tuple(name for name in HYPOTHESES.names() if name not in known)
    return own | ({OTHERS: added} if added else {})


def missing(name: str) -> tuple[str, ...]:
    """The modules that a hypothesis needs and that are not installed."""
    modules = NEEDS[name].modules if name in NEEDS else ()
    return tuple(module for module in modules if find_spec(module) is None)
