"""Which engine runs what: decided here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.engines.engine import Engine
from unrolled.engines.stack import Stack
from unrolled.errors import ModelError
from unrolled.registry import Registry

ENGINES: Registry[type[Engine]] = Registry(
    "unrolled.engines",
    {
        "compiled": "unrolled.engines.compiled.engine:CompiledEngine",
        "gpu": "unrolled.engines.gpu.engine:GpuEngine",
        "torch": "unrolled.engines.torch:TorchEngine",
        "reference": "unrolled.engines.reference:ReferenceEngine",
    },
)
"""Every engine by name, in the order of preference."""


@dataclass(frozen=True)
class Choice:
    """The engine taken, and why, in one clause for the user."""

    engine: Engine
    reason: str

    def __str__(self) -> str:
        return f"engine {self.engine.name}: {self.reason}"


def choose_engine(stack: Stack, *, recording: bool = False, editing: bool = False, engine: str = "auto") -> Choice:
    """The first engine, in the registry's order, that can run the stack so; or the one that is named.

    Raises:
        UnknownNameError: no engine has that name.
        ModelError: the named engine cannot run this.
    """
    if engine != "auto":
        forced = ENGINES.get(engine)()
        why_not = forced.why_not(stack, recording=recording, editing=editing)
        if why_not:
            raise ModelError(f"The engine {engine!r} cannot run this: {why_not}.", "Leave --engine at auto.")
        return Choice(forced, "it was asked for")
    passed: list[str] = []
    for name in ENGINES.names():
        candidate = ENGINES.get(name)()
        why_not = candidate.why_not(stack, recording=recording, editing=editing)
        if why_not is None:
            return Choice(candidate, "; ".join(passed) or "it is the fastest that runs this cell")
        passed.append(f"{name}: {why_not}")
    raise ModelError(f"No engine can run this: {'; '.join(passed)}.")
