"""Our own recipes, each with one seed: they run to the end, and everything that they promise is there.

Those on texts take longer; test_text_recipes.py runs them on a little text.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.experiments.test_reproduce import Links
from unrolled.experiments import EXPERIMENTS, LONG
from unrolled.experiments.claims import read_claims
from unrolled.experiments.reproduce import reproduce
from unrolled.traces.check import check
from unrolled.traces.trace import Trace


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS.names() if name not in LONG])
def test_a_recipe_keeps_what_it_promises(name: str, tmp_path: Path) -> None:
    """One test a recipe, for it takes a while."""
    torch.set_num_threads(1)
    reproduce(name, tmp_path, seeds=1)
    made = tmp_path / name
    judged = json.loads((made / "numbers.json").read_text())["claims"]
    every_claim_is_judged_by_a_number(name, judged)
    its_networks_have_learned(judged)
    the_report_has_its_figures(made)
    for trace in (made / "traces").glob("*"):
        report = check(Trace.open(trace))
        assert report.ok, report.problems


def every_claim_is_judged_by_a_number(name: str, judged: list[dict[str, str]]) -> None:
    claims = {claim.name for claim in read_claims().values() if claim.experiment == name}
    assert sorted(each["claim"] for each in judged) == sorted(claims)
    assert all(any(letter.isdigit() for letter in each["because"]) for each in judged)


def its_networks_have_learned(judged: list[dict[str, str]]) -> None:
    """Every accuracy of the article, with the first seed."""
    learned = {each["claim"]: each["verdict"] for each in judged if each["claim"].endswith("-learns")}
    assert set(learned.values()) <= {"holds"}, learned


def the_report_has_its_figures(made: Path) -> None:
    links = Links((made / "report.html").read_text()).found
    assert links
    assert all((made / link).stat().st_size > 1000 for link in links)
    assert {Path(link).stem for link in links} == {path.stem for path in (made / "figures").iterdir()}
    assert "](figures/" in (made / "report.md").read_text()


def test_claims_are_of_experiments_that_there_are() -> None:
    assert {claim.experiment for claim in read_claims().values()} <= set(EXPERIMENTS.names())
    assert all(claim.text.endswith(".") for claim in read_claims().values())
