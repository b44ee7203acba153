"""What the terminal shows: the text, whole, on the right colours."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from tests.traces.making import LETTERS, Names, make_network, make_symbols
from unrolled.colours import scale_for
from unrolled.errors import TraceError, UnknownNameError
from unrolled.traces.passage import read_passage
from unrolled.traces.record import record_run
from unrolled.traces.show import fitted, show
from unrolled.traces.symbols import draw
from unrolled.traces.trace import Trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    return record_run(make_network(hidden=6), Names(), make_symbols(50, 30))


def shown(trace: Trace, neuron: str, *, start: int = 0, limit: int | None = None, colour: bool = True) -> Text:
    return show(read_passage(trace, neuron, start=start, limit=limit), colour=colour)


def test_every_symbol_stands_on_the_colour_of_its_value(trace: Trace) -> None:
    text = shown(trace, "rnn.l1.output_gate.3", start=40, limit=20)
    values = trace.read("rnn.l1", "output_gate", 40, 60, 3)
    body = text.plain.index("\n\n") + 2
    spans = [span for span in text.spans if span.start >= body and span.style.bgcolor is not None]  # type: ignore[union-attr]
    assert len(spans) == 20
    gates = scale_for((0, 1), gate=True)
    for span, value, symbol in zip(spans, values, trace.symbols[40:60], strict=True):  # type: ignore[index]
        assert text.plain[span.start : span.end] == draw(LETTERS[symbol])
        assert tuple(span.style.bgcolor.triplet) == tuple(gates.colours[round(float(value) * 510)])  # type: ignore[union-attr]
    assert "rnn.l1.output_gate.3  0 " in text.plain
    assert "--start 60" in text.plain


def test_the_cell_state_is_scaled_by_its_own_largest_value(trace: Trace) -> None:
    largest = float(np.abs(trace.read("rnn.l0", "cell", neurons=2)).max())
    assert f"rnn.l0.cell.2  {-largest:.3g} " in shown(trace, "rnn.l0.2").plain


def test_what_is_no_number_is_crossed_out(trace: Trace) -> None:
    passage = read_passage(trace, "rnn.l0.hidden.0", limit=3)
    text = show(replace(passage, values=np.array([np.nan, 0.5, -np.inf])))
    body = text.plain.index("\n\n") + 2
    assert [span.style.strike for span in text.spans if span.start >= body and span.end <= body + 3] == [
        True,
        None,
        True,
    ]  # type: ignore[union-attr]


def test_lines_end_at_newlines_and_sequences(trace: Trace) -> None:
    lines = shown(trace, "rnn.l0.0", limit=None).plain.split("\n\n", 1)[1].splitlines()
    text = trace.text
    assert text is not None
    parts = [line for sequence in (text[:50], text[50:]) for line in sequence.splitlines(keepends=True)]
    assert [line for line in lines if line] == [draw(part) for part in parts]


def test_without_colours_each_step_has_its_value(trace: Trace) -> None:
    lines = shown(trace, "rnn.l0.cell.1", start=3, limit=4, colour=False).plain.splitlines()
    values = trace.read("rnn.l0", "cell", 3, 7, 1)
    assert [line.split("\t")[0] for line in lines] == ["3", "4", "5", "6"]
    assert [line.split("\t")[1] for line in lines] == [draw(LETTERS[symbol]) for symbol in trace.symbols[3:7]]  # type: ignore[index]
    np.testing.assert_allclose([float(line.split("\t")[2]) for line in lines], values, rtol=1e-5)


def test_nothing_in_a_text_moves_the_cursor() -> None:
    assert draw(" \t\n") == "·→⏎"
    assert draw("\x1b[31m") == "�[31m"
    assert draw("\u200b\u202e\x00\x7f") == "����"
    assert draw("\u0301") == "◌\u0301"
    assert draw("漢") == "漢"


def test_it_prints(trace: Trace) -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="truecolor", width=60).print(shown(trace, "rnn.l0.0"), end="")
    assert re.search(r"\x1b\[38;2;(5;6;8|255;255;255);48;2;", out.getvalue())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rnn.l0", r"rnn\.l0\.0 to rnn\.l0\.5"),
        ("rnn.l0.6", "0 to 5"),
        ("rnn.l2.0", "rnn.l1"),
        ("rnn.l0.remember.0", "forget_gate"),
        ("rnn.l0.cell.-1", "0 to 5"),
        ("rnn.l0.cell.1.2", "0 to 5"),
        ("", "rnn.l0"),
    ],
)
def test_unknown_neurons_list_the_valid_ones(trace: Trace, name: str, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        shown(trace, name)


@pytest.mark.parametrize(("start", "limit"), [(-1, 5), (80, 5), (0, 0)])
def test_steps_that_are_not_there(trace: Trace, start: int, limit: int) -> None:
    with pytest.raises(TraceError, match="0 to 79"):
        shown(trace, "rnn.l0.0", start=start, limit=limit)


def test_a_trace_without_a_step(trace: Trace) -> None:
    with pytest.raises(TraceError, match=r"0 of 80 steps are there.*--resume"):
        shown(Trace(trace.info.model_copy(update={"complete_steps": 0}), trace.arrays), "rnn.l0.0")


def test_an_encoding_of_few_letters_has_stand_ins_on_the_same_colours(trace: Trace) -> None:
    text = shown(trace, "rnn.l0.0")
    plain = fitted(text, "ascii")
    assert plain.plain == text.plain.translate({ord("·"): ".", ord("⏎"): "$", ord("…"): "?"})
    assert plain.spans == text.spans
    assert fitted(text, "utf-8").plain == text.plain
    assert fitted(Text("a本·ü"), "latin-1").plain == "a?·ü"
