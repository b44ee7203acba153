"""A sound trace passes; whatever is changed in one is found, and its place named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import unrolled
from tests.traces.making import Names, make_network, make_symbols
from unrolled.errors import TraceError
from unrolled.traces.check import check
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

FALL = "probabilities fall, from 1 to 0 at most, and add up to 1 at most"
LENGTHS = (1500, 3, 40, 1)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole", "feedforward"])
def test_sound_traces_pass_with_and_without_their_weights(cell: str, engine: str, dtype: str) -> None:
    network = make_network(cell, hidden=33)
    trace = record_run(network, Names(), make_symbols(*LENGTHS), dtype=dtype, engine=engine)  # type: ignore[arg-type]
    report = check(trace, network)
    assert report.ok, report.problems[0]
    equations = {finding.what for finding in report.findings}
    assert {identity.equation for identity in network.cell.identities} <= equations
    counted = {finding.what: finding.values for finding in report.findings if finding.site == "rnn.l1"}
    assert all(counted[identity.equation] == sum(LENGTHS) * 33 for identity in network.cell.identities)
    json.dumps(report.to_json(), allow_nan=False)


def altered(trace: Trace, path: str, change: Callable[[np.ndarray], None]) -> Trace:
    """The same trace with one array changed."""
    names = ["sequences", "symbols", "loss", "predictions/symbols", "predictions/probabilities"]
    for site in trace.info.sites:
        names += [f"signals/{site.name}/{signal.name}" for signal in site.signals]
        names += [f"initial/{site.name}/{state}" for state in trace.initial(site.name)]
    arrays = {name: trace.arrays.read(name).copy() for name in names}
    change(arrays[path])
    return Trace.from_arrays(trace.info, arrays)


def setting(place: Any, value: float) -> Callable[[np.ndarray], None]:
    def change(array: np.ndarray) -> None:
        array[place] = value

    return change


@pytest.fixture(scope="module")
def sound() -> Trace:
    torch.set_num_threads(1)
    return record_run(make_network(hidden=6), Names(), make_symbols(*LENGTHS))


@pytest.mark.parametrize(
    ("path", "change", "what", "signal"),
    [
        ("signals/rnn.l1/cell", lambda a: a.__setitem__((1100, 4), a[1100, 4] + 3e-4), "c = f·c₋₁ + i·g", "cell"),
        ("signals/rnn.l1/hidden", lambda a: a.__setitem__((1100, 4), a[1100, 4] * 1.001), "h = o·tanh(c)", "hidden"),
        ("signals/rnn.l1/forget_gate", setting((1100, 4), 1.2), "within 0.0 to 1.0", "forget_gate"),
        ("signals/rnn.l1/candidate", setting((1100, 4), np.nan), "finite", "candidate"),
        ("signals/rnn.l1/cell", setting((1100, 4), np.inf), "finite", "cell"),
        ("symbols", setting(1100, 8), "symbols are in the vocabulary", ""),
        ("predictions/symbols", setting((1100, 4), 8), "foretold symbols are in the vocabulary", ""),
        ("predictions/probabilities", setting((1100, 4), 0.9), FALL, ""),
        ("loss", lambda a: a.__setitem__(1100, a[1100] * 1.001 + 9), "loss = −log p(next)", ""),
        ("loss", setting(1100, np.nan), "loss = −log p(next)", ""),
        ("loss", setting(1100, -0.1), "loss = −log p(next)", ""),
    ],
)  # fmt: skip
def test_one_changed_value_is_found(
    sound: Trace, path: str, change: Callable[[np.ndarray], None], what: str, signal: str
) -> None:
    report = check(altered(sound, path, change))
    assert not report.ok
    found = next(finding for finding in report.problems if finding.what == what and finding.signal == signal)
    assert found.worst is not None
    assert (found.worst.sequence, found.worst.step, found.worst.at) == (0, 1100, 1100)
    if path.startswith("signals"):
        assert found.site == "rnn.l1"
        assert found.worst.neuron == 4
    assert 0 < found.share < 0.01
    assert "worst at sequence 0, step 1100" in str(found)
    json.dumps(report.to_json(), allow_nan=False)


def test_the_last_loss_of_a_sequence_is_unknown(sound: Trace) -> None:
    assert not check(altered(sound, "loss", setting(1502, 1.0))).ok


def test_people_see_the_boring_together_every_failure_and_one_verdict(sound: Trace) -> None:
    lines = list(check(sound).lines())
    assert [line for _, line in lines if "finite" in line] == [
        f"{site}: finite, within 0.0 to 1.0, within -1.0 to 1.0: holds for all {1544 * 6 * 11:,} values"
        for site in ("rnn.l0", "rnn.l1")
    ]
    assert {mark for mark, _ in lines} == {"✓"}
    made = 2 * (11 + 2) + 4
    assert str(check(sound)).splitlines()[-1] == f"all {made} checks hold for 1,544 steps"
    wrong = altered(sound, "signals/rnn.l1/candidate", setting((1100, 4), np.nan))
    report = check(wrong)
    failed = [line for mark, line in report.lines() if mark == "✗"]
    assert failed == list(map(str, report.problems))
    assert any(line.startswith("rnn.l1.candidate: finite: 1 of 9,264 values") for line in failed)
    assert report.verdict == f"1 of {made} checks does not hold for 1,544 steps"
    assert "routine" not in json.dumps(report.to_json())


def test_what_was_not_checked_is_not_said_to_hold() -> None:
    report = check(unrolled.trace(nn.LSTM(3, 4, proj_size=2).double(), torch.randn(9, 1, 3).double()))
    marks = {line: mark for mark, line in report.lines()}
    assert marks["lstm.l0.hidden: h = o·tanh(c): not checked: it is projected, which only the weights can prove"] == "–"
    assert report.verdict.startswith(f"all {sum(bool(finding.values) for finding in report.findings)} checks hold")


def test_nothing_recorded_proves_nothing(sound: Trace) -> None:
    with pytest.raises(TraceError, match=r"0 of 1,544 steps are there.*--resume"):
        check(Trace(sound.info.model_copy(update={"complete_steps": 0}), sound.arrays))
    part = check(Trace(sound.info.model_copy(update={"complete_steps": 1024}), sound.arrays))
    assert part.ok
    assert part.verdict.endswith("the trace is unfinished, 1,024 of 1,544 steps are there: "
                                 "go on with unrolled trace … --resume")  # fmt: skip


def test_a_wrong_initial_state_is_found_at_the_start_of_its_sequence(sound: Trace) -> None:
    report = check(altered(sound, "initial/rnn.l0/cell", setting((2, 3), 0.5)))
    (found,) = report.problems
    assert found.what == "c = f·c₋₁ + i·g"
    assert found.worst is not None
    assert (found.worst.sequence, found.worst.at, found.worst.neuron) == (2, 0, 3)


def test_swapped_gates_are_found(sound: Trace) -> None:
    gates = {name: sound.read("rnn.l0", name) for name in ("forget_gate", "input_gate")}
    swapped = altered(sound, "signals/rnn.l0/forget_gate", setting(slice(None), gates["input_gate"]))  # type: ignore[arg-type]
    swapped = altered(swapped, "signals/rnn.l0/input_gate", setting(slice(None), gates["forget_gate"]))  # type: ignore[arg-type]
    assert [finding.what for finding in check(swapped).problems] == ["c = f·c₋₁ + i·g"]


def test_consistent_numbers_of_other_weights_are_found_by_the_weights_alone() -> None:
    """A trace that adds up, of a network whose weights differ by a little: the equations hold all the same."""
    network, other = make_network(), make_network()
    with torch.no_grad():
        other.rnn.weight_hh_l1[0, 0] += 0.01
    symbols = make_symbols(*LENGTHS)
    trace = record_run(network, Names(), symbols)
    assert check(trace).ok
    assert check(trace, network).ok
    problems = check(trace, other).problems
    assert problems[0].what == "the weights are those that were recorded"
    assert {finding.site for finding in problems[1:] if finding.site} == {"rnn.l1"}
    with pytest.raises(TraceError, match="Give the run"):
        check(trace, make_network("gru"))


def test_windows_need_states_or_starts() -> None:
    network = make_network()
    trace = record_run(network, Names(), make_symbols(*LENGTHS), signals=["forget_gate"])
    report = check(trace, network)
    assert report.ok
    assert sum(finding.values for finding in report.findings if "weights give" in finding.what) > 0
    wrong = altered(trace, "signals/rnn.l0/forget_gate", setting((1501, 2), 0.123))
    assert [finding.site for finding in check(wrong, network).problems] == ["rnn.l0"]


def test_damage_is_a_finding_and_the_rest_is_checked(tmp_path: Path) -> None:
    network = make_network(hidden=40)
    record_run(network, Names(), make_symbols(2500), out=tmp_path / "t")
    shard = tmp_path / "t/signals/rnn.l0/output_gate/c/0/0"
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(data)
    report = check(tmp_path / "t")
    assert (report.problems[0].signal, report.problems[0].readable) == ("output_gate", False)
    assert "steps 0 to 1023, neurons 0 to 31" in report.problems[0].note
    held = {(finding.site, finding.what) for finding in report.findings if finding.ok and finding.values}
    assert ("rnn.l1", "h = o·tanh(c)") in held
    assert ("rnn.l0", "c = f·c₋₁ + i·g") in held


@pytest.mark.parametrize("path", ["zoom/rnn.l0/cell/0/c/0/0/0", "statistics/rnn.l0/cell/c/0/0"])
def test_zoom_and_statistics_of_other_values_are_found(path: str, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        record_run(make_network(layers=1, seed=seed), Names(), make_symbols(2500), out=tmp_path / name)
    assert check(tmp_path / "one").ok
    (tmp_path / "two" / path).replace(tmp_path / "one" / path)
    (found,) = check(tmp_path / "one").problems
    assert (found.what, found.signal) == ("zoom and statistics are those of the values", "cell")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_traces_of_modules_pass_in_both_directions_and_from_given_states(
    kind: type[nn.RNNBase], dtype: torch.dtype, tmp_path: Path
) -> None:
    module = kind(3, 4, 2, bidirectional=True).to(dtype)
    state = torch.randn(4, 2, 4, dtype=dtype)
    trace = unrolled.trace(module, (torch.randn(1500, 2, 3, dtype=dtype), (state, state) if kind is nn.LSTM else state))
    for checked in (trace, trace.save(tmp_path / "t")):
        report = check(checked)
        assert report.ok, report.problems[0]
    site = trace.sites[3]
    wrong = trace.initial(site)["hidden" if kind is nn.GRU else "cell"]
    wrong[1, 2] += 0.01 if dtype != torch.bfloat16 else 2
    (found,) = check(trace).problems
    assert found.worst is not None
    assert (found.site, found.worst.sequence, found.worst.at) == (site, 1, 1499)


def test_a_projection_is_said_to_be_unchecked() -> None:
    report = check(unrolled.trace(nn.LSTM(3, 4, proj_size=2).double(), torch.randn(9, 1, 3).double()))
    assert report.ok
    assert any("projected" in finding.note for finding in report.findings)
