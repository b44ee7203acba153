"""Where in a text of Java a character stands."""

from __future__ import annotations

import re

import numpy as np

from unrolled.neurons.hypotheses.code import code_alone, inside, spans_to, tokens
from unrolled.neurons.hypotheses.layout import curly_depth, round_depth, square_depth
from unrolled.neurons.hypotheses.marking import Classes, Label, code_points, mark_spans
from unrolled.neurons.hypotheses.syntax import count_nodes, identifier_kinds

_IF = re.compile(r"\bif\s*\(")
_RETURN = re.compile(r"\breturn\b")
_KINDS = {
    "variable": ("(identifier) @it",),
    "type": (
        "(type_identifier) @it",
        "(class_declaration name: (identifier) @it)",
        "(interface_declaration name: (identifier) @it)",
        "(enum_declaration name: (identifier) @it)",
        "(record_declaration name: (identifier) @it)",
        "(annotation_type_declaration name: (identifier) @it)",
        "(constructor_declaration name: (identifier) @it)",
    ),
    "method": ("(method_declaration name: (identifier) @it)", "(method_invocation name: (identifier) @it)"),
    "field": (
        "(field_access field: (identifier) @it)",
        "(field_declaration declarator: (variable_declarator name: (identifier) @it))",
    ),
    "parameter": ("(formal_parameter name: (identifier) @it)",),
}
_BLOCKS = (
    *("block", "class_body", "interface_body", "enum_body", "annotation_type_body"),
    *("constructor_body", "switch_block"),
)


def java_comment(text: str) -> Label:
    """Inside a comment of Java.

    >>> "".join(".#"[each] for each in java_comment("a /* b */ // c").astype(int))
    '...#####...###'
    """
    return inside(text, "java", "comment")


def java_doc_comment(text: str) -> Label:
    """Inside a documentation comment of Java, from its second star on.

    >>> "".join(".#"[each] for each in java_doc_comment("/* a */ /** b */").astype(int))
    '..........#####.'
    """
    found = (token for token in tokens(text, "java") if text.startswith("/**", token.start))
    return mark_spans(len(text), ((token.start + 2, token.stop - token.closed) for token in found))


def java_string(text: str) -> Label:
    """Inside a string or character literal of Java.

    >>> "".join(".#"[each] for each in java_string('f("a", b)').astype(int))
    '..##.....'
    """
    return inside(text, "java", "string")


def java_round_depth(text: str) -> Label:
    """Round brackets of Java that are open, those in strings and comments left out.

    >>> java_round_depth('f("(")').tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return round_depth(code_alone(text, "java"))


def java_square_depth(text: str) -> Label:
    """Square brackets of Java that are open, those in strings and comments left out.

    >>> java_square_depth("a['[']").tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return square_depth(code_alone(text, "java"))


def java_curly_depth(text: str) -> Label:
    """Curly brackets of Java that are open, those in strings and comments left out.

    >>> java_curly_depth("{/*{*/}").tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return curly_depth(code_alone(text, "java"))


def java_if(text: str) -> Label:
    """Inside the parentheses of an if of Java; on the opening one, but not on the closing one.

    >>> "".join(".#"[each] for each in java_if("if (f(a)) b").astype(int))
    '...#####...'
    """
    code = code_alone(text, "java")
    before = (match.end() - 2 for match in _IF.finditer(code))
    closing = np.flatnonzero(code_points(code) == ord(")")).tolist()
    spans = spans_to(before, closing, round_depth(code))
    return mark_spans(len(text), ((start + 1, stop) for start, stop in spans))


def java_return(text: str) -> Label:
    """After return, up to its semicolon.

    >>> "".join(".#"[each] for each in java_return("return a; b").astype(int))
    '......##...'
    """
    code = code_alone(text, "java")
    last_letters = (match.end() - 1 for match in _RETURN.finditer(code))
    ends = np.flatnonzero(code_points(code) == ord(";")).tolist()
    spans = spans_to(last_letters, ends, curly_depth(code))
    return mark_spans(len(text), ((start + 1, stop) for start, stop in spans))


def java_identifier(text: str) -> Classes:
    """In an identifier of Java, which is a type, method, field, parameter or (any other) variable; by tree-sitter.

    >>> label = java_identifier("class A { int b; }")
    >>> label.names[label.codes[6]], label.names[label.codes[14]], label.codes[0].item()
    ('type', 'field', -1)
    """
    return identifier_kinds(text, "java", _KINDS)


def java_block_depth(text: str) -> Label:
    """Blocks of Java that are open: bodies of types, methods, loops, conditions; by tree-sitter.

    >>> java_block_depth("class A { void b() { } }")[[0, 9, 20]].tolist()
    [0.0, 1.0, 2.0]
    """
    return count_nodes(text, "java", _BLOCKS)
