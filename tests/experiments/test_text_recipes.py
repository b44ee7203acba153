"""The recipes on texts, wholly: tiny networks that learn for a few updates from small texts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.experiments.test_written import JAVA, LIBRARY
from unrolled.cli import run
from unrolled.errors import SettingsError, SourceError
from unrolled.experiments import EXPERIMENTS, LONG, code_java, code_python, quiz, tweets
from unrolled.experiments.claims import read_claims
from unrolled.experiments.code import BEGINS, NEW
from unrolled.experiments.lab import Lab
from unrolled.experiments.recipes import find_recipes
from unrolled.experiments.report import Report, as_html, as_markdown
from unrolled.experiments.reproduce import reproduce as run_recipe
from unrolled.experiments.text_networks import Learned, Plan, judge_shares, learn
from unrolled.experiments.text_neurons import Search, judge_neuron
from unrolled.experiments.written.share import Share
from unrolled.neurons.find import Finding, Sought

TINY = Plan(
    "a test",
    {"layers": 2, "hidden": 6, "batch": 2, "unroll": 16, "learning_rate": 0.01, "steps": 6, "threads": 1},
    loss=9.0,
    written=400,
    watched=2400,
)


def make_messages(count: int = 900) -> str:
    chance = random.Random(1)
    starts = ["I met Ann Lee in", "It will be GREAT in", 'They said "no way" in', "Read https://t.co/abcDEF1234 in"]
    lines = [
        f"{chance.choice(starts)} New York {chance.randrange(10**6)} times, @you #Vote{chance.randrange(9)} VOTE FOR US"
        for _ in range(count)
    ]
    return "\n".join(lines) + "\n"


def make_lab(folder: Path, text: str) -> Lab:
    (folder / "text").write_text(text)
    (folder / "out").mkdir()
    return Lab(folder / "out", Report("A test"), source=str(folder / "text"))


def claims_of(experiment: str) -> set[str]:
    return {claim.name for claim in read_claims().values() if claim.experiment == experiment}


RECIPES = [
    ("code-java", code_java.explore, JAVA.replace("sum", "sums\t") * 60, set(code_java.NEURONS)),
    ("code-python", code_python.explore, LIBRARY * 4, set(code_python.NEURONS)),
    ("tweets", tweets.explore, make_messages(), {*tweets.NEURONS, *tweets.MORE}),
]


@pytest.mark.parametrize(("name", "explore", "text", "hypotheses"), RECIPES, ids=[recipe[0] for recipe in RECIPES])
def test_a_recipe_reports_everything(
    tmp_path: Path, name: str, explore: Callable[[Lab, Plan], None], text: str, hypotheses: set[str]
) -> None:
    lab = make_lab(tmp_path, text)
    explore(lab, TINY)
    report = lab.report
    assert {each.claim for each in report.judgements} == claims_of(name)
    assert len(report.judgements) == len(claims_of(name)) >= 10
    assert set(report.numbers["neurons"]) == hypotheses
    assert all(each is None or 0 <= each["chosen"] <= 1 for each in report.numbers["neurons"].values())
    for shares in report.numbers["shares"].values():
        assert list(shares) == ["0.5", "0.75", "1", "held out"]
    samples = sorted(path.name for path in (lab.folder / "samples").iterdir())
    assert samples == ["temperature-0.5.txt", "temperature-0.75.txt", "temperature-1.txt"]
    assert len((lab.folder / "samples" / samples[0]).read_text()) >= TINY.written
    assert report.numbers["nats_per_symbol"] > 0
    assert (lab.folder / "traces" / "held-out").is_dir()
    for page in (as_html(report), as_markdown(report)):
        assert "0.75" in page
        assert "held-out text" in page
    json.dumps(report.numbers, allow_nan=False)


def test_a_recipe_repeats_bit_for_bit(tmp_path: Path) -> None:
    reports: list[Report] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lab = make_lab(tmp_path / name, make_messages())
        lab.source = str(tmp_path / "one" / "text")
        tweets.explore(lab, TINY)
        reports.append(lab.report)
    assert reports[0].numbers == reports[1].numbers
    assert reports[0].judgements == reports[1].judgements


def test_messages_are_shuffled_and_read_once(tmp_path: Path) -> None:
    lines = [f"message {number} of many words" for number in range(400)]
    lab = make_lab(tmp_path, "\n".join([*lines, "", *lines[:50]]))
    learned = tweets.learn_messages(lab, TINY)
    shuffled = (learned.before + learned.held_out).splitlines()
    assert shuffled != lines
    assert sorted(shuffled) == sorted(lines)
    assert len({int(line.split()[1]) // 100 for line in learned.held_out.splitlines()[1:]}) == 4


def test_the_real_text_is_measured_as_people_wrote_it(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, make_messages())
    tweets.explore(lab, TINY)
    shares = lab.report.numbers["shares"]
    for measure in (tweets.HASHTAGS, tweets.MENTIONS):
        good, many = shares[measure]["held out"]
        assert good == many > 0


def undecided(lab: Lab, plan_loss: float) -> Learned:
    plan = Plan("a test", {}, loss=plan_loss)
    return Learned(None, plan, "", "", "", 1.5)  # type: ignore[arg-type]  (only the loss is asked for)


def test_what_is_missing_from_a_network_that_has_learned_too_little_decides_nothing(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, "x")
    few, enough = undecided(lab, 1.0), undecided(lab, 2.0)
    poor, good = [Share(1, 9)] * 3, [Share(9, 9)] * 3
    for learned, shares in ((few, poor), (few, good), (enough, poor), (enough, [Share(0, 0)] * 3)):
        judge_shares(lab, learned, "tweets-hashtags", shares, 0.9)
    verdicts = [each.verdict for each in lab.report.judgements]
    assert verdicts == ["undecided", "holds", "does not hold here", "undecided"]


@pytest.mark.parametrize(
    ("knows_more", "expected"), [(False, "does not hold here"), (True, "holds")], ids=["capital", "name"]
)
def test_a_neuron_for_names_must_know_more_than_capitals(tmp_path: Path, knows_more: bool, expected: str) -> None:
    random = np.random.default_rng(0)
    capital = random.random(4000) < 0.2
    name = capital & (random.random(4000) < 0.9)
    values = (name if knows_more else capital) + random.normal(size=4000) / 100
    best = Finding("rnn.l0.cell.3", 1, 0.95, 0.9, 0.99, 0.95, 0.001, True, 0.5, 0.8)
    tested = Sought("proper-noun", "", "answer", 0.1, 0.001, True, "AUC", 0.55, [best])
    found = Search({"proper-noun": tested}, {"proper-noun": values}, {"proper-noun": name, "capitalised-word": capital})
    lab = make_lab(tmp_path, "x")
    judge_neuron(
        lab, undecided(lab, 2.0), "tweets-proper-noun-neuron", found, "proper-noun", tweets.SIMPLER["proper-noun"]
    )
    assert [each.verdict for each in lab.report.judgements] == [expected]


def test_all_leaves_out_what_takes_long() -> None:
    names = [recipe.name for recipe in find_recipes("all")]
    assert set(LONG) <= set(EXPERIMENTS.names())
    assert names == [name for name in EXPERIMENTS.names() if name not in LONG]
    assert [find_recipes(name)[0].name for name in LONG] == list(LONG)


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [("tweets", None, "--source FILE"), ("quiz", None, "short messages"), ("counter", "x.txt", "reads no text")],
)
def test_a_source_that_is_missing_or_of_no_use_is_refused(
    tmp_path: Path, name: str, source: str | None, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        run_recipe(name, tmp_path / "out", source=source)
    assert not (tmp_path / "out").exists()


RECIPE = '''"""Messages, in small.

