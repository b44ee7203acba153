"""The text in the terminal: every step once, aligned, on the colour of its value."""

from __future__ import annotations

import numpy as np
import pytest
from rich.cells import cell_len
from rich.color import Color

from unrolled.errors import TraceError, UnknownNameError
from unrolled.networks import Network, NetworkSettings
from unrolled.sources.vocabulary import Vocabulary
from unrolled.traces.colours import colour_of, domain_of, ink_on
from unrolled.traces.format import SignalInfo
from unrolled.traces.record import record_run
from unrolled.traces.show import drawing, show
from unrolled.traces.trace import Trace

TEXT = "a b\tc\n世界 e\u0301\x07\r\nabc" * 5


@pytest.fixture
def trace() -> Trace:
    vocabulary = Vocabulary.of(TEXT)
    network = Network(NetworkSettings.parse({"hidden": 3}), len(vocabulary))
    return record_run(network, vocabulary, [vocabulary.encode(TEXT)])


def test_every_step_stands_once_and_lines_keep_within_the_width(trace: Trace) -> None:
    lines = list(show(trace, "rnn.l0.1", width=7))[1:]
    assert "".join(line.plain for line in lines) == "".join(drawing(character) for character in TEXT)
    assert max(cell_len(line.plain) for line in lines) <= 7


def test_each_character_stands_on_the_colour_of_its_value(trace: Trace) -> None:
    values = trace["rnn.l0.cell.1"]
    assert isinstance(values, np.ndarray)
    signal = trace.info.site("rnn.l0").signal("cell")
    domain = domain_of(signal, float(np.abs(values).max()))
    grounds = [
        Color.parse(str(span.style).rpartition(" on ")[2]).triplet
        for line in list(show(trace, "rnn.l0.1", width=40))[1:]
        for span in line.spans
    ]
    expected = [colour_of(signal, float(value), domain) for value in values]
    assert [tuple(ground) for ground in grounds if ground] == expected


def test_ends_and_middle_of_the_scales() -> None:
    cell = SignalInfo(name="cell", symbol="c", role="state", range=(None, None), article="", neurons=1)
    gate = SignalInfo(name="forget_gate", symbol="f", role="gate", range=(0, 1), article="", neurons=1)
    assert domain_of(cell, 4.0) == (-4.0, 4.0)
    assert [colour_of(cell, value, (-4.0, 4.0)) for value in (-4, 0, 4, -9, 9)] == [
        (103, 0, 31),
        (247, 247, 247),
        (5, 48, 97),
        (103, 0, 31),
        (5, 48, 97),
    ]
    assert domain_of(gate, 0.3) == (0.0, 1.0)
    assert colour_of(gate, 0.0, (0.0, 1.0)) == (224, 243, 219)
    assert colour_of(gate, 1.0, (0.0, 1.0)) == (8, 64, 129)
    # Halfway between the first two of eight stops: (224 + 204) / 2, (243 + 235) / 2, (219 + 197) / 2.
    assert colour_of(gate, 0.5 / 7, (0.0, 1.0)) == (214, 239, 208)


def test_letters_can_be_read_on_every_ground() -> None:
    assert ink_on((103, 0, 31)) == ink_on((5, 48, 97)) == (255, 255, 255)
    assert ink_on((247, 247, 247)) == ink_on((224, 243, 219)) == (0, 0, 0)


def test_what_is_not_there_is_refused(trace: Trace) -> None:
    with pytest.raises(UnknownNameError, match=r"0 to 2"):
        list(show(trace, "rnn.l0.3"))
    with pytest.raises(TraceError, match="nothing to show"):
        list(show(trace, "rnn.l0.0", start=len(TEXT)))
