"""Whatever can be named is explained: a cell, signal, engine or task that the docs do not have fails here.

One more kind of thing (commands, options, hypotheses) is one more line in `NAMED`.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.stacks import EVERY_CELL
from unrolled import figures
from unrolled.cells import CELLS
from unrolled.engines import ENGINES
from unrolled.experiments import EXPERIMENTS
from unrolled.figures.export import KINDS
from unrolled.neurons.circuits import CIRCUITS
from unrolled.neurons.hypotheses import HYPOTHESES
from unrolled.sources.tasks import TASKS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMANDS = _load(REFERENCE.parent / "make_commands.py")
"""The script that writes the tables of options."""

NAMED = {
    "command": ("commands.md", [f"unrolled {name}" for name in COMMANDS.commands()]),
    "cell": ("cells.md", CELLS.names()),
    "engine": ("engines.md", ENGINES.names()),
    "signal": ("words.md", sorted({signal.name for cell in EVERY_CELL.values() for signal in cell.signals})),
    "task": ("tasks.md", TASKS.names()),
    "experiment": ("experiments.md", EXPERIMENTS.names()),
    "figure": ("figures.md", KINDS),
    "hypothesis": ("hypotheses.md", HYPOTHESES.names()),
    "circuit": ("circuits.md", list(CIRCUITS)),
}
"""What it is → the page that explains it, and every name. A page has the name in backquotes."""


def named() -> list[object]:
    return [pytest.param(page, name, id=f"{what}-{name}") for what, (page, names) in NAMED.items() for name in names]


def read(page: str) -> str:
    return (REFERENCE / page).read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    """What stands under the heading that has this name, up to the next heading of its level."""
    found = re.search(rf"^## `{re.escape(name)}`$(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section ## `{name}`"
    return found[1]


@pytest.mark.parametrize(("page", "name"), named())
def test_every_name_is_in_the_reference(page: str, name: str) -> None:
    assert f"`{name}`" in read(page)


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_a_cells_section_has_its_signals_equations_parameters_and_paper(kind: str) -> None:
    cell = EVERY_CELL[kind]
    text = section("cells.md", cell.name)
    for signal in cell.signals:
        row = re.search(rf"^\| `{signal.name}` \| {signal.symbol} \| (.*?) \|", text, re.MULTILINE)
        assert row, f"no row for {signal.name}"
        if signal.low is not None and signal.high is not None:
            assert f"{signal.low:g} to {signal.high:g}".replace("-", "−") in row[1]
        elif signal.low is None:
            assert "unbounded" in row[1]
    equations = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert set(cell.equations) <= set(equations)
    for parameter in cell.parameter_shapes(3, 5):
        assert re.search(rf"`{parameter} \(", text + (section("cells.md", "lstm") if cell.name == "peephole" else ""))
    for author in re.findall(r"[A-Z][a-z]+", cell.paper):
        assert author in text, author
    for year in re.findall(r"\d{4}", cell.paper):
        assert year in text, year


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_both_sets_of_names_are_explained(kind: str) -> None:
    text = read("words.md")
    for signal in EVERY_CELL[kind].signals:
        assert re.search(rf"^\| [^|]* \| `{signal.name}` \| {signal.symbol} \| {signal.article}\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", ENGINES.names())
def test_an_engine_has_a_section(name: str) -> None:
    assert len(section("engines.md", name)) > 200


def test_the_identities_are_those_of_the_cells() -> None:
    text = section_named("What must add up")
    for kind, cell in EVERY_CELL.items():
        row = next(line for line in text.splitlines() if f"`{cell.name}`" in line)
        for identity in cell.identities:
            assert identity.equation in row, kind
        assert bool(cell.identities) != ("none" in row)


def section_named(heading: str) -> str:
    return read("cells.md").split(f"## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("page", sorted(path.name for path in REFERENCE.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(page)):
        assert "://" in target or (REFERENCE / target).exists(), target


@pytest.mark.parametrize("name", figures.__all__)
def test_a_function_that_draws_has_its_parameters_in_the_reference(name: str) -> None:
    row = re.search(rf"^\| `{name}\((.*?)\)` \|", read("figures.md"), re.MULTILINE)
    assert row, name
    documented = [part.split("=")[0] for part in row[1].split(", ") if part != "*"]
    assert documented == list(inspect.signature(getattr(figures, name)).parameters)


PAGES = [
    *("ablation.md", "cells.md", "circuits.md", "engines.md", "figures.md", "find.md", "hypotheses.md", "words.md"),
]


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_they_say(
    page: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python blocks of a page run one after the other; a comment after a print is what it prints."""
    monkeypatch.chdir(tmp_path)
    source = "\n".join(re.findall(r"```python\n(.*?)```", read(page), re.DOTALL))
    exec(compile(source, page, "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed == re.findall(r"^print\(.*\)  # (.*)$", source, re.MULTILINE)


@pytest.mark.parametrize("name", TASKS.names())
def test_a_tasks_section_has_its_settings_and_a_true_example(name: str) -> None:
    task = TASKS.get(name)
    text = section("tasks.md", name)
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    wanted = [(each, each.metadata) for each in task.settings()]
    assert rows == [
        (each.name, str(each.default), f"{limits['least']} to {limits['most']}", limits["help"])
        for each, limits in wanted
    ]
    example = re.search(r"Example: `(.*?)`", text)
    assert example
    prime, answer = task().split(f"\n{example[1]}\n")
    assert task().expected(prime) == answer


@pytest.mark.parametrize("name", COMMANDS.commands())
def test_a_commands_section_has_its_options_and_an_example(name: str) -> None:
    text = section("commands.md", f"unrolled {name}")
    assert COMMANDS.table(name) in text, "run docs/make_commands.py"
    for option in COMMANDS.options(COMMANDS.commands()[name]):
        assert re.search(rf"^\| `{re.escape(option)}` \| .* \| .* \| .+ \|$", text, re.MULTILINE), option
    assert f"    unrolled {name}" in text


def test_the_settings_tables_are_wholly_options() -> None:
    for name, fields in COMMANDS.TABLES.items():
        assert {f"--{field.replace('_', '-')}" for field in fields} <= set(COMMANDS.options(COMMANDS.commands()[name]))


def test_a_runs_files_and_keys_are_explained(tmp_path: Path) -> None:
    """By a run that was made: no file, setting's table, state or number of it goes without a word."""
    import json

    from unrolled.training.train import train

    (tmp_path / "text.txt").write_text("some words and more\n" * 60)
    tiny = {"hidden": 3, "batch": 2, "unroll": 8, "steps": 4, "threads": 1}
    train(str(tmp_path / "text.txt"), tmp_path / "first", **tiny)
    train(str(tmp_path / "text.txt"), tmp_path / "run", initial=tmp_path / "first", **tiny)
    train("task:counter", tmp_path / "counter", **tiny)
    text = read("run-format.md")
    for path in (tmp_path / "run").rglob("*"):
        assert path.name in text or path.name == "4", path
    for run in ("run", "counter"):
        for file in ("settings.json", "summary.json"):
            for key in json.loads((tmp_path / run / file).read_text()):
                assert f"`{key}`" in text, key
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        assert all(f"`{key}`" in text for key in json.loads(line))


def test_the_examples_of_writing_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unrolled.training.train import train

    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("The rain had not yet stopped.\n" * 60)
    train("text.txt", Path("book"), hidden=3, batch=2, unroll=8, steps=4, threads=1)
    blocks = re.findall(r"```python\n(.*?)```", read("writing.md"), re.DOTALL)
    assert len(blocks) == 2
    exec(compile("\n".join(blocks), "writing.md", "exec"), {})
