from __future__ import annotations

import re
from pathlib import Path

import pytest

from unrolled.sources import PARTS, Parts
from unrolled.sources.archives import Limits
from unrolled.sources.corpora import CORPORA
from unrolled.sources.tasks import TASKS
from unrolled.sources.vocabulary import FORMAT, KINDS

PAGE = (Path(__file__).parents[2] / "docs/reference/sources.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", [*(f"corpus:{name}" for name in CORPORA), *TASKS.names(), *PARTS, *KINDS, FORMAT, "error", "skip"]
)
def test_every_name_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_figures_are_those_of_the_code() -> None:
    limits = Limits()
    assert f"{limits.total >> 30} GiB" in PAGE
    assert f"{limits.grace >> 20} MiB" in PAGE
    assert f"{limits.ratio} times" in PAGE
    assert f"the next {Parts().validation * 100:g} %" in PAGE
    assert f"the last {Parts().test * 100:g} %" in PAGE
    for name, count in (("counter", 10), ("state-memorizer", 20), ("copy-machine", 27)):
        assert f"{count} for `{name}`" in " ".join(PAGE.split())
        assert len(list(TASKS.get(name)().sequences())) == count


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    exec(compile(source, "sources.md", "exec"), {})
    expected = re.findall(r"^print\(.*\)  # (.*)$", source, re.MULTILINE)
    assert len(expected) == 5
    assert capsys.readouterr().out.splitlines() == expected
