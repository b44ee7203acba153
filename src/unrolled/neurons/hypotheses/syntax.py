"""Syntax by tree-sitter, of any language whose grammar is installed.

A parser reads to the end before it tells: what kind of name a word is, hangs on what follows it. All of these look
ahead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from unrolled.errors import MissingPartError, UnknownNameError
from unrolled.neurons.hypotheses.marking import (
    Array,
    Classes,
    HypothesisError,
    Label,
    Labeller,
    Span,
    code_points,
    count_spans,
    mark_spans,
)

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Tree

PREFIX = "syntax:"
_LANGUAGE = re.compile(r"[a-z][a-z0-9_]{0,40}")


def parse(text: str, language: str) -> Node:
    """The root of the text's tree, which broken code has too; `has_error` says whether it is such.

    Raises:
        MissingPartError: the grammar is not installed.
    """
    return tree(text, language).root_node


def has_grammar(language: str) -> bool:
    """Whether tree-sitter and its grammar of a language can be imported."""
    modules = ("tree_sitter", f"tree_sitter_{language}")
    return _LANGUAGE.fullmatch(language) is not None and all(find_spec(name) is not None for name in modules)


def node_hypothesis(name: str) -> Labeller:
    """The hypothesis `syntax:LANGUAGE:NODE_TYPE`: inside a node of that type.

    Raises:
        HypothesisError: it names no language, or no type of node.
        MissingPartError: the grammar is not installed.
        UnknownNameError: the grammar has no such type of node.
    """
    language, _, node_type = name.removeprefix(PREFIX).partition(":")
    if not (_LANGUAGE.fullmatch(language) and node_type):
        raise HypothesisError(
            f"A hypothesis of syntax is {PREFIX}LANGUAGE:NODE_TYPE, not {name!r}.",
            "For example syntax:python:lambda.",
        )
    kinds = _node_types(grammar(language))
    if node_type not in kinds:
        raise UnknownNameError(f"type of node in the grammar of {language}", node_type, kinds)

    def label(text: str) -> Label:
        return count_nodes(text, language, (node_type,)) > 0

    label.__doc__ = f"Inside a node {node_type!r} of {language}, by tree-sitter."
    return label


def count_nodes(text: str, language: str, types: Iterable[str]) -> Label:
    """In how many nodes of some types each character is, `(characters,)` of float64."""
    return count_spans(len(text), _spans(text, language, [f"({name}) @it" for name in types]))


def identifier_kinds(text: str, language: str, kinds: Mapping[str, Sequence[str]]) -> Classes:
    """Of each character in an identifier, which kind of identifier that is.

    Args:
        kinds: queries for each kind, in which the identifier is called `@it`; the last kind that fits counts.
    """
    codes = np.full(len(text), -1, np.int16)
    for code, queries in enumerate(kinds.values()):
        codes[mark_spans(len(text), _spans(text, language, queries))] = code
    return Classes(codes, tuple(kinds))


@cache
def grammar(language: str) -> Language:
    """The grammar of a language.

    Raises:
        MissingPartError: it is not installed.
    """
    if not has_grammar(language):
        ours = language in ("java", "python")
        package = "'unrolled[code]'" if ours else f"tree-sitter tree-sitter-{language.replace('_', '-')}"
        raise MissingPartError(
            f"Syntax of {language} needs tree-sitter and its grammar tree_sitter_{language}.",
            f"Install them: pip install {package}",
        )
    import tree_sitter

    module = import_module(f"tree_sitter_{language}")
    # A package of several grammars names them.
    make = getattr(module, "language", None) or getattr(module, f"language_{language}")
    # What the grammars give is no int, though some of them say so.
    return tree_sitter.Language(make())  # pyright: ignore[reportDeprecated]


@cache
def _parser(language: str) -> Parser:
    known = grammar(language)
    import tree_sitter

    return tree_sitter.Parser(known)


@cache
def _node_types(language: Language) -> frozenset[str]:
    kinds = range(language.node_kind_count)
    shown = (kind for kind in kinds if language.node_kind_is_named(kind) and language.node_kind_is_visible(kind))
    return frozenset(name for kind in shown if (name := language.node_kind_for_id(kind)) is not None)


@lru_cache(maxsize=1)  # several labels of one text are made one after the other
def tree(text: str, language: str) -> Tree:
    """The text as a grammar of tree-sitter sees it."""
    return _parser(language).parse(text.encode("utf-8", "replace"))


def _spans(text: str, language: str, queries: Iterable[str]) -> list[Span]:
    """Where the nodes stand that any of the queries finds, in characters."""
    known = grammar(language)
    import tree_sitter

    query = tree_sitter.Query(known, "\n".join(queries))
    nodes = tree_sitter.QueryCursor(query).captures(parse(text, language)).get("it", [])
    bounds = np.array([node.byte_range for node in nodes], np.int64).reshape(-1, 2)
    return [(start, stop) for start, stop in np.searchsorted(_byte_offsets(text), bounds).tolist()]


def _byte_offsets(text: str) -> Array:
    """Where each character begins in the bytes of UTF-8, and the end; what cannot be encoded is one byte there."""
    characters = code_points(text)
    sizes = np.full(len(characters), 1)
    for first in (0x80, 0x800, 0x10000):
        sizes += characters >= first
    sizes[(characters >= 0xD800) & (characters < 0xE000)] = 1
    return np.concatenate([[0], np.cumsum(sizes)])
