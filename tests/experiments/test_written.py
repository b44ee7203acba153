"""Measures of written text: on texts with known faults, on code that people wrote, and against plain searching."""

from __future__ import annotations

import ast
import json.decoder
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.experiments.written import closing, files, identifiers, indenting, messages, methods, variables
from unrolled.experiments.written.copied import _PIECE, longest_copied
from unrolled.experiments.written.share import Share

LIBRARY = Path(json.decoder.__file__).read_text("utf-8")
"""A file of Python that people wrote."""

JAVA = """/*
 * Copyright (c) 2020 Somebody and others.
 * You may not use this file without a licence.
 */
package one.two;

import java.util.List;

/** A class (with one bracket. */
public class Sums {
    private int total;
    private String text = "}";

    /**
     * Adds up.
     *
     * @param values what to add
     * @return the sum
     */
    public int sum(List<Integer> values) {
        int sum = 0;
        for (int value : values) {
            sum += value;
        }
        total += sum;
        return sum;
    }

    public void clear() {
        total = 0;
    }

    public int sign(int of) {
        if (of < 0) {
            return -1;
        } else {
            return 1;
        }
    }
}
"""


def test_whole_java_has_no_fault() -> None:
    brackets = sum(JAVA.count(letter) for letter in "({[") - 2
    assert closing.brackets_closed(JAVA, "java") == (brackets, brackets)
    assert closing.comments_closed(JAVA) == (3, 3)
    assert closing.strings_closed(JAVA, "java") == (1, 1)
    indented = indenting.lines_indented(JAVA, "java")
    assert indented.good == indented.all >= 17
    assert methods.methods_that_parse(JAVA, "java") == (3, 3)
    assert methods.end_in_return(JAVA) == (2, 2)
    assert files.parts_in_order(JAVA * 3) == (3, 3)
    assert files.documentation_in_order(JAVA) == (1, 1)
    assert files.licence_recited(JAVA, JAVA) == (1, 1)
    used = variables.variables_defined(JAVA, "java")
    assert used.good == used.all >= 6


FAULTS = [
    (closing.brackets_closed, "return sum;\n    }", "return sum;\n    ]", -1),
    (indenting.lines_indented, "        total += sum;", "      total += sum;", -1),
    (indenting.lines_indented, "            sum += value;\n        }", "            sum += value;\n            }", -1),
    (methods.methods_that_parse, "int sum = 0;", "int sum = = 0;", -1),
    (methods.methods_that_parse, "sum(List<Integer> values)", "sum(List<Integer> values", -1),
    (variables.variables_defined, "sum += value;", "sum += valeu;", -1),
    (variables.variables_defined, "private int total;", "private int totals;", -2),
]


@pytest.mark.parametrize(("measure", "right", "wrong", "change"), FAULTS)
def test_a_fault_in_java_is_counted(measure, right: str, wrong: str, change: int) -> None:  # type: ignore[no-untyped-def]
    assert JAVA.count(right) == 1
    whole, broken = measure(JAVA, "java"), measure(JAVA.replace(right, wrong), "java")
    assert broken.good - broken.all == whole.good - whole.all + change


@pytest.mark.parametrize(
    ("measure", "right", "wrong"),
    [
        (methods.end_in_return, "        return sum;\n", ""),
        (files.documentation_in_order, "@param", "@return nothing\n@param"),
        (files.documentation_in_order, "     * Adds up.\n", ""),
        (files.parts_in_order, "import java.util.List;\n", "class A {}\nimport java.util.List;\n"),
        (closing.comments_closed, "the sum\n     */", "the sum\n"),
    ],
)
def test_a_fault_in_javas_order_is_counted(measure, right: str, wrong: str) -> None:  # type: ignore[no-untyped-def]
    assert JAVA.count(right) == 1
    text = JAVA.replace(right, wrong) + JAVA
    assert measure(text).good == measure(text).all - 1 >= 1


def test_what_is_cut_off_by_the_end_is_no_fault() -> None:
    cut = JAVA[: JAVA.index("total += sum")]
    assert closing.brackets_closed(cut, "java").value == 1
    assert methods.methods(cut, "java") == []
    assert closing.comments_closed(JAVA + "/* and") == (3, 3)
    assert closing.strings_closed('a = "b" + "c', "python") == (1, 1)


