"""What no engine can run is refused by all of them, in one clear line."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.stacks import make_stack
from unrolled.engines import ENGINES
from unrolled.errors import ModelError, UnknownNameError


@pytest.mark.parametrize("engine", list(ENGINES.names()))
@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"record": ["gate"]}, UnknownNameError, "no signal 'gate'; there are: candidate, cell, forget_gate, hidden"),
        ({"record": "hidden"}, UnknownNameError, "no signal 'h'"),
        ({"inputs": torch.zeros(4, 3)}, ModelError, r"shape \(4, 3\); this stack reads \(steps, batch, 3\)"),
        ({"inputs": torch.zeros(4, 2, 5)}, ModelError, r"shape \(4, 2, 5\)"),
        ({"inputs": torch.zeros(0, 2, 3)}, ModelError, "one step or more"),
        ({"lengths": torch.tensor([4, 5])}, ModelError, r"lengths are \[4, 5\]; allowed are 2 numbers from 1 to 4"),
        ({"lengths": torch.tensor([0, 4])}, ModelError, r"lengths are \[0, 4\]"),
        ({"lengths": torch.tensor([4])}, ModelError, "allowed are 2 numbers"),
        ({"state": {"hidden": torch.zeros(1, 2, 5)}}, ModelError, "this stack carries .*cell"),
        (
            {"state": {"hidden": torch.zeros(1, 2, 5), "cell": torch.zeros(1, 2, 5, dtype=torch.float64)}},
            ModelError,
            "cell are float64 on cpu; the stack's parameters are float32 on cpu",
        ),
        (
            {"state": {"hidden": torch.zeros(1, 1, 5), "cell": torch.zeros(1, 2, 5)}},
            ModelError,
            r"'hidden': \(1, 1, 5\).*this stack carries",
        ),
    ],
)
def test_what_does_not_fit_is_refused(engine: str, change: dict[str, Any], error: type[Exception], said: str) -> None:
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    with pytest.raises(error, match=said):
        ENGINES.get(engine)().run(stack, **{"inputs": torch.zeros(4, 2, 3), **change})
