"""Draws against exact odds; what is written in a stream against the whole text read again."""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from tests.stacks import needs_kernels
from tests.writing.making import LETTERS, letters, make, odds_after, spelling
from unrolled.errors import SettingsError, UnknownNameError, UnrolledError, VocabularyError
from unrolled.networks import Network, NetworkSettings
from unrolled.sources.tasks.counter import Counter as CounterTask
from unrolled.sources.tasks.task import EDGE
from unrolled.sources.vocabulary import bytes_vocabulary
from unrolled.writing.draw import draw
from unrolled.writing.sample import sample, sample_streams
from unrolled.writing.settings import SamplingSettings

ODDS = [0.05, 0.4, 0.25, 0.1, 0.2]
DRAWS = 4000


def drawn(**given: object) -> Counter[int]:
    """How often each of five symbols with `ODDS` is drawn."""
    logits = torch.tensor(ODDS).log() + 7  # the odds do not depend on what is added to all
    settings, generator = SamplingSettings.parse(given), np.random.default_rng(11)
    return Counter(draw(logits, settings, generator.random()) for _ in range(DRAWS))


def chi_square(found: Counter[int], odds: dict[int, float]) -> float:
    """Pearson's, divided by its degrees of freedom: about 1 where the odds are right, over 3.5 almost never."""
    total = sum(odds.values())
    terms = [(found[symbol] - DRAWS * p / total) ** 2 / (DRAWS * p / total) for symbol, p in odds.items()]
    return sum(terms) / (len(terms) - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_sharpens_or_flattens_the_odds(temperature: float) -> None:
    odds = {symbol: p ** (1 / temperature) for symbol, p in enumerate(ODDS)}
    assert chi_square(drawn(temperature=temperature), odds) < 3.5
    assert chi_square(drawn(temperature=temperature * 1.3), odds) > 3.5


def test_no_temperature_takes_the_likeliest() -> None:
    assert drawn(temperature=0) == {1: DRAWS}
    assert drawn(temperature=1e-300) == {1: DRAWS}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"top_k": 1}, [1]),
        ({"top_k": 3}, [1, 2, 4]),
        ({"top_k": 99}, [0, 1, 2, 3, 4]),
        ({"top_p": 1e-9}, [1]),
        ({"top_p": 0.39}, [1]),
        ({"top_p": 0.6}, [1, 2]),
        ({"top_p": 0.84}, [1, 2, 4]),
        ({"top_p": 0.96}, [0, 1, 2, 3, 4]),
        ({"top_k": 2, "top_p": 0.99}, [1, 2]),
    ],
)
def test_top_k_and_top_p_leave_the_likeliest_in_their_own_odds(given: dict[str, float], left: list[int]) -> None:
    found = drawn(**given)
    assert sorted(found) == left
    if len(left) > 1:
        assert chi_square(found, {symbol: ODDS[symbol] for symbol in left}) < 3.5


def test_top_p_counts_after_the_temperature() -> None:
    """At temperature 0.5 the odds are as their squares: 0.16 of 0.275 is 0.58."""
    assert sorted(drawn(temperature=0.5, top_p=0.57)) == [1]
    assert sorted(drawn(temperature=0.5, top_p=0.59)) == [1, 2]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"temperature": -0.1}, "temperature cannot be -0.1: it is a number from 0 to 100."),
        ({"temperature": math.nan}, "temperature cannot be nan"),
        ({"top_k": -1}, "top_k cannot be -1: it is a whole number from 0"),
        ({"top_p": 0}, "top_p cannot be 0: it is a number, above 0 and at most 1."),
        ({"top_p": 1.01}, "top_p cannot be 1.01"),
        ({"length": 0}, "length cannot be 0"),
        ({"length": 10**30}, "length cannot be"),
        ({"seed": -1}, "seed cannot be -1"),
        ({"lenght": 4}, "Did you mean 'length'"),
    ],
)
def test_settings_out_of_range_are_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(UnrolledError, match=says.replace(".", r"\.")) as caught:
        next(sample(make(), letters(), **given))
    assert isinstance(caught.value, SettingsError | UnknownNameError)


@pytest.mark.parametrize("prime", ["abba ü→", ""])
@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole"])
def test_a_stream_is_the_whole_text_read_again(cell: str, prime: str) -> None:
    network, vocabulary = make(cell=cell, dropout=0.5), letters()
    pieces = list(sample(network, vocabulary, prime, length=40, seed=3, temperature=0.8))
    text = "".join(pieces)
    assert text.startswith(prime)
    assert len(text) == len(prime) + 40
    settings, generator = SamplingSettings(temperature=0.8), np.random.default_rng(3)
    for place in range(len(prime), len(text)):
        read = vocabulary.encode(text[:place] if prime else "\n" + text[:place])
        logits, _ = network(torch.from_numpy(read.astype(np.int64))[:, None])
        assert vocabulary.symbols[draw(logits[-1, 0], settings, generator.random())] == text[place]


