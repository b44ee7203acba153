"""Words that several options are made of."""

from __future__ import annotations

import pytest

from unrolled.cli.options import names_in, span_of
from unrolled.errors import SettingsError


@pytest.mark.parametrize(
    ("given", "span"),
    [("0:9", range(9)), (":4", range(4)), ("3:", range(3, 9)), (":", range(9)), ("5:99", range(5, 99))],
)
def test_a_span_may_leave_out_its_ends(given: str, span: range) -> None:
    assert span_of("--span", given, 9) == span


@pytest.mark.parametrize("given", ["", "3", "3-5", "-1:4", "a:b", "1:2:3", "²:3", "٣:9", "1 :2", f"0:{'9' * 5000}"])
def test_another_form_is_refused_in_one_short_line(given: str) -> None:
    with pytest.raises(SettingsError, match=r"--span cannot be .* START:STOP") as caught:
        span_of("--span", given, 9)
    assert len(str(caught.value)) < 200


def test_names_stand_between_commas() -> None:
    assert names_in("cell, hidden,,") == ["cell", "hidden"]
    assert names_in(" ") == []
