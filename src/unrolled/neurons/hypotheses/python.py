"""Where in a text of Python a character stands."""

from __future__ import annotations

import re

import numpy as np

from unrolled.neurons.hypotheses.code import Token, all_depths, code_alone, inside, inside_those, spans_to, tokens
from unrolled.neurons.hypotheses.layout import curly_depth, round_depth, square_depth
from unrolled.neurons.hypotheses.marking import Array, Classes, Label, code_points, mark_spans
from unrolled.neurons.hypotheses.syntax import count_nodes, identifier_kinds

_IF = re.compile(r"(?<!\\\n)^[ \t]*(?:if|elif)\b", re.MULTILINE)
_RETURN = re.compile(r"\breturn\b")
_BEGINS_STATEMENT = re.compile(r"[ \t]*[rRuU]?")
_KINDS = {
    "variable": ("(identifier) @it",),
    "attribute": ("(attribute attribute: (identifier) @it)",),
    "type": ("(class_definition name: (identifier) @it)", "(type (identifier) @it)"),
    "function": (
        "(function_definition name: (identifier) @it)",
        "(call function: (identifier) @it)",
        "(call function: (attribute attribute: (identifier) @it))",
    ),
    "parameter": (
        "(parameters (identifier) @it)",
        "(parameters (default_parameter name: (identifier) @it))",
        "(parameters (typed_parameter (identifier) @it))",
        "(parameters (typed_default_parameter name: (identifier) @it))",
        "(parameters (list_splat_pattern (identifier) @it))",
        "(parameters (dictionary_splat_pattern (identifier) @it))",
        "(lambda_parameters (identifier) @it)",
    ),
    "keyword": ("(keyword_argument name: (identifier) @it)",),
}


def python_comment(text: str) -> Label:
    """Inside a comment of Python.

    >>> "".join(".#"[each] for each in python_comment("a # b").astype(int))
    '..###'
    """
    return inside(text, "python", "comment")


def python_string(text: str) -> Label:
    """Inside a string of Python, a documentation string too.

    >>> "".join(".#"[each] for each in python_string("f('a', b)").astype(int))
    '..##.....'
    """
    return inside(text, "python", "string")


def python_doc_comment(text: str) -> Label:
    """Inside a documentation string of Python: a string that a statement begins with.

    >>> "".join(".#"[each] for each in python_doc_comment("def f():\\n  'a'\\n  b = 'c'").astype(int))
    '...........##...........'
    """
    code = code_alone(text, "python")
    depths = all_depths(code)
    found = (token for token in tokens(text, "python") if token.kind == "string")
    return inside_those(text, (token for token in found if _begins_statement(token, code, depths)))


def python_round_depth(text: str) -> Label:
    """Round brackets of Python that are open, those in strings and comments left out.

    >>> python_round_depth('f("(")').tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return round_depth(code_alone(text, "python"))


def python_square_depth(text: str) -> Label:
    """Square brackets of Python that are open, those in strings and comments left out.

    >>> python_square_depth("a['[']").tolist()
    [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return square_depth(code_alone(text, "python"))


def python_curly_depth(text: str) -> Label:
    """Curly brackets of Python that are open, those in strings and comments left out.

    >>> python_curly_depth("{1} # {").tolist()
    [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    return curly_depth(code_alone(text, "python"))


def python_if(text: str) -> Label:
    """In the condition of an if or elif of Python: after the word, up to the colon.

    >>> "".join(".#"[each] for each in python_if("if f(a): b").astype(int))
    '..#####...'
    """
    code = code_alone(text, "python")
    depths = all_depths(code)
    begun = (match.end() - 1 for match in _IF.finditer(code) if depths[match.start()] == 0)
    characters = code_points(code)
    colon = characters == ord(":")
    assigns = colon & (np.append(characters[1:], 0) == ord("="))
    spans = spans_to(begun, np.flatnonzero(colon & ~assigns).tolist(), depths)
    # On the colon of := it looks like the end.
    return mark_spans(len(text), ((start + 1, stop) for start, stop in spans)) & ~(assigns & (depths == 0))


def python_return(text: str) -> Label:
    """After return, up to the end of the statement.

    >>> "".join(".#"[each] for each in python_return("return (a,\\n b)\\nc").astype(int))
    '......########..'
    """
    code = code_alone(text, "python")
    last_letters = (match.end() - 1 for match in _RETURN.finditer(code))
    characters = code_points(code)
    continued = np.append(0, characters)[:-1] == ord("\\")
    ends = np.flatnonzero((characters == ord("\n")) & ~continued).tolist()
    spans = spans_to(last_letters, ends, all_depths(code))
    return mark_spans(len(text), ((start + 1, stop) for start, stop in spans))


def python_identifier(text: str) -> Classes:
    """In an identifier of Python: type, function, attribute, parameter, keyword or other variable; by tree-sitter.

    >>> label = python_identifier("def f(a): b.c")
    >>> [label.names[label.codes[at]] for at in (4, 6, 10, 12)]
    ['function', 'parameter', 'variable', 'attribute']
    """
    return identifier_kinds(text, "python", _KINDS)


def python_block_depth(text: str) -> Label:
    """Blocks of Python that are open: bodies of classes, functions, loops, conditions; by tree-sitter.

    >>> python_block_depth("def f():\\n  if a:\\n    b")[[0, 11, 21]].tolist()
    [0.0, 1.0, 2.0]
    """
    return count_nodes(text, "python", ("block",))


def _begins_statement(token: Token, code: str, depths: Array) -> bool:
    line = code.rfind("\n", 0, token.start) + 1
    continued = code[max(0, line - 2) : line] == "\\\n"
    alone = _BEGINS_STATEMENT.fullmatch(code, line, token.start) is not None
    return alone and not continued and depths[token.start] == 0
