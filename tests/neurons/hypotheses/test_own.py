"""Hypotheses of the user's own: a regular expression, a function of Python, a column of a table."""

from __future__ import annotations

import csv
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.errors import UnknownNameError
from unrolled.neurons.hypotheses import Classes, HypothesisError, Label, kind_of, labellers, load_hypothesis
from unrolled.neurons.hypotheses.code import code_alone, tokens
from unrolled.neurons.hypotheses.marking import classify
from unrolled.neurons.hypotheses.patterns import pattern_labeller
from unrolled.neurons.hypotheses.syntax import tree
from unrolled.neurons.labelling import StepLabels

TEXT = "so é😀 SO\nsad \ud800"


def drawn(spec: str, text: str) -> str:
    _, label = load_hypothesis(spec)
    found = label(text)
    assert not isinstance(found, Classes)
    assert found.dtype == np.bool_
    return "".join(".#"[each] for each in found.astype(int))


def test_a_regular_expression_marks_what_it_matches_or_its_first_group() -> None:
    assert drawn("two=re:[a-z]{2}", TEXT) == "##.......##..."
    assert drawn("after=re:s(.)", TEXT) == ".#........#..."
    assert drawn("last=re:.$", TEXT) == ".............#"
    assert drawn("maybe=re:(x)?s", TEXT) == "." * len(TEXT)
    assert drawn("equals=re:=", "a=b") == ".#."


def test_one_pattern_is_asked_of_many_texts_by_one_process() -> None:
    _, label = load_hypothesis("a=re:a")
    before = children()
    for text in ("a", "", "ba") * 20:
        assert np.array_equal(label(text), [letter == "a" for letter in text])
    assert len(children() - before) == 1
    del label
    gc.collect()
    assert children() <= before


def children() -> set[str]:
    """The processes that this one has started and that have not ended."""
    return children_of(os.getpid())


def children_of(process: int) -> set[str]:
    """The processes that one has started and that have not ended, where the system tells."""
    found: set[str] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == process and state != "Z":
            found.add(path.parent.name)
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system has no /proc to count processes by")
    return found


def has_worked(process: str) -> bool:
    """Whether a process has used the processor for longer than it takes to begin."""
    clock = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11]
    return int(clock) > os.sysconf("SC_CLK_TCK") // 2


def test_a_pattern_that_would_take_years_is_stopped_and_may_be_asked_again() -> None:
    label = pattern_labeller("years", "(?:a+)+b", seconds=2)
    with pytest.raises(
        HypothesisError, match=r"'years' \(\(\?:a\+\)\+b\) takes more than 2 s over 64 characters"
    ) as caught:
        label("a" * 64)
    assert "Repeat nothing that repeats itself" in caught.value.hint
    assert np.array_equal(label("aabx"), [True, True, True, False])


def test_who_stops_waiting_for_a_pattern_need_not_wait_for_its_time() -> None:
    """The one that asks gets Ctrl-C, and the process that matches does not."""
    asks = """if True:
        from unrolled.neurons.hypotheses.patterns import pattern_labeller
        print("asking", flush=True)
        pattern_labeller("years", "(?:a+)+b", seconds=600)("a" * 64)
    """
    with subprocess.Popen([sys.executable, "-c", asks], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"asking\n"
        try:
            while not any(has_worked(child) for child in children_of(process.pid)):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == -signal.SIGINT
        finally:
            process.kill()


PYTHON = '''
from dataclasses import dataclass
import numpy as np

from unrolled.neurons.hypotheses import Classes

@dataclass
class Held:
    value: int

def yes(text):
    """On every e."""
    return [letter == "e" for letter in text]
def numbers(text):
    return [float("nan") if letter == "e" else ord(letter) for letter in text]
def whole(text):
    return np.arange(len(text), dtype=np.uint8)
def words(text):
    return ["vowel" if letter in "aeiou" else "" for letter in text]
def classes(text):
    return Classes(np.zeros(len(text), np.int16), ("one",))
def short(text):
    return [True]
def square(text):
    return np.zeros((len(text), 2))
def endless(text):
    return np.full(len(text), np.inf)
def things(text):
    return [Held(1)] * len(text)
def ragged(text):
    return [[1], [1, 2]] * len(text)
def beyond(text):
    return Classes(np.ones(len(text), np.int16), ("one",))
def fails(text):
    return int(text)
def ends(text):
    raise SystemExit(0)
def nothing(text):
    return None
several = 3
'''


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PYTHON)
    return path


