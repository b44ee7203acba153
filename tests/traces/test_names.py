"""Names of neurons, where sites have dots and digits in their own names."""

from __future__ import annotations

import pytest

from tests.traces.making import Names, make_network, make_symbols
from unrolled.cells.lstm import LSTM
from unrolled.errors import UnknownNameError
from unrolled.traces.format import describe_site
from unrolled.traces.names import Name, parse_name, parse_neuron
from unrolled.traces.record import record_run

SITES = [
    describe_site(name, LSTM(), neurons=12, inputs=3)
    for name in [
        "rnn.l1",
        "rnn.l10",
        "blocks.3.lstm.l0",
        "blocks.3.lstm.l0_reverse",
        "lstm#2.l0",
        "0.l0",
        "a.l0",
        "a.l0.7",
    ]
]


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("rnn.l1", Name("rnn.l1", "cell")),
        ("rnn.l10.3", Name("rnn.l10", "cell", 3)),
        ("rnn.l1.0", Name("rnn.l1", "cell", 0)),
        ("blocks.3.lstm.l0.forget_gate.11", Name("blocks.3.lstm.l0", "forget_gate", 11)),
        ("blocks.3.lstm.l0_reverse.hidden", Name("blocks.3.lstm.l0_reverse", "hidden")),
        ("lstm#2.l0.4", Name("lstm#2.l0", "cell", 4)),
        ("0.l0.2", Name("0.l0", "cell", 2)),
        ("a.l0.6", Name("a.l0", "cell", 6)),
        ("a.l0.7.6", Name("a.l0.7", "cell", 6)),
    ],
)
def test_names(given: str, means: Name) -> None:
    assert parse_name(given, SITES) == means
    assert parse_name(str(means), SITES) == means


@pytest.mark.parametrize(
    "given", ["", ".", "rnn", "rnn.l", "rnn.l2", "rnn.l1.", "rnn.l1.12", "rnn.l1.cell.", "rnn.l1.cell.١", "rnn.l1[3]"]
)
def test_what_is_no_name(given: str) -> None:
    with pytest.raises(UnknownNameError, match="there are:"):
        parse_name(given, SITES)


def test_a_command_for_one_neuron_wants_one() -> None:
    assert parse_neuron("rnn.l1.3", SITES).neuron == 3
    with pytest.raises(UnknownNameError, match=r"rnn\.l1\.cell\.0 to rnn\.l1\.cell\.11"):
        parse_neuron("rnn.l1.cell", SITES)


def test_a_trace_says_which_names_it_knows() -> None:
    trace = record_run(make_network(layers=1, hidden=3), Names(), make_symbols(4))
    assert "rnn.l0.forget_gate.2" in trace
    assert "rnn.l0" in trace
    for unknown in ("rnn.l0.forget_gate.3", "rnn.l1", "", 7):
        assert unknown not in trace
