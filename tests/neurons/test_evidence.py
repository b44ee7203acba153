"""Evidence: planted neurons have their role; every number against a plain computation over whole arrays."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import unrolled
from tests.traces.making import LETTERS, Names, make_network, make_symbols
from tests.training.making import train_tiny, write_text
from unrolled.cells.lstm import LSTM
from unrolled.cli import run
from unrolled.errors import TraceError, UnknownNameError
from unrolled.networks.files import load_network
from unrolled.neurons.columns import Block, read_blocks
from unrolled.neurons.effects import effect_of
from unrolled.neurons.evidence import gather, load_trained
from unrolled.neurons.likeness import Correlations, counterpart, neighbours
from unrolled.neurons.matches import find_matches
from unrolled.neurons.measures import half_life
from unrolled.neurons.roles import Fit, Fits, SymbolChanges, factors, two_levels
from unrolled.traces.format import SHARD, SymbolsInfo, TraceInfo, describe_site
from unrolled.traces.names import parse_neuron
from unrolled.traces.record import record_run
from unrolled.traces.rerun import choose_windows, refuse_other_weights
from unrolled.traces.trace import Trace

PLANTED = ("integrator", "counter", "latch", "switch", None)
LEAKY, EDGE = 4, LETTERS.index("\n")


def make_planted(steps: int, *, reverse: bool = False, seed: int = 0) -> Trace:
    """Cells that do what `PLANTED` says (the last one leaks) over a random text of two sequences."""
    generator = np.random.default_rng(seed)
    symbols = generator.integers(0, len(LETTERS), steps)
    keep, write = np.ones((steps, 5)), np.zeros((steps, 5))
    write[:, 0] = generator.normal(0, 0.1, steps)
    write[:, 1] = np.array([0.0, 0.1, 0.2, -0.2, 0.0, 0.3, -0.3, -0.1])[symbols]
    keep[symbols == EDGE, 1] = 0
    turned = generator.random(steps) < 0.02
    keep[turned, 2], write[turned, 2] = 0, generator.choice([-0.8, 0.8], turned.sum())
    keep[:, 3], write[:, 3] = 0, np.where(symbols % 2, 0.9, -0.4)
    keep[:, LEAKY], write[:, LEAKY] = 0.5, generator.normal(0, 1, steps)
    write[:, 2:4] += generator.normal(0, 1e-3, (steps, 2)) * (keep[:, 2:4] == 0)
    bounds = np.array([[0, steps // 3], [steps // 3, steps]])
    cell = np.zeros((steps, 5))
    for start, stop in bounds:
        before = np.zeros(5)
        for t in range(stop - 1, start - 1, -1) if reverse else range(start, stop):
            cell[t] = before = keep[t] * before + write[t]
    named = {"forget_gate": keep, "input_gate": np.ones((steps, 5)), "candidate": write, "cell": cell}
    site = describe_site("rnn.l0", LSTM(), neurons=5, inputs=8, signals=tuple(named), reverse=reverse)
    info = TraceInfo(
        planned_steps=steps,
        complete_steps=steps,
        sites=(site,),
        symbols=SymbolsInfo(kind="characters", vocabulary=tuple(LETTERS)),
    )
    arrays = {f"signals/rnn.l0/{name}": values for name, values in named.items()}
    return Trace.from_arrays(info, {**arrays, "sequences": bounds, "symbols": symbols.astype(np.uint32)})


@pytest.mark.parametrize("reverse", [False, True])
def test_planted_neurons_have_their_role(reverse: bool) -> None:
    trace = make_planted(6000, reverse=reverse)
    for neuron, role in enumerate(PLANTED):
        found = gather(trace, f"rnn.l0.{neuron}")
        assert found.role == role, found.fits
        assert [fit.role for fit in found.fits] == ["switch", "latch", "counter", "integrator"]


def test_a_reverse_layer_is_read_from_its_end() -> None:
    """What it says of a text is what a forward layer says of the text turned round."""
    trace = make_planted(3000, reverse=True)
    site = trace.info.sites[0].model_copy(update={"direction": "forward"})
    arrays = {f"signals/rnn.l0/{each.name}": trace.read("rnn.l0", each.name)[::-1].copy() for each in site.signals}
    arrays["symbols"] = trace.symbols[::-1].copy()  # type: ignore[index]
    arrays["sequences"] = np.array([[0, 2000], [2000, 3000]])
    turned = Trace.from_arrays(trace.info.model_copy(update={"sites": (site,)}), arrays)
    for neuron in range(len(PLANTED)):
        assert gather(turned, f"rnn.l0.{neuron}").fits == gather(trace, f"rnn.l0.{neuron}").fits


@pytest.mark.parametrize("neuron", range(len(PLANTED)))
def test_however_it_is_cut_into_blocks(neuron: int) -> None:
    trace = make_planted(700)
    name = parse_neuron(f"rnn.l0.{neuron}", trace.info.sites)
    memory = LSTM().memory
    (whole,) = read_blocks(trace, name, memory.reads)
    levels = two_levels(*np.unique(whole.values, return_counts=True))

    def fitted(size: int) -> tuple[Fit, ...]:
        changes, parts = SymbolChanges(len(LETTERS)), [slice(at, at + size) for at in range(0, 700, size)]
        signals = [{key: each[part] for key, each in whole.signals.items()} for part in parts]
        assert whole.symbols is not None
        blocks = [
            Block(whole.steps[part], whole.values[part], own, whole.symbols[part], whole.begins[part])
            for part, own in zip(parts, signals, strict=True)
        ]
        for block in blocks:
            changes.add(block, factors(memory, block)[0])
        fits = Fits(levels, changes.means, True, (4, 16, 64))
        for block in blocks:
            fits.add(block, *factors(memory, block))
        return fits.result()

    for size in (3, 50, 350):
        for one, other in zip(fitted(size), fitted(700), strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-9)
            assert [each.steps for each in one.holds] == [each.steps for each in other.holds]
            assert [each.score for each in one.holds] == pytest.approx([each.score for each in other.holds], abs=1e-9)


def naive_sums(trace: Trace, neuron: int, horizon: int, parts: np.ndarray) -> float:
    """1 − Σ (change − sum of the parts)² / Σ change², by plain loops over all steps with nothing let go between."""
    values, keep = trace["rnn.l0.cell"], trace["rnn.l0.forget_gate"]
    left = all_of = 0.0
    for sequence, whole, kept in zip(trace.sequences, values, keep, strict=True):
        for t in range(horizon, len(sequence)):
            if (kept[t - horizon + 1 : t + 1, neuron] >= 0.5).all():
                change = whole[t, neuron] - whole[t - horizon, neuron]
                left += (change - parts[sequence.start + t - horizon + 1 : sequence.start + t + 1].sum()) ** 2
                all_of += change**2
    return max(0.0, 1 - left / all_of)


def scores(fits: tuple[Fit, ...], role: str) -> dict[int, float]:
    return {hold.steps: hold.score for fit in fits if fit.role == role for hold in fit.holds}


@pytest.mark.parametrize("neuron", [0, 1, LEAKY])
def test_the_scores_are_those_of_plain_loops_over_the_edges_of_blocks(neuron: int) -> None:
    trace = make_planted(SHARD + 3000)
    fits = gather(trace, f"rnn.l0.{neuron}").fits
    write, cell = (np.concatenate(trace[f"rnn.l0.{name}.{neuron}"]) for name in ("candidate", "cell"))
    keep, symbols = np.concatenate(trace[f"rnn.l0.forget_gate.{neuron}"]), trace.symbols
    starts = [sequence.start for sequence in trace.sequences]
    counted = (keep >= 0.5) & ~np.isin(np.arange(trace.steps), starts)
    change = np.diff(cell, prepend=0.0)
    means = np.zeros(len(LETTERS))
    for each in np.unique(symbols[counted]):  # type: ignore[index]
        means[each] = change[counted & (symbols == each)].mean()
    for role, parts in (("integrator", write), ("counter", means[symbols])):
        for horizon, score in scores(fits, role).items():
            assert score == pytest.approx(naive_sums(trace, neuron, horizon, parts), abs=1e-6), (role, horizon)
    assert set(scores(fits, "integrator")) >= {4, 16}


def test_a_latch_is_scored_by_how_long_it_was_held() -> None:
    trace = make_planted(SHARD + 3000)
    found = gather(trace, "rnn.l0.2")
    values = np.concatenate(trace["rnn.l0.cell.2"])
    high, ages, age = values > 0, [], 0
    starts = [sequence.start for sequence in trace.sequences]
    for t in range(len(values)):
        age = 0 if t in starts or high[t] != high[t - 1] else age + 1
        ages.append(age)
    levels = np.where(high, values[high].mean(), values[~high].mean())
    for horizon, score in scores(found.fits, "latch").items():
        old = np.array(ages) >= horizon
        expected = 1 - np.square(values - levels)[old].mean() / values.var()
        assert score == pytest.approx(expected, abs=1e-4)
    assert set(scores(found.fits, "latch")) >= {4, 16, 64}


@given(st.lists(st.floats(-5, 5, width=16), min_size=2, max_size=60).filter(lambda values: len({*values}) > 1))
def test_two_levels_are_the_best_of_all_thresholds(given_values: list[float]) -> None:
    values = np.array(given_values)
    centres, counts = np.unique(values, return_counts=True)
    best = 0.0
    for middle in centres[:-1]:
        parts = [values[values <= middle], values[values > middle]]
        within = sum(len(part) * part.var() for part in parts) / len(values)
        best = max(best, 1 - within / values.var()) if values.var() > 1e-9 else best
    assert two_levels(centres, counts).explained == pytest.approx(best, abs=1e-6)


def test_the_numbers_are_those_of_whole_arrays() -> None:
    trace = record_run(make_network(hidden=6), Names(), make_symbols(300, 500))
    found = gather(trace, "rnn.l1.2")
    values = np.concatenate(trace["rnn.l1.cell.2"])
    assert found.neuron == "rnn.l1.cell.2"
    assert found.statistics.mean == pytest.approx(values.mean(), rel=1e-5)
    assert found.statistics.deviation == pytest.approx(values.std(), rel=1e-5)
    counts, edges = np.histogram(values, 64, (values.min(), values.max()))
    assert sum(found.histogram.counts) == 800
    assert np.abs(np.cumsum(found.histogram.counts) - np.cumsum(counts)).max() <= 1  # a value on an edge may round
    np.testing.assert_allclose(found.histogram.edges, edges, atol=1e-6)
    width = float(values.max() - values.min()) / 4096
    for quantile in found.quantiles:
        assert np.quantile(values, quantile.quantile, method="inverted_cdf") == pytest.approx(quantile.value, abs=width)
        assert len(quantile.examples) == 3
        for place in quantile.examples:
            assert place.value == values[place.step]
    for gate in found.gates:
        gates = np.concatenate(trace[f"rnn.l1.{gate.signal}.2"])
        expected = gates.mean(), (gates < 0.1).mean(), (gates > 0.9).mean()
        assert (gate.mean, gate.shut, gate.open) == pytest.approx(expected)
    assert [gate.signal for gate in found.gates] == ["input_gate", "forget_gate", "output_gate"]
    assert found.half_life == pytest.approx(half_life(np.concatenate(trace["rnn.l1.forget_gate"]))[2])
    json.dumps(found.to_json(), allow_nan=False)


def test_peaks_are_the_highest_and_spread_over_the_text() -> None:
    trace = make_planted(2000)
    found = gather(trace, f"rnn.l0.{LEAKY}")
    values, text = np.concatenate(trace[f"rnn.l0.cell.{LEAKY}"]), trace.text
    assert text is not None
    for places, sign in ((found.highest, 1), (found.lowest, -1)):
        assert len(places) == 10
        assert places[0].step == int((sign * values).argmax())
        heights = [sign * place.value for place in places]
        assert heights == sorted(heights, reverse=True)
        stretches = sorted(place.step // 8 for place in places)
        assert min(np.diff(stretches)) > 1
        beside = [step for at in stretches for step in range(max(0, 8 * (at - 1)), min(8 * (at + 2), 2000))]
        left_out = np.delete(sign * values, beside)
        assert left_out.max() <= sign * places[-1].value
        for place in places:
            start = 666 if place.step >= 666 else 0
            assert place.before == text[max(start, place.step - 40) : place.step]
            assert place.symbol == text[place.step]
            assert place.value == values[place.step]
            assert place.after == text[place.step + 1 : min(place.step + 21, 2000 if start else 666)]


def test_what_never_falls_below_zero_has_no_lowest_places() -> None:
    trace = record_run(make_network(), Names(), make_symbols(100))
    assert gather(trace, "rnn.l0.forget_gate.1").lowest == ()
    assert gather(trace, "rnn.l0.hidden.1").half_life is None


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_a_projected_hidden_state_has_no_gates_of_its_own() -> None:
    torch.manual_seed(0)
    trace = unrolled.trace(torch.nn.LSTM(3, 5, proj_size=2, batch_first=True), torch.randn(1, 60, 3))
    assert gather(trace, "lstm.l0.hidden.1").gates == ()
    assert len(gather(trace, "lstm.l0.cell.1").gates) == 3


@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 99))
def test_correlations_that_stream_are_numpys(steps: int, neurons: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, many = generator.normal(5, 1, steps), generator.normal(-100, 3, (steps, neurons))
    sums = Correlations()
    for start in range(0, steps, 7):
        sums.add(one[start : start + 7], many[start : start + 7])
    expected = [np.corrcoef(one, column)[0, 1] if steps > 1 else 0.0 for column in many.T]
    np.testing.assert_allclose(sums.result(), expected, atol=1e-7)


def test_neurons_like_it_and_its_counterpart() -> None:
    symbols = make_symbols(400)
    trace = record_run(make_network(hidden=6), Names(), symbols)
    name = parse_neuron("rnn.l1.2", trace.info.sites)
    own = np.concatenate([trace["rnn.l0.cell"], trace["rnn.l1.cell"]], axis=1)
    expected = np.corrcoef(own.T)[8]
    found = neighbours(trace, name)
    assert len(found) == 10
    assert "rnn.l1.cell.2" not in {each.name for each in found}
    for each in found:
        at = 6 * (each.name[5] == "1") + int(each.name[-1])
        assert each.correlation == pytest.approx(expected[at], abs=1e-6)
    assert abs(found[0].correlation) == pytest.approx(np.sort(np.abs(expected))[-2], abs=1e-6)
    # The same network under another vocabulary's order, and longer: the neuron finds itself.
    order = np.random.default_rng(0).permutation(len(LETTERS))
    longer = record_run(make_network(hidden=6), Names(), [np.concatenate([symbols[0], symbols[0][:50]])])
    shuffled = Names(tuple(LETTERS[at] for at in order))
    arrays = {"symbols": np.argsort(order)[longer.symbols].astype(np.uint32)}  # type: ignore[index]
    signals = {f"signals/{site}/cell": longer.read(site, "cell") for site in longer.sites}
    info = longer.info.model_copy(update={"symbols": SymbolsInfo(kind="characters", vocabulary=shuffled.symbols)})
    other = Trace.from_arrays(info, {**arrays, **signals, "sequences": np.array([[0, 450]])})
    best = counterpart(trace, name, other)
    assert (best.name, best.correlation) == ("rnn.l1.cell.2", pytest.approx(1, abs=1e-6))
    gru = record_run(make_network("gru"), Names(), symbols)
    assert counterpart(trace, name, gru).name.startswith("rnn.l")
    with pytest.raises(TraceError, match="differ at step"):
        counterpart(trace, name, record_run(make_network(), Names(), make_symbols(400, seed=5)))


class TwoPaces(torch.nn.Module):
    """The second layer reads every other step of the first."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = (torch.nn.LSTM(size, 4, batch_first=True) for size in (3, 4))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(inputs)[0][:, ::2])[0]


