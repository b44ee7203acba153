"""Labels of Java by tree-sitter's parser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tree_sitter
import tree_sitter_java

Labels = dict[str, np.ndarray]

_BRACKETS = {"(": ("round", 1), ")": ("round", -1), "[": ("square", 1), "]": ("square", -1)}
_BRACKETS |= {"{": ("curly", 1), "}": ("curly", -1)}


def label_java(files: list[str]) -> tuple[str, Labels]:
    """The files that parse, one after the other, and their labels."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_java.language()))
    read: list[tuple[str, Labels]] = []
    for text in files:
        root = parser.parse(text.encode()).root_node
        if text.isascii() and not root.has_error:  # so a byte is a character
            read.append((text, _label(text, root)))
    names = read[0][1] if read else {}
    return "".join(text for text, _ in read), {
        name: np.concatenate([labels[name] for _, labels in read]) for name in names
    }


def _label(text: str, root: tree_sitter.Node) -> Labels:
    labels = {
        f"java-{name}": np.zeros(len(text), bool) for name in ("comment", "doc-comment", "string", "if", "return")
    }
    steps = {kind: np.zeros(len(text)) for kind, _ in _BRACKETS.values()}
    for node in _walk(root):
        start, stop = node.start_byte, node.end_byte
        if node.type == "line_comment":
            labels["java-comment"][start + 1 : stop] = True
        elif node.type == "block_comment":
            labels["java-comment"][start + 1 : stop - 1] = True
            if text.startswith("/**", start):
                labels["java-doc-comment"][start + 2 : stop - 1] = True
        elif node.type in ("string_literal", "character_literal"):
            labels["java-string"][start : stop - 1] = True
            if text.startswith('"""', start):
                labels["java-string"][start + 1] = False
        elif node.type == "if_statement":
            condition = node.child_by_field_name("condition")
            assert condition is not None
            labels["java-if"][condition.start_byte : condition.end_byte - 1] = True
        elif node.type == "return_statement":
            labels["java-return"][start + len("return") : stop - 1] = True
        elif node.type in _BRACKETS:
            kind, step = _BRACKETS[node.type]
            steps[kind][start] = step
    return labels | {f"java-{kind}-depth": np.cumsum(each) for kind, each in steps.items()}


def _walk(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Every node but what is inside strings."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if node.type not in ("string_literal", "character_literal"):
            waiting += node.children
