"""PyTorch's own kernels (oneDNN, cuDNN), with the signals that they hide recovered afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.cells.cell import ACTIVATIONS
from unrolled.cells.feedforward import FeedForward
from unrolled.cells.rnn import RNN
from unrolled.engines.blocks import RunBlock, State, in_blocks, layer_by_layer
from unrolled.engines.engine import Engine, Recording, Request, Result, Sink, past_end
from unrolled.engines.stack import Layer, Stack

Recover: TypeAlias = Callable[[Layer, Tensor, Tensor, State, State], State]
"""From a layer, its block of inputs, h at every step, and the states before and after the block: every signal."""


class TorchEngine(Engine):
    """RNN (tanh, relu), LSTM and GRU through PyTorch's kernels; feed-forward layers through one product.

    Recording runs each layer in blocks of at most 512 steps. PyTorch gives h at every step and c at the end of a block;
    one product over all steps of the block gives the gates, and a scan of pointwise operations gives c. What the scan
    has drifted from PyTorch's own c by the block's end is taken back over the block, so that c is anchored on PyTorch's
    and still adds up at every step.
    """

    name: ClassVar[str] = "torch"

    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        cell = stack.cell
        if editing:
            return "PyTorch's kernels cannot be edited while they run"
        if cell.name not in {"feedforward", "rnn", "lstm", "gru"}:
            return f"PyTorch has no kernel for the {cell.title} cell"
        if isinstance(cell, FeedForward) and stack.bidirectional:
            return "a feed-forward layer has no direction"
        if isinstance(cell, RNN) and cell.activation == "sigmoid":
            return "PyTorch's RNN knows tanh and relu, not sigmoid"
        return None

    def run_request(self, request: Request) -> Result:
        stack, record, training = request.stack, request.record, request.training
        x, before, lengths = request.as_vectors()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not record):
            if isinstance(stack.cell, FeedForward):
                return _run_feedforward(stack, stack.cell, x, lengths, record, request.sink, training)
            if record:
                recording = Recording(request.sink)
                run_layer = in_blocks(recovering(stack, RECOVER), lengths, record, recording)
                result = layer_by_layer(stack, x, before, run_layer, training=training)
                return replace(result, signals=recording.signals())
            return Result(*call_kernel(stack, stack.layers, x, before, lengths, training))


def call_kernel(
    stack: Stack, layers: Sequence[Layer], x: Tensor, state: State, lengths: Tensor | None, training: bool
) -> tuple[Tensor, State]:
    """One call of PyTorch's kernel over some layers of the stack (all, or a single one run forward)."""
    flat = [tensor for layer in layers for tensor in layer.parameters.values()]
    bias = "bias_ih" in layers[0].parameters
    both = len({layer.reverse for layer in layers}) > 1
    depth = len(layers) // (2 if both else 1)
    dropout = stack.dropout if training and depth > 1 else 0.0
    lstm = stack.cell.name == "lstm"
    states = [state["hidden"].contiguous(), state["cell"].contiguous()] if lstm else state["hidden"].contiguous()
    if isinstance(stack.cell, RNN):
        kernel = torch.rnn_tanh if stack.cell.activation == "tanh" else torch.rnn_relu
    else:
        kernel = torch.lstm if lstm else torch.gru
    quietly = _packing_in_silence() if x.is_cuda else nullcontext()
    training = training or (x.is_cuda and torch.is_grad_enabled())  # else cuDNN keeps nothing for the way back
    if lengths is None:
        with quietly:
            given = kernel(x, states, flat, bias, depth, dropout, training, both, False)  # pyright: ignore
        y, *after = cast("tuple[Tensor, ...]", given)
    else:
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        states = [s[:, order] for s in states] if lstm else state["hidden"][:, order]
        with quietly:
            given = kernel(packed.data, packed.batch_sizes, states, flat, bias, depth, dropout, training, both)  # pyright: ignore
        data, *after = cast("tuple[Tensor, ...]", given)
        y, _ = pad_packed_sequence(packed._replace(data=data), total_length=x.shape[0])
        after = [s[:, back] for s in after]
    return y, dict(zip(stack.cell.state, after, strict=True))


