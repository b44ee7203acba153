"""The short race: every engine against plain PyTorch on a few telling sizes, on the machine of whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import torch

from unrolled.engines import ENGINES, Stack, choose_engine
from unrolled.networks import Network, NetworkSettings
from unrolled.progress import Progress, silent
from unrolled.racing.clock import race
from unrolled.racing.contestants import MODULES, Plain, Shape, random_inputs, recorder, stack_of, trainer, training_step

RECORDING, TRAINING = "record", "train"
RACES = (
    (RECORDING, Shape(1, 10, 64, 100, 8)),
    (RECORDING, Shape(2, 128, 1, 500, 128)),
    (RECORDING, Shape(2, 128, 32, 50, 128)),
    (TRAINING, Shape(1, 10, 32, 22, 4)),
    (TRAINING, Shape(2, 128, 32, 50, 96)),
)
"""What is timed: small and middling networks, one sequence and many, recorded and trained."""
PLAIN = "plain"


@dataclass(frozen=True)
class Outcome:
    """How one race ended.

    task: `record` (forward, every signal kept; PyTorch keeps none) or `train` (a whole step with Adam).
    plain_seconds: of PyTorch's own module.
    ratios: engine → its time ÷ PyTorch's.
    why_not: engine → why it did not take part.
    taken: the engine that is taken here by itself, and why.
    """

    task: str
    shape: Shape
    plain_seconds: float
    ratios: dict[str, float]
    why_not: dict[str, str]
    taken: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "shape": vars(self.shape)}


def run_races(
    cell: str,
    *,
    seconds: float,
    races: Sequence[tuple[str, Shape]] = RACES,
    progress: Progress = silent,
) -> list[Outcome]:
    """Runs every race.

    Args:
        cell: one of `MODULES`.
        races: what is timed: `record` or `train`, and the size.
        seconds: of all races together, about; each engine has three turns at least.
        progress: told the seconds that are over, of so many.
    """
    outcomes: list[Outcome] = []
    began, total = monotonic(), max(1, round(seconds))

    def tick(_: int, __: int, /, **numbers: float | str) -> None:
        progress(min(total, int(monotonic() - began)), total)

    progress(0, total)
    for task, shape in races:
        prepare = _recording if task == RECORDING else _training
        outcomes.append(prepare(cell, shape, seconds / len(races), tick))
    return outcomes


def _recording(cell: str, shape: Shape, seconds: float, progress: Progress) -> Outcome:
    module, x = MODULES[cell](shape.inputs, shape.neurons, shape.layers), random_inputs(shape)
    stack = stack_of(cell, module)

    @torch.inference_mode()
    def plain() -> object:
        return module(x)

    def contestant(engine: str) -> Callable[[], object]:
        return recorder(ENGINES.get(engine)(), stack, x)

    return _race(RECORDING, shape, stack, plain, contestant, seconds, progress)


def _training(cell: str, shape: Shape, seconds: float, progress: Progress) -> Outcome:
    settings = NetworkSettings.parse({"cell": cell, "layers": shape.layers, "hidden": shape.neurons})
    network = Network(settings, shape.inputs)

    def contestant(engine: str) -> Callable[[], object]:
        return trainer(shape, Network(settings, shape.inputs), engine=engine).update

    plain = training_step(shape, Plain(network))
    return _race(TRAINING, shape, network.rnn.stack(), plain, contestant, seconds, progress)


def _race(
    task: str,
    shape: Shape,
    stack: Stack,
    plain: Callable[[], object],
    contestant: Callable[[str], Callable[[], object]],
    seconds: float,
    progress: Progress,
) -> Outcome:
    recording = task == RECORDING
    running, why_not = dict[str, Callable[[], object]]({PLAIN: plain}), dict[str, str]()
    for name in ENGINES.names():
        reason = ENGINES.get(name)().why_not(stack, recording=recording, editing=False)
        if reason is None:
            running[name] = contestant(name)
        else:
            why_not[name] = reason
    times = race(running, seconds=seconds, progress=progress)
    base = times.pop(PLAIN)
    taken = choose_engine(stack, recording=recording)
    ratios = {name: own.ratio(base) for name, own in times.items()}
    return Outcome(task, shape, base.median, ratios, why_not, taken.engine.name, taken.reason)


def describe_kernels() -> dict[str, Any]:
    """Of the compiled engine: `lanes` (floats that one instruction takes), or `missing` (why there is none)."""
    from unrolled.engines.compiled.kernels import Kernels, find_kernels

    kernels = find_kernels()
    return {"lanes": kernels.lanes} if isinstance(kernels, Kernels) else {"missing": kernels}
