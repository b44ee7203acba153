"""The settings that a person gets who asks for nothing: what to train for a given source, time and text."""

from __future__ import annotations

from typing import Any

from unrolled.sources.source import Source

TASK_STEPS = 3000
DEFAULT_MINUTES = 3.0
"""What a text is trained for where neither steps nor minutes are given."""


def task_recipe() -> dict[str, Any]:
    """A network small enough to see whole; it counts right within 3000 updates (`benchmarks/counter.py`)."""
    return {
        "hidden": 10,
        "steps": TASK_STEPS,
        "batch": 32,
        "learning_rate": 0.01,
        "validation": 0.0,
        "threads": 1,  # so small a network only waits for a second one
    }


def text_recipe() -> dict[str, Any]:
    """One wide layer, of a size that reaches the bars of `benchmarks/shakespeare.py` on two cores."""
    return {"hidden": 384, "batch": 32, "unroll": 64, "learning_rate": 0.004}


def regularization(epochs: float) -> dict[str, Any]:
    """How hard to guard against learning by heart: the more often a text is seen, the harder.

    Args:
        epochs: how often each symbol will be learned from.
    """
    if epochs < 2:
        return {"dropout": 0.0}
    if epochs < 12:
        return {"dropout": 0.15}
    return {"dropout": 0.3, "recurrent_dropout": 0.2, "weight_decay": 0.05}


def recipe(source: Source) -> dict[str, Any]:
    """The defaults for a source; what a person gives comes before them."""
    return task_recipe() if source.kind == "task" else text_recipe()
