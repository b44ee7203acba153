"""The finder as a whole: planted neurons are found, others are not; running and recorded networks give the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.errors import SettingsError, SourceError, TraceError
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons.find import find, find_in_trace, read_findings
from unrolled.neurons.hypotheses import Classes
from unrolled.neurons.measures import auc
from unrolled.sources.vocabulary import Vocabulary
from unrolled.traces.record import record_run

STEPS = 6000
Array = NDArray[Any]


def latched(seed: int = 0) -> Network:
    """An LSTM over the symbols a b ( ) of which neuron 3 is 1 from ( to ) and 0 elsewhere: set by hand among others."""
    torch.manual_seed(seed)
    network = Network(NetworkSettings(hidden=8), 4).eval()
    weights: dict[str, Tensor] = dict(network.rnn.named_parameters())
    with torch.no_grad():
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            for block in range(4):
                weights[name][8 * block + 3] = 0
        for block, bias in enumerate((-20.0, 20.0, 0.0, 20.0)):  # shut, kept, nothing to store, shown
            weights["bias_ih_l0"][8 * block + 3] = bias
        weights["weight_ih_l0"][3, 2] = weights["weight_ih_l0"][3, 3] = 40.0  # both brackets are stored
        weights["weight_ih_l0"][8 + 3, 2] = weights["weight_ih_l0"][8 + 3, 3] = -40.0  # in the place of what was there
        weights["weight_ih_l0"][16 + 3, 2] = 20.0
    return network


def bracketed(seed: int = 0, steps: int = STEPS) -> tuple[Array, Array]:
    """Symbols, and where they are inside brackets."""
    generator = np.random.default_rng(seed)
    symbols = generator.integers(0, 2, steps)
    changes = np.flatnonzero(generator.random(steps) < 0.05)
    symbols[changes] = 2 + np.arange(len(changes)) % 2
    opened = np.zeros(steps, int)
    opened[changes] = 1 - 2 * (np.arange(len(changes)) % 2)
    return symbols, np.cumsum(opened) > 0


def noise(seed: int, steps: int = STEPS) -> Array:
    """Slow answers that have nothing to do with anything."""
    generator = np.random.default_rng(1000 + seed)
    return np.convolve(generator.normal(size=steps + 30), np.ones(31), "valid") > 0


def test_the_planted_neuron_is_found_and_nothing_by_chance() -> None:
    symbols, inside = bracketed()
    labels = {"inside": inside, **{f"noise-{seed}": noise(seed) for seed in range(4)}}
    findings = find(latched(), [symbols], labels, about={"inside": "Inside brackets"}, shifts=100)
    first = findings.hypotheses[0]
    assert (first.name, first.about, first.measure, first.found) == ("inside", "Inside brackets", "AUC", True)
    assert first.best is not None
    assert first.best.name.endswith(".3")
    assert first.best.score == pytest.approx(1.0, abs=1e-3)
    assert (first.best.precision, first.best.recall) == (1.0, 1.0)
    assert first.best.low > 0.85
    assert first.untrained is not None
    assert first.untrained.score < 0.9
    assert first.control is not None
    assert [probe.score > 0.99 for probe in first.probes] == [True] * 3
    assert not [tested.name for tested in findings.hypotheses if tested.found and tested.name.startswith("noise")]
    assert findings["surprise"].kind == "number"
    assert findings.shifts == 120  # six hypotheses at 0.05 need so many
    assert findings.neurons == 6 * 8


def test_scores_are_exact_on_the_part_that_tells() -> None:
    symbols, inside = bracketed(1)
    trace = record_run(latched(1), Vocabulary.of("ab()"), [symbols])
    findings = find_in_trace(trace, {"inside": inside, "other": noise(1)}, shifts=50, surprise=False)
    start, stop = findings.told
    for tested in findings.hypotheses:
        label = inside if tested.name == "inside" else noise(1)
        assert tested.share == pytest.approx(label[start:stop].mean())
        for each in tested.neurons:
            values = trace[each.name]
            assert isinstance(values, np.ndarray)
            exact = float(auc(each.direction * values[start:stop, None], label[start:stop])[0])
            assert each.score == pytest.approx(exact, abs=2e-3), each.name
            assert each.correlation == pytest.approx(np.corrcoef(values[start:stop], label[start:stop])[0, 1], abs=1e-3)
            above = values[start:stop] > each.threshold
            said = above if each.direction > 0 else ~above
            assert each.recall == pytest.approx((said & label[start:stop]).sum() / label[start:stop].sum(), abs=5e-3)


def test_numbers_and_classes_are_told_too() -> None:
    symbols, inside = bracketed(2)
    depth = np.where(np.arange(STEPS) % 5 == 0, np.nan, inside * 3.0)
    kinds = Classes(np.where(inside, symbols, -1).astype(np.int16), tuple("ab()"))
    trace = record_run(latched(2), Vocabulary.of("ab()"), [symbols])
    findings = find_in_trace(trace, {"depth": depth, "kinds": kinds}, shifts=40, surprise=False)
    start, stop = findings.told
    best = findings["depth"].best
    assert best is not None
    values = trace[best.name]
    assert isinstance(values, np.ndarray)
    said = np.flatnonzero(np.isfinite(depth[start:stop])) + start
    assert best.score == pytest.approx(best.direction * np.corrcoef(values[said], depth[said])[0, 1], abs=1e-4)
    assert best.score > 0.99
    classes = findings["kinds"]
    assert classes.measure == "eta squared"
    assert classes.found
    assert classes.best is not None
    values = trace[classes.best.name]
    assert isinstance(values, np.ndarray)
    said = np.flatnonzero(kinds.codes[start:stop] >= 0) + start
    groups = [values[said][kinds.codes[said] == code] for code in np.unique(kinds.codes[said])]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    assert classes.best.score == pytest.approx(1 - within / ((values[said] - values[said].mean()) ** 2).sum(), abs=1e-4)


@pytest.mark.parametrize("many", [False, True])
def test_running_and_recorded_give_the_same(many: bool) -> None:
    """A network that runs is read in other stretches than a trace; sequences of any length."""
    symbols, inside = bracketed(3)
    lengths = np.random.default_rng(0).integers(20, 90, 200) if many else np.array([STEPS])
    ends = np.minimum(np.cumsum(lengths), STEPS)
    sequences = [each for each in np.split(symbols, ends[:-1]) if len(each)]
    network = latched(3)
    trace = record_run(network, Vocabulary.of("ab()"), sequences)
    running = find(network, sequences, {"inside": inside}, shifts=40, untrained=False)
    recorded = find_in_trace(trace, {"inside": inside}, shifts=40)
    flat, others = _numbers(running.to_json()), _numbers(recorded.to_json())
    assert len(flat) == len(others) > 100
    np.testing.assert_allclose(flat, others, atol=0.01)  # sums in another order


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _numbers(inner)]
    if isinstance(value, list | tuple):
        return [number for inner in value for number in _numbers(inner)]
    return [float(value)] if isinstance(value, int | float) else []


def test_the_same_seed_gives_the_same() -> None:
    symbols, inside = bracketed(4)
    once, twice = (find(latched(4), [symbols], {"inside": inside}, shifts=30, seed=5).to_json() for _ in range(2))
    assert once == twice


def test_surprise_is_the_loss_of_the_step_before() -> None:
    symbols, _ = bracketed(5)
    trace = record_run(latched(5), Vocabulary.of("ab()"), [symbols])
    findings = find_in_trace(trace, {}, shifts=40)
    best = findings["surprise"].best
    assert best is not None
    assert trace.loss is not None
    start, stop = findings.told
    values = trace[best.name]
    assert isinstance(values, np.ndarray)
    exact = np.corrcoef(values[start:stop], trace.loss[start - 1 : stop - 1])[0, 1]
    assert best.correlation == pytest.approx(exact, abs=1e-3)


def test_what_the_text_has_too_little_of_is_said() -> None:
    symbols, inside = bracketed(6)
    rare = np.zeros(STEPS, bool)
    rare[:20] = True
    findings = find(latched(6), [symbols], {"inside": inside, "rare": rare}, shifts=30, untrained=False)
    assert findings.skipped == {"rare": "the text has too little of it"}
    assert [tested.name for tested in findings.hypotheses] == ["inside", "surprise"]


def test_a_network_that_never_changes_has_no_findings() -> None:
    symbols, inside = bracketed(7)
    network = latched(7)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    findings = find(network, [symbols], {"inside": inside}, shifts=30, untrained=False)
    assert not [tested for tested in findings.hypotheses if tested.found]
    assert findings["inside"].neurons == []


def test_bad_input_is_refused() -> None:
    symbols, inside = bracketed()
    with pytest.raises(SettingsError, match=r"'inside' has 10 steps; the text has 6,000"):
        find(latched(), [symbols], {"inside": inside[:10]})
    with pytest.raises(SettingsError, match="above 0 and below 1, not 1"):
        find(latched(), [symbols], {"inside": inside}, q=1.0)
    with pytest.raises(SourceError, match="50 steps"):
        find(latched(), [symbols[:50]], {"inside": inside[:50]})


def test_findings_are_kept_beside_the_trace(tmp_path: Path) -> None:
    symbols, inside = bracketed()
    findings = replace(
        find(latched(), [symbols], {"inside": inside}, shifts=30, untrained=False), source={"name": "here"}
    )
    findings.save(tmp_path)
    assert read_findings(tmp_path) == findings
    assert json.loads((tmp_path / "findings.json").read_text())["format"] == "unrolled-findings/1"
    (tmp_path / "findings.json").write_text('{"format": "unrolled-findings/1"}')
    with pytest.raises(TraceError, match="damaged"):
        read_findings(tmp_path)
    (tmp_path / "findings.json").unlink()
    assert read_findings(tmp_path) is None
