"""What the article "Exploring LSTMs" (2017) shows, made again and measured; one experiment a file.

A recipe is a module with a function `reproduce(lab)`; its first line of documentation is its title. It trains, watches,
measures and tells the lab, which keeps everything in the experiment's folder. Copy one, change it, and run yours by
`unrolled reproduce ./mine.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from unrolled.registry import Registry

if TYPE_CHECKING:
    from unrolled.experiments.lab import Lab

LONG = ("code-java", "code-python", "tweets", "quiz")
"""Recipes that take a quarter of an hour and more, and so run only when they are named."""

EXPERIMENTS: Registry[Callable[[Lab], None]] = Registry(
    "unrolled.experiments",
    {
        name: f"unrolled.experiments.{name.replace('-', '_')}:reproduce"
        for name in ("movie", "counter", "selective-counter", "state-memorizer", "copy-machine", "gates", *LONG)
    },
)
"""Every recipe by name, in the order of the article."""
