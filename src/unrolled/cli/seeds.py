"""What `unrolled train --seeds` shows at the end: every seed, their median, and the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unrolled.cli.screen import print_columns, shown
from unrolled.errors import DivergedError

COLUMNS = {
    "seed": "seed",
    "nats_per_symbol": "nats",
    "bits_per_symbol": "bits",
    "accuracy": "accuracy",
    "share_right": "share right",
    "counts_right_to": "counts right to",
}


def print_comparison(title: str, comparison: Mapping[str, Any]) -> None:
    """A table: a line a seed, then the median; the best is named."""
    runs, median, best = comparison["runs"], comparison["median"], comparison["best"]
    names = [name for name in COLUMNS if any(name in run for run in runs)]
    lines = [[*_cells(run, names), _remark_on(run, best)] for run in runs]
    if median is not None:
        lines.append([*_cells({"seed": "median", **median}, names), ""])
    print_columns(title, [*(COLUMNS[name] for name in names), ""], lines)


def _cells(run: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return ["" if run.get(name) is None else shown(run[name]) for name in names]


def _remark_on(run: Mapping[str, Any], best: int | None) -> str:
    if run["finished"]:
        return "best" if run["seed"] == best else ""
    return f"{'diverged' if run['error'] else 'stopped'} at step {run['step']:,}"


def refuse_diverged(comparison: Mapping[str, Any]) -> None:
    """An error where seeds diverged, by their names.

    Raises:
        DivergedError: some did.
    """
    diverged = [run for run in comparison["runs"] if run["error"]]
    if diverged:
        seeds = ", ".join(f"seed {run['seed']}" for run in diverged)
        raise DivergedError(
            f"Diverged: {seeds}, of {len(comparison['runs'])} in all. {diverged[0]['error']}",
            "Lower --learning-rate, --weight-decay or --gradient-clip; the other seeds are whole.",
        )
