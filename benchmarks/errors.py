"""Rounding: how far float32 is from float64, ours beside PyTorch's own.

For every cell, over odd numbers of neurons, batches and lengths, the same weights and inputs run in float64 (by the
engine `reference`) and in float32: ours, and PyTorch's. PyTorch's is its module where it has one, for outputs, last
states and gradients; for the signals between, and for the peephole LSTM, the same equations in PyTorch's operations.
Shown is the largest distance from float64 of any number over all shapes, as a share of the largest number beside it
where that is above 1.
"""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import torch
from common import Report, arguments, say
from exactness import CELLS, TORCH, gradients, make_inputs, make_stack, module_of, off, run, weigh
from torch import Tensor

from unrolled.cells.cell import Cell
from unrolled.engines import ENGINES, Result, Stack

NEURONS, BATCHES, LENGTHS, INPUTS = (1, 3, 17, 129), (1, 5), (1, 60, 200), 5
TWICE, ROUNDING = 2.0, 2.0**-24
"""What is allowed beside PyTorch's own distance: twice as much, and the rounding of the largest number itself."""
KINDS = ("outputs and states", "signals", "gradients")

Distances = dict[str, float]


def by_engine(engine: str, stack: Stack, x: Tensor) -> dict[str, list[Tensor]]:
    """Everything that an engine gives."""
    recorded, differentiable = run(engine, stack, x, record=True), run(engine, stack, x)
    signals = [value for layer in recorded.signals.values() for value in layer.values()]
    return {
        "outputs and states": _outputs(differentiable),
        "signals": signals,
        "gradients": list(gradients(stack, differentiable.outputs).values()),
    }


def _outputs(result: Result) -> list[Tensor]:
    return [result.outputs, *result.state.values()]


def by_module(kind: str, stack: Stack, x: Tensor) -> dict[str, list[Tensor]]:
    """What the module of torch.nn gives: no signals."""
    module = module_of(kind, stack, torch.float32)
    outputs, last = module(x)
    states: Any = last if isinstance(last, tuple) else (last,)
    weigh(outputs).backward()
    found = {name: parameter.grad for name, parameter in module.named_parameters()}
    assert all(gradient is not None for gradient in found.values())
    order = [f"{name}_{layer.name}" for layer in stack.layers for name in layer.parameters]
    return {"outputs and states": [outputs, *states], "gradients": [found[name] for name in order]}


def distances(engine: str, kind: str, cell: Cell) -> tuple[Distances, Distances, Distances]:
    """By kind of number: ours, PyTorch's, and the rounding of the largest number."""
    ours, theirs, own = (dict.fromkeys(KINDS, 0.0) for _ in range(3))
    for neurons, batch, steps in product(NEURONS, BATCHES, LENGTHS):
        shape = (steps, batch, INPUTS, neurons)
        x = make_inputs(shape)
        right = by_engine("reference", make_stack(cell, INPUTS, neurons), x)
        stack = make_stack(cell, INPUTS, neurons, torch.float32)
        mine = by_engine(engine, stack, x.float())
        other = by_engine("reference", stack, x.float())
        if kind in TORCH:
            other |= by_module(kind, stack, x.float())
        for what in KINDS:
            for exact, our, their in zip(right[what], mine[what], other[what], strict=True):
                largest = float(exact.detach().abs().max())
                ours[what] = max(ours[what], off(our, exact) / max(1.0, largest))
                theirs[what] = max(theirs[what], off(their, exact) / max(1.0, largest))
                own[what] = max(own[what], min(1.0, largest) * ROUNDING)
    return ours, theirs, own


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--engine", default="compiled", help="which of ours (default: %(default)s)")
    given = parser.parse_args()
    result = Report("Rounding")
    rows: list[list[str]] = []
    for kind, cell in CELLS.items():
        stack = make_stack(cell, 1, 1, torch.float32)
        if ENGINES.get(given.engine)().why_not(stack, recording=True, editing=False):
            continue
        say(f"{kind} …")
        ours, theirs, own = distances(given.engine, kind, cell)
        for what in KINDS:
            ratio = ours[what] / max(theirs[what], 1e-30)
            rows.append([kind, what, f"{ours[what]:.1e}", f"{theirs[what]:.1e}", f"{ratio:.2f}"])
            holds = ours[what] <= TWICE * theirs[what] + own[what]
            result.bar(f"{kind}: {what}", f"at most twice PyTorch's, {TWICE * theirs[what]:.1e}",
                       f"{ours[what]:.1e}", holds)  # fmt: skip
            result.numbers.setdefault(kind, {})[what] = [ours[what], theirs[what], own[what]]
    if not rows:
        raise SystemExit(f"The engine {given.engine!r} runs none of the cells here.")
    result.table(
        "Largest distance from float64, as a share of the largest number where that is above 1; "
        f"{', '.join(map(str, NEURONS))} neurons in two layers, batches of "
        f"{' and '.join(map(str, BATCHES))}, {', '.join(map(str, LENGTHS))} steps.",
        ["cell", "what", f"`{given.engine}`", "PyTorch's own float32", "ratio"],
        rows,
    )
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
