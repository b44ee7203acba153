"""Whether the variables that are used were declared anywhere."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from unrolled.experiments.written.methods import methods, tree_of
from unrolled.experiments.written.parsing import said, walk
from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Language
from unrolled.neurons.hypotheses.syntax import parse

if TYPE_CHECKING:
    from tree_sitter import Node

_DECLARES: dict[Language, set[tuple[str, str]]] = {
    "java": {
        ("variable_declarator", "name"),
        ("formal_parameter", "name"),
        ("catch_formal_parameter", "name"),
        ("enhanced_for_statement", "name"),
        ("resource", "name"),
        ("instanceof_expression", "name"),
        ("lambda_expression", "parameters"),
        ("inferred_parameters", ""),
        ("type_pattern", ""),
        ("record_pattern_component", ""),
    },
    "python": {
        ("assignment", "left"),
        ("augmented_assignment", "left"),
        ("named_expression", "name"),
        ("for_statement", "left"),
        ("for_in_clause", "left"),
        ("default_parameter", "name"),
        ("typed_default_parameter", "name"),
        ("typed_parameter", ""),
        ("parameters", ""),
        ("lambda_parameters", ""),
        ("as_pattern_target", ""),
        ("aliased_import", "alias"),
        ("dotted_name", ""),
        ("function_definition", "name"),
        ("class_definition", "name"),
        ("global_statement", ""),
        ("nonlocal_statement", ""),
    },
}
"""Where a name is declared: the node above it, and the field of that in which it stands (empty for any)."""
_WRAPPED = {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "dictionary_splat_pattern"}
_NO_VARIABLE: dict[Language, set[tuple[str, str]]] = {
    "java": {
        ("method_invocation", "name"),
        ("field_access", "field"),
        ("method_declaration", "name"),
        ("constructor_declaration", "name"),
        ("labeled_statement", ""),
        ("break_statement", ""),
        ("continue_statement", ""),
        ("element_value_pair", "key"),
        ("marker_annotation", "name"),
        ("annotation", "name"),
        ("method_reference", ""),
        ("scoped_identifier", ""),
        ("class_declaration", "name"),
    },
    "python": {("attribute", "attribute"), ("keyword_argument", "name")},
}
"""Where a name is that of something else."""


def variables_defined(text: str, language: Language) -> Share:
    """Share of the uses of a variable, in methods that parse, whose name the method declares, or the text around it.

    Whether it is declared before, or in the same class, is not asked; what is inherited or comes with a `*` import
    counts as undefined, also in code that people wrote. Of Java, names that begin with a capital (classes, constants)
    are left out; Python's built-in names count as declared.
    """
    outside = _declared_outside(parse(text, language), language)
    if language == "python":
        outside |= {*dir(builtins), "self", "cls", "__file__", "__class__"}
    answers: list[bool] = []
    for method in methods(text, language):
        tree = tree_of(method, language)
        if tree is None:
            continue
        names = [node for node in walk(tree) if node.type == "identifier"]
        inside = {said(node) for node in names if _stands(node, _DECLARES[language])}
        used = [said(node) for node in names if not _stands(node, _DECLARES[language] | _NO_VARIABLE[language])]
        answers += [name in inside or name in outside for name in used if language == "python" or name[0].islower()]
    return Share.of(answers)


def _stands(node: Node, places: set[tuple[str, str]]) -> bool:
    """Whether a name stands in one of the places."""
    while node.parent is not None and node.parent.type in _WRAPPED:
        node = node.parent
    above = node.parent
    if above is None:
        return False
    if (above.type, "") in places:
        return True
    fields = (field for kind, field in places if kind == above.type)
    return any(node in above.children_by_field_name(field) for field in fields)


def _declared_outside(root: Node, language: Language) -> set[str]:
    """Names that are declared outside of every method: fields; functions, classes, imports and globals."""
    found: set[str] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "identifier" and _stands(node, _DECLARES[language]):
            found.add(said(node))
        is_method = node.type in ("method_declaration", "constructor_declaration", "function_definition")
        name = node.child_by_field_name("name") if is_method else None
        waiting += [name] if is_method and name is not None else node.children
    return found
