"""PyTorch's recurrent modules as a loop written by hand, and modules of every form to try on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

KINDS: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
SIGNALS = {
    "lstm": ("input_gate", "forget_gate", "candidate", "cell", "output_gate", "hidden"),
    "gru": ("reset_gate", "update_gate", "candidate", "hidden"),
    "rnn": ("hidden",),
}
INPUTS, NEURONS = 3, 5
Hold = Callable[[str, int, Tensor], Tensor]
"""Takes `l0_reverse.cell`, the step and the vector; gives what goes on instead."""


def as_it_is(name: str, t: int, value: Tensor) -> Tensor:
    """Holds nothing."""
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


def by_hand(
    module: nn.RNNBase, x: Tensor, h: Tensor, c: Tensor, hold: Hold = as_it_is
) -> tuple[Tensor, Tensor, Tensor]:
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

                now, kept = _step(module, layer, x[t], now, kept, at)
                rows[t] = now
            hs.append(now)
            cs.append(kept)
            outputs.append(torch.stack([rows[t] for t in range(len(x))]))
        x = torch.cat(outputs, dim=1)
    return x, torch.stack(hs), torch.stack(cs)


def _step(
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


@dataclass(frozen=True)
class Case:
    """A module and what it reads.

    name: `lstm`, `gru` or `rnn`; layers: such as `l0`, `l0_reverse`; width: numbers of a hidden state.
    x: `(steps, batch, inputs)`; lengths: the steps of each sequence.
    h, c: the initial states `(layers · directions, batch, numbers)`.
    inputs, initial: the same in the form in which the module takes them; `initial` is None where it is given none.
    """

    name: str
    module: nn.RNNBase
    form: str
    x: Tensor
    lengths: Sequence[int]
    h: Tensor
    c: Tensor
    inputs: Any
    initial: Any

    @property
    def layers(self) -> list[str]:
        ways = ("", "_reverse") if self.module.bidirectional else ("",)
        return [f"l{layer}{way}" for layer in range(self.module.num_layers) for way in ways]

    @property
    def width(self) -> int:
        return self.h.shape[2]


@st.composite
def cases(draw: st.DrawFn, dtypes: Sequence[torch.dtype] = (torch.float64,)) -> Case:
    """Modules of every kind and form, with and without an initial state."""
    kind = draw(st.sampled_from(["lstm", "gru", "rnn", "rnn relu", "lstm projected"]))
    form = draw(st.sampled_from(["batch", "unbatched", "packed", "packed in order"]))
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    if form in {"batch", "unbatched"}:
        lengths = [max(lengths)] * (1 if form == "unbatched" else len(lengths))
    lengths = sorted(lengths, reverse=True) if form == "packed in order" else lengths
    layers, both, batch_first = draw(st.integers(1, 3)), draw(st.booleans()), draw(st.booleans())
    dtype, name = draw(st.sampled_from(dtypes)), kind.split()[0]
    more: dict[str, Any] = {"nonlinearity": "relu"} if kind == "rnn relu" else {}
    more |= {"proj_size": 2} if kind == "lstm projected" else {}
    torch.manual_seed(draw(st.integers(0, 99)))
    module = KINDS[name](
        INPUTS, NEURONS, layers, bias=draw(st.booleans()), bidirectional=both, batch_first=batch_first, **more
    ).to(dtype)
    given_state, batch = draw(st.booleans()), len(lengths)
    x = torch.randn(max(lengths), batch, INPUTS, dtype=dtype)
    h, c = (
        torch.randn(layers * (1 + both), batch, width, dtype=dtype) * given_state
        for width in (module.proj_size or NEURONS, NEURONS)
    )
    inputs: Any = x.transpose(0, 1) if batch_first else x
    if form.startswith("packed"):
        ordered = form == "packed in order"
        inputs = pack_padded_sequence(inputs, torch.tensor(lengths), batch_first, enforce_sorted=ordered)
    inputs = x[:, 0] if form == "unbatched" else inputs
    states = tuple(value[:, 0] if form == "unbatched" else value for value in (h, c))
    initial = (states if name == "lstm" else states[0]) if given_state else None
    return Case(name, module, form, x, lengths, h, c, inputs, initial)
