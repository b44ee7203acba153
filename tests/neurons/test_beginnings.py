"""A trace's first steps, as if no more had been recorded."""

from __future__ import annotations

import pytest

from tests.traces.making import Names, make_network, make_symbols
from unrolled.neurons.evidence import gather
from unrolled.traces.record import record_run


def test_evidence_of_a_beginning_is_that_of_a_shorter_recording() -> None:
    (symbols,) = make_symbols(400)
    network = make_network()
    whole, part = (record_run(network, Names(), [each]) for each in (symbols, symbols[:150]))
    begun = whole.first(150)
    assert (begun.steps, begun.text) == (150, part.text)
    found, expected = gather(begun, "rnn.l1.2", near=False), gather(part, "rnn.l1.2", near=False)
    assert found.neighbours == ()
    assert found.half_life == pytest.approx(expected.half_life, rel=1e-6)
    for one, other in zip(found.fits, expected.fits, strict=True):
        assert (one.role, one.score) == (other.role, pytest.approx(other.score, abs=2e-3))  # the bins are the whole's
    assert whole.first(1000).steps == 400