@pytest.mark.parametrize("site", ["first.l0", "second.l0"])
def test_a_counterpart_ran_over_the_same_steps(site: str) -> None:
    read = torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(1))
    one, two = (unrolled.trace(TwoPaces().eval(), read) for _ in range(2))
    name = parse_neuron(f"{site}.1", one.info.sites)
    compared = list[int]()
    best = counterpart(one, name, two, progress=lambda done, total, **_: compared.append(total))
    assert (best.name, best.correlation) == (f"{site}.cell.1", pytest.approx(1, abs=1e-6))
    assert compared == [one.steps_of(site)]
    with pytest.raises(TraceError, match=rf"is of another input: no layer of it ran over the steps of {site}"):
        counterpart(one, name, unrolled.trace(TwoPaces().eval(), read[:, :7]))


def test_the_effect_is_what_a_loop_by_hand_gives() -> None:
    """The equations written out, the state held by assignment; from the same windows."""
    network = make_network(layers=1, hidden=4)
    trace = record_run(network, Names(), make_symbols(300))
    found = effect_of(trace, parse_neuron("rnn.l0.cell.1", trace.info.sites), network, -0.5, 0.75)
    weights = network.readout.weight.detach().double()
    rises = (weights[:, 1] - weights[:, 1].mean()).numpy()
    assert found.weights is not None
    raised = {each.symbol: each.change for each in (*found.weights.raises, *found.weights.lowers)}
    assert raised == pytest.approx(dict(zip(LETTERS, rises, strict=True)))
    starts, lengths, known = choose_windows(trace, 0)
    assert known
    means = {}
    p = {name: value.detach().double() for name, value in network.named_parameters()}
    for value in (-0.5, 0.75):
        rows = []
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            h, c = torch.zeros(4).double(), torch.zeros(4).double()
            if start:
                read = [trace.read("rnn.l0", name, start - 1, start)[0] for name in ("hidden", "cell")]
                h, c = (torch.from_numpy(values).double() for values in read)
            for symbol in trace.symbols[start : start + length]:  # type: ignore[index]
                sums = p["rnn.weight_ih_l0"][:, symbol] + p["rnn.bias_ih_l0"]
                sums = sums + p["rnn.weight_hh_l0"] @ h + p["rnn.bias_hh_l0"]
                i, f, g, o = sums.chunk(4)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                c[1] = value
                h = o.sigmoid() * c.tanh()
                rows.append(torch.log_softmax(p["readout.weight"] @ h + p["readout.bias"], 0))
        means[value] = torch.stack(rows).mean(0)
    expected = dict(enumerate((means[0.75] - means[-0.5]).tolist()))
    measured = (*found.measured.raises, *found.measured.lowers)
    assert {LETTERS.index(each.symbol): each.change for each in measured} == pytest.approx(expected, abs=1e-5)
    refuse_other_weights(trace, network)
    with pytest.raises(TraceError, match="other weights"):
        refuse_other_weights(trace, make_network(layers=1, hidden=4, seed=2))
    with pytest.raises(TraceError, match=r"but the network has rnn\.l0 \(lstm, 5 neurons\)"):
        refuse_other_weights(trace, make_network(layers=1, hidden=5))


