"""PyTorch's recurrent modules as a loop over the steps that holds what it is told to: one sequence at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Hold = Callable[[str, int, Tensor], Tensor]
"""Takes `l0_reverse.cell`, the step and the vector; gives what holds instead."""


def step_by_hand(
    module: nn.RNNBase, layer: str, x: Tensor, h: Tensor, c: Tensor, hold: Callable[[str, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """One step by the equations of PyTorch's documentation."""

    def weight(name: str) -> Tensor:
        return getattr(module, f"{name}_{layer}")

    a, b = weight("weight_ih") @ x, weight("weight_hh") @ h
    if module.bias:
        a, b = a + weight("bias_ih"), b + weight("bias_hh")
    if module.mode == "LSTM":
        i, f, g, o = (a + b).chunk(4)
        i, f = hold("input_gate", torch.sigmoid(i)), hold("forget_gate", torch.sigmoid(f))
        c = hold("cell", f * c + i * hold("candidate", torch.tanh(g)))
        h = hold("output_gate", torch.sigmoid(o)) * torch.tanh(c)
        return hold("hidden", weight("weight_hr") @ h if module.proj_size else h), c
    if module.mode == "GRU":
        (ar, az, an), (br, bz, bn) = a.chunk(3), b.chunk(3)
        r, z = hold("reset_gate", torch.sigmoid(ar + br)), hold("update_gate", torch.sigmoid(az + bz))
        n = hold("candidate", torch.tanh(an + r * bn))
        return hold("hidden", (1 - z) * n + z * h), c
    return hold("hidden", torch.relu(a + b) if module.mode == "RNN_RELU" else torch.tanh(a + b)), c


def by_hand(module: nn.RNNBase, x: Tensor, h: Tensor, c: Tensor, hold: Hold) -> tuple[Tensor, Tensor, Tensor]:
    """One sequence `(steps, inputs)` from states `(layers · directions, numbers)`: outputs and the states after."""
    hs, cs = list[Tensor](), list[Tensor]()
    for depth in range(module.num_layers):
        outputs = list[Tensor]()
        for way in ("", "_reverse") if module.bidirectional else ("",):
            layer, now, kept = f"l{depth}{way}", h[len(hs)], c[len(hs)]
            rows: dict[int, Tensor] = {}
            for t in reversed(range(len(x))) if way else range(len(x)):

                def at(name: str, value: Tensor, layer: str = layer, t: int = t) -> Tensor:
                    return hold(f"{layer}.{name}", t, value)

                now, kept = step_by_hand(module, layer, x[t], now, kept, at)
                rows[t] = now
            hs.append(now)
            cs.append(kept)
            outputs.append(torch.stack([rows[t] for t in range(len(x))]))
        x = torch.cat(outputs, dim=1)
    return x, torch.stack(hs), torch.stack(cs)


def free(name: str, t: int, value: Tensor) -> Tensor:
    return value


def holding(values: dict[str, Tensor], where: Tensor | None, sequence: int) -> Hold:
    """Values `(steps, batch)` by `l0.cell.7`, or `(steps, batch, neurons)` by `l0.cell`, in their order."""

    def hold(name: str, t: int, value: Tensor) -> Tensor:
        for held, numbers in values.items():
            if where is not None and not where[t, sequence]:
                continue
            if held == name:
                value = numbers[t, sequence]
            elif held.rpartition(".")[0] == name:
                value = value.clone()
                value[int(held.rpartition(".")[2])] = numbers[t, sequence]
        return value

    return hold
