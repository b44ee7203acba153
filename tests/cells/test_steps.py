"""One step of each cell: against PyTorch's cells, against plain NumPy, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.stacks import EVERY_CELL, assert_same, every_signal, make_stack, random_state, step
from unrolled.cells import Cell
from unrolled.cells.feedforward import FeedForward
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.peephole import PeepholeLSTM
from unrolled.cells.rnn import RNN

sizes = st.sampled_from([1, 2, 3, 17])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


PHI = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda z: np.maximum(z, 0)}


def arrays(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in tensors.items()}


@given(batch=sizes, inputs=sizes, neurons=sizes, bias=st.booleans(), seed=st.integers(0, 99))
@pytest.mark.parametrize(
    ("cell", "make"),
    [
        (LSTM(), nn.LSTMCell),
        (GRU(), nn.GRUCell),
        (RNN("tanh"), nn.RNNCell),
        (RNN("relu"), lambda *sizes, **options: nn.RNNCell(*sizes, nonlinearity="relu", **options)),
    ],
    ids=["lstm", "gru", "rnn-tanh", "rnn-relu"],
)
def test_a_step_is_pytorchs_step(
    cell: Cell, make: type[nn.Module], batch: int, inputs: int, neurons: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    module = make(inputs, neurons, bias=bias, dtype=torch.float64)
    parameters = dict(module.named_parameters())
    x = torch.randn(batch, inputs, dtype=torch.float64)
    state = {name: torch.randn(batch, neurons, dtype=torch.float64) for name in cell.state}
    theirs = module(x, (state["hidden"], state["cell"])) if "cell" in state else (module(x, state["hidden"]),)
    signals = step(cell, parameters, x, state)
    for name, value in zip(cell.state, theirs, strict=True):
        assert_same(signals[name], value)
    assert {name: tuple(value.shape) for name, value in parameters.items()} == {
        name: shape
        for name, shape in cell.parameter_shapes(inputs, neurons).items()
        if bias or not name.startswith("bias")
    }


def test_a_projected_step_is_pytorchs_step() -> None:
    module = nn.LSTM(3, 5, proj_size=2, dtype=torch.float64)
    parameters = {name.removesuffix("_l0"): value for name, value in module.named_parameters()}
    assert {name: tuple(value.shape) for name, value in parameters.items()} == LSTM().parameter_shapes(3, 5, 2)
    x = torch.randn(4, 3, dtype=torch.float64)
    state = {"hidden": torch.randn(4, 2, dtype=torch.float64), "cell": torch.randn(4, 5, dtype=torch.float64)}
    _, (hidden, cell) = module(x[None], (state["hidden"][None], state["cell"][None]))
    signals = step(LSTM(), parameters, x, state)
    assert_same(signals["hidden"], hidden[0])
    assert_same(signals["cell"], cell[0])
    assert LSTM().state_sizes(5, 2) == {"hidden": 2, "cell": 5}


@given(batch=sizes, inputs=sizes, neurons=sizes, seed=st.integers(0, 99))
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_rnn_and_feed_forward_are_the_papers_equations(
    activation: str, batch: int, inputs: int, neurons: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    p = {
        "weight_ih": draw.normal(size=(neurons, inputs)),
        "weight_hh": draw.normal(size=(neurons, neurons)),
        "bias_ih": draw.normal(size=neurons),
        "bias_hh": draw.normal(size=neurons),
    }
    x, h = draw.normal(size=(batch, inputs)), draw.normal(size=(batch, neurons))
    tensors = {name: torch.from_numpy(value) for name, value in p.items()}
    of_x = x @ p["weight_ih"].T + p["bias_ih"]
    rnn = step(EVERY_CELL[f"rnn-{activation}"], tensors, torch.from_numpy(x), {"hidden": torch.from_numpy(h)})
    feed = step(EVERY_CELL[f"feedforward-{activation}"], tensors, torch.from_numpy(x), {})
    right = PHI[activation](of_x + h @ p["weight_hh"].T + p["bias_hh"])
    assert_same(rnn["hidden"], torch.from_numpy(right))
    assert_same(feed["hidden"], torch.from_numpy(PHI[activation](of_x)))


@given(batch=sizes, inputs=sizes, neurons=sizes, seed=st.integers(0, 99))
@pytest.mark.parametrize("kind", ["coupled", "no-input-gate"])
def test_lstms_with_a_gate_less_are_the_papers_equations(
    kind: str, batch: int, inputs: int, neurons: int, seed: int
) -> None:
    """CIFG and NIG of Greff et al. 2017, each gate a matrix of its own."""
    draw = np.random.default_rng(seed)
    w = {gate: draw.normal(size=(neurons, inputs)) for gate in "fgo"}
    u = {gate: draw.normal(size=(neurons, neurons)) for gate in "fgo"}
    b = {gate: draw.normal(size=neurons) for gate in "fgo"}
    x, h0, c0 = (draw.normal(size=(batch, size)) for size in (inputs, neurons, neurons))
    f, g, o = (
        phi(x @ w[gate].T + h0 @ u[gate].T + b[gate]) for gate, phi in (("f", sigmoid), ("g", np.tanh), ("o", sigmoid))
    )
    i = 1 - f if kind == "coupled" else np.ones_like(f)
    c = f * c0 + i * g
    expected = {"forget_gate": f, "candidate": g, "cell": c, "output_gate": o, "hidden": o * np.tanh(c)}
    stacked = {name: np.concatenate([part[gate] for gate in "fgo"]) for name, part in (("w", w), ("u", u), ("b", b))}
    parameters = {
        "weight_ih": stacked["w"], "weight_hh": stacked["u"], "bias_ih": stacked["b"], "bias_hh": 0 * stacked["b"]
    }  # fmt: skip
    state = {"hidden": torch.from_numpy(h0), "cell": torch.from_numpy(c0)}
    tensors = {name: torch.from_numpy(value) for name, value in parameters.items()}
    signals = step(EVERY_CELL[kind], tensors, torch.from_numpy(x), state)
    for name, value in expected.items():
        assert_same(signals[name], torch.from_numpy(value))
    if kind == "coupled":
        assert_same(signals["input_gate"], torch.from_numpy(i))


@given(batch=sizes, inputs=sizes, neurons=sizes, seed=st.integers(0, 99))
def test_peephole_is_the_papers_equations(batch: int, inputs: int, neurons: int, seed: int) -> None:
    """Written out neuron by neuron (Gers and Schmidhuber 2000), so that no matrix layout is shared with the cell."""
    draw = np.random.default_rng(seed)
    w_x, w_h = draw.normal(size=(4 * neurons, inputs)), draw.normal(size=(4 * neurons, neurons))
    b, peep = draw.normal(size=4 * neurons), draw.normal(size=3 * neurons)
    x, h0, c0 = (draw.normal(size=(batch, size)) for size in (inputs, neurons, neurons))
    h, c = np.empty_like(h0), np.empty_like(c0)
    gates = {name: np.empty_like(h0) for name in ("input_gate", "forget_gate", "candidate", "output_gate")}
    for row in range(batch):
        for k in range(neurons):
            z = [w_x[k + m * neurons] @ x[row] + w_h[k + m * neurons] @ h0[row] + b[k + m * neurons] for m in range(4)]
            i = sigmoid(z[0] + peep[k] * c0[row, k])
            f = sigmoid(z[1] + peep[k + neurons] * c0[row, k])
            g = np.tanh(z[2])
            c[row, k] = f * c0[row, k] + i * g
            o = sigmoid(z[3] + peep[k + 2 * neurons] * c[row, k])
            h[row, k] = o * np.tanh(c[row, k])
            for name, value in zip(gates, (i, f, g, o), strict=True):
                gates[name][row, k] = value
    parameters = {"weight_ih": w_x, "weight_hh": w_h, "bias_ih": b, "bias_hh": np.zeros_like(b), "weight_ch": peep}
    signals = step(
        PeepholeLSTM(),
        {name: torch.from_numpy(value) for name, value in parameters.items()},
        torch.from_numpy(x),
        {"hidden": torch.from_numpy(h0), "cell": torch.from_numpy(c0)},
    )
    for name, value in {**gates, "cell": c, "hidden": h}.items():
        assert_same(signals[name], torch.from_numpy(value))


def one_neuron(cell: Cell, x: float, state: dict[str, float], **parameters: list[float]) -> dict[str, float]:
    """A step of a layer of one neuron that reads one number and has no biases."""
    shapes = cell.parameter_shapes(1, 1)
    made = {name: torch.tensor(value, dtype=torch.float64).reshape(shapes[name]) for name, value in parameters.items()}
    before = {name: torch.tensor([[value]], dtype=torch.float64) for name, value in state.items()}
    signals = step(cell, made, torch.tensor([[x]], dtype=torch.float64), before)
    return {name: value.item() for name, value in signals.items()}


def test_feed_forward_by_hand() -> None:
    # 0.5 · 2 = 1; tanh 1 = 0.7616, σ(1) = 0.7311
    assert one_neuron(FeedForward(), 2.0, {}, weight_ih=[0.5]) == {"hidden": pytest.approx(0.7616, abs=5e-5)}
    assert one_neuron(FeedForward("sigmoid"), 2.0, {}, weight_ih=[0.5]) == {"hidden": pytest.approx(0.7311, abs=5e-5)}
    assert one_neuron(FeedForward("relu"), 2.0, {}, weight_ih=[-0.5]) == {"hidden": 0.0}


def test_rnn_by_hand() -> None:
    # 0.5 · 2 + 1 · (−0.5) = 0.5; tanh 0.5 = 0.4621
    signals = one_neuron(RNN(), 2.0, {"hidden": -0.5}, weight_ih=[0.5], weight_hh=[1.0])
    assert signals == {"hidden": pytest.approx(0.4621, abs=5e-5)}


def test_lstm_by_hand() -> None:
    # x = 1, h₋₁ = 0.5, c₋₁ = 2; rows i, f, g, o of W_ih = 1, −1, 0.5, 0 and of W_hh = 0, 2, 1, −2:
    # i = σ(1) = 0.7311, f = σ(−1 + 1) = 0.5, g = tanh(0.5 + 0.5) = 0.7616, o = σ(−1) = 0.2689,
    # c = 0.5 · 2 + 0.7311 · 0.7616 = 1.5568, h = 0.2689 · tanh 1.5568 = 0.2689 · 0.9149 = 0.2461 (with more digits)
    signals = one_neuron(
        LSTM(), 1.0, {"hidden": 0.5, "cell": 2.0}, weight_ih=[1.0, -1.0, 0.5, 0.0], weight_hh=[0.0, 2.0, 1.0, -2.0]
    )
    hand = {"input_gate": 0.7311, "forget_gate": 0.5, "candidate": 0.7616, "cell": 1.5568}
    assert signals == pytest.approx({**hand, "output_gate": 0.2689, "hidden": 0.2461}, abs=1e-4)


def test_peephole_by_hand() -> None:
    # As the LSTM above with p_i = −0.5, p_f = 0.5, p_o = 1 (the output gate reads the new c):
    # i = σ(1 − 0.5 · 2) = 0.5, f = σ(0 + 0.5 · 2) = 0.7311, g = 0.7616, c = 0.7311 · 2 + 0.5 · 0.7616 = 1.8429,
    # o = σ(−1 + 1.8429) = 0.6991, h = 0.6991 · tanh 1.8429 = 0.6991 · 0.9511 = 0.6649
    signals = one_neuron(
        PeepholeLSTM(),
        1.0,
        {"hidden": 0.5, "cell": 2.0},
        weight_ih=[1.0, -1.0, 0.5, 0.0],
        weight_hh=[0.0, 2.0, 1.0, -2.0],
        weight_ch=[-0.5, 0.5, 1.0],
    )
    hand = {"input_gate": 0.5, "forget_gate": 0.7311, "candidate": 0.7616, "cell": 1.8429}
    assert signals == pytest.approx({**hand, "output_gate": 0.6991, "hidden": 0.6649}, abs=1e-4)


def test_gru_by_hand() -> None:
    # x = 1, h₋₁ = 0.5; rows r, z, n of W_ih = 0, 1, 0.5 and of W_hh = 0, 0, 2:
    # r = σ(0) = 0.5, z = σ(1) = 0.7311, n = tanh(0.5 + 0.5 · 2 · 0.5) = tanh 1 = 0.7616,
    # h = 0.2689 · 0.7616 + 0.7311 · 0.5 = 0.5704
    signals = one_neuron(GRU(), 1.0, {"hidden": 0.5}, weight_ih=[0.0, 1.0, 0.5], weight_hh=[0.0, 0.0, 2.0])
    hand = {"reset_gate": 0.5, "update_gate": 0.7311, "candidate": 0.7616, "hidden": 0.5704}
    assert signals == pytest.approx(hand, abs=5e-5)


def test_grus_reset_gate_acts_after_the_product() -> None:
    """PyTorch's r·(W_hn h₋₁ + b_hn) and the first paper's W_hn (r·h₋₁) + b_hn differ as soon as there is a bias."""
    parameters = {
        "weight_ih": torch.zeros(3, 1),
        "weight_hh": torch.tensor([[0.0], [0.0], [2.0]]),
        "bias_ih": torch.zeros(3),
        "bias_hh": torch.tensor([0.0, 0.0, 1.0]),
    }
    signals = step(GRU(), parameters, torch.zeros(1, 1), {"hidden": torch.tensor([[0.5]])})
    assert signals["candidate"].item() == pytest.approx(np.tanh(0.5 * (2 * 0.5 + 1)))
    assert signals["candidate"].item() != pytest.approx(np.tanh(2 * 0.5 * 0.5 + 1), abs=0.1)


@pytest.mark.parametrize(
    ("make", "cell", "first", "second"),
    [
        (make, cell, first, second)
        for make, cell, blocks in ((nn.LSTMCell, LSTM(), 4), (nn.GRUCell, GRU(), 3))
        for first in range(blocks)
        for second in range(first)
    ],
)
def test_two_swapped_gates_are_noticed(make: type[nn.Module], cell: Cell, first: int, second: int) -> None:
    """With any two row blocks changed round, the step is no longer PyTorch's: the comparison above can fail."""
    module = make(3, 5, dtype=torch.float64)
    order = list(range(cell.blocks))
    order[first], order[second] = second, first
    parameters = {
        name: torch.cat([value.chunk(cell.blocks)[block] for block in order])
        for name, value in module.named_parameters()
    }
    x = torch.randn(2, 3, dtype=torch.float64)
    state = {name: torch.randn(2, 5, dtype=torch.float64) for name in cell.state}
    theirs = module(x, (state["hidden"], state["cell"])) if "cell" in state else (module(x, state["hidden"]),)
    assert (step(cell, parameters, x, state)["hidden"] - theirs[0]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_gradients_are_finite_differences(kind: str) -> None:
    stack = make_stack(kind, inputs=2, neurons=3)
    (layer,) = stack.layers
    names = list(layer.parameters)
    state = {name: value[0].requires_grad_() for name, value in random_state(stack, batch=2).items()}

    def signals(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, rest, strict=False))
        before = dict(zip(state, rest[len(names) :], strict=True))
        return tuple(step(stack.cell, parameters, x, before).values())

    x = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(signals, (x, *layer.parameters.values(), *state.values()))