def test_the_command_prints_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = write_text(tmp_path)
    train_tiny(text, tmp_path / "run", steps=3)
    for out in ("one", "two"):
        assert run(["trace", str(tmp_path / "run"), str(text), "--out", str(tmp_path / out), "--limit", "300"]) == 0
    capsys.readouterr()
    one, two, network = (str(tmp_path / name) for name in ("one", "two", "run"))
    command = ["evidence", one, "rnn.l0.1", "--run", network, "--other", two]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    trained = load_trained(Trace.open(one), network)
    expected = gather(Trace.open(one), "rnn.l0.1", trained=trained, others=[Trace.open(two)])
    assert found == json.loads(json.dumps(expected.to_json()))
    unroll = json.loads((tmp_path / "run" / "settings.json").read_text())["training"]["unroll"]
    assert found["training_steps"] == unroll
    assert {unroll, 4 * unroll} <= {hold["steps"] for fit in found["fits"] for hold in fit["holds"]}
    assert found["others"][0]["name"] == "rnn.l0.cell.1"
    assert run(command) == 0
    shown = capsys.readouterr().out
    for word in ("highest", "examples by quantile", "latch", "forget_gate", "held", "neurons like it"):
        assert word in shown
    assert f"{found['highest'][0]['step']:,} " in shown
    symbols = len(load_network(tmp_path / "run").vocabulary)
    assert len(found["effect"]["measured"]["raises"]) + len(found["effect"]["measured"]["lowers"]) <= symbols


def test_what_cannot_be_told_is_said_in_one_line() -> None:
    trace = record_run(make_network(), Names(), make_symbols(50))
    with pytest.raises(UnknownNameError, match=r"rnn\.l0\.0 to rnn\.l0\.4"):
        gather(trace, "rnn.l0")
    spoiled = make_planted(60)
    spoiled.arrays.read("signals/rnn.l0/cell")[7, 2] = np.nan
    with pytest.raises(TraceError, match=r"rnn\.l0\.cell\.2 holds values that are no numbers"):
        gather(spoiled, "rnn.l0.2")


def peak_memory(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_trace() -> None:
    short, long = make_planted(2 * SHARD), make_planted(10 * SHARD)

    def match(trace: Trace) -> object:
        return find_matches(trace, range(9, 11), threshold=0.01)

    def look(trace: Trace) -> object:
        return gather(trace, "rnn.l0.1")

    for work in (match, look):
        assert peak_memory(lambda w=work: w(long)) < 1.5 * peak_memory(lambda w=work: w(short))
