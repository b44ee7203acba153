"""Ways to run a stack of cells over time, all giving the same numbers."""

from unrolled.engines.choice import ENGINES, Choice, choose_engine
from unrolled.engines.edit import Edit, check_parts
from unrolled.engines.engine import BLOCK, Engine, Request, Result, Sink
from unrolled.engines.stack import Layer, Stack

__all__ = [
    "BLOCK",
    "ENGINES",
    "Choice",
    "Edit",
    "Engine",
    "Layer",
    "Request",
    "Result",
    "Sink",
    "Stack",
    "check_parts",
    "choose_engine",
]
