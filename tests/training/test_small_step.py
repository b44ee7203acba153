"""The whole training step in one call, against autograd and PyTorch's AdamW in float64."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.stacks import distance, needs_kernels
from unrolled.networks import Network
from unrolled.networks.settings import NetworkSettings
from unrolled.training.batches import Batch
from unrolled.training.settings import TrainingSettings
from unrolled.training.small_step import MOST_NEURONS, SmallStep, small_step_why_not

CPU = torch.device("cpu")
pytestmark = needs_kernels


def make_network(seed: int = 0, symbols: int = 5, **form: object) -> Network:
    torch.manual_seed(seed)
    return Network(NetworkSettings(**form), symbols)  # type: ignore[arg-type]


def adamw(network: Network, decay: float = 0.1) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=decay)


def random_batch(steps: int, streams: int, symbols: int, *, weighted: bool = False) -> Batch:
    text = torch.randint(0, symbols, (steps + 1, streams))
    weights = (torch.rand(steps, streams) < 0.7).float() if weighted else None
    if weights is not None:
        weights[0, 0] = 1
    return Batch(text[:-1], text[1:], weights, carries=True)


def plain_update(
    network: Network, optimizer: torch.optim.AdamW, batch: Batch, state: dict[str, Tensor] | None, clip: float
) -> tuple[float, dict[str, Tensor]]:
    """The same update by the reference engine, autograd and PyTorch's optimizer."""
    logits, after = network(batch.inputs, state, engine="reference")
    nats = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
    weights = torch.ones_like(nats) if batch.weights is None else batch.weights.flatten()
    loss = (nats * weights).sum() / weights.sum()
    optimizer.zero_grad()
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return loss.item(), {name: value.detach() for name, value in after.items()}


@settings(max_examples=12)
@given(
    layers=st.integers(1, 3),
    hidden=st.sampled_from([1, 3, 10, 17, 33]),
    symbols=st.sampled_from([2, 4, 16, 17, 40]),
    steps=st.sampled_from([1, 2, 7, 22]),
    streams=st.sampled_from([1, 5, 32, 70]),
    clip=st.sampled_from([0.0, 0.01, 1.0]),
    weighted=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize(
    ("cell", "activation"),
    [("lstm", "tanh"), ("gru", "tanh"), ("peephole", "tanh"), ("rnn", "tanh"), ("rnn", "relu"), ("rnn", "sigmoid")],
)
def test_three_updates_are_those_of_autograd_and_adam(
    cell: str,
    activation: str,
    layers: int,
    hidden: int,
    symbols: int,
    steps: int,
    streams: int,
    clip: float,
    weighted: bool,
    seed: int,
) -> None:
    network = make_network(seed, symbols, cell=cell, activation=activation, layers=layers, hidden=hidden)
    right = copy.deepcopy(network).double()
    optimizer, theirs = adamw(network), adamw(right)
    step = SmallStep([network], [optimizer], clip)
    state: dict[str, Tensor] | None = None
    expected: dict[str, Tensor] | None = None
    for _ in range(3):
        batch = random_batch(steps, streams, symbols, weighted=weighted)
        (nats,), state = step.update(batch, state, 0.01)
        loss, expected = plain_update(right, theirs, batch, expected, clip)
        assert nats == pytest.approx(loss, abs=1e-5)
        assert all(distance(state[name], expected[name]) < 1e-4 for name in expected)
        # Adam's first moment is the gradient, smoothed: its size is that of the gradients.
        moments = [
            (optimizer.state[one]["exp_avg"], theirs.state[other]["exp_avg"])
            for one, other in zip(network.parameters(), right.parameters(), strict=True)
        ]
        largest = max(float(other.abs().max()) for _, other in moments)
        assert all(distance(one, other) <= 1e-4 * largest + 1e-10 for one, other in moments)


def test_the_weights_follow_the_optimizer() -> None:
    """Where the gradients are far from zero, so that Adam's quotient is well conditioned, the weights agree."""
    network = make_network(hidden=10)
    right = copy.deepcopy(network).double()
    optimizer, theirs = adamw(network), adamw(right)
    step, batch = SmallStep([network], [optimizer], 1.0), random_batch(22, 32, 5)
    for _ in range(20):
        step.update(batch, None, 0.01)
        plain_update(right, theirs, batch, None, 1.0)
    for one, other in zip(network.parameters(), right.parameters(), strict=True):
        assert distance(one, other) < 1e-3
    step.publish()
    assert {float(held["step"]) for held in optimizer.state.values()} == {20.0}


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole"])
def test_several_networks_at_once_are_each_its_own(cell: str) -> None:
    """Bit for bit what each would be alone, whatever the number of threads."""
    alone = [make_network(seed, cell=cell, hidden=7) for seed in range(3)]
    together = [copy.deepcopy(network) for network in alone]
    batches = [random_batch(9, 40, 5) for _ in alone]
    losses = []
    for network, batch in zip(alone, batches, strict=True):
        step = SmallStep([network], [adamw(network)], 1.0)
        losses.append([step.update(batch, None, 0.01)[0][0] for _ in range(3)])
    stacked = Batch(torch.stack([b.inputs for b in batches]), torch.stack([b.targets for b in batches]), None, False)
    step = SmallStep(together, [adamw(network) for network in together], 1.0)
    assert [list(each) for each in zip(*(step.update(stacked, None, 0.01)[0] for _ in range(3)), strict=True)] == losses
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_number_of_threads_changes_nothing() -> None:
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            network = make_network(hidden=10)
            step = SmallStep([network], [adamw(network)], 1.0)
            torch.manual_seed(1)
            losses = [step.update(random_batch(9, 100, 5), None, 0.01)[0][0] for _ in range(3)]
            results.append((losses, network.rnn.weight_hh_l0.tolist()))
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_a_loss_that_is_no_number_changes_nothing() -> None:
    network = make_network(hidden=4)
    with torch.no_grad():
        network.readout.bias[0] = torch.nan
    before = {name: value.clone() for name, value in network.state_dict().items()}
    (nats,), _ = SmallStep([network], [adamw(network)], 1.0).update(random_batch(5, 3, 5), None, 0.01)
    assert nats != nats
    assert all(
        torch.equal(value, before[name]) or name == "readout.bias" for name, value in network.state_dict().items()
    )


@pytest.mark.parametrize(
    ("form", "given", "said"),
    [
        ({"hidden": MOST_NEURONS + 1}, {}, "up to"),
        ({"hidden": 8, "dropout": 0.1}, {}, "no dropout"),
        ({"hidden": 8, "recurrent_dropout": 0.1}, {}, "no dropout"),
        ({"hidden": 8, "embedding": 3}, {}, "no embedding"),
        ({"hidden": 8, "cell": "feedforward"}, {}, "no kernel"),
        ({"hidden": 8}, {"engine": "torch"}, "another engine"),
        ({"hidden": 8}, {}, None),
    ],
)
def test_what_it_cannot_is_said(form: dict[str, object], given: dict[str, str], said: str | None) -> None:
    why_not = small_step_why_not(make_network(**form), TrainingSettings(**given), CPU)  # type: ignore[arg-type]
    assert why_not is None if said is None else said in (why_not or "")
