"""From what is asked for to hypotheses: groups, sources, syntax, and what is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from unrolled.errors import MissingPartError, UnknownNameError
from unrolled.neurons.hypotheses import (
    HYPOTHESES,
    LOOK_AHEAD,
    NEEDS,
    HypothesisError,
    describe_hypotheses,
    groups,
    hypotheses_for,
    kind_of,
    labeller,
    labellers,
    missing,
)
from unrolled.sources.tasks import TASKS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "hypotheses.md"
HERE = [name for name in HYPOTHESES.names() if not missing(name)]


def test_every_name_is_in_one_group() -> None:
    assert [name for names in groups().values() for name in names] == list(HYPOTHESES.names())
    assert {"layout", "words", "messages", "java", "python", "tasks", "next"} <= set(groups())
    assert not set(groups()) & set(HYPOTHESES.names())
    assert {*LOOK_AHEAD, *NEEDS} <= set(HYPOTHESES.names())


def test_each_is_described() -> None:
    described = {each.name: each for each in describe_hypotheses()}
    assert list(described) == list(HYPOTHESES.names())
    for name in HERE:
        each = described[name]
        assert each.kind == kind_of(labeller(name)("a"))
        assert each.about == (labeller(name).__doc__ or "").splitlines()[0]
        assert each.example.startswith(">>> ")
        assert each.causal == (name not in LOOK_AHEAD)
        assert each.missing == ()


def test_the_reference_tells_the_kind_and_what_looks_ahead() -> None:
    """One row for each, under its group; `what it is` need not be word for word what the docstring says."""
    kinds = {"answer": "yes or no", "number": "number", "class": "class"}
    text = PAGE.read_text(encoding="utf-8")
    for each in describe_hypotheses():
        section = text.split(f"\n### `{each.group}`\n")[1].split("\n##")[0]
        row = re.search(rf"^\| [^|]*`{each.name}`[^|]*\| ([^|]*?) \| (.*) \|$", section, re.MULTILINE)
        assert row, each.name
        assert row[1] == kinds[each.kind] + ("" if each.causal else ", looks ahead"), each.name


@pytest.mark.parametrize(
    ("source", "include", "has", "lacks"),
    [
        ("corpus:python", (), {"python-string", "indentation", "next-symbol"}, {"java-string", "quoted", "a-count"}),
        ("corpus:java", (), {"java-if", "capital"}, {"python-string", "hashtag", "slogan"}),
        ("x/Main.java", (), {"java-doc-comment"}, {"python-string"}),
        ("lib.zip", ("*.java", "!*Test.java"), {"java-string"}, {"python-string", "hashtag"}),
        ("lib.zip", ("*.java", "*.py"), {"java-string", "python-string"}, {"hashtag"}),
        ("book.txt", (), {"quoted", "sentence-position", "hashtag"}, {"java-string", "a-count"}),
        ("-", (), {"quoted"}, {"a-count"}),
        ("task:counter,maximum=20", (), {"a-count", "left-after-x", "line-position"}, {"after-y", "quoted"}),
        ("task:selective-counter", (), {"left-after-y"}, {"after-x"}),
        ("task:state-memorizer", (), {"remembered-state"}, {"a-count"}),
        ("task:copy-machine", (), {"letter-to-copy", "copy-position"}, {"a-count"}),
        ("task:of-somebody-else", (), set(groups()["tasks"]), {"quoted"}),
    ],
)
def test_what_applies_to_a_source(source: str, include: tuple[str, ...], has: set[str], lacks: set[str]) -> None:
    names = hypotheses_for(source, include)
    assert has <= set(names)
    assert not lacks & set(names)
    assert len(set(names)) == len(names)
    assert not any(missing(name) for name in names)


def test_every_task_has_its_own() -> None:
    everything = set(hypotheses_for("task:of-somebody-else"))
    assert all(set(hypotheses_for(f"task:{name}")) < everything for name in TASKS.names())


def test_groups_names_and_own_ones_are_asked_for_together() -> None:
    asked = labellers(["messages", "quoted", "link", "shout=re:[A-Z]{3}"])
    assert list(asked) == [*groups()["messages"], "quoted", "shout"]
    assert list(labellers(["all"])) == HERE
    assert labellers([]) == {}


@pytest.mark.parametrize("name", ["quotes", "surprise", "", "Java", "java:", "syntax"])
def test_a_name_that_is_not_there(name: str) -> None:
    with pytest.raises(UnknownNameError, match="There is no hypothesis or group"):
        labellers([name])


def test_own_ones_from_files_can_be_refused() -> None:
    with pytest.raises(HypothesisError, match="cannot come from a file"):
        labellers(["mine=py:a.py:f"], files=False)


def test_two_of_one_name() -> None:
    with pytest.raises(HypothesisError, match="'mine' is asked for twice"):
        labellers(["mine=re:a", "mine=re:b"])


def test_a_grammar_that_is_not_installed() -> None:
    with pytest.raises(MissingPartError, match="needs tree-sitter and its grammar") as caught:
        labeller("syntax:cobol:word")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["syntax:../x:y", "syntax::", "syntax:", "syntax:python", "syntax:os.path:a"])
def test_what_names_no_grammar_or_no_node(name: str) -> None:
    with pytest.raises(HypothesisError, match="is syntax:LANGUAGE:NODE_TYPE, not"):
        labeller(name)


def test_a_node_that_the_grammar_does_not_have() -> None:
    pytest.importorskip("tree_sitter_python", reason="the parsers of the extra `code` are not installed")
    with pytest.raises(UnknownNameError, match="There is no type of node in the grammar of python 'loop'"):
        labeller("syntax:python:loop")


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith(("tree_sitter", "spacy", "en_core_web_sm")):
            return None
        return PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Nothing()]
from unrolled.errors import MissingPartError
from unrolled.neurons.hypotheses import describe_hypotheses, hypotheses_for, labellers, missing
names = hypotheses_for("corpus:java")
assert "java-string" in names and "java-identifier" not in names and "java-block-depth" not in names
assert "proper-noun" in hypotheses_for("book.txt") and "proper-noun-spacy" not in hypotheses_for("book.txt")
assert "java-identifier" not in labellers(["java"]) and "java-string" in labellers(["java"])
assert {each.name for each in describe_hypotheses() if each.missing} == {
    f"{language}-{what}" for language in ("java", "python") for what in ("identifier", "block-depth")
} | {"proper-noun-spacy", "auxiliary-be-spacy"}
for name in ("java-identifier", "python-block-depth", "syntax:python:block", "proper-noun-spacy", "auxiliary-be-spacy"):
    try:
        labellers([name])[name]("a")
    except MissingPartError as error:
        print(error)
"""


def test_what_is_not_installed_is_left_out_and_told_when_it_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[0] == (
        "Syntax of java needs tree-sitter and its grammar tree_sitter_java. Install them: pip install 'unrolled[code]'"
    )
    assert all("pip install 'unrolled[names]'" in line for line in lines[3:])
