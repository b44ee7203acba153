"""What is recorded is what the reference engine computes, whatever the lengths, and Zarr itself reads it so."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traces.making import LETTERS, Names, make_network, make_symbols
from unrolled.engines.reference import ReferenceEngine
from unrolled.errors import OutputExistsError, TraceError, UnknownNameError
from unrolled.networks import Network
from unrolled.traces.record import record_run
from unrolled.traces.slices import SHORTEST, plan_slices, slice_steps
from unrolled.traces.trace import Trace


def truth(network: Network, symbols: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Every signal by its name, and the probabilities `(steps, symbols)`: the reference engine, in float64."""
    wide = Network(network.settings, network.symbols).double()
    wide.load_state_dict({name: value.double() for name, value in network.state_dict().items()})
    names = [signal.name for signal in wide.cell.signals]
    with torch.no_grad():
        x = F.one_hot(torch.from_numpy(symbols), network.symbols).double()[:, None]
        result = ReferenceEngine().run(wide.rnn.stack(), x, record=names)
        odds = torch.softmax(wide.readout(result.outputs[:, 0]), -1).numpy()
    signals = {
        f"rnn.{layer}.{name}": value[:, 0].numpy()
        for layer, values in result.signals.items()
        for name, value in values.items()
    }
    return signals, odds


