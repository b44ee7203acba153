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
TILE, DEPTH = 64, 32
"""Neurons of a program where there are several, and how many numbers of a product it adds up at a time."""
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
class _Tiles:
    """How a layer is divided: the grid, and the tiles' sizes as the kernels name them."""

    grid: tuple[int, int]
    sizes: dict[str, Any]

    @property
    def alone(self) -> bool:
        """Whether one program has all neurons, and so needs no other between two steps."""
        return self.grid[1] == 1


def _tiles(batch: int, neurons: int, interpreted: bool) -> _Tiles:
    columns = max(ROWS, _power_of_two(neurons)) if neurons <= ONE_PROGRAM else TILE
    sizes = {"ROWS": ROWS, "COLUMNS": columns, "DEPTH": min(columns, DEPTH), "WIDEN": interpreted}
    return _Tiles((_parts(batch, ROWS), _parts(neurons, columns)), sizes)


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
    tiles = _tiles(batch, neurons, interpreted)
    if batch:
        keep = tiles.alone and neurons <= AT_HAND
        sizes = {**tiles.sizes, "DEPTH": tiles.sizes["COLUMNS"] if keep else tiles.sizes["DEPTH"]}
        peepholes = weight_hh if weight_ch is None else weight_ch.contiguous()
        kernel = kernels().lstm_steps[tiles.grid]
        for first, count in [(0, steps)] if tiles.alone else [(step, 1) for step in range(steps)]:
            kernel(
                from_x.contiguous(), weight_hh.contiguous(), peepholes, hidden, cell, gates, first, count, batch,
                neurons, PEEPHOLE=weight_ch is not None, KEEP=keep, **sizes, **_warps(sizes["COLUMNS"]),
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
    tiles = _tiles(batch, neurons, interpreted)
    if batch:
        peepholes = weight_hh if weight_ch is None else weight_ch.contiguous()
        kernel = kernels().lstm_steps_back[tiles.grid]
        for last, count in [(steps - 1, steps)] if tiles.alone else [(step, 1) for step in reversed(range(steps))]:
            kernel(
                weight_hh.contiguous(), peepholes, done.cell, done.gates, d_hidden,
                d_hidden if d_cell is None else d_cell, d_gates, carried, last, count, batch, neurons,
                PEEPHOLE=weight_ch is not None, FROM_CELL=d_cell is not None, **tiles.sizes,
                **_warps(tiles.sizes["COLUMNS"]),
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


def _warps(columns: int) -> dict[str, int]:
    """Warps of a program, and no loads ahead of a barrier."""
    return {"num_warps": 8 if columns >= TILE else 4, "num_stages": 1}


def _parts(size: int, part: int) -> int:
    return -(-size // part)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
