"""Labels of text: by their own examples, against the parsers of the languages, and by what all have in common."""

from __future__ import annotations

import doctest
import importlib
import io
import tokenize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.neurons.hypotheses import HYPOTHESES
from unrolled.neurons.hypotheses.code import inside, tokens
from unrolled.neurons.hypotheses.names import proper_noun, slogan

MODULES = sorted({HYPOTHESES.get(name).__module__ for name in HYPOTHESES.names()})
TEXTS = st.text(st.sampled_from("ab AB\n\t#@/*\"'\\.“”1é\ud800"), max_size=60)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.failed == 0
    assert outcome.attempted > 0


@pytest.mark.parametrize("name", HYPOTHESES.names())
def test_each_has_a_line_of_docs_and_an_example(name: str) -> None:
    words = HYPOTHESES.get(name).__doc__ or ""
    assert words.splitlines()[0].endswith(".")
    assert ">>> " in words


@pytest.mark.parametrize("name", HYPOTHESES.names())
@given(text=TEXTS)
def test_every_character_gets_a_label(name: str, text: str) -> None:
    label = HYPOTHESES.get(name)(text)
    assert label.shape == (len(text),)
    assert label.dtype in (np.bool_, np.float64)


LAYOUT = ("line-position", "indentation", "tabs", "spaces-to-tab-stop", "capital", "quoted")


@pytest.mark.parametrize("name", LAYOUT)
@given(text=TEXTS, cut=st.integers(0, 60))
def test_what_comes_later_does_not_matter_to_the_layout(name: str, text: str, cut: int) -> None:
    label = HYPOTHESES.get(name)
    assert np.array_equal(label(text)[:cut], label(text[:cut]), equal_nan=True)


@given(st.lists(st.text(" \tab", max_size=9), max_size=5))
def test_layout_against_going_line_by_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    position, indentation = HYPOTHESES.get("line-position")(text), HYPOTHESES.get("indentation")(text)
    at = 0
    for line in lines:
        for column in range(len(line)):
            read = line[: column + 1]
            assert position[at + column] == column + 1
            assert indentation[at + column] == len(read) - len(read.lstrip())
        at += len(line) + 1


def test_python_against_pythons_own_tokenizer() -> None:
    path = doctest.__file__
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    starts = [0, *np.cumsum([len(line) for line in text.splitlines(keepends=True)])]
    expected = [
        ("string" if each.type == tokenize.STRING else "comment", starts[each.end[0] - 1] + each.end[1])
        for each in tokenize.generate_tokens(io.StringIO(text).readline)
        if each.type in (tokenize.STRING, tokenize.COMMENT)
    ]
    assert [(each.kind, each.stop) for each in tokens(text, "python")] == expected
    assert len(expected) > 300


JAVA = '''/** Doc "no string" \'. */
class A { // one's "own"
    String s = "a /* b \\" // c", t = """
        "x" // y
        """;
    char c = '"', d = '\\'', e = '/'; /* last */
    int f = 4 / 2 / 1;
}
'''


def test_java_against_a_parser() -> None:
    parser = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_java")
    tree = parser.Parser(parser.Language(grammar.language())).parse(JAVA.encode())
    expected: list[tuple[str, int, int]] = []
    waiting = [tree.root_node]
    kinds = {"line_comment": "comment", "block_comment": "comment", "string_literal": "string"}
    kinds["character_literal"] = "string"
    while waiting:
        node = waiting.pop()
        if node.type in kinds:
            expected.append((kinds[node.type], node.start_byte, node.end_byte))
        else:
            waiting += node.children
    assert [(each.kind, each.start, each.stop) for each in tokens(JAVA, "java")] == sorted(expected, key=lambda e: e[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [('a "b\nc', "..##.."), ("a /* b\nc", "...#####"), ('"\\', "##"), ("/*/ a", ".####"), ("// a\nb", ".###..")],
)
def test_what_is_never_closed_goes_on_to_the_end(text: str, expected: str) -> None:
    found = inside(text, "java", "comment") | inside(text, "java", "string")
    assert "".join(".#"[each] for each in found.astype(int)) == expected


def test_a_word_that_only_begins_sentences_is_no_name() -> None:
    text = "Today we met Ann. Today Ann left. And then? Today. We saw the Dog, our Dog, a dog, a dog and Ann."
    found = proper_noun(text)
    assert {text[at : at + 3] for at in np.flatnonzero(found[1:] & ~found[:-1]) + 1} == {"Ann"}


def test_a_slogan_is_shouted_and_a_phrase_is_not() -> None:
    text = "we are the best\n" * 20 + "VOTE FOR US NOW\nvote for us\n" * 8
    found = slogan(text)
    assert not found[: text.index("VOTE")].any()
    assert found[text.index("VOTE") : text.index("VOTE") + 11].all()
    assert found[text.index("vote") : text.index("vote") + 11].all()
