"""Tiny runs that the tests train, and what is left of them to compare."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from unrolled.training.loop import Outcome
from unrolled.training.train import train

WORDS = ("the", "rain", "had", "not", "yet", "stopped", "when", "she", "came", "home;", "fire", "was", "out.")
PLAIN: dict[str, Any] = {"learning_rate": 0.01, "dropout": 0.0, "recurrent_dropout": 0.0, "weight_decay": 0.0}
"""What the recipe would pick otherwise."""
TINY: dict[str, Any] = {
    **PLAIN, "hidden": 6, "batch": 4, "unroll": 16, "steps": 40, "warmup": 5, "validate_every": 10, "threads": 1
}  # fmt: skip
TINY_TASK: dict[str, Any] = {**PLAIN, "hidden": 6, "batch": 4, "steps": 40, "warmup": 5, "threads": 1}


def as_options(settings: dict[str, Any]) -> list[str]:
    """Settings as options of the command."""
    return [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def make_text(words: int = 1000, seed: int = 0) -> str:
    """Words in random order, a line of eight each."""
    generator = random.Random(seed)
    chosen = [generator.choice(WORDS) for _ in range(words)]
    return "".join(" ".join(chosen[at : at + 8]) + "\n" for at in range(0, words, 8))


def write_text(folder: Path, words: int = 1000, seed: int = 0) -> Path:
    path = folder / f"text{seed}.txt"
    path.write_text(make_text(words, seed), encoding="utf-8")
    return path


def train_tiny(source: Path | str, out: Path, **given: Any) -> Outcome:
    """A run of 40 updates on a text or task, but for what is given."""
    tiny = TINY_TASK if str(source).startswith("task:") else TINY
    return train(str(source), out, **{**tiny, **given})


def stop_at(*steps: int) -> Any:
    """For `stop`: says yes after these many calls, which is after as many updates."""
    calls = 0

    def stop() -> bool:
        nonlocal calls
        calls += 1
        return calls in steps

    return stop


def numbers_of(run: Path) -> dict[str, Any]:
    """All that a run learned and wrote down, but for the clock: tensors as bytes, states, metrics."""
    found: dict[str, Any] = {}
    for path in sorted((run / "checkpoints").rglob("*")):
        name = str(path.relative_to(run))
        if path.suffix == ".safetensors":
            found[name] = path.read_bytes()
        elif path.name == "state.json":
            found[name] = {**json.loads(path.read_text()), "seconds": None}
    found["metrics"] = [{**line, "seconds": None} for line in metrics_of(run)]
    found["summary"] = {**json.loads((run / "summary.json").read_text()), "seconds": None}
    return found


def metrics_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def names_in(folder: Path) -> set[str]:
    """Every file in a folder, as relative paths."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