def test_a_function_of_python(python: Path) -> None:
    made = {
        name: load_hypothesis(f"mine=py:{python}:{name}") for name in ("yes", "numbers", "whole", "words", "classes")
    }
    labels = {name: label("the end") for name, (_, label) in made.items()}
    kinds = {name: kind_of(label) for name, label in labels.items()}
    assert kinds == {"yes": "answer", "numbers": "number", "whole": "number", "words": "class", "classes": "class"}
    assert np.array_equal(labels["yes"], [False, False, True, False, True, False, False])
    assert np.array_equal(labels["whole"], np.arange(7.0))
    words = labels["words"]
    assert isinstance(words, Classes)
    assert (words.names, words.codes.tolist()) == (("vowel",), [-1, -1, 0, -1, 0, -1, -1])
    assert made["yes"][1].__doc__ == "On every e."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("short", "must give one value a character: 3, not 1"),
        ("square", r"must give one value a character: 3, not an array of \(3, 2\)"),
        ("endless", "gives a number that is infinite"),
        ("things", "must give bools, numbers or words, not object"),
        ("ragged", "gives no bools, numbers or words"),
        ("beyond", "gives codes that are no int16 from -1 to 0"),
        ("ends", r"'mine' failed: .*mine\.py, line 37: SystemExit: 0\."),
        ("fails", r"'mine' failed: .*mine\.py, line 35: ValueError: invalid literal for int\(\)"),
        ("nothing", "must give one value a character: 3, not a single NoneType"),
    ],
)
def test_a_function_that_does_not_fit_is_told_in_one_line(
    python: Path, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(python.parent)
    for path in (python, Path(python.name)):
        _, label = load_hypothesis(f"mine=py:{path}:{name}")
        with pytest.raises(HypothesisError, match=said) as caught:
            label("abc")
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def f(:\n", r"broken\.py, line 1: SyntaxError: "),
        ("\nimport nothing_of_this_name\n", r"broken\.py, line 2: ModuleNotFoundError: No module named"),
        ("f = 3\n", "has no function 'f'"),
        ("import sys\nsys.exit()\n", r"broken\.py, line 2: SystemExit\."),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(content)
    with pytest.raises(HypothesisError, match=said) as caught:
        load_hypothesis(f"mine=py:{path}:f")
    assert "\n" not in str(caught.value)


def table(path: Path, **columns: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def test_columns_are_told_apart(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a:b.csv",
        said=["yes", "NO", "yes"],
        bits=["1", "0", "0"],
        gaps=["yes", "", "no"],
        size=["1.5", "", "-2e3"],
        mood=["glad", "", "sad, so"],
    )
    labels = {name: load_hypothesis(f"mine=csv:{path}:{name}")[1]("abc") for name in ("said", "bits", "gaps", "size")}
    assert {name: kind_of(label) for name, label in labels.items()} == {
        "said": "answer",
        "bits": "answer",
        "gaps": "number",
        "size": "number",
    }
    assert np.array_equal(labels["said"], [True, False, True])
    assert np.array_equal(labels["bits"], [True, False, False])
    assert np.array_equal(labels["gaps"], [1, np.nan, 0], equal_nan=True)
    assert np.array_equal(labels["size"], [1.5, np.nan, -2000], equal_nan=True)
    mood = load_hypothesis(f"mine=csv:{path}:mood")[1]("abc")
    assert isinstance(mood, Classes)
    assert (mood.names, mood.codes.tolist()) == (("glad", "sad, so"), [0, -1, 1])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_numbers_come_back_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = table(tmp_path_factory.mktemp("tables") / "t.csv", value=[repr(value) for value in values])
    assert load_hypothesis(f"mine=csv:{path}:value")[1]("x" * len(values)).tolist() == values


def test_a_table_of_another_length_is_one_clear_line(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", said=["yes", "no"])
    _, label = load_hypothesis(f"mine=csv:{path}:said")
    with pytest.raises(HypothesisError, match=r"'mine' \(.*t\.csv\) has 2 rows, and what is read 3 steps\. It must"):
        label("abc")


def test_a_table_tells_of_all_sequences_that_are_read_one_row_a_step(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", size=["1", "2", "3", "4", "5"])
    name, label = load_hypothesis(f"mine=csv:{path}:size")
    characters = StepLabels({name: label}, ["ab", "\nab"], "characters")
    assert np.array_equal(characters["mine"], [1.0, 2.0, 3.0, 4.0, 5.0])
    raw = StepLabels({name: label}, ["abcde"], "bytes")
    assert np.array_equal(raw["mine"], characters["mine"])
    with pytest.raises(HypothesisError, match="has 5 rows, and what is read 4 steps"):
        StepLabels({name: label}, ["ab", "ab"], "characters")["mine"]


def test_all_sequences_have_one_kind_of_label_and_no_more_classes_than_there_can_be() -> None:
    def words(text: str) -> Classes:
        return classify([f"{text[0]}{place}" for place in range(len(text))])

    def either(text: str) -> Label | Classes:
        return words(text) if text[0] == "a" else np.ones(len(text), bool)

    few, many = ["aa", "b"], ["a" * 20_000, "b" * 20_000]
    told = StepLabels({"words": words}, few, "characters")["words"]
    assert isinstance(told, Classes)
    assert [told.names[code] for code in told.codes] == ["a0", "a1", "b0"]
    with pytest.raises(HypothesisError, match="'either' is of several kinds: answer and class, each for some"):
        StepLabels({"either": either}, few, "characters")["either"]
    with pytest.raises(HypothesisError, match="'words' has 40,000 different words, of which 32,767 at most"):
        StepLabels({"words": words}, many, "characters")["words"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "There is no column of .* 'c'; there are: none"),
        (b"a,b\n1,2\n", "There is no column of .* 'c'; there are: a, b"),
        (b"c,c\n1,2\n", "has 2 columns 'c'"),
        (b"c,d\n1\n", "Line 2 of .* has 1 cells and not 2"),
        (b"c\n\xff\n", "is no CSV file in UTF-8"),
        (b'c\n"a\n', "is no CSV file in UTF-8"),
        (b"c\ninf\n2\n", "has a number that is infinite"),
        (b"c\n", "says nothing"),
        (b"c\n" + b"\n".join(b"word%d" % number for number in range(40_000)), "40,000 different words"),
    ],
)
def test_what_is_no_such_table_is_told_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises((HypothesisError, UnknownNameError), match=said) as caught:
        load_hypothesis(f"mine=csv:{path}:c")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mine", "A hypothesis is NAME=re:PATTERN"),
        ("mine=", "A hypothesis is NAME=re:PATTERN"),
        ("mine=re:", "A hypothesis is NAME=re:PATTERN"),
        ("mine=xx:a", "A hypothesis is NAME=re:PATTERN"),
        ("=re:a", "name has letters"),
        ("a/b=re:a", "name has letters"),
        ("../x=re:a", "name has letters"),
        ("quoted=re:a", "The name 'quoted' is taken"),
        ("surprise=re:a", "The name 'surprise' is taken"),
        ("layout=re:a", "The name 'layout' is taken"),
        ("all=re:a", "The name 'all' is taken"),
        ("mine=re:(", "'mine' is no regular expression: missing \\)"),
        ("mine=re:a{1,99999999999999999999}", "'mine' is no regular expression"),
        ("mine=py:there-is-none.py:f", "There is no file 'there-is-none.py'"),
        ("mine=py:f", "names no function"),
        ("mine=csv:there-is-none.csv:c", "There is no file or folder 'there-is-none.csv'. Give a CSV table"),
        ("mine=csv:.:c", "'.' is a folder. Give a CSV table"),
        ("mine=csv:t.csv:", "names no column"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(spec: str, said: str) -> None:
    with pytest.raises(HypothesisError, match=said) as caught:
        load_hypothesis(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_table_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(HypothesisError, match="is neither a file nor a folder but a pipe"):
        load_hypothesis(f"mine=csv:{tmp_path}/pipe.csv:c")


@pytest.mark.parametrize("manner", ["py:mine.py:yes", "csv:mine.csv:said"])
def test_files_can_be_refused(manner: str) -> None:
    with pytest.raises(HypothesisError, match="Here a hypothesis cannot come from a file"):
        load_hypothesis(f"mine={manner}", files=False)
    assert load_hypothesis("mine=re:a", files=False)[0] == "mine"


def test_what_labels_were_worked_out_of_does_not_stay_in_memory() -> None:
    names = ["python-string", "python-if", "python-block-depth"]
    labels = StepLabels(labellers(names), ["if x:\n    y = 'z'\n"], "characters")
    assert tokens.cache_info().currsize == 0
    made = [labels[name] for name in names[:2]]
    assert tokens.cache_info().currsize > 0
    made.append(labels[names[2]])
    assert len(made) == 3
    assert {kept.cache_info().currsize for kept in (tokens, code_alone, tree)} == {0}