@given(seed=st.integers(0, 999), scale=st.sampled_from([0.1, 1.0, 30.0]))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", EVERY_CELL)
def test_signals_stay_in_their_ranges_and_identities_hold(
    kind: str, dtype: torch.dtype, seed: int, scale: float
) -> None:
    torch.manual_seed(seed)
    stack = make_stack(kind, inputs=3, neurons=5, dtype=dtype)
    before = {name: value[0] for name, value in random_state(stack, batch=4, dtype=dtype).items()}
    signals = step(stack.cell, stack.layers[0].parameters, scale * torch.randn(4, 3, dtype=dtype), before)
    for signal in stack.cell.signals:
        low, high = signals[signal.name].min(), signals[signal.name].max()
        assert signal.low is None or low >= signal.low
        assert signal.high is None or high <= signal.high
    for identity in stack.cell.identities:
        assert_same(signals[identity.signal], identity.right(signals, before), torch.finfo(dtype).eps)


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_ranges_are_no_wider_than_they_need_be(kind: str) -> None:
    """Strong inputs drive every bounded signal near its bounds, and the others beyond 1."""
    stack = make_stack(kind, inputs=3, neurons=5)
    before = {name: 3 * value[0].sign() for name, value in random_state(stack, batch=500).items()}
    x = 100 * torch.randn(500, 3, dtype=torch.float64)
    signals = step(stack.cell, stack.layers[0].parameters, x, before)
    for signal in stack.cell.signals:
        low, high = signals[signal.name].min(), signals[signal.name].max()
        assert low < (-1.0 if signal.low is None else signal.low + 0.05)
        assert high > (1.0 if signal.high is None else signal.high - 0.05)


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_identities_tell_signals_apart(kind: str) -> None:
    """Any two signals changed round break an identity, so that a recording with mixed-up names does not add up."""
    stack = make_stack(kind, inputs=3, neurons=5)
    before = {name: value[0] for name, value in random_state(stack, batch=4).items()}
    signals = step(stack.cell, stack.layers[0].parameters, torch.randn(4, 3, dtype=torch.float64), before)
    named = {name for name in every_signal(stack) if name != "reset_gate"}  # no identity of a GRU reads its reset gate
    for one in named:
        for other in named - {one}:
            if {one, other} == {"input_gate", "candidate"}:
                continue  # they are multiplied with each other; their ranges tell them apart
            mixed = {**signals, one: signals[other], other: signals[one]}
            off = [(mixed[i.signal] - i.right(mixed, before)).abs().max().item() for i in stack.cell.identities]
            assert max(off) > 1e-3, (one, other)


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_later_signals_see_an_edit(kind: str) -> None:
    """Each signal is offered once, in the order of `signals`, and what comes back is what is returned."""
    stack = make_stack(kind, inputs=3, neurons=5)
    before = {name: value[0] for name, value in random_state(stack, batch=4).items()}
    x = torch.randn(4, 3, dtype=torch.float64)
    seen: list[str] = []

    def constant(name: str, value: Tensor) -> Tensor:
        seen.append(name)
        return torch.full_like(value, 0.25)

    signals = step(stack.cell, stack.layers[0].parameters, x, before, edit=constant)
    assert tuple(seen) == every_signal(stack)
    assert all((value == 0.25).all() for value in signals.values())


