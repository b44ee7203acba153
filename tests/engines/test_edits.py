"""Holding signals while a network runs, against a loop written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.stacks import assert_same, every_signal, make_module, make_stack, random_state, run, stack_of
from unrolled.engines import Edit, Stack
from unrolled.errors import ModelError, UnknownNameError

STEPS, BATCH, INPUTS, NEURONS = 12, 2, 3, 5
Hold = Callable[[str, int, Tensor], Tensor]
"""Takes a signal's name, the step and its value; gives the value that holds instead."""


def lstm_by_hand(stack: Stack, x: Tensor, state: dict[str, Tensor], hold: Hold) -> dict[str, Tensor]:
    """One LSTM layer, step by step, with a hand on every signal; shares nothing with the cell but PyTorch."""
    p = stack.layers[0].parameters
    h, c = state["hidden"][0], state["cell"][0]
    rows: dict[str, list[Tensor]] = {name: [] for name in every_signal(stack)}
    n = stack.neurons
    for t in range(len(x)):
        z = x[t] @ p["weight_ih"].T + h @ p["weight_hh"].T + p["bias_ih"] + p["bias_hh"]
        now = {
            "input_gate": 1 / (1 + torch.exp(-z[:, :n])),
            "forget_gate": 1 / (1 + torch.exp(-z[:, n : 2 * n])),
            "candidate": torch.tanh(z[:, 2 * n : 3 * n]),
            "output_gate": 1 / (1 + torch.exp(-z[:, 3 * n :])),
        }
        for name in now:
            now[name] = hold(name, t, now[name])
        now["cell"] = hold("cell", t, now["forget_gate"] * c + now["input_gate"] * now["candidate"])
        now["hidden"] = hold("hidden", t, now["output_gate"] * torch.tanh(now["cell"]))
        h, c = now["hidden"], now["cell"]
        for name, value in now.items():
            rows[name].append(value)
    return {name: torch.stack(values) for name, values in rows.items()}


def holding(edits: list[Edit]) -> Hold:
    def hold(name: str, t: int, value: Tensor) -> Tensor:
        for edit in edits:
            if edit.signal != name or (edit.steps is not None and t not in edit.steps):
                continue
            for b in range(value.shape[0]):
                if edit.where is not None and not edit.where[t].flatten().expand(BATCH)[b]:
                    continue
                for place, neuron in enumerate(edit.neurons if edit.neurons is not None else range(value.shape[1])):
                    held = edit.value
                    if isinstance(held, Tensor):
                        width = len(edit.neurons) if edit.neurons is not None else value.shape[1]
                        held = held.expand(STEPS, BATCH, width)[t, b, place].item()
                    value[b, neuron] = held
        return value

    return hold


draw = torch.Generator().manual_seed(3)
EDITS = {
    "nothing": [],
    "a whole gate": [Edit("l0", "forget_gate", 1.0)],
    "one neuron's gate": [Edit("l0", "output_gate", 0.0, neurons=[3])],
    "two neurons of the cell": [Edit("l0", "cell", -2.0, neurons=[0, 4])],
    "a hidden neuron": [Edit("l0", "hidden", 0.7, neurons=[1])],
    "a candidate over a span": [Edit("l0", "candidate", 1.0, steps=range(3, 7))],
    "every second step": [Edit("l0", "cell", 0.0, neurons=[2], steps=range(0, STEPS, 2))],
    "a value for each step": [Edit("l0", "cell", torch.randn(STEPS, 1, 1, generator=draw), neurons=[2])],
    "a value for each number": [Edit("l0", "input_gate", torch.rand(STEPS, BATCH, NEURONS, generator=draw))],
    "a value for each sequence": [Edit("l0", "hidden", torch.randn(BATCH, 1, generator=draw), neurons=[0, 1])],
    "a value for each held neuron": [Edit("l0", "hidden", torch.randn(2, generator=draw), neurons=[0, 1])],
    "where it is told": [Edit("l0", "cell", 1.0, neurons=[2], where=torch.rand(STEPS, generator=draw) < 0.5)],
    "where it is told for each sequence, in a span": [
        Edit("l0", "hidden", -0.5, steps=range(2, 9), where=torch.rand(STEPS, BATCH, generator=draw) < 0.5)
    ],
    "a span from its end": [Edit("l0", "candidate", 0.3, steps=range(9, 2, -3))],
    "neurons in any order": [Edit("l0", "forget_gate", torch.rand(STEPS, BATCH, 3, generator=draw), neurons=[4, 0, 2])],
    "several at once, the last one wins": [
        Edit("l0", "forget_gate", 0.0),
        Edit("l0", "forget_gate", 1.0, neurons=[1]),
        Edit("l0", "hidden", 0.1, steps=range(5, 6)),
    ],
}


