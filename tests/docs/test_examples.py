"""What the README, the tutorial and one page of the reference show is run as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from unrolled.cli import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
PYTHON = [*PAGES, ROOT / "docs" / "reference" / "holding.md"]
TEXT = "It was the evening of a long day, and the rain had not yet stopped.\n" * 60

# A text of four thousand characters needs no three minutes, and no page is opened in a test.
SHORTER = {"--minutes 3": "--steps 20 --hidden 8 --unroll 32 --batch 4"}
NOT_RUN = {"explore", "demo"}  # they serve until Ctrl-C; tests/explorer and tests/cli start them


def python_blocks() -> list[tuple[str, str]]:
    return [
        (f"{page.name}:{number}", block)
        for page in PYTHON
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    ]


@pytest.mark.parametrize(("place", "code"), python_blocks(), ids=[place for place, _ in python_blocks()])
def test_python_examples_print_what_their_comments_say(
    place: str, code: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, place, "exec"), {"__name__": place.replace(".", "_")})
    printed = capsys.readouterr().out.strip()
    promised = re.findall(r"print\(.*\)  # (\([\d, ]+\))", code)
    assert printed.splitlines() == promised


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run_in_their_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(TEXT, encoding="utf-8")
    lines = re.findall(r"^    (unrolled .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    commands = [line for line in lines if shlex.split(line)[1] not in NOT_RUN]
    assert len(commands) >= 3
    for line in commands:
        for long, short in SHORTER.items():
            line = line.replace(long, short)
        assert run(shlex.split(line)[1:]) == 0, line


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