def test_held_gates_reach_what_follows_them() -> None:
    stack = make_stack("lstm", inputs=3, neurons=5)
    before = {name: value[0] for name, value in random_state(stack, batch=4).items()}
    x = torch.randn(4, 3, dtype=torch.float64)
    hold = {"forget_gate": 1.0, "input_gate": 0.0, "output_gate": 0.5}
    signals = step(
        stack.cell,
        stack.layers[0].parameters,
        x,
        before,
        edit=lambda name, value: torch.full_like(value, hold[name]) if name in hold else value,
    )
    assert torch.equal(signals["cell"], before["cell"])
    assert_same(signals["hidden"], 0.5 * torch.tanh(before["cell"]))


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_a_cell_describes_itself(kind: str) -> None:
    cell = EVERY_CELL[kind]
    names = [signal.name for signal in cell.signals]
    assert len(set(names)) == len(names)
    assert set(cell.state) <= set(names)
    assert cell.main_signal == ("cell" if "cell" in names else "hidden")
    assert {identity.signal for identity in cell.identities} <= set(names)
    assert cell.signal("hidden").article == "working memory"
    with pytest.raises(KeyError):
        cell.signal("forget")
    for signal in cell.signals:
        assert any(equation.startswith(f"{signal.symbol} = ") for equation in cell.equations), signal
        assert (signal.role == "gate") == signal.name.endswith("_gate")
    for equation in cell.equations:
        assert equation.replace(" ", "") in (type(cell).__doc__ or "").replace(" ", ""), equation
    with pytest.raises(AttributeError):
        cell.name = "other"  # type: ignore[misc] - frozen
