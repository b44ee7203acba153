"""Write history: it adds up, it is what a double loop and the cell's own equations give, and it stops in time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import unrolled
from tests.stacks import EVERY_CELL
from tests.traces.making import Names, make_network, make_symbols
from unrolled.cells import Cell
from unrolled.cli import run
from unrolled.errors import TraceError, UnknownNameError
from unrolled.neurons.history import MATTERS, read_shares, write_history
from unrolled.traces.chunks import Array
from unrolled.traces.format import TraceInfo, describe_site
from unrolled.traces.record import record_run
from unrolled.traces.symbols import draw
from unrolled.traces.trace import Trace

REMEMBERING = [kind for kind, cell in EVERY_CELL.items() if cell.memory is not None]
FORGETFUL = sorted({cell.name for cell in EVERY_CELL.values() if cell.memory is None})


def make_trace(cell: Cell, signals: Mapping[str, Array], initial: float, sequences: tuple[int, ...], **site: object):
    """A trace in memory of one neuron whose signals are given, each `(steps,)`."""
    steps = len(next(iter(signals.values())))
    bounds = np.cumsum([0, *sequences])
    info = describe_site("rnn.l0", cell, neurons=1, inputs=1, signals=tuple(signals), **site)  # type: ignore[arg-type]
    arrays = {f"signals/rnn.l0/{name}": values[:, None] for name, values in signals.items()}
    arrays["sequences"] = np.stack([bounds[:-1], bounds[1:]], axis=1)
    if np.isfinite(initial):
        arrays[f"initial/rnn.l0/{cell.main_signal}"] = np.full((len(sequences), 1), initial)
    return Trace.from_arrays(TraceInfo(planned_steps=steps, complete_steps=steps, sites=(info,)), arrays)


def double_loop(keep: Array, write: Array, step: int, first: int) -> Array:
    """Every share by itself, as the formula stands."""
    shares = np.zeros(step + 1 - first)
    for s in range(first, step + 1):
        product = 1.0
        for u in range(s + 1, step + 1):
            product *= keep[u]
        shares[s - first] = product * write[s]
    return shares


@pytest.mark.parametrize("kind", REMEMBERING)
def test_the_history_of_a_real_recording_sums_to_the_state(kind: str) -> None:
    cell = EVERY_CELL[kind].name
    trace = record_run(make_network(cell=cell, hidden=4), Names(), make_symbols(300, 1, 77))
    for step in (0, 7, 299, 300, 301, 377):
        for neuron in ("rnn.l0.0", "rnn.l1.3"):
            found = write_history(trace, neuron, step)
            size = np.abs(found.shares).sum() + abs(found.before)
            assert found.sum == pytest.approx(found.value, abs=2e-6 * max(size, 1))
            assert found.stop == step + 1
            assert found.start >= max(start for start in (0, 300, 301) if start <= step)


@given(st.data())
def test_it_is_what_a_double_loop_gives(data: st.DataObject) -> None:
    """In float64, with gates that are exactly 0 and 1 among others, over several sequences, in both directions."""
    cell = EVERY_CELL[data.draw(st.sampled_from(REMEMBERING))]
    memory = cell.memory
    assert memory is not None
    lengths = tuple(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=3)))
    steps, reverse = sum(lengths), data.draw(st.booleans())
    gates = st.lists(st.sampled_from([0.0, 1e-9, 0.2, 0.5, 0.999, 1.0]), min_size=steps, max_size=steps)
    signals = {name: np.array(data.draw(gates)) for name in memory.reads}
    signals["candidate"] *= (-1) ** np.arange(steps)
    initial = data.draw(st.sampled_from([0.0, -3.0, 1e6]))
    given = {name: torch.from_numpy(values) for name, values in signals.items()}
    keep, write = memory.keep(given).numpy(), memory.write(given).numpy()
    state, bounds = np.zeros(steps), np.cumsum([0, *lengths])
    for first, stop in pairwise(bounds):
        before = initial
        for t in range(stop - 1, first - 1, -1) if reverse else range(first, stop):
            state[t] = before = keep[t] * before + write[t]
    trace = make_trace(cell, {**signals, memory.signal: state}, initial, lengths, reverse=reverse)
    step = data.draw(st.integers(0, steps - 1))
    found = write_history(trace, "rnn.l0.0", step)
    if reverse:
        keep, write, step, bounds = keep[::-1], write[::-1], steps - 1 - step, steps - bounds[::-1]
    first = max(bound for bound in bounds if bound <= step)
    expected = double_loop(keep, write, step, first)
    shares = found.shares[::-1] if reverse else found.shares
    np.testing.assert_allclose(shares, expected[len(expected) - len(shares) :], rtol=1e-12, atol=1e-300)
    assert found.sum == pytest.approx(found.value, rel=1e-9, abs=1e-9)
    # What was not read does not matter to float32.
    skipped = expected[: len(expected) - len(shares)]
    assert np.abs(skipped).max(initial=0) <= MATTERS * max(abs(found.value), np.abs(shares).max())
    assert found.initial == (not len(skipped))


@pytest.mark.parametrize("kind", REMEMBERING)
def test_the_cells_own_step_says_the_same(kind: str) -> None:
    """Unrolled through `Cell.step` with the gates held and each candidate scaled by a factor of its own: a share is the
    derivative by that factor, and (the state is linear in it) what is lost where the factor is 0."""
    cell, network = EVERY_CELL[kind], make_network(cell=EVERY_CELL[kind].name, layers=1, hidden=3).double()
    symbols, step = make_symbols(14)[0], 11
    trace = record_run(network, Names(), [symbols])
    parameters = {name.removesuffix("_l0"): value.detach() for name, value in network.rnn.named_parameters()}
    signal = cell.main_signal

    def unroll(factors: Tensor) -> Tensor:
        state = {name: torch.zeros(1, 3, dtype=torch.float64) for name in cell.state}
        for t in range(step + 1):
            recorded = {each.name: trace.read("rnn.l0", each.name, t, t + 1) for each in cell.signals}

            def held(name: str, value: Tensor, t: int = t, recorded: Mapping[str, Array] = recorded) -> Tensor:
                if name in ("hidden", "cell"):
                    return value
                fixed = torch.from_numpy(recorded[name].astype(np.float64))
                return fixed * factors[t] if name == "candidate" else fixed

            x = torch.zeros(1, network.symbols, dtype=torch.float64)
            signals = cell.step(parameters, x, state, held)
            state = {name: signals[name] for name in cell.state}
        return state[signal][0]

    ones = torch.ones(step + 1, dtype=torch.float64, requires_grad=True)
    for neuron in range(3):
        found = write_history(trace, f"rnn.l0.{signal}.{neuron}", step)
        (slope,) = torch.autograd.grad(unroll(ones)[neuron], ones)
        np.testing.assert_allclose(found.shares, slope[found.start :].numpy(), rtol=1e-9, atol=1e-12)
        for s in range(found.start, step + 1):
            without = ones.detach().clone()
            without[s] = 0
            lost = unroll(ones)[neuron] - unroll(without)[neuron]
            assert found.shares[s - found.start] == pytest.approx(lost.item(), rel=1e-9, abs=1e-12)


def test_a_latch_is_read_to_its_beginning_and_a_leak_only_as_far_as_it_matters() -> None:
    steps = 5000
    signals = {"forget_gate": np.ones(steps), "input_gate": np.zeros(steps), "candidate": np.ones(steps)}
    signals["input_gate"][40] = 0.5
    held = make_trace(EVERY_CELL["lstm"], {**signals, "cell": 2 + 0.5 * (np.arange(steps) >= 40)}, 2.0, (steps,))
    found = write_history(held, "rnn.l0.0", steps - 1)
    assert (found.start, found.initial, found.kept, found.before) == (0, True, 1, 2)
    assert np.flatnonzero(found.shares).tolist() == [40]
    leaking = {"forget_gate": np.full(steps, 0.5), "input_gate": np.ones(steps), "candidate": np.ones(steps)}
    found = write_history(
        make_trace(EVERY_CELL["lstm"], {**leaking, "cell": np.full(steps, 2.0)}, 2.0, (steps,)), "rnn.l0.0", 4000
    )
    assert (found.start, found.stop, found.initial) == (4001 - 24, 4001, False)
    assert found.before == 2.0**-23
    assert found.sum == 2.0


def test_an_initial_state_that_was_not_recorded_is_what_is_left_over() -> None:
    signals = {"update_gate": np.full(3, 0.5), "candidate": np.full(3, 0.25), "hidden": np.array([1.0, 0.625, 0.4375])}
    found = write_history(make_trace(EVERY_CELL["gru"], signals, np.nan, (3,)), "rnn.l0.0", 2)
    assert (found.kept, found.initial) == (0.125, True)
    assert found.before == pytest.approx(0.4375 - 0.25 * 0.875)


def test_a_bidirectional_module_of_pytorch() -> None:
    model = nn.LSTM(2, 3, bidirectional=True)
    trace = unrolled.trace(model, torch.randn(40, 1, 2))
    for site in trace.sites:
        for step in (0, 20, 39):
            found = write_history(trace, f"{site}.1", step)
            assert found.sum == pytest.approx(found.value, abs=1e-6)
    assert write_history(trace, "lstm.l0_reverse.1", 39).start == 39


@pytest.mark.parametrize("cell", FORGETFUL)
def test_cells_without_one_say_so(cell: str) -> None:
    trace = record_run(make_network(cell=cell), Names(), make_symbols(9))
    with pytest.raises(TraceError, match=rf"rnn\.l0\.hidden\.2 has no write history: the state of the cell '{cell}'"):
        write_history(trace, "rnn.l0.2", 3)


def test_what_cannot_be_asked_is_said_in_one_line() -> None:
    symbols = make_symbols(9)
    trace = record_run(make_network(), Names(), symbols)
    for neuron, step, says in (
        ("rnn.l0.hidden.2", 3, r"it is the cell that is kept and written\. Take rnn\.l0\.cell\.2"),
        ("rnn.l0.2", 9, "has the steps 0 to 8; step 9 was asked for"),
        ("rnn.l0.2", -1, "0 to 8"),
    ):
        with pytest.raises(TraceError, match=says):
            write_history(trace, neuron, step)
    with pytest.raises(UnknownNameError, match=r"rnn\.l0\.0 to rnn\.l0\.4"):
        write_history(trace, "rnn.l0", 3)
    partial = record_run(make_network(), Names(), symbols, signals=("cell", "forget_gate"))
    with pytest.raises(TraceError, match="needs candidate, input_gate, which the trace does not hold"):
        write_history(partial, "rnn.l0.2", 3)


def test_the_text_is_coloured_by_the_shares() -> None:
    trace = record_run(make_network(), Names(), make_symbols(200))
    found = write_history(trace, "rnn.l0.2", 150)
    passage = read_shares(trace, found, limit=7)
    assert (passage.start, passage.stop, passage.steps) == (144, 151, 151)
    np.testing.assert_array_equal(passage.values, found.shares[-7:])
    assert passage.labels == trace.labels(144, 151)
    assert passage.scale.high == np.abs(found.shares).max()
    assert read_shares(trace, found, start=149).start == 149
    assert read_shares(trace, found).start == found.start
    with pytest.raises(TraceError, match=rf"steps {found.start} to 150; none of them comes from step 151 on"):
        read_shares(trace, found, start=151)


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = record_run(make_network(), Names(), make_symbols(200), out=tmp_path / "t")
    found = write_history(trace, "rnn.l0.2", 150)
    assert run(["show", str(tmp_path / "t"), "rnn.l0.2", "--history", "150", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()
    assert run(["show", str(tmp_path / "t"), "rnn.l0.2", "--history", "150", "--limit", "3"]) == 0
    *lines, told, left = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["148", "149", "150"]
    assert [float(line.split()[2]) for line in lines] == pytest.approx(found.shares[-3:], rel=1e-5)
    largest = found.start + int(np.abs(found.shares).argmax())
    (symbol,) = trace.labels(largest, largest + 1)  # which may not be among those shown
    assert f"most was written by step {largest} {draw(symbol)} " in told
    assert f"rnn.l0.cell.2 at step 150 is {found.value:.6g}; most" in told
    assert "…" not in told
    assert left.startswith(f"Read from step {found.start} to 150;")
    assert run(["show", str(tmp_path / "t"), "rnn.l0.hidden.2", "--history", "150"]) == 2
    assert "Take rnn.l0.cell.2" in capsys.readouterr().err
