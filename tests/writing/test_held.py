"""Neurons held while a network writes or completes: against the whole text read again with the same held."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.stacks import needs_kernels
from tests.writing.making import LETTERS, letters, make
from unrolled.engines import Edit
from unrolled.errors import ModelError, UnknownNameError
from unrolled.networks import Network
from unrolled.sources.tasks.task import EDGE
from unrolled.writing.complete import complete
from unrolled.writing.draw import draw
from unrolled.writing.reader import Reader
from unrolled.writing.sample import sample, sample_streams
from unrolled.writing.settings import SamplingSettings

STEPS = 120
generator = torch.Generator().manual_seed(1)
EDITS = {
    "a neuron, always": [Edit("l0", "hidden", 0.9, [2])],
    "a span": [Edit("l1", "hidden", -0.5, steps=range(3, 90, 2))],
    "in places": [Edit("l0", "hidden", 0.0, [0, 4], where=torch.rand(STEPS, generator=generator) < 0.5)],
    "with another text's values": [Edit("l1", "hidden", torch.randn(STEPS, 1, 2, generator=generator), [1, 3])],
}
every_edit = pytest.mark.parametrize("name", EDITS)


def scores(network: Network, symbols: Tensor, edits: list[Edit]) -> Tensor:
    """Those of the next symbol after `(steps,)`, which are read at once."""
    held = [edit.window(0, len(symbols)) for edit in edits]
    with torch.no_grad():
        return network.eval()(symbols[:, None], edits=held, engine="reference")[0][-1, 0]


@every_edit
def test_each_symbol_is_drawn_as_from_the_whole_text(name: str) -> None:
    network, known, edits = make(), letters(), EDITS[name]
    text = "".join(sample(network, known, "ab", length=60, seed=3, edits=edits))
    uniforms, settings = np.random.default_rng(3).random(60), SamplingSettings()
    encoded = torch.from_numpy(known.encode(text).astype(np.int64))
    for place, uniform in enumerate(uniforms, start=2):
        assert int(encoded[place]) == draw(scores(network, encoded[:place], edits), settings, uniform)
    assert text != "".join(sample(network, known, "ab", length=60, seed=3))


@needs_kernels
@every_edit
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole"])
@pytest.mark.parametrize("edge", ["", EDGE])
def test_the_compiled_writer_holds_what_the_reference_holds(cell: str, name: str, edge: str) -> None:
    network, known = make(cell=cell).float(), letters(EDGE + LETTERS[1:])
    for prime in ("", "ab"):
        options: dict[str, Any] = {"length": 100, "seed": 5, "edge": edge, "edits": EDITS[name], "temperature": 0.7}
        ours, right = ("".join(sample(network, known, prime, engine=e, **options)) for e in ("compiled", "reference"))
        assert ours == right


@needs_kernels
def test_gates_are_held_while_it_writes() -> None:
    """An LSTM whose input gates are shut for good, and that forgets all, says the same whatever it reads."""
    network, known = make(layers=1).float(), letters()
    shut = [Edit("l0", "input_gate", 0.0, steps=range(5, 1000)), Edit("l0", "forget_gate", 0.0, steps=range(5, 1000))]
    for engine in ("compiled", "reference"):
        text = "".join(sample(network, known, "ab", length=90, temperature=0, edits=shut, engine=engine))
        assert len(set(text[6:])) == 1


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_each_stream_may_be_held_at_something_else(engine: str) -> None:
    network, known = make().float(), letters()
    values = torch.tensor([[0.9], [-0.9], [0.0]])

    def texts(edits: list[Edit]) -> list[str]:
        pieces = sample_streams(network, known, "abba", streams=3, length=50, edits=edits, engine=engine)
        return ["".join(piece.text for piece in own) for own in zip(*pieces, strict=True)]

    apart = texts([Edit("l0", "hidden", values, [2])])
    for stream, value in enumerate(values.flatten().tolist()):
        assert texts([Edit("l0", "hidden", value, [2])])[stream] == apart[stream]
    assert len(set(apart)) == 3


def test_the_odds_are_those_of_the_held_network() -> None:
    network, known, edits = make(), letters(), [edit for own in EDITS.values() for edit in own]
    pieces = list(sample_streams(network, known, "ab", streams=1, length=90, edits=edits, likeliest=2))
    text = "".join(piece.text for (piece,) in pieces)
    told = [symbol for (piece,) in pieces for symbol in piece.odds]
    encoded = torch.from_numpy(known.encode(text).astype(np.int64))
    for place, symbol in enumerate(told, start=2):
        odds = torch.softmax(scores(network, encoded[:place], edits).double(), dim=-1)
        assert symbol.probability == pytest.approx(float(odds[encoded[place]]), rel=1e-9)


@every_edit
def test_a_reader_holds_in_every_text_it_reads(name: str) -> None:
    network, known, edits = make(), letters(), EDITS[name]
    reader = Reader(network, known, edits=edits)
    text = "abba ü→\n" * 14
    for read in (text, text[:70] + "c" + text[71:], text[:20]):
        right = scores(network, torch.from_numpy(known.encode(read).astype(np.int64)), edits).log_softmax(-1)
        assert torch.allclose(reader.log_odds(reader.read(read).output), right, rtol=0, atol=1e-12)


def test_a_completion_is_of_the_held_network() -> None:
    """The odds of one word, letter by letter, each with what holds at its step."""
    network, known = make(), letters()
    edits = [Edit("l1", "hidden", torch.randn(20, 1, 5), steps=range(4, 20))]
    found = complete(network, known, "abba", until="line", top=3, length=4, beam=600, edits=edits)
    for continuation in found.continuations:
        symbols = torch.from_numpy(known.encode("abba" + continuation.text).astype(np.int64))
        whole = symbols if continuation.cut else torch.cat([symbols, torch.tensor([known.symbols.index("\n")])])
        logs = [scores(network, whole[:at], edits).log_softmax(-1)[whole[at]] for at in range(4, len(whole))]
        assert continuation.probability == pytest.approx(math.exp(sum(logs)), rel=1e-9)
    assert found != complete(network, known, "abba", until="line", top=3, length=4, beam=600)


@pytest.mark.parametrize(
    ("edit", "error", "said"),
    [
        (Edit("l0", "cell", torch.zeros(51, 1, 1), [0]), ModelError, "given for 51 steps; there is a step 51"),
        (Edit("l0", "cell", math.nan), ModelError, "cannot be held at nan"),
        (Edit("l0", "zell", 0.0), UnknownNameError, "no signal 'zell'"),
    ],
)
def test_what_cannot_be_held_is_refused_before_anything_is_written(
    edit: Edit, error: type[Exception], said: str
) -> None:
    for engine in ("auto", "reference"):
        with pytest.raises(error, match=said):
            sample(make().float(), letters(), "ab", length=51, edits=[edit], engine=engine)