@contextmanager
def _packing_in_silence() -> Generator[None]:
    """cuDNN packs the weights at each call that are not one piece of memory, as one layer's of several never are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")
        yield


def _run_feedforward(
    stack: Stack,
    cell: FeedForward,
    x: Tensor,
    lengths: Tensor | None,
    record: Collection[str],
    sink: Sink | None,
    training: bool,
) -> Result:
    recording = Recording(sink)
    for layer in stack.layers:
        if layer.index and training and stack.dropout:
            x = F.dropout(x, stack.dropout)
        x = ACTIVATIONS[cell.activation](F.linear(x, layer.parameters["weight_ih"], layer.parameters.get("bias_ih")))
        if lengths is not None:
            x = x.masked_fill(past_end(x.shape[0], lengths)[:, :, None], 0.0)
        if record:
            recording.add(layer, 0, {"hidden": x})
    return Result(x, {}, recording.signals())


def recovering(stack: Stack, recover: Mapping[str, Recover]) -> RunBlock:
    """Runs a block through PyTorch's kernel, then recovers what it hides."""

    def run_block(layer: Layer, x: Tensor, state: State) -> tuple[State, State]:
        with full_float32():
            hidden, after = call_kernel(
                stack, [layer], x, {name: value[None] for name, value in state.items()}, None, training=False
            )
        last = {name: value[0] for name, value in after.items()}
        return recover[stack.cell.name](layer, x, hidden, state, last), last

    return run_block


@contextmanager
def full_float32() -> Generator[None]:
    """cuDNN computes in full float32, where it takes TensorFloat-32 (10 bits) by default.

    What it hides is worked out again from what it gives: the two must not differ in the third digit.
    """
    cudnn: Any = torch.backends.cudnn
    where, name, full = (cudnn.rnn, "fp32_precision", "ieee") if hasattr(cudnn, "rnn") else (cudnn, "allow_tf32", False)
    before = getattr(where, name)
    setattr(where, name, full)
    try:
        yield
    finally:
        setattr(where, name, before)


def previous(first: Tensor, values: Tensor) -> Tensor:
    """The values one step earlier."""
    return torch.cat([first[None], values[:-1]])


def _recover_lstm(layer: Layer, x: Tensor, hidden: Tensor, state: State, last: State) -> State:
    parameters = layer.parameters
    gates = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
    gates += F.linear(previous(state["hidden"], hidden), parameters["weight_hh"], parameters.get("bias_hh"))
    i, f, g, o = gates.chunk(4, dim=-1)
    i, f, o, g = i.sigmoid_(), f.sigmoid_(), o.sigmoid_(), g.tanh_()
    cell = i * g
    now = state["cell"]
    for kept, stored in zip(f.unbind(0), cell.unbind(0), strict=True):
        now = stored.addcmul_(kept, now)
    _anchor(cell, last["cell"])
    return {"input_gate": i, "forget_gate": f, "candidate": g, "cell": cell, "output_gate": o, "hidden": hidden}


def _anchor(cell: Tensor, last: Tensor) -> None:
    """Moves a block's scanned cell states, in place, so that they end in PyTorch's own.

    The scan drifts because its gates differ from the kernel's in the last bit, at each step in proportion to |c|; in
    the same proportion the drift is taken back, so that no single step leaves c = f·c₋₁ + i·g by more than rounding.
    """
    share = cell.abs()
    for before, now in pairwise(share.unbind(0)):
        now.add_(before)
    rate = (last - cell[-1]) / share[-1].clamp_min(torch.finfo(cell.dtype).tiny)
    cell.addcmul_(share, rate.nan_to_num(0.0, 0.0, 0.0)[None])


def _recover_gru(layer: Layer, x: Tensor, hidden: Tensor, state: State, last: State) -> State:
    parameters = layer.parameters
    from_x = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
    from_h = F.linear(previous(state["hidden"], hidden), parameters["weight_hh"], parameters.get("bias_hh"))
    xr, xz, xn = from_x.chunk(3, dim=-1)
    hr, hz, hn = from_h.chunk(3, dim=-1)
    r = torch.sigmoid(xr + hr)
    return {
        "reset_gate": r,
        "update_gate": torch.sigmoid(xz + hz),
        "candidate": torch.tanh(xn + r * hn),
        "hidden": hidden,
    }


def recover_rnn(layer: Layer, x: Tensor, hidden: Tensor, state: State, last: State) -> State:
    return {"hidden": hidden}


RECOVER: dict[str, Recover] = {"lstm": _recover_lstm, "gru": _recover_gru, "rnn": recover_rnn}
