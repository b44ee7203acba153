"""Match: against a plain slow loop over whole arrays, on recordings in memory and on the disk."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces.making import LETTERS, Names, make_network, make_symbols
from unrolled.cells.lstm import LSTM
from unrolled.cli import run
from unrolled.errors import SettingsError, TraceError, UnknownNameError
from unrolled.neurons.matches import Matches, find_matches
from unrolled.neurons.switches import Off, SpanValues, open_layers
from unrolled.traces.format import CHUNK, SHARD, SymbolsInfo, TraceInfo, describe_site
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace

OFF: tuple[Off, ...] = ("none", "before", "after", "both")


def slow(trace: Trace, span: range, threshold: float, off: Off, least: int | None, signal: str) -> dict[str, object]:
    """Step by step and neuron by neuron, as docs/reference/match.md says it."""
    columns, names, limits = [], [], []
    for site in trace.info.sites:
        values = trace.read(site.name, signal)
        for neuron in range(values.shape[1]):
            names.append(f"{site.name}.{signal}.{neuron}")
            columns.append(values[:, neuron].tolist())
            bound = 1.0 if signal != "cell" else float(trace.statistics(f"{site.name}.cell").largest[neuron])
            limits.append(float(np.float32(threshold) * np.float32(bound)) or math.inf)
    inside = next(sequence for sequence in trace.sequences if span.start in sequence)

    def on(neuron: int, sign: int, step: int) -> bool:
        return sign * columns[neuron][step] >= limits[neuron]

    chosen = {}
    for neuron in range(len(names)):
        for sign in (1, -1):
            held = all(on(neuron, sign, step) for step in span)
            begins = off in ("before", "both") and span.start - 1 in inside and on(neuron, sign, span.start - 1)
            ends = off in ("after", "both") and span.stop in inside and on(neuron, sign, span.stop)
            if held and not begins and not ends:
                chosen[neuron] = sign
    least = math.ceil(3 * len(chosen) / 4) if least is None else least
    places = []
    for sequence in trace.sequences:
        begun = None
        for step in [*sequence, None]:
            enough = step is not None and sum(on(neuron, sign, step) for neuron, sign in chosen.items()) >= least
            if enough and begun is None:
                begun = step
            if not enough and begun is not None:
                places.append(range(begun, sequence.stop if step is None else step))
                begun = None
    ranked = []
    for place in places:
        if place.stop > span.start and place.start < span.stop:
            continue
        own = sum(all(on(neuron, sign, step) for step in place) for neuron, sign in chosen.items())
        rest = [neuron for neuron in range(len(names)) if neuron not in chosen]
        others = sum(all(on(neuron, sign, step) for step in place) for neuron in rest for sign in (1, -1))
        ranked.append((-own, abs(len(place) - len(span)), others, place.start, place.stop))
    ends = {sequence.stop for sequence in trace.sequences}
    following = Counter(None if rank[4] in ends else trace.labels(rank[4], rank[4] + 1)[0] for rank in ranked)
    return {
        "neurons": [(names[neuron], sign) for neuron, sign in chosen.items()],
        "places": [(start, stop, -own, others) for own, _, others, start, stop in sorted(ranked)],
        "next": following,
    }


def assert_same(found: Matches, expected: dict[str, object]) -> None:
    assert [(neuron.name, neuron.sign) for neuron in found.neurons] == expected["neurons"]
    assert [(each.start, each.stop, each.on, each.others) for each in found.matches] == expected["places"]
    assert found.places == len(found.matches)
    assert {each.symbol: each.places for each in found.next} == expected["next"]
    counts = [each.places for each in found.next]
    assert counts == sorted(counts, reverse=True)
    assert sum(each.share for each in found.next) == pytest.approx(1 if found.places else 0)


@given(st.data())
def test_it_finds_what_a_slow_loop_finds(data: st.DataObject) -> None:
    draw = data.draw
    trace = record_run(
        make_network(hidden=draw(st.sampled_from([3, 9])), seed=draw(st.integers(0, 5))),
        Names(),
        make_symbols(*draw(st.lists(st.integers(1, 90), min_size=1, max_size=4)), seed=draw(st.integers(0, 9))),
    )
    sequence = draw(st.sampled_from(trace.sequences))
    start = draw(st.integers(sequence.start, sequence.stop - 1))
    span = range(start, min(sequence.stop, start + draw(st.integers(1, 4))))
    signal, off = draw(st.sampled_from(["cell", "hidden", "forget_gate"])), draw(st.sampled_from(OFF))
    threshold, top = draw(st.sampled_from([0.02, 0.1, 0.3, 0.6])), 10**6
    expected = slow(trace, span, threshold, off, None, signal)
    if not expected["neurons"]:
        with pytest.raises(TraceError, match="No neuron is above the threshold"):
            find_matches(trace, span, signal=signal, threshold=threshold, off=off, top=top)
        return
    least = draw(st.none() | st.integers(1, len(expected["neurons"])))
    expected = slow(trace, span, threshold, off, least, signal)
    found = find_matches(trace, span, signal=signal, threshold=threshold, off=off, least=least, top=top)
    assert_same(found, expected)
    best = find_matches(trace, span, signal=signal, threshold=threshold, off=off, least=least, top=2)
    assert best.matches == found.matches[:2]
    assert (best.places, best.next) == (found.places, found.next)


def make_long(folder: Path, *, stored: bool = True) -> Trace:
    """Two shards and some of a 40-neuron cell state that mostly rests: bursts at shards' and chunks' edges, one long
    run over several blocks, and sequences that end in the middle of a run, one of them with a block."""
    steps = 2 * SHARD + 300
    generator = np.random.default_rng(3)
    values = generator.uniform(-0.2, 0.2, (steps, 40)).astype(np.float32)
    for start, stop in (
        (50, 60),
        (CHUNK - 3, CHUNK + 7),
        (SHARD - 5, SHARD + 5),
        (2 * SHARD - 9, 2 * SHARD + 6),
        (5000, 5010),
    ):
        values[start:stop, [1, 35]] = 0.9
        values[start:stop, 7] = -0.9
    values[SHARD + 200 : 2 * SHARD - 400, [1, 35]] = 0.7
    values[SHARD + 200 : 2 * SHARD - 400, 7] = -0.7
    values[7000:7010, [1, 7, 35]] = [0.9, 0.9, 0.9]
    values[steps - 4 :, [1, 35]] = 0.9
    site = describe_site("rnn.l0", LSTM(), neurons=40, inputs=3, signals=("hidden",))
    symbols = SymbolsInfo(kind="characters", vocabulary=tuple(LETTERS))
    info = TraceInfo(planned_steps=steps, complete_steps=steps, sites=(site,), symbols=symbols)
    arrays = {
        "sequences": np.array([[0, 5004], [5004, 2 * SHARD], [2 * SHARD, steps]]),
        "symbols": generator.integers(0, len(LETTERS), steps).astype(np.uint32),
        "signals/rnn.l0/hidden": values,
    }
    trace = Trace.from_arrays(info, arrays)
    return trace.save(folder) if stored else trace


@pytest.mark.parametrize("least", [None, 2, 1])
def test_runs_go_on_over_the_edges_of_chunks_and_blocks(least: int | None, tmp_path: Path) -> None:
    stored, in_memory = make_long(tmp_path / "t"), make_long(tmp_path, stored=False)
    expected = slow(in_memory, range(50, 60), 0.5, "none", least, "hidden")
    assert [name for name, _ in expected["neurons"]] == [f"rnn.l0.hidden.{each}" for each in (1, 7, 35)]
    for trace in (stored, in_memory):
        assert_same(find_matches(trace, range(50, 60), threshold=0.5, least=least, top=100), expected)
    found = find_matches(stored, range(50, 60), threshold=0.5)
    spans = {(each.start, each.stop) for each in found.matches}
    assert {(SHARD - 5, SHARD + 5), (CHUNK - 3, CHUNK + 7), (SHARD + 200, 2 * SHARD - 400)} <= spans
    assert {(5000, 5004), (5004, 5010), (2 * SHARD - 9, 2 * SHARD), (2 * SHARD, 2 * SHARD + 6)} <= spans


def test_chunks_in_which_nothing_can_be_on_are_not_read(tmp_path: Path) -> None:
    """Their file is cut short: whoever read it would find it damaged."""
    trace = make_long(tmp_path / "t")
    expected = find_matches(trace, range(50, 60), threshold=0.5)
    path = tmp_path / "t" / "signals" / "rnn.l0" / "hidden" / "c" / "0" / "0"
    shard = bytearray(path.read_bytes())
    index = np.frombuffer(shard[-(SHARD // CHUNK * 2 * 16 + 4) : -4], "<u8").reshape(-1, 2)
    for chunk in (2, 3, 9, 14):  # of the first block; 0, 1, 4, 6 and 15 hold bursts
        for place, size in index[2 * chunk : 2 * chunk + 2].tolist():
            shard[place : place + size] = bytes(size)
    path.write_bytes(shard)
    damaged = Trace.open(tmp_path / "t")
    with pytest.raises(TraceError, match="damaged"):
        damaged.read("rnn.l0", "hidden", 2 * CHUNK, 3 * CHUNK)
    assert find_matches(damaged, range(50, 60), threshold=0.5) == expected


def test_the_texts_around() -> None:
    trace = record_run(make_network(), Names(), make_symbols(70, 30))
    text = trace.text
    assert text is not None
    found = find_matches(trace, range(10, 12), threshold=0.05, signal="hidden", least=1, top=1000)
    for each in (found.span, *found.matches):
        ends = 70 if each.start < 70 else 100
        assert each.text == text[each.start : each.stop]
        assert each.before == text[max(each.start - 40, ends - 70 if ends == 70 else 70) : each.start]
        assert each.after == text[each.stop : min(each.stop + 20, ends)]
    for match in found.matches:
        assert match.next == (text[match.stop] if match.stop not in (70, 100) else None)


def make_restless() -> Trace:
    """Two neurons whose sign changes at every step."""
    site = describe_site("rnn.l0", LSTM(), neurons=2, inputs=3, signals=("hidden",))
    arrays = {"sequences": np.array([[0, 60]]), "signals/rnn.l0/hidden": np.tile([[0.9, -0.9], [-0.9, 0.9]], (30, 1))}
    return Trace.from_arrays(TraceInfo(planned_steps=60, complete_steps=60, sites=(site,)), arrays)


def test_a_threshold_is_proposed() -> None:
    trace = record_run(make_network(hidden=9), Names(), make_symbols(60))
    with pytest.raises(
        TraceError, match=r"No neuron is above the threshold 0\.99 all over 5:9\. --threshold"
    ) as raised:
        find_matches(trace, range(5, 9), signal="hidden", threshold=0.99)
    words = raised.value.hint.removesuffix(".").split()
    found = find_matches(trace, range(5, 9), signal="hidden", threshold=float(words[1]))
    assert len(found.neurons) == int(words[3]) >= 1
    with pytest.raises(TraceError, match="No threshold gives one: take a shorter span"):
        find_matches(make_restless(), range(60), threshold=0.9)


def test_memory_does_not_grow_with_the_span(tmp_path: Path) -> None:
    (layer,) = open_layers(make_long(tmp_path / "t"), None, ())
    peaks: list[int] = []
    for span in (range(5004, 5004 + CHUNK), range(5004, 2 * SHARD)):
        tracemalloc.start()
        SpanValues.read(layer, span).choose(0.3, "both")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_what_cannot_be_asked_is_said_in_one_line() -> None:
    trace = record_run(make_network(), Names(), make_symbols(20, 20))
    for span, says in (
        (range(5, 5), "holds no steps"),
        (range(-1, 3), "0:40"),
        (range(38, 41), "0:40"),
        (range(18, 22), "leaves its sequence, which is 0:20"),
    ):
        with pytest.raises(TraceError, match=says):
            find_matches(trace, span)
    for given_ in (
        {"threshold": 0.0},
        {"threshold": 1.5},
        {"threshold": math.nan},
        {"top": 0},
        {"threshold": 0.01, "least": 99},
        {"threshold": 0.01, "least": 0},
    ):
        with pytest.raises(SettingsError):
            find_matches(trace, range(3, 5), **given_)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match=r"rnn\.l0, rnn\.l1"):
        find_matches(trace, range(3, 5), sites=["rnn.l2"])
    with pytest.raises(UnknownNameError, match="forget_gate"):
        find_matches(trace, range(3, 5), signal="update_gate")
    assert find_matches(trace, range(3, 5), sites=["rnn.l1"], threshold=0.01).sites == ("rnn.l1",)


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = record_run(make_network(hidden=9), Names(), make_symbols(200), out=tmp_path / "t")
    command = ["match", str(tmp_path / "t"), "--span", "50:52", "--threshold", "0.3"]
    assert run([*command, "--json"]) == 0
    expected = find_matches(trace, range(50, 52), threshold=0.3, top=20)
    assert expected.matches
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(expected.to_json()))
    assert run(command) == 0
    shown = capsys.readouterr().out.splitlines()
    names = ", ".join(f"{'+' if each.sign > 0 else '−'}{each.name}" for each in expected.neurons)
    assert shown[0].startswith(f"on all over the span ({len(expected.neurons)}): {names[:40]}")
    rows = [line.split() for line in shown[4 : 4 + len(expected.matches)]]
    assert [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows] == [
        (each.start, each.stop - each.start, each.on, each.others) for each in expected.matches
    ]
    assert f"{expected.places} other places in 200 steps" in shown[-2]
    assert run([*command, "--least", "1", "--threshold", "0.01"]) == 0
    assert "no other place in 200 steps; look with another --least" in capsys.readouterr().out
    assert run([*command, "--off", "none", "--site", "rnn.l1", "--signal", "hidden", "--top", "3"]) == 0
    capsys.readouterr()
    for span, says in (
        ("50-52", "it is START:STOP"),
        ("52:50", "holds no steps"),
        ("1:x", "START:STOP"),
    ):
        assert run([*command[:3], span]) == 2
        assert says in capsys.readouterr().err
    assert run([*command, "--off", "beside"]) == 2
    assert "there are: after, before, both, none" in capsys.readouterr().err
