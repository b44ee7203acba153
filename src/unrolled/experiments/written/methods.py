"""Methods and functions, cut out of a text by their headers and blocks, so that broken ones are counted too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import dedent
from typing import TYPE_CHECKING

from unrolled.experiments.written.closing import blanked
from unrolled.experiments.written.parsing import walk
from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Language
from unrolled.neurons.hypotheses.syntax import parse

if TYPE_CHECKING:
    from tree_sitter import Node

_MODIFIER = r"(?:public|private|protected|static|final|synchronized|default|strictfp)"
_JAVA_HEADER = re.compile(rf"^[ \t]*(?:{_MODIFIER}\s+)+[^;={{}}()@]*\([^;{{}}]*\{{", re.MULTILINE)
_PYTHON_HEADER = re.compile(r"^([ \t]*)(?:async[ \t]+)?def\b[^\n]*\n", re.MULTILINE)
_METHODS = {"method_declaration", "constructor_declaration", "function_definition"}


def methods(text: str, language: Language) -> list[str]:
    """The methods of Java (those with a modifier such as `public` before them, and a body) or functions of Python.

    One reaches from its header to the end of its block; one whose block does not end reaches to the next header. One
    that is cut off by the end of the text is left out.
    """
    found = _java(text) if language == "java" else _python(text)
    return list(found)


def methods_that_parse(text: str, language: Language) -> Share:
    """Share of the methods that tree-sitter reads without an error, each by itself."""
    return Share.of(tree_of(method, language) is not None for method in methods(text, language))


def tree_of(method: str, language: Language) -> Node | None:
    """The tree of a method by itself; None where it has an error."""
    alone = f"class A {{\n{method}\n}}\n" if language == "java" else dedent(method)
    root = parse(alone, language)
    return None if root.has_error else next((node for node in walk(root) if node.type in _METHODS), None)


def end_in_return(text: str) -> Share:
    """Share of Java's methods with a result whose last statement returns or throws, or holds one that does.

    Asked of those that parse.
    """
    trees = (tree_of(method, "java") for method in methods(text, "java"))
    return Share.of(_returns(tree) for tree in trees if tree is not None and _has_result(tree))


def count_tests(text: str, language: Language) -> int:
    """How many methods look like tests: annotated by `@Test`, or called `test…`."""
    pattern = r"@Test\b|\bvoid\s+test\w*\s*\(" if language == "java" else r"^[ \t]*def\s+test\w*\s*\("
    return len(re.findall(pattern, blanked(text, language), re.MULTILINE))


def _java(text: str) -> Iterator[str]:
    code = blanked(text, "java")
    headers = list(_JAVA_HEADER.finditer(code))
    for at, header in enumerate(headers):
        depth, stop = 1, header.end()
        while depth and stop < len(code):
            depth += {"{": 1, "}": -1}.get(code[stop], 0)
            stop += 1
        if not depth:
            yield text[header.start() : stop]
        elif at + 1 < len(headers):
            yield text[header.start() : headers[at + 1].start()]


def _python(text: str) -> Iterator[str]:
    code = blanked(text, "python")
    for header in _PYTHON_HEADER.finditer(code):
        depth = len(header[1].expandtabs(8))
        ends = re.compile(rf"^[ \t]{{0,{depth}}}[^\s)\]}}]", re.MULTILINE).search(code, header.end())
        if ends:
            yield text[header.start() : ends.start()]


def _has_result(tree: Node) -> bool:
    kind = tree.child_by_field_name("type")
    return kind is not None and kind.type != "void_type"


def _returns(tree: Node) -> bool:
    body = tree.child_by_field_name("body")
    statements = [node for node in body.named_children if "comment" not in node.type] if body else []
    return bool(statements) and any(
        node.type in ("return_statement", "throw_statement") for node in walk(statements[-1])
    )