def test_python_that_people_wrote_has_no_fault() -> None:
    for share in (
        closing.brackets_closed(LIBRARY, "python"),
        closing.strings_closed(LIBRARY, "python"),
        indenting.lines_indented(LIBRARY, "python"),
        methods.methods_that_parse(LIBRARY, "python"),
        variables.variables_defined(LIBRARY, "python"),
    ):
        assert share.good == share.all > 5
    defined = [node for node in ast.walk(ast.parse(LIBRARY)) if isinstance(node, ast.FunctionDef)]
    assert len(methods.methods(LIBRARY + "\n0\n", "python")) == len(defined)


PYTHON = "import os\n\n\ndef a(b, *c):\n    d = [b for b in c]\n    return os.path, d, len(b)\n\n\nx = 1\n"


@pytest.mark.parametrize(
    ("measure", "right", "wrong"),
    [
        (indenting.lines_indented, "    return", "   return"),
        (indenting.lines_indented, "    d =", "d ="),
        (methods.methods_that_parse, "in c]", "in c"),
        (variables.variables_defined, "import os", "import so"),
        (variables.variables_defined, "len(b)", "lne(b)"),
        (closing.brackets_closed, "in c]", "in c)"),
    ],
)
def test_a_fault_in_python_is_counted(measure, right: str, wrong: str) -> None:  # type: ignore[no-untyped-def]
    assert measure(PYTHON, "python").value == 1
    assert measure(PYTHON.replace(right, wrong), "python").value < 1


def test_tests_are_counted() -> None:
    assert methods.count_tests("@Test\n  public void adds() {}\n public void testB() {} // @Test", "java") == 2
    assert methods.count_tests("class A:\n    def test_a(self):\n        self.test_b()\n", "python") == 1


def test_new_names_are_made_of_known_words() -> None:
    known = identifiers.names("readHeader http_port writeAll")
    new = identifiers.new_names("readPort = write_header + readHeader * rdHeader + read__X // old\n", known, "java")
    assert new == ["rdHeader", "readPort", "read__X", "write_header"]
    assert identifiers.well_formed(new, known) == (2, 4)
    assert identifiers.words_of("readHTTPHeader_2") == ["read", "http", "header"]


@pytest.mark.parametrize(
    ("measure", "text", "expected"),
    [
        (messages.hashtags_formed, "#MAGA and #2016 are ## no #a#b", (1, 5)),
        (messages.mentions_formed, "@you: @some_one2! @ or @abcdefghijklmnop a@b", (2, 4)),
        (messages.links_formed, "http://a.b/c https://t.co/Abc123defG https://t.co/Ab http:/a httpfoo", (2, 5)),
        (messages.quotes_closed, 'say "a" and "b\n“c” “d\n', (2, 4)),
        (messages.messages_copied, "one two three four\nfive\none two three for", (1, 2)),
    ],
)
def test_parts_of_messages(measure, text: str, expected: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    known = ({"one two three four"},) if measure is messages.messages_copied else ()
    assert measure(text, *known) == expected


@given(st.text("ab", max_size=40), st.text("ab", max_size=80))
def test_longest_copied_against_plain_searching(text: str, training: str) -> None:
    runs = {text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)}
    longest = max((len(run) for run in runs if run in training), default=0)
    found = longest_copied(text, training)
    assert len(found) == longest
    assert found in training
    assert found in text


def test_a_run_is_found_across_pieces_of_a_long_text() -> None:
    training = "ab" * (_PIECE // 2 - 2) + "0123456789" + "cd" * 20
    assert longest_copied("xx0123456789yy", training) == "0123456789"


@pytest.mark.parametrize(
    ("share", "words"), [(Share(0, 0), "none there"), (Share(999, 1000), "99.9 % of 1,000"), (Share(1, 2), "50 % of 2")]
)
def test_a_share_says_of_how_many(share: Share, words: str) -> None:
    assert str(share) == words