def test_it_is_written_as_it_is_read() -> None:
    """A billion symbols are no reason to wait."""
    pieces = sample(make(), letters(), length=10**9)
    assert [len(piece) for piece in islice(pieces, 10)] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 512]


def test_a_seed_repeats_and_another_differs() -> None:
    network, vocabulary = make(), letters()
    one, two, three = ("".join(sample(network, vocabulary, "ab", length=60, seed=seed)) for seed in (1, 1, 2))
    assert one == two != three


def test_characters_that_are_lacking() -> None:
    network, vocabulary = make(), letters()
    with pytest.raises(VocabularyError, match=r"U\+007A"):
        next(sample(network, vocabulary, "abz"))
    skipping = list(sample(network, vocabulary, "abzz", unknown="skip", length=30))
    assert skipping[0] == "abzz"
    assert skipping[1:] == list(sample(network, vocabulary, "ab", length=30))[1:]
    assert list(sample(network, vocabulary, "zz", unknown="skip", length=30))[1:] == list(
        sample(network, vocabulary, length=30)
    )


def test_without_a_newline_it_begins_with_the_first_symbol() -> None:
    network, vocabulary = make(3), letters("xyz")
    after_x = "".join(sample(network, vocabulary, "x", length=30))
    assert "".join(sample(network, vocabulary, length=30)) == after_x[1:]


def test_bytes_are_given_as_soon_as_they_make_a_character() -> None:
    network, vocabulary = spelling("aü→😀".encode()), bytes_vocabulary()
    pieces = list(sample(network, vocabulary, "a", length=12, temperature=0))
    assert pieces == ["a", "ü", "→", "😀aü"]  # two, four and the other six bytes: ü; → and the first of 😀; the rest
    cut = list(sample(network, vocabulary, "a", length=4, temperature=0))
    assert "".join(cut) == "aü\ufffd"
    wrong = spelling(b"a\xff")
    assert "".join(sample(wrong, vocabulary, "a", length=3, temperature=0)) == "a\ufffda\ufffd"


def test_a_tasks_sequences_each_begin_from_a_zero_state() -> None:
    task = CounterTask()
    network = Network(NetworkSettings.parse({"hidden": 6}), len(task.vocabulary))
    with torch.no_grad():
        network.readout.bias[0] = 1.5  # ends often enough
    text = "".join(sample(network, task.vocabulary, "aaX", edge=EDGE, length=60, seed=3))
    assert text.startswith("aaX")
    assert text.count(EDGE) > 3
    expected, generator = "aaX", np.random.default_rng(3)
    read, settings = f"{EDGE}aaX", SamplingSettings.parse({"length": 60})
    for _ in range(60):
        with torch.no_grad():  # the whole sequence read again for each symbol
            logits, _ = network(torch.from_numpy(task.vocabulary.encode(read).astype("int64"))[:, None])
        symbol = task.vocabulary.decode([draw(logits[-1, 0], settings, generator.random())])
        expected += symbol
        read = symbol if symbol == EDGE else read + symbol
    assert text == expected


@needs_kernels
@pytest.mark.parametrize(
    "given", [{"temperature": 0}, {"temperature": 0.7}, {"top_k": 3}, {"top_p": 0.7}, {"top_k": 5, "top_p": 0.5}]
)
@pytest.mark.parametrize("cell", ["lstm", "gru", "peephole", "rnn", "coupled", "no-input-gate"])
@pytest.mark.parametrize("edge", ["", EDGE])
def test_the_compiled_writer_writes_what_the_reference_writes(cell: str, given: dict[str, float], edge: str) -> None:
    """Far into the text: one symbol drawn otherwise would change all that follows."""
    network = make(cell=cell).float()
    known = letters(EDGE + LETTERS[1:])
    for prime in ("", "ab"):
        options = {"length": 300, "seed": 5, "edge": edge, **given}
        ours, right = ("".join(sample(network, known, prime, engine=e, **options)) for e in ("auto", "reference"))
        assert ours == right
        assert len(set(ours)) > 1 or given == {"temperature": 0}


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_many_streams_are_what_each_would_be(engine: str) -> None:
    """Each draws by its own column of the numbers."""
    network, known = make().float(), letters()
    pieces = list(sample_streams(network, known, "ab", streams=3, length=50, seed=2, engine=engine))
    texts = ["".join(piece.text for piece in each) for each in zip(*pieces, strict=True)]
    assert all(text.startswith("ab") and len(text) == 52 for text in texts)
    assert len(set(texts)) == 3
    numbers, settings = np.random.default_rng(2), SamplingSettings()
    uniforms = np.concatenate([numbers.random((count, 3)) for count in (2, 4, 8, 16, 20)])
    for stream, text in enumerate(texts):
        for place, uniform in enumerate(uniforms[:, stream]):
            read = known.encode(text[: 2 + place])
            logits, _ = network(torch.from_numpy(read.astype(np.int64))[:, None], engine="reference")
            assert known.symbols[draw(logits[-1, 0], settings, uniform)] == text[2 + place]


