"""Which engine is taken, and what is said about it."""

from __future__ import annotations

import pytest
import torch

from tests.stacks import EVERY_CELL, make_stack
from unrolled.engines import ENGINES, Edit, choose_engine
from unrolled.errors import ModelError, UnknownNameError


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn-tanh", "rnn-relu", "feedforward-sigmoid"])
@pytest.mark.parametrize("recording", [False, True])
def test_the_first_that_can_run_it_is_taken(kind: str, recording: bool) -> None:
    choice = choose_engine(make_stack(kind, 3, 5), recording=recording)
    assert choice.engine.name == "torch"
    assert choice.reason == "it is the fastest that runs this cell"


@pytest.mark.parametrize(
    ("kind", "editing", "reason"),
    [
        ("peephole", False, "torch: PyTorch has no kernel for the Peephole LSTM cell"),
        ("rnn-sigmoid", False, "torch: PyTorch's RNN knows tanh and relu, not sigmoid"),
        ("lstm", True, "torch: PyTorch's kernels cannot be edited while they run"),
    ],
)
def test_the_next_is_taken_where_the_first_cannot_and_says_why(kind: str, editing: bool, reason: str) -> None:
    choice = choose_engine(make_stack(kind, 3, 5), editing=editing)
    assert (choice.engine.name, choice.reason) == ("reference", reason)


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_the_reference_can_be_forced_on_anything(kind: str) -> None:
    choice = choose_engine(make_stack(kind, 3, 5), recording=True, editing=True, engine="reference")
    assert (choice.engine.name, choice.reason) == ("reference", "it was asked for")


def test_a_forced_engine_that_cannot_run_it_is_refused() -> None:
    with pytest.raises(ModelError, match="engine 'torch' cannot run this: PyTorch has no kernel for the Peephole LSTM"):
        choose_engine(make_stack("peephole", 3, 5), engine="torch")


def test_an_unknown_engine_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="no engine 'pytorch'; there are: reference, torch") as caught:
        choose_engine(make_stack("lstm", 3, 5), engine="pytorch")
    assert caught.value.hint == "Did you mean 'torch'?"


def test_an_engine_does_not_run_what_it_says_it_cannot() -> None:
    """An edit that is passed over in silence would be a wrong answer."""
    x = torch.zeros(2, 1, 3, dtype=torch.float64)
    with pytest.raises(ModelError, match="cannot be edited"):
        ENGINES.get("torch")().run(make_stack("lstm", 3, 5), x, edits=[Edit("l0", "cell", 0.0)])
    with pytest.raises(ModelError, match="no kernel"):
        ENGINES.get("torch")().run(make_stack("peephole", 3, 5), x)


def test_names_are_in_the_order_of_preference() -> None:
    assert ENGINES.names()[-1] == "reference" or ENGINES.names().index("reference") > ENGINES.names().index("torch")
    assert all(ENGINES.get(name).name == name for name in ENGINES.names())
