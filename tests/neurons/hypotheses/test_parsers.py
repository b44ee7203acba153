"""Labels of real code and prose against independent parsers; `benchmarks/labellers.py` does the same with more text."""

from __future__ import annotations

import asyncio.base_events
import importlib
import json.decoder
import textwrap
import typing
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unrolled.errors import SourceError
from unrolled.neurons.hypotheses import labeller
from unrolled.neurons.hypotheses.code import inside, tokens

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def independent(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("labellers")


def source_of(*modules: ModuleType) -> list[str]:
    return [Path(module.__file__ or "").read_text(encoding="utf-8") for module in modules]


def test_python_against_its_own_tokenizer_and_syntax_tree(independent: ModuleType) -> None:
    pytest.importorskip("tree_sitter_python", reason="the parsers of the extra `code` are not installed")
    text, expected = independent.label_python(source_of(textwrap, json.decoder, typing, asyncio.base_events))
    assert len(text) > 100_000
    assert len(expected) == 10
    for name, share in independent.agreement(text, expected).items():
        assert share >= independent.BAR, name


@pytest.mark.parametrize("name", ["python-string", "python-doc-comment", "python-if", "python-return", "java-if"])
def test_the_share_that_agrees_falls_where_a_label_is_wrong(independent: ModuleType, name: str) -> None:
    """So that the bar means something: a text labelled as another language's, or a step late, is far below it."""
    text, expected = independent.label_python(source_of(textwrap))
    wrong = {name: expected[name.replace("java", "python")]}
    if name.startswith("python"):
        wrong = {name: np.roll(wrong[name], 1)}
    assert independent.agreement(text, wrong)[name] < independent.BAR


def test_java_against_tree_sitter(independent: ModuleType) -> None:
    pytest.importorskip("tree_sitter_java", reason="the parsers of the extra `code` are not installed")
    try:
        files = independent.draw_files("corpus:java", ("*java/util/A*.java", "*java/util/concurrent/*.java"), 120_000)
    except SourceError as error:
        pytest.skip(f"there is no Java to read: {error}")
    java = importlib.import_module("independent.java")
    text, expected = java.label_java(files)
    assert len(text) > 100_000
    assert len(expected) == 8
    for name, share in independent.agreement(text, expected).items():
        assert share >= independent.BAR, name


def test_prose_against_reading_one_character_after_the_other(independent: ModuleType) -> None:
    text, expected = independent.of_prose(30_000)
    assert expected["quoted"].mean() > 0.02
    assert expected["all-capitals"].any()
    for name, share in independent.agreement(text, expected).items():
        assert share >= independent.BAR, name


MESSAGES = (
    "“No way, Mr. A,” said Dr. B. 'Tis SO! #MAGA @you_2, a@b #1 ## http https://t.co/x http:// httpd\n"
    "\"It's\n\nover…\" (so it is.) Is it? U.S. I am. OK's 3rd x_y ÉTÉ's\tété"
)


def test_messages_against_reading_one_character_after_the_other(independent: ModuleType) -> None:
    """Every case once, and so to the last character."""
    expected = independent.label_letters(MESSAGES)
    for name in ("hashtag", "mention", "link", "quoted", "all-capitals", "sentence-position", "quoted-in-paragraph"):
        assert expected[name].any()
    assert independent.agreement(MESSAGES, expected) == dict.fromkeys(expected, 1.0)


JAVA = '''/** Doc "no string" \'. */
class A { // one's "own"
    String s = "a /* b \\" // c", t = """
        "x" // y
        """;
    char c = '"', d = '\\'', e = '/'; /* last */ /**/
    int f() { if ((a(")")) /* ) */ && b) return g(x -> { int h = 4 / 2; return h; }); return 1; }
}
'''


def test_java_of_every_trick(independent: ModuleType) -> None:
    pytest.importorskip("tree_sitter_java", reason="the parsers of the extra `code` are not installed")
    text, expected = importlib.import_module("independent.java").label_java([JAVA])
    assert text == JAVA
    assert independent.agreement(text, expected) == dict.fromkeys(expected, 1.0)


PYTHON = '''"""Doc 'no' # comment"""
def f(a: int, *b, c=':', **d):  # (
    r"""Doc \\"""" """ in two"""
    if (g := a[1:2]) and \\
            {"if": "x" if a else 'y'}["if"]:  # if
        return """(
        """, [  # return
            1]
    elif a: pass
    return \\
        lambda x: x
'''.replace('r"""Doc \\"""" """ in two"""', '"""Doc \\""""')


def test_python_of_every_trick(independent: ModuleType) -> None:
    pytest.importorskip("tree_sitter_python", reason="the parsers of the extra `code` are not installed")
    text, expected = independent.label_python([PYTHON])
    assert text == PYTHON
    assert all(each.any() for each in expected.values())
    assert independent.agreement(text, expected) == dict.fromkeys(expected, 1.0)


def test_strings_and_comments_end_where_the_tokenizer_says() -> None:
    """Also in a file with all kinds of them, read as a whole."""
    import doctest
    import io
    import tokenize

    (text,) = source_of(doctest)
    starts = [0, *np.cumsum([len(line) for line in text.splitlines(keepends=True)])]
    expected = [
        ("string" if each.type == tokenize.STRING else "comment", starts[each.end[0] - 1] + each.end[1])
        for each in tokenize.generate_tokens(io.StringIO(text).readline)
        if each.type in (tokenize.STRING, tokenize.COMMENT)
    ]
    assert [(each.kind, each.stop) for each in tokens(text, "python")] == expected
    assert len(expected) > 300
    assert all(each.closed for each in tokens(text, "python"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a "b\nc', "..##.."),
        ("a /* b\nc", "...#####"),
        ('"\\', "##"),
        ('"\\"', "###"),
        ("/*/ a", ".####"),
        ("// a\nb", ".###.."),
        ('"""a\\"""', "#.######"),
    ],
)
def test_what_is_never_closed_goes_on_to_the_end(text: str, expected: str) -> None:
    found = inside(text, "java", "comment") | inside(text, "java", "string")
    assert "".join(".#"[each] for each in found.astype(int)) == expected


def test_nodes_are_marked_by_characters_and_not_by_bytes() -> None:
    pytest.importorskip("tree_sitter_python", reason="the parsers of the extra `code` are not installed")
    text = "é = 'é😀\ud800'  # é\nf(lambda x: 'ü')"
    assert np.flatnonzero(labeller("syntax:python:comment")(text)).tolist() == [11, 12, 13]
    inner = text.index("lambda")
    assert np.flatnonzero(labeller("syntax:python:lambda")(text)).tolist() == [*range(inner, len(text) - 1)]