def test_no_streams_are_refused() -> None:
    with pytest.raises(SettingsError, match="0 streams"):
        sample_streams(make(), letters(), streams=0)


def cut_after(text: str, stop: str, prime: str) -> str:
    """A text up to the end of the first stop string after the prime."""
    place = text.find(stop, len(prime))
    return text if place < 0 else text[: place + len(stop)]


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_a_text_ends_with_the_stop_string(engine: str) -> None:
    """Wherever it lies: one call writes 2 symbols, the next 4, and so on."""
    network, options = make().float(), {"length": 50, "seed": 5, "engine": engine}
    whole = "".join(sample(network, letters(), "ab", **options))
    stops = {whole[start : start + size] for start in range(2, len(whole)) for size in (2, 7)}
    assert len(stops) > 60
    for stop in sorted(stops):
        assert "".join(sample(network, letters(), "ab", stop=stop, **options)) == cut_after(whole, stop, "ab")
    assert "".join(sample(network, letters(), "ab", stop="ü" * 51, **options)) == whole


def test_what_the_prime_holds_stops_nothing() -> None:
    network = make()
    whole = "".join(sample(network, letters(), "abba", length=200))
    assert (
        "".join(sample(network, letters(), "abba", length=200, stop="ba")) == cut_after(whole, "ba", "abba") != "abba"
    )


def test_each_stream_stops_by_itself() -> None:
    network, options = make(), {"streams": 4, "length": 300, "seed": 1}

    def texts(**more: object) -> list[str]:
        pieces = sample_streams(network, letters(), "ab", likeliest=2, **options, **more)
        written = list(zip(*pieces, strict=True))
        for own in written:
            text = "".join(piece.text for piece in own)
            assert text == "ab" + "".join(symbol.symbol for piece in own for symbol in piece.odds)
        return ["".join(piece.text for piece in own) for own in written]

    whole = texts()
    stopped = texts(stop="cd")
    assert stopped == [cut_after(text, "cd", "ab") for text in whole]
    assert len({len(text) for text in stopped}) > 2


def test_a_stop_string_of_bytes_ends_after_its_last_byte() -> None:
    network, vocabulary = spelling("aü→😀".encode()), bytes_vocabulary()
    assert "".join(sample(network, vocabulary, "a", length=30, temperature=0, stop="→")) == "aü→"
    (_, *pieces) = sample_streams(network, vocabulary, "a", streams=1, temperature=0, stop="→", likeliest=1)
    assert [symbol.symbol for (piece,) in pieces for symbol in piece.odds] == ["0xC3", "0xBC", "0xE2", "0x86", "0x92"]


def test_a_stop_string_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(VocabularyError, match="The stop string holds 'z'"):
        sample(make(), letters(), stop="abz")


@pytest.mark.parametrize("edge", ["", EDGE])
@pytest.mark.parametrize("given", [{}, {"temperature": 0.5, "top_k": 3}])
def test_the_odds_are_the_networks_own(given: dict[str, float], edge: str) -> None:
    """Whatever temperature and top-k make of them; after a task's edge they are those of a new sequence."""
    network, known = make(), letters(EDGE + LETTERS[1:])
    assert LETTERS[0] == EDGE
    pieces = list(sample_streams(network, known, "ab", streams=2, edge=edge, length=90, likeliest=3, **given))
    plain = sample_streams(network, known, "ab", streams=2, edge=edge, length=90, **given)
    assert [[piece.text for piece in own] for own in pieces] == [[piece.text for piece in own] for own in plain]
    for own in zip(*pieces, strict=True):
        text = "".join(piece.text for piece in own)
        told = [symbol for piece in own for symbol in piece.odds]
        assert len(told) == 90
        assert EDGE in text[2:-1]
        for place, symbol in enumerate(told, start=2):
            assert symbol.symbol == text[place]
            before = (edge + text)[: place + len(edge)]
            right = odds_after(network, known, before[before.rfind(EDGE) :] if edge else before)
            assert symbol.probability == pytest.approx(float(right[known.encode(text[place])[0]]), rel=1e-9)
            best = right.topk(3)
            assert list(symbol.likeliest) == [known.symbols[at] for at in best.indices]
            assert list(symbol.likeliest.values()) == pytest.approx(best.values.tolist(), rel=1e-9)


def test_no_more_symbols_are_likeliest_than_there_are() -> None:
    (_, (piece,), *_) = sample_streams(make(3), letters("xyz"), "x", streams=1, length=5, likeliest=99)
    assert sum(piece.odds[0].likeliest.values()) == pytest.approx(1)


def test_a_tasks_prime_of_several_sequences_is_read_from_the_last_on() -> None:
    network, known = make(), letters(EDGE + LETTERS[1:])
    one, other = (list(sample(network, known, prime, edge=EDGE, length=30)) for prime in ("ab", f"dd{EDGE}ab"))
    assert one[1:] == other[1:]
