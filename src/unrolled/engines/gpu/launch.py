"""How the Triton kernels are launched: buffers, tiles and grids."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

ROWS = 16
"""Rows of the batch that one program takes: the fewest that a matrix unit does."""
ONE_PROGRAM = 128
"""Neurons up to which one program has all of them, and goes through all steps by itself."""
AT_HAND = 64
"""Neurons up to which it has the weights at hand too; more do not fit its registers."""
TILE = 16
"""Neurons of a program where there are several: few, so that there are about as many programs as a GPU runs at once."""
DEPTH, DEPTH_OF_TILE = 32, 64
"""How many numbers of a product are added up at a time: by a program that has all neurons, and by one of several."""
SCAN, FLAT = 128, 1024
"""Places of a program that scans over the steps, and of one that has no order to keep."""


def kernels() -> Any:
    """Triton's functions; Triton is loaded here and not before."""
    return import_module("unrolled.engines.gpu.kernels")


@dataclass(frozen=True)
class Pass:
    """A layer that has run over all steps.

    hidden: `(steps + 1, batch, neurons)`, in the type of the weights; the first is the state before.
    cell: the same in float32.
    gates: `(steps, batch, 4 · neurons)` of float32, activated, in the order i, f, g, o.
    """

    hidden: Tensor
    cell: Tensor
    gates: Tensor


@dataclass(frozen=True)
class Tiles:
    """How a layer is divided among programs, and the options of the kernels that follow from it.

    grid: parts of the batch, parts of the neurons.
    forward, back: of `lstm_steps` and `lstm_steps_back`.
    """

    grid: tuple[int, int]
    forward: dict[str, Any]
    back: dict[str, Any]

    def launches(self, steps: int) -> list[tuple[int, int]]:
        """The first step and the number of steps of each launch, in the order of time.

        A program that has all neurons needs no other between two steps.
        """
        return [(0, steps)] if self.grid[1] == 1 else [(step, 1) for step in range(steps)]


def divide(batch: int, neurons: int, *, interpreted: bool = False) -> Tiles:
    """The tiles for a batch of sequences and a layer of neurons."""
    alone = neurons <= ONE_PROGRAM
    columns = max(TILE, 1 << (neurons - 1).bit_length()) if alone else TILE
    options = {
        "WIDEN": interpreted,
        "ROWS": ROWS,
        "COLUMNS": columns,
        "DEPTH": min(columns, DEPTH) if alone else DEPTH_OF_TILE,
        "num_warps": 8 if columns >= AT_HAND else 4,
        # Loads ahead of their products; none where they would be ahead of the barrier between two steps.
        "num_stages": 1 if alone else 3,
    }
    keep = neurons <= AT_HAND
    forward = {**options, "KEEP": keep, "DEPTH": columns if keep else options["DEPTH"]}
    return Tiles((_parts(batch, ROWS), _parts(neurons, columns)), forward, options)


def run_lstm(
    from_x: Tensor,
    before: dict[str, Tensor],
    weight_hh: Tensor,
    weight_ch: Tensor | None,
    *,
    interpreted: bool,
) -> Pass:
    """A layer of an LSTM over all steps, every signal in one pass.

    Args:
        from_x: `(steps, batch, 4 · neurons)` of float32: W_ih x and the biases.
        before: `hidden` and `cell`, `(batch, neurons)`.
        weight_hh: `(4 · neurons, neurons)`.
        weight_ch: `(3 · neurons,)`, the peepholes, where there are any.
        interpreted: whether Triton's interpreter runs the kernels.
    """
    steps, batch, _ = from_x.shape
    neurons = weight_hh.shape[1]
    hidden = weight_hh.new_empty(steps + 1, batch, neurons)
    cell = from_x.new_empty(steps + 1, batch, neurons)
    gates = torch.empty_like(from_x)
    hidden[0], cell[0] = before["hidden"], before["cell"]
    if not batch:
        return Pass(hidden, cell, gates)
    tiles = divide(batch, neurons, interpreted=interpreted)
    kernel = kernels().lstm_steps[tiles.grid]
    from_x, weights = from_x.contiguous(), _weights(weight_hh, weight_ch)
    for first, count in tiles.launches(steps):
        kernel(
            from_x, *weights, hidden, cell, gates, first, count, batch, neurons,
            PEEPHOLE=weight_ch is not None, **tiles.forward,
        )  # fmt: skip
    return Pass(hidden, cell, gates)


def run_lstm_back(
    done: Pass,
    weight_hh: Tensor,
    weight_ch: Tensor | None,
    d_hidden: Tensor,
    d_cell: Tensor | None,
    *,
    interpreted: bool,
) -> tuple[Tensor, Tensor]:
    """Back through all steps: the gradients of what goes into the gates, as `from_x`, and of the cell state before.

    Args:
        done: the pass.
        d_hidden, d_cell: gradients of the states after each step, `(steps, batch, neurons)`; no `d_cell` counts as 0.
    """
    steps, batch, neurons = d_hidden.shape
    d_gates = done.gates.new_empty(steps + 1, batch, 4 * neurons)
    d_gates[steps] = 0
    carried = done.cell.new_zeros(batch, neurons)
    d_hidden = d_hidden.float().contiguous()
    d_cell = None if d_cell is None else d_cell.float().contiguous()
    if not batch:
        return d_gates[:steps], carried
    tiles = divide(batch, neurons, interpreted=interpreted)
    kernel = kernels().lstm_steps_back[tiles.grid]
    weights = _weights(weight_hh, weight_ch)
    for first, count in reversed(tiles.launches(steps)):
        kernel(
            *weights, done.cell, done.gates, d_hidden, d_hidden if d_cell is None else d_cell, d_gates, carried,
            first + count - 1, count, batch, neurons,
            PEEPHOLE=weight_ch is not None, FROM_CELL=d_cell is not None, **tiles.back,
        )  # fmt: skip
    return d_gates[:steps], carried


def scan_lstm(gates: Tensor, before: Tensor, last: Tensor) -> Tensor:
    """Activates the gates `(steps, batch, 4 · neurons)` in place; gives the cell states, which end in `last`."""
    steps, batch, width = gates.shape
    cell = gates.new_empty(steps, batch, width // 4)
    size = batch * (width // 4)
    if size:
        kernels().lstm_scan[(_parts(size, SCAN),)](
            gates, cell, before.contiguous(), last.contiguous(), steps, size, width // 4,
            TINY=torch.finfo(gates.dtype).tiny, WIDTH=SCAN, num_warps=4,
        )  # fmt: skip
    return cell


def gate_gru(from_x: Tensor, from_h: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Reset gate, update gate and candidate `(steps, batch, neurons)` of a type, from products of float32."""
    steps, batch, width = from_x.shape
    found = [from_x.new_empty(steps, batch, width // 3, dtype=dtype) for _ in range(3)]
    size = found[0].numel()
    if size:
        grid = (_parts(size, FLAT),)
        kernels().gru_gates[grid](from_x, from_h, *found, size, width // 3, WIDTH=FLAT, num_warps=4)
    reset, update, candidate = found
    return reset, update, candidate


def _weights(weight_hh: Tensor, weight_ch: Tensor | None) -> tuple[Tensor, Tensor]:
    """As the kernels take them: where there are no peepholes, something that is not read."""
    weight_hh = weight_hh.contiguous()
    return weight_hh, weight_hh if weight_ch is None else weight_ch.contiguous()


def _parts(size: int, part: int) -> int:
    return -(-size // part)