By a network of few neurons.
"""

from unrolled.experiments import tweets
from unrolled.experiments.text_networks import Plan

READS = tweets.READS


def reproduce(lab):
    settings = {"layers": 1, "hidden": 4, "batch": 2, "unroll": 16, "steps": 3, "threads": 1}
    tweets.explore(lab, Plan("a test", settings, loss=1.0, written=120, watched=600))
'''


def test_the_command_takes_a_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text(RECIPE)
    (tmp_path / "text").write_text(make_messages(200))
    given = ["reproduce", str(tmp_path / "mine.py"), "--out", str(tmp_path / "out"), "--json"]
    assert run(given) == 2
    assert "--source FILE" in capsys.readouterr().err
    assert run([*given, "--source", str(tmp_path / "text")]) == 0
    verdicts = {each["verdict"] for each in json.loads(capsys.readouterr().out)["claims"]}
    assert "undecided" in verdicts
    assert "<pre" in (tmp_path / "out" / "mine" / "report.html").read_text()


def test_the_quiz_takes_the_network_of_tweets(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(make_messages())
    (tmp_path / "out" / "quiz").mkdir(parents=True)
    lab = Lab(tmp_path / "out" / "quiz", Report("A test"), source=str(tmp_path / "text"))
    plan = Plan("a test", TINY.settings, loss=9.0)
    quiz.explore(lab, plan)
    assert (tmp_path / "out" / "tweets" / "runs" / "network" / "seed-0").is_dir()
    assert not (tmp_path / "out" / "quiz" / "runs").exists()
    rounds = lab.report.numbers["rounds"]
    messages = make_messages().splitlines()
    assert len(rounds) == quiz.ROUNDS
    for each in rounds:
        assert [message["real"] for message in each].count(True) == 1
        assert len({message["text"] for message in each}) == quiz.OTHERS + 1
        assert all((message["text"] in messages) == message["real"] for message in each)
        assert all(message["perplexity"] > 1 for message in each)
    again = Lab(tmp_path / "out" / "quiz", Report("A test"), source=str(tmp_path / "text"))
    quiz.explore(again, plan)
    assert again.report.numbers == lab.report.numbers


@pytest.mark.parametrize(
    ("recipe", "text", "first"),
    [(code_java, JAVA * 60, ("/*\n", "package")), (code_python, LIBRARY * 8, ("import", "from", "def", "class"))],
)
def test_held_out_code_begins_where_a_parser_may(
    tmp_path: Path, recipe: ModuleType, text: str, first: tuple[str, ...]
) -> None:
    lab = make_lab(tmp_path, text)
    recipe.explore(lab, TINY)
    learned = learn(lab, TINY, str(tmp_path / "text"), begins=BEGINS["java" if recipe is code_java else "python"])
    assert learned.held_out.startswith(first)
    assert learned.before + learned.held_out == text
    assert learned.before.startswith(learned.training)
    assert len(learned.training) == int(len(text) * 0.9)
    # The end of the text may cut a name in two, which makes it a new one.
    shares = {name: each["held out"] for name, each in lab.report.numbers["shares"].items() if name != NEW}
    assert {name for name, (good, many) in shares.items() if good < many} == set()


def test_a_quiz_of_too_few_messages_is_refused(tmp_path: Path) -> None:
    lab = make_lab(tmp_path, make_messages(100))
    with pytest.raises(SourceError, match=r"there are 5 and 30.*longer file"):
        quiz.explore(lab, TINY)
    assert not (lab.folder / "quiz.html").exists()