@pytest.mark.parametrize("name", EDITS)
def test_a_held_signal_is_held_and_all_else_follows(name: str) -> None:
    edits = EDITS[name]
    stack = make_stack("lstm", INPUTS, NEURONS)
    x, state = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64), random_state(stack, BATCH)
    with torch.no_grad():
        right = lstm_by_hand(stack, x, state, holding(edits))
    result = run("reference", stack, x, state, record=every_signal(stack), edits=edits)
    for signal, value in right.items():
        assert_same(result.signals["l0"][signal], value)
    assert_same(result.outputs, right["hidden"])
    assert_same(result.state["cell"][0], right["cell"][-1])
    if edits:
        plain = run("reference", stack, x, state)
        assert (plain.outputs - result.outputs).abs().max() > 1e-3


def test_an_edit_touches_its_own_layer_alone() -> None:
    stack = make_stack("gru", INPUTS, NEURONS, depth=2, bidirectional=True)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    record = every_signal(stack)
    plain = run("reference", stack, x, record=record).signals
    edited = run("reference", stack, x, record=record, edits=[Edit("l0_reverse", "hidden", 0.0, neurons=[2])]).signals
    assert all(torch.equal(plain["l0"][name], edited["l0"][name]) for name in record)
    assert (edited["l0_reverse"]["hidden"][..., 2] == 0).all()
    assert not torch.equal(plain["l0_reverse"]["hidden"][..., 0], edited["l0_reverse"]["hidden"][..., 0])
    assert not torch.equal(plain["l1"]["hidden"], edited["l1"]["hidden"])


def test_steps_are_those_of_the_sequence_in_both_directions() -> None:
    stack = make_stack("rnn-tanh", INPUTS, NEURONS, bidirectional=True)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    edits = [Edit(layer, "hidden", 0.5, steps=range(4, 6)) for layer in ("l0", "l0_reverse")]
    plain = run("reference", stack, x, record=("hidden",)).signals
    edited = run("reference", stack, x, record=("hidden",), edits=edits).signals
    for layer in edited.values():
        assert (layer["hidden"][4:6] == 0.5).all()
    assert torch.equal(plain["l0"]["hidden"][:4], edited["l0"]["hidden"][:4])
    assert torch.equal(plain["l0_reverse"]["hidden"][6:], edited["l0_reverse"]["hidden"][6:])
    assert (plain["l0"]["hidden"][6:] != edited["l0"]["hidden"][6:]).any()
    assert (plain["l0_reverse"]["hidden"][:4] != edited["l0_reverse"]["hidden"][:4]).any()


def test_gradients_flow_through_an_edit_to_what_is_not_held() -> None:
    """The same gradients as through the loop by hand, where a held number is a constant."""
    stack = make_stack("lstm", INPUTS, NEURONS)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64, requires_grad=True)
    edits = [Edit("l0", name, 0.5, neurons=[1], steps=range(3, 9)) for name in ("forget_gate", "cell", "hidden")]

    def hold(name: str, t: int, value: Tensor) -> Tensor:
        held = torch.zeros(NEURONS, dtype=torch.bool)
        held[1] = name in {"forget_gate", "cell", "hidden"} and t in range(3, 9)
        return torch.where(held, 0.5, value)

    state = stack.zero_state(BATCH, x)
    right = lstm_by_hand(stack, x, state, hold)["hidden"]
    weight = torch.randn_like(right)
    (theirs,) = torch.autograd.grad(right, x, weight)
    (ours,) = torch.autograd.grad(run("reference", stack, x, state, edits=edits).outputs, x, weight)
    (free,) = torch.autograd.grad(run("reference", stack, x, state).outputs, x, weight)
    assert_same(ours, theirs)
    assert (ours - free).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("edit", "error", "said"),
    [
        (Edit("l1", "cell", 0.0), UnknownNameError, r"no layer 'l1'; there are: l0\."),
        (Edit("l0", "forget", 0.0), UnknownNameError, r"no signal 'forget'.*Did you mean 'forget_gate'"),
        (Edit("l0", "cell", 0.0, neurons=[5]), ModelError, r"no neuron 5 in l0; its cell has 0 to 4\."),
        (Edit("l0", "cell", 0.0, neurons=[-1]), ModelError, r"no neuron -1 in l0"),
        (Edit("l0", "cell", torch.zeros(3)), ModelError, r"shape \(3,\).*\(12, 2, 5\)"),
        (Edit("l0", "cell", torch.zeros(1, 12, 2, 5)), ModelError, r"shape \(1, 12, 2, 5\)"),
        (Edit("l0", "cell", torch.zeros(11, 2, 5)), ModelError, r"shape \(11, 2, 5\).*\(12, 2, 5\)"),
        (Edit("l0", "cell", torch.zeros(3), neurons=[1, 2]), ModelError, r"shape \(3,\).*\(12, 2, 2\)"),
        (Edit("l0", "cell", 0.0, neurons=[1, 3, 1]), ModelError, r"Neuron 1 of l0\.cell is held twice by one edit"),
        (Edit("l0", "cell", math.nan), ModelError, r"l0\.cell cannot be held at nan; give finite numbers of float64"),
        (Edit("l0", "cell", torch.tensor([0.0, -math.inf, 0, 0, 0])), ModelError, r"cannot be held at -inf"),
        (Edit("l0", "cell", 0.0, where=torch.ones(11, dtype=torch.bool)), ModelError, r"shape \(11,\).*\(12, 2\)"),
        (Edit("l0", "cell", 0.0, where=torch.ones(12, 3, dtype=torch.bool)), ModelError, r"shape \(12, 3\)"),
        (Edit("l0", "cell", 0.0, where=torch.ones(12)), ModelError, r"told in float32; it must be bool"),
    ],
)
def test_an_edit_that_cannot_hold_is_refused(edit: Edit, error: type[Exception], said: str) -> None:
    stack = make_stack("lstm", INPUTS, NEURONS)
    with pytest.raises(error, match=said):
        run("reference", stack, torch.zeros(STEPS, BATCH, INPUTS, dtype=torch.float64), edits=[edit])


