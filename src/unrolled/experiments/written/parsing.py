"""Walking through syntax trees of Java and Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unrolled.errors import MissingPartError
from unrolled.neurons.hypotheses.syntax import has_grammar

if TYPE_CHECKING:
    from tree_sitter import Node


def check_parsers() -> None:
    """Refuses to begin where the parsers are not installed.

    Raises:
        MissingPartError: the extra `code` is missing.
    """
    if not (has_grammar("java") and has_grammar("python")):
        raise MissingPartError(
            "Measuring code needs the parsers of tree-sitter.", "Install it: pip install 'unrolled[code]'"
        )


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
