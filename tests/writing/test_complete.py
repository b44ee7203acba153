"""Completion against every text that a tiny network can write."""

from __future__ import annotations

import itertools
import math
import re
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.writing.making import LETTERS, letters, make, spelling
from unrolled.errors import UnrolledError, VocabularyError
from unrolled.networks import Network
from unrolled.sources.tasks.counter import Counter as CounterTask
from unrolled.sources.tasks.task import EDGE
from unrolled.sources.vocabulary import bytes_vocabulary
from unrolled.writing.complete import Completion, complete

TINY = "\n a_.é"
LONGEST = 5
PREFIX = "a. "

# Said once more, as patterns over whole texts; what follows a word is no part of it.
PATTERNS = {"token": re.compile(r"[ \t]*(?:\w+(?=[^\w])|[^\w \t])"), "line": re.compile(r"[^\n\r]*(?=[\n\r])")}


@cache
def tiny_network(seed: int, cell: str) -> Network:
    torch.manual_seed(seed)
    return make(len(TINY), cell=cell)


@cache
def every_continuation(seed: int, cell: str, until: str) -> dict[tuple[str, bool], float]:
    """Each continuation, and whether it is cut → its probability: by all texts of `LONGEST` symbols."""
    network, vocabulary = tiny_network(seed, cell), letters(TINY)
    texts = ["".join(text) for text in itertools.product(TINY, repeat=LONGEST)]
    read = torch.stack([torch.from_numpy(vocabulary.encode(PREFIX + text).astype("int64")) for text in texts], dim=1)
    with torch.no_grad():
        log_odds = network.eval()(read[:-1], engine="reference")[0].log_softmax(-1)
    own = log_odds.gather(-1, read[1:, :, None])[len(PREFIX) - 1 :, :, 0].sum(0).exp()
    found: dict[tuple[str, bool], float] = {}
    for text, probability in zip(texts, own.tolist(), strict=True):
        match = PATTERNS[until].match(text)
        key = (match[0], False) if match else (text, True)
        found[key] = found.get(key, 0.0) + probability
    return found


def as_table(found: Completion) -> dict[tuple[str, bool], float]:
    return {(one.text, one.cut): one.probability for one in found.continuations}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("until", ["token", "line"])
def test_a_wide_beam_finds_every_continuation_with_its_probability(until: str, cell: str) -> None:
    right = every_continuation(0, cell, until)
    assert sum(right.values()) == pytest.approx(1)
    given = {"until": until, "top": 1000, "beam": 4096, "length": LONGEST}
    found = complete(tiny_network(0, cell), letters(TINY), PREFIX, **given)
    likeliest = sorted(right.items(), key=lambda one: -one[1])[:1000]
    assert found.exact
    assert as_table(found) == {key: pytest.approx(probability, rel=1e-9) for key, probability in likeliest}
    assert [one.probability for one in found.continuations] == pytest.approx([p for _, p in likeliest], rel=1e-9)


@given(
    seed=st.integers(0, 4),
    until=st.sampled_from(["token", "line"]),
    top=st.integers(1, 12),
    beam=st.integers(1, 40),
)
def test_a_narrow_beam_tells_true_odds_and_whether_it_missed_any(seed: int, until: str, top: int, beam: int) -> None:
    right = every_continuation(seed, "lstm", until)
    given = {"until": until, "top": top, "beam": beam, "length": LONGEST}
    found = complete(tiny_network(seed, "lstm"), letters(TINY), PREFIX, **given)
    odds = [one.probability for one in found.continuations]
    assert as_table(found) == {key: pytest.approx(right[key], rel=1e-9) for key in as_table(found)}
    assert odds == sorted(odds, reverse=True)
    assert len(odds) <= top
    if found.exact:
        assert odds == pytest.approx(sorted(right.values(), reverse=True)[:top], rel=1e-9)


def test_a_narrow_beam_does_miss_some() -> None:
    """And says so; it is no use to say so always."""
    network, said = tiny_network(0, "lstm"), set[bool]()
    for beam in (1, 2, 4, 64):
        said.add(complete(network, letters(TINY), PREFIX, beam=beam, top=4, length=LONGEST).exact)
    assert said == {True, False}


def test_a_length_of_one_ranks_the_next_symbols() -> None:
    network, vocabulary = make(), letters()
    found = complete(network, vocabulary, "abba", until="line", length=1, top=100)
    read = torch.from_numpy(vocabulary.encode("abba").astype("int64"))[:, None]
    with torch.no_grad():
        odds = network(read)[0][-1, 0].softmax(-1)
    assert as_table(found) == {
        ("" if symbol == "\n" else symbol, symbol != "\n"): pytest.approx(float(p), rel=1e-9)
        for symbol, p in zip(LETTERS, odds, strict=True)
    }


def test_without_a_newline_lines_are_cut() -> None:
    found = complete(make(3), letters("xyz"), "x", until="line", length=4, top=3)
    assert [(len(one.text), one.cut) for one in found.continuations] == [(4, True)] * 3


@pytest.mark.parametrize(("until", "text"), [("token", " ü"), ("line", " ü.b")])
def test_bytes_make_whole_characters(until: str, text: str) -> None:
    network = spelling("a ü.b\n".encode(), certainty=60.0)
    (found,) = complete(network, bytes_vocabulary(), "a", until=until, top=1).continuations
    assert (found.text, found.cut) == (text, False)
    assert found.probability == pytest.approx(1)
    assert complete(network, bytes_vocabulary(), "a", until=until, top=1, length=2).continuations[0].text == " \ufffd"


def test_a_tasks_sequence_begins_anew_at_its_edge() -> None:
    torch.manual_seed(1)
    network, vocabulary = make(len(CounterTask().vocabulary)), CounterTask().vocabulary
    one, same, other = (
        complete(network, vocabulary, prefix, edge=edge, until="line", length=8)
        for prefix, edge in (("aaX", EDGE), (f"aXb{EDGE}aaX", EDGE), (f"aXb{EDGE}aaX", ""))
    )
    assert one == same != other
    as_text = complete(network, vocabulary, f"{EDGE}aaX", until="line", length=8)
    assert as_table(one) == {key: pytest.approx(p, rel=1e-12) for key, p in as_table(as_text).items()}


def test_an_empty_prefix_is_read_as_a_newline() -> None:
    network = make()
    assert complete(network, letters(), "") == complete(network, letters(), "\n")


def test_float32_and_any_engine_tell_the_same() -> None:
    network = make().float()
    found = [complete(network, letters(), "ab", engine=engine, length=20) for engine in ("auto", "torch", "reference")]
    for one in found[1:]:
        assert as_table(one) == {key: pytest.approx(p, rel=1e-4) for key, p in as_table(found[0]).items()}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"until": "word"}, "until cannot be 'word': it is one of token, line."),
        ({"top": 0}, "top cannot be 0"),
        ({"beam": 5000}, "beam cannot be 5000"),
        ({"length": math.inf}, "length cannot be inf"),
        ({"baem": 3}, "Did you mean 'beam'"),
    ],
)
def test_settings_out_of_range_are_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(UnrolledError, match=re.escape(says)):
        complete(make(), letters(), "a", **given)


def test_a_character_that_is_lacking_is_refused_or_skipped() -> None:
    network = make()
    with pytest.raises(VocabularyError, match=r"U\+007A"):
        complete(network, letters(), "abz")
    assert complete(network, letters(), "azb", unknown="skip") == complete(network, letters(), "ab")
