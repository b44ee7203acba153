"""`unrolled reproduce`: recipes of our own and of the user's, stopped, killed, gone on with, and refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.making import names_in
from unrolled.cli import run
from unrolled.errors import OutputExistsError, SettingsError, SourceError, StoppedError, UnknownNameError
from unrolled.experiments.claims import read_claims
from unrolled.experiments.lab import percent, plain, verdict
from unrolled.experiments.recipes import find_recipes
from unrolled.experiments.reproduce import reproduce
from unrolled.explorer.collection import Collection
from unrolled.traces.trace import Trace

RECIPE = '''"""A <small> recipe.

What it is & does.
"""
import numpy as np
from unrolled import figures

STEPS = 30

def reproduce(lab):
    networks = lab.train("tiny", "task:state-memorizer", lab.seeds(2), steps=STEPS, hidden=3)
    watched = lab.keep(networks[0], ["\\nAxYa\\n", "\\nBxxYb\\n"], "two", "Two strings")
    lab.heading("What | it found")
    lab.say("Some `code`, **bold** and <b>no markup</b>.")
    means = [(each.seed, lab.watch(each, ["\\nAxYa\\n"]).signal("cell").mean()) for each in networks]
    lab.table(("seed", "mean c"), means)
    lab.number("cells", watched.signal("cell"))
    lab.number("never", float("nan"))
    cells = {"c": watched.signal("cell").mean(axis=1)}
    lab.figure("cells", figures.lines(np.arange(len(watched.letters)), cells), "Cells")
    lab.judge("counter-learns", [True, False], "one of two")
'''


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    path = tmp_path / "mine.py"
    path.write_text(RECIPE)
    return path


class Links(HTMLParser):
    """What a page points to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"src", "href"} and value]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def contents(folder: Path) -> dict[str, bytes]:
    """Everything that must be the same whenever a recipe is run: the report, its numbers and figures."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {"runs", "traces"} & set(path.parts) and path.name != "times.json"
    }


def test_a_recipe_of_ones_own(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["reproduce", str(recipe), "--out", str(out), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["claims"] == [
        {"verdict": "holds in part", "claim": read_claims()["counter-learns"].text, "because": "one of two"}
    ]
    assert shown["experiments"]["mine"]["never"] is None
    assert len(shown["experiments"]["mine"]["cells"]) == 13
    assert {path.name for path in (out / "mine" / "runs" / "tiny").iterdir()} == {"seed-0", "seed-1"}
    assert Trace.open(out / "mine" / "traces" / "two").text == "\nAxYa\n\nBxxYb\n"
    shutil.copytree(out, tmp_path / "elsewhere")  # the explorer finds the run wherever both are
    exhibits = Collection([tmp_path / "elsewhere"]).exhibits
    (two,) = [exhibit for exhibit in exhibits if exhibit.kind == "trace"]
    assert two.run_id in {exhibit.id for exhibit in exhibits if exhibit.kind == "run"}
    page = (out / "mine" / "report.html").read_text()
    links = Links(page)
    assert "<b>no markup</b>" in "".join(links.text)  # as text, not as markup
    assert "<code>code</code>" in page
    assert "<b>bold</b>" in page
    assert links.found == ["figures/cells.svg"]
    assert (out / "mine" / "figures" / "cells.png").read_bytes()[:4] == b"\x89PNG"
    markdown = (out / "mine" / "report.md").read_text()
    assert markdown.startswith("# A <small> recipe\n\nWhat it is & does.\n")
    assert "| seed | mean c |" in markdown
    index = Links((out / "index.html").read_text())
    assert index.found == ["mine/report.html"]
    assert json.loads((out / "claims.json").read_text())["counter-learns"]["verdict"] == "holds in part"


def test_a_report_is_the_same_bit_for_bit(recipe: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        reproduce(str(recipe), tmp_path / name)
    one, two = contents(tmp_path / "one" / "mine"), contents(tmp_path / "two" / "mine")
    report = {"report.md", "report.html", "numbers.json", "asked.json"}
    assert set(one) == {*report, "figures/cells.svg", "figures/cells.png"}
    assert one == two


def test_seeds_are_as_many_as_were_asked_for(recipe: Path, tmp_path: Path) -> None:
    ((_, report),) = reproduce(str(recipe), tmp_path / "out", seeds=3)
    assert len(list((tmp_path / "out" / "mine" / "runs" / "tiny").iterdir())) == 3
    assert report.judgements[0].verdict == "holds in part"


def test_what_is_there_is_refused_gone_on_with_or_replaced(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reproduce(str(recipe), out)
    before = {path: path.stat().st_mtime_ns for path in (out / "mine").rglob("*")}
    with pytest.raises(OutputExistsError, match="--resume"):
        reproduce(str(recipe), out)
    reproduce(str(recipe), out, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in (out / "mine").rglob("*")}
    with pytest.raises(SettingsError, match="cannot both"):
        reproduce(str(recipe), out, resume=True, overwrite=True)
    assert before == {path: path.stat().st_mtime_ns for path in (out / "mine").rglob("*")}
    reproduce(str(recipe), out, overwrite=True)
    assert before.keys() == set((out / "mine").rglob("*"))
    assert before != {path: path.stat().st_mtime_ns for path in (out / "mine").rglob("*")}


@pytest.mark.parametrize(("asked", "begun"), [(3, "without --seeds"), (1, "with --seeds 2")])
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "stopped"])
def test_going_on_asks_for_nothing_else(
    asked: int, begun: str, ended: bool, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, seeds = tmp_path / "out", 2 if "2" in begun else None
    stops = iter([False] * (10_000 if ended else 11))
    with suppress(StoppedError):
        reproduce(str(recipe), out, seeds=seeds, stop=lambda: next(stops, True))
    assert (out / "mine" / "numbers.json").exists() == ended
    before = contents(out)
    assert run(["reproduce", str(recipe), "--out", str(out), "--resume", "--seeds", str(asked)]) == 2
    shown = capsys.readouterr().err
    assert f"was begun {begun}, and cannot go on with --seeds {asked}. Leave out --seeds, begin anew" in shown
    assert contents(out) == before


def test_going_on_needs_no_option_again(recipe: Path, tmp_path: Path) -> None:
    """Seeds and text are those that it was begun with, though the text is named by nobody any more."""
    recipe.write_text(
        "from unrolled.experiments.lab import Reads\nREADS = Reads('a text')\n"
        + RECIPE.replace("task:state-memorizer", "{lab.source}").replace('"{lab.source}"', "lab.source")
    )
    for name, stops in (("whole", 10_000), ("stopped", 11)):
        left = iter([False] * stops)
        with suppress(StoppedError):
            reproduce(
                str(recipe),
                tmp_path / name,
                seeds=3,
                source="task:state-memorizer,maximum=4",
                stop=lambda left=left: next(left, True),
            )
    assert not (tmp_path / "stopped" / "mine" / "numbers.json").exists()
    with pytest.raises(SettingsError, match=r"with --source task:state-memorizer,maximum=4, and .* task:counter\."):
        reproduce(str(recipe), tmp_path / "stopped", source="task:counter", resume=True)
    reproduce(str(recipe), tmp_path / "stopped", resume=True)
    assert contents(tmp_path / "stopped" / "mine") == contents(tmp_path / "whole" / "mine")


def test_a_folder_of_another_recipe_is_not_gone_on_with(recipe: Path, tmp_path: Path) -> None:
    recipe = recipe.rename(tmp_path / "counter.py")
    reproduce(str(recipe), tmp_path / "out")
    with pytest.raises(SettingsError, match=r"counter is of the recipe counter\.py, not counter\."):
        reproduce("counter", tmp_path / "out", resume=True)


@pytest.mark.parametrize("source", ["nowhere", "-", "empty.txt"])
def test_a_source_that_cannot_be_read_leaves_and_costs_nothing(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    before = names_in(tmp_path)
    assert run(["reproduce", "tweets", "--out", "out", "--source", source]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("unrolled: ")
    assert names_in(tmp_path) - {"out"} == before
    Path("out/tweets").mkdir(parents=True)
    Path("out/tweets/numbers.json").write_text("{}")
    if source != "empty.txt":  # that it is empty shows once it is read
        assert run(["reproduce", "tweets", "--out", "out", "--source", source, "--overwrite"]) == 2
        assert Path("out/tweets/numbers.json").read_text() == "{}"


def test_the_index_holds_every_recipe_that_has_ended(recipe: Path, tmp_path: Path) -> None:
    """Also where each was run by itself; what another program left under the same name is none."""
    out, other = tmp_path / "out", tmp_path / "another.py"
    other.write_text('"""Another."""\n\ndef reproduce(lab):\n    lab.judge("It has a claim of its own.", True, "1")\n')
    (out / "strange").mkdir(parents=True)
    (out / "strange" / "numbers.json").write_text("[1, 2]")
    reproduce(str(recipe), out)
    reproduce(str(other), out)
    assert Links((out / "index.html").read_text()).found == ["another/report.html", "mine/report.html"]
    assert set(json.loads((out / "claims.json").read_text())) == {"counter-learns", "It has a claim of its own."}


def test_a_folder_that_holds_anything_else_is_not_overwritten(recipe: Path, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "mine" / "letters.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("dear")
    with pytest.raises(OutputExistsError, match=r"letters\.txt"):
        reproduce(str(recipe), tmp_path / "out", overwrite=True)
    assert precious.read_text() == "dear"


@pytest.mark.parametrize("name", ["index.html", "claims.json"])
def test_somebody_elses_index_is_left_alone(name: str, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / name).write_text("<title>my page</title>")
    for options in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputExistsError, match=f"'{name}', which no recipe made"):
            reproduce(str(recipe), tmp_path / "site", **options)
    assert names_in(tmp_path / "site") == {name}
    assert (tmp_path / "site" / name).read_text() == "<title>my page</title>"


def test_stopped_it_goes_on_to_the_same(recipe: Path, tmp_path: Path) -> None:
    reproduce(str(recipe), tmp_path / "whole")
    asked = iter([False] * 11)
    with pytest.raises(StoppedError, match="--resume"):
        reproduce(str(recipe), tmp_path / "stopped", stop=lambda: next(asked, True))
    assert not (tmp_path / "stopped" / "mine" / "numbers.json").exists()
    reproduce(str(recipe), tmp_path / "stopped", resume=True)
    assert contents(tmp_path / "stopped" / "mine") == contents(tmp_path / "whole" / "mine")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_it_goes_on_to_the_same(number: signal.Signals, recipe: Path, tmp_path: Path) -> None:
    """A real process, killed while it trains: the second training waits on a pipe, so the moment is certain."""
    recipe.write_text(
        RECIPE.replace("    lab.heading(", "    lab.train('more', 'task:counter', 2, steps=20000)\n    lab.heading(")
    )
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "unrolled", "reproduce", str(recipe), "--out", str(out)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("more: "):
                process.send_signal(number)
                break
        process.stderr.read()
    assert process.returncode == {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}[number]
    assert not (out / "mine" / "numbers.json").exists()
    recipe.write_text(RECIPE)  # the long training is left out when it goes on
    reproduce(str(recipe), out, resume=True)
    reproduce(str(recipe), tmp_path / "whole")
    assert contents(out / "mine") == contents(tmp_path / "whole" / "mine")


def test_a_recipe_may_have_types_of_its_own(recipe: Path, tmp_path: Path) -> None:
    """A dataclass looks up the module that it stands in."""
    recipe.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass Found:\n"
        "    size: int\n\ndef reproduce(lab):\n    lab.number('size', Found(3).size)\n"
    )
    ((_, report),) = reproduce(str(recipe), tmp_path / "out")
    assert report.numbers == {"size": 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\n", r"no function reproduce\(lab\)"),
        ("def reproduce(lab):\n    1 / 0\n", r"mine\.py, line 2: ZeroDivisionError: division by zero"),
        ("def reproduce(lab):\n  return (\n", r"mine\.py, line 2: SyntaxError"),
        ("import nowhere\n", r"mine\.py, line 1: ModuleNotFoundError"),
        ("def reproduce(lab):\n    for n in 1, 2: lab.number('a', n)\n", "line 2: ValueError: .* two numbers called"),
        ("def reproduce(lab):\n    raise ValueError('one\\ntwo')\n", r"mine\.py, line 2: ValueError: one\. Mend"),
        ("def reproduce(lab):\n    raise SystemExit(0)\n", r"mine\.py, line 2: SystemExit: 0\."),
        ("import json\n\ndef reproduce(lab):\n    json.loads('{')\n", r"mine\.py, line 4: JSONDecodeError"),
        ("def reproduce():\n    pass\n", r"mine\.py: TypeError: reproduce\(\) takes 0"),
        ("def reproduce(lab):\n    lab.number('a', {1: [2j]})\n", "line 2: TypeError: .*, not complex"),
        ("def reproduce(lab):\n    lab.judge('a', 'yes', 'b')\n", "line 2: TypeError: .*, not 'yes'"),
        ("def reproduce(lab):\n    lab.listing(None, 'b')\n", r"mine\.py: AttributeError"),
        (
            "def reproduce(lab):\n    lab.train('../b', 'task:counter', 1)\n",
            r"line 2: ValueError: '\.\./b' names no file",
        ),
        ("READS = 'a text'\ndef reproduce(lab): pass\n", r"mine\.py: READS is not what a recipe reads"),
    ],
    ids=[
        "none",
        "fault",
        "syntax",
        "import",
        "twice",
        "lines",
        "exit",
        "library",
        "lab",
        "number",
        "verdict",
        "text",
        "name",
        "reads",
    ],
)
def test_a_recipe_with_a_fault_is_told_so_in_one_line(
    text: str,
    says: str,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe.write_text(text)
    monkeypatch.chdir(tmp_path)
    assert run(["reproduce", recipe.name, "--out", "out"]) == 2
    shown = capsys.readouterr().err
    assert re.search(says, shown)
    assert "Traceback" not in shown
    assert not names_in(tmp_path / "out")  # so it can be mended and run by the same command


def test_the_recipe_in_the_docs(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    page = (Path(__file__).parents[2] / "docs" / "reference" / "experiments.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "shown.py"
    path.write_text(found.replace("steps=500", "steps=20"), encoding="utf-8")
    ((recipe, report),) = reproduce(str(path), tmp_path / "out")
    assert recipe.title == "Does an RNN count as far as an LSTM?"
    assert {name: len(reached) for name, reached in report.numbers.items()} == {"rnn": 3, "lstm": 3}


@pytest.mark.parametrize("name", ["index.html.py", ".hidden.py", "..py"])
def test_names_that_a_folder_cannot_have(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(RECIPE)
    with pytest.raises(SourceError, match="Rename the file"):
        find_recipes(str(tmp_path / name))


def test_names_that_are_none() -> None:
    with pytest.raises(UnknownNameError, match=r"all, .*copy-machine, counter, .*Did you mean 'counter'"):
        find_recipes("countr")
    with pytest.raises(SourceError, match="no file"):
        find_recipes("nowhere.py")


def test_verdicts_and_numbers() -> None:
    assert [verdict(found) for found in (True, False, [True, True], [True, False], [False], [], None)] == [
        "holds", "does not hold here", "holds", "holds in part", "does not hold here", "undecided", "undecided"
    ]  # fmt: skip
    assert [verdict(found) for found in (np.True_, np.array([True, False]))] == ["holds", "holds in part"]
    assert [percent(share) for share in (0, 0.0004, 0.5, 0.996, 1)] == ["0 %", "0.0 %", "50 %", "99.6 %", "100 %"]
    assert plain({"a": [1.23456789, float("inf")], 2: (True, None)}) == {"a": [1.23457, None], "2": [True, None]}
