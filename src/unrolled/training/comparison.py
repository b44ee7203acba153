"""Runs that differ in the seed alone, beside each other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from unrolled.training.loop import Outcome
from unrolled.training.run_folder import METRICS

EXAMS = ("accuracy", "share_right", "counts_right_to")
"""What a summary says beside the loss: the more, the better."""


def compare(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Every seed's numbers, the median of each of them over the finished seeds, and the best seed.

    Returns:
        `runs`: for each seed its `seed`, `run` (a path), `error` (why it diverged, or None), its summary, and
        `nats_per_symbol` and `bits_per_symbol`: on the validation part where the summary says so, else (of a task, or
        of a run that has not ended) the last that training wrote. `median`: a value for each of the numbers to compare.
        `best`: the seed whose own exam is passed best, then with the smallest loss. Both None where no seed has ended.
    """
    rows = [_row(outcome) for outcome in outcomes]
    finished = [row for row in rows if row["finished"]]
    if not finished:
        return {"runs": rows, "median": None, "best": None}
    names = ["nats_per_symbol", "bits_per_symbol", *(name for name in EXAMS if name in finished[0])]
    best = max(finished, key=_merit)
    return {
        "runs": rows,
        "median": {name: median(row[name] for row in finished) for name in names},
        "best": best["seed"],
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    nats = outcome.summary.get("nats_per_symbol", _last_loss(outcome))
    return {
        "seed": outcome.seed,
        "run": str(outcome.path),
        "error": outcome.error.message if outcome.error else None,
        **outcome.summary,
        "nats_per_symbol": nats,
        "bits_per_symbol": None if nats is None else nats / math.log(2),
    }


def _last_loss(outcome: Outcome) -> float | None:
    """The last training loss in a run's metrics; None where none was written."""
    path = outcome.path / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    losses = [line["nats_per_symbol"] for line in map(json.loads, lines) if line["part"] == "train"]
    return losses[-1] if losses else None


def _merit(row: Mapping[str, Any]) -> tuple[float, ...]:
    exams = ("counts_right_to", "share_right")
    return (*(row.get(name, 0) for name in exams), -row["nats_per_symbol"], -row["seed"])