def test_a_number_that_the_type_cannot_hold_is_refused() -> None:
    stack = make_stack("lstm", INPUTS, NEURONS, dtype=torch.float32)
    with pytest.raises(ModelError, match=r"cannot be held at inf; give finite numbers of float32"):
        run("reference", stack, torch.zeros(STEPS, BATCH, INPUTS), edits=[Edit("l0", "cell", 1e39)])


def test_a_projected_signal_has_its_own_neurons() -> None:
    """Against PyTorch, whose next layer reads the projected h: held at zero it is as if its weights were zero."""
    module = make_module("lstm", INPUTS, NEURONS, depth=2, projection=2)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    stack = stack_of("lstm", module)
    held = run("reference", stack, x, edits=[Edit("l0", "hidden", 0.0, neurons=[1])]).outputs
    with torch.no_grad():
        for name in ("weight_hh_l0", "weight_ih_l1"):
            module.get_parameter(name)[:, 1] = 0
    assert_same(held, module(x)[0])
    with pytest.raises(ModelError, match=r"no neuron 2 in l0; its hidden has 0 to 1\."):
        run("reference", stack, x, edits=[Edit("l0", "hidden", 0.0, neurons=[2])])


def test_an_edit_that_is_cut_into_windows_is_the_same_edit() -> None:
    stack = make_stack("gru", INPUTS, NEURONS)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    edits = [
        Edit("l0", "hidden", torch.randn(STEPS, BATCH, 2), neurons=[1, 3], steps=range(1, STEPS, 3)),
        Edit("l0", "update_gate", torch.rand(1, 1, NEURONS), where=torch.rand(STEPS) < 0.5),
        Edit("l0", "candidate", torch.rand(BATCH, 1), steps=range(2, 9), where=torch.rand(STEPS, BATCH) < 0.5),
        Edit("l0", "reset_gate", 0.5),
    ]
    whole = run("reference", stack, x, edits=edits)
    state, parts = None, list[Tensor]()
    for start, stop in ((0, 1), (1, 7), (7, 8), (8, STEPS)):
        held = [edit.window(start, stop) for edit in edits]
        part = run("reference", stack, x[start:stop], state, edits=held)
        state = part.state
        parts.append(part.outputs)
    assert torch.equal(torch.cat(parts), whole.outputs)


def test_one_sequence_read_at_several_places_at_once_is_held_as_each_place_is() -> None:
    edit = Edit("l0", "cell", torch.arange(6.0)[:, None, None], [0], range(1, 5), torch.tensor([True, False] * 3))
    at = edit.at(torch.tensor([[0, 3], [1, 4], [2, 5]]))
    assert at.steps is None
    assert isinstance(at.value, Tensor)
    assert torch.equal(at.value, torch.tensor([[0.0, 3], [1, 4], [2, 5]])[..., None])
    assert at.where is not None
    assert torch.equal(at.where, torch.tensor([[False, False], [False, True], [True, False]]))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit("l0", "cell", torch.zeros(6, 1, 1)), "given for 6 steps; there is a step 6"),
        (Edit("l0", "cell", 0.0, where=torch.ones(3, dtype=torch.bool)), "given for 3 steps; there is a step 6"),
        (Edit("l0", "cell", torch.zeros(9, 2, 1)), "given for 2 sequences; a text is one"),
    ],
)
def test_an_edit_that_does_not_reach_so_far_is_refused(edit: Edit, said: str) -> None:
    with pytest.raises(ModelError, match=f"l0.cell is {said}"):
        edit.at(torch.tensor([[1], [6]]))