@pytest.mark.parametrize("engine", ["auto", "reference"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole", "feedforward"])
def test_stored_signals_are_those_of_the_reference_in_float64(cell: str, engine: str, tmp_path: Path) -> None:
    network = make_network(cell)
    sequences = make_symbols(3, 2500, 1, 40)
    trace = record_run(network, Names(), sequences, out=tmp_path / "t", engine=engine)
    group = zarr.open_group(tmp_path / "t", mode="r")  # read by Zarr alone, not by us
    start = 0
    for symbols in sequences:
        stop = start + len(symbols)
        signals, odds = truth(network, symbols)
        for name, right in signals.items():
            site, _, signal = name.rpartition(".")
            got = np.asarray(group[f"signals/{site}/{signal}"][start:stop])  # type: ignore[index]
            np.testing.assert_allclose(got, right, atol=2e-5, rtol=1e-5, err_msg=name)
        loss = np.asarray(group["loss"][start:stop])  # type: ignore[index]
        np.testing.assert_allclose(loss[:-1], -np.log(odds[np.arange(len(symbols) - 1), symbols[1:]]), atol=1e-4)
        assert np.isnan(loss[-1])
        best = np.asarray(group["predictions/symbols"][start:stop])  # type: ignore[index]
        np.testing.assert_allclose(
            group["predictions/probabilities"][start:stop],  # type: ignore[index]
            np.take_along_axis(odds, best.astype(int), 1),
            atol=1e-5,
        )
        np.testing.assert_allclose(np.take_along_axis(odds, best.astype(int), 1), -np.sort(-odds)[:, :5], atol=1e-5)
        start = stop
    assert trace.text == "".join(LETTERS[i] for i in np.concatenate(sequences))
    assert trace.sequences == [range(0, 3), range(3, 2503), range(2503, 2504), range(2504, 2544)]
    assert trace.info.whole
    assert not (tmp_path / "t" / "resume").exists()


@settings(max_examples=10)
@given(
    lengths=st.lists(st.integers(1, 60) | st.sampled_from([1024, 1025, 2049]), min_size=1, max_size=5),
    hidden=st.sampled_from([1, 2, 31, 32, 33, 70]),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_stored_and_gathered_traces_are_the_same(
    lengths: list[int], hidden: int, dtype: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    network = make_network(layers=1, hidden=hidden)
    sequences = make_symbols(*lengths)
    out = tmp_path_factory.mktemp("trace") / "t"
    stored = record_run(network, Names(), sequences, out=out, dtype=dtype)  # type: ignore[arg-type]
    gathered = record_run(network, Names(), sequences, dtype=dtype)  # type: ignore[arg-type]
    for signal in stored.info.sites[0].signals:
        kept = stored.read("rnn.l0", signal.name)
        assert kept.dtype == ("float32" if signal.name == "cell" else dtype)
        assert np.array_equal(kept, gathered.read("rnn.l0", signal.name))
        for own, other in zip(
            stored.statistics(f"rnn.l0.{signal.name}"), gathered.statistics(f"rnn.l0.{signal.name}"), strict=True
        ):
            np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)
    assert np.array_equal(stored.loss, gathered.loss, equal_nan=True)  # type: ignore[arg-type]
    assert stored.info.nats_per_symbol == pytest.approx(gathered.info.nats_per_symbol)
    assert stored.info.telling == gathered.info.telling


def test_zoom_and_statistics_over_several_shards(tmp_path: Path) -> None:
    network = make_network(layers=1, hidden=3)
    steps = 16_384 * 2 + 1024 * 3 + 77
    trace = record_run(network, Names(), make_symbols(steps), out=tmp_path / "t")
    for name in ("rnn.l0.cell", "rnn.l0.output_gate"):
        values = np.asarray(trace[name], np.float64)
        for level, block in enumerate((64, 1024, 16_384)):
            zoom = trace.zoom(name, level)
            assert zoom is not None
            parts = [values[first : first + block] for first in range(0, steps, block)]
            assert np.array_equal(zoom[:, :, 0], np.stack([part.min(0) for part in parts]).astype(np.float32))
            assert np.array_equal(zoom[:, :, 1], np.stack([part.max(0) for part in parts]).astype(np.float32))
            np.testing.assert_allclose(zoom[:, :, 2], [part.mean(0) for part in parts], rtol=1e-6, atol=1e-7)
        table = trace.statistics(name)
        right = [values.min(0), values.max(0), values.mean(0), values.var(0), np.abs(values).max(0)]
        for got, value in zip(table, right, strict=True):
            np.testing.assert_allclose(got, value, rtol=1e-6, atol=1e-7)


def test_long_zoom_fills_more_than_one_chunk(tmp_path: Path) -> None:
    """256 blocks of 1024 steps are one chunk file; the next blocks go to a second one."""
    network = make_network("feedforward", layers=1, hidden=1)
    steps = 1024 * 256 + 16_384 + 5
    trace = record_run(network, Names(), make_symbols(steps), out=tmp_path / "t")
    values = np.asarray(trace["rnn.l0.hidden"])
    zoom = trace.zoom("rnn.l0", 1)
    assert zoom is not None
    assert len(zoom) == 273
    assert np.array_equal(zoom[:, 0, 1], [values[first : first + 1024].max() for first in range(0, steps, 1024)])


def test_shapes_follow_the_sequences() -> None:
    network = make_network(hidden=4)
    one = record_run(network, Names(), make_symbols(7))
    several = record_run(network, Names(), make_symbols(7, 7, 7))
    ragged = record_run(network, Names(), make_symbols(7, 3))
    assert one["rnn.l0.cell"].shape == (7, 4)  # type: ignore[union-attr]
    assert one["rnn.l1.cell.3"].shape == (7,)  # type: ignore[union-attr]
    assert several["rnn.l0"].shape == (3, 7, 4)  # type: ignore[union-attr]
    assert several["rnn.l0.2"].shape == (3, 7)  # type: ignore[union-attr]
    assert [part.shape for part in ragged["rnn.l0.hidden"]] == [(7, 4), (3, 4)]
    # An engine may add up several sequences in another order than one.
    np.testing.assert_allclose(ragged["rnn.l0.hidden"][0], one["rnn.l0.hidden"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(several["rnn.l1.cell.1"][0], one["rnn.l1.cell"][:, 1], rtol=1e-5, atol=1e-6)  # type: ignore[call-overload]


def test_limit_and_signals_choose_what_is_recorded() -> None:
    trace = record_run(make_network(), Names(), make_symbols(30, 30), limit=40, signals=["cell", "hidden"], top=99)
    assert trace.steps == 40
    assert trace.sequences == [range(0, 30), range(30, 40)]
    assert [signal.name for signal in trace.info.sites[0].signals] == ["cell", "hidden"]
    assert trace.predictions is not None
    assert trace.predictions.probabilities.shape == (40, len(LETTERS))
    np.testing.assert_allclose(trace.predictions.probabilities.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"signals": ["remember_gate"]}, UnknownNameError, "forget_gate"),
        ({"engine": "cuda"}, UnknownNameError, "reference"),
        ({"limit": 0}, TraceError, "nothing to record"),
        ({"top": 0}, TraceError, "at least one"),
        ({"sequences": []}, TraceError, "no steps"),
        ({"sequences": [np.array([0, 99])]}, TraceError, "symbol 99"),
        ({"sequences": [np.array([0, -1])]}, TraceError, "symbol -1"),
    ],
)
def test_bad_requests_are_refused_in_one_line(
    change: dict[str, object], error: type[Exception], says: str, tmp_path: Path
) -> None:
    given_ = {"sequences": make_symbols(9), **change}
    with pytest.raises(error, match=says) as caught:
        record_run(make_network(), Names(), out=tmp_path / "t", **given_)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    network, out = make_network(), tmp_path / "t"
    first = record_run(network, Names(), make_symbols(9), out=out)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        record_run(network, Names(), make_symbols(9, seed=5), out=out)
    assert np.array_equal(Trace.open(out).symbols, first.symbols)  # type: ignore[arg-type]
    second = record_run(network, Names(), make_symbols(9, seed=5), out=out, overwrite=True)
    assert not np.array_equal(second.symbols, first.symbols)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["t"]
    mine = tmp_path / "home"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    for option in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputExistsError, match="no trace"):
            record_run(network, Names(), make_symbols(9), out=mine, **option)  # type: ignore[arg-type]
    assert (mine / "letter.txt").read_text() == "dear"


def test_modes_are_put_back_and_dropout_does_not_act() -> None:
    network = make_network(dropout=0.5)
    network.train()
    one, two = (record_run(network, Names(), make_symbols(50)) for _ in range(2))
    assert network.training
    assert np.array_equal(one["rnn.l1.hidden"], two["rnn.l1.hidden"])


@given(
    st.lists(st.integers(1, 30) | st.integers(SHORTEST - 2, 20 * SHORTEST), min_size=1, max_size=12),
    st.sampled_from([6, 9216, 10**7]),
)
def test_slices_cover_every_step_once_and_cut_long_sequences_where_shards_end(lengths: list[int], width: int) -> None:
    bounds = np.cumsum([0, *lengths])
    spans = [range(int(a), int(b)) for a, b in pairwise(bounds)]
    slices = plan_slices(spans, width)
    assert [part.start for part in slices] == [0, *(part.stop for part in slices[:-1])]
    assert slices[-1].stop == bounds[-1]
    for part in slices:
        assert part.stop - part.start <= slice_steps(width) or len(part.sequences) > 1
        assert part.fresh == (part.start in set(bounds.tolist()))
        if not part.fresh:
            assert part.start % slice_steps(width) == 0
