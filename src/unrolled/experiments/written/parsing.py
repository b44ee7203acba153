"""Syntax trees of Java and Python, by tree-sitter; they are made of broken code too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from unrolled.errors import MissingPartError
from unrolled.neurons.hypotheses.code import Language

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


def check_parsers() -> None:
    """Refuses to begin where the parsers are not installed.

    Raises:
        MissingPartError: the extra `code` is missing.
    """
    if any(find_spec(name) is None for name in ("tree_sitter", "tree_sitter_java", "tree_sitter_python")):
        raise MissingPartError(
            "Measuring code needs the parsers of tree-sitter.", "Install it: pip install 'unrolled[code]'"
        )


@cache
def _parser(language: Language) -> Parser:
    check_parsers()
    import tree_sitter
    import tree_sitter_java
    import tree_sitter_python

    grammar = {"java": tree_sitter_java, "python": tree_sitter_python}[language]
    # What the grammars give is no int, though one of them says so.
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))  # pyright: ignore[reportDeprecated]


def parse(text: str, language: Language) -> Node:
    """The root of the text's tree; `has_error` says whether it is no such code."""
    return _parser(language).parse(text.encode("utf-8", "replace")).root_node


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def said(node: Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode()
