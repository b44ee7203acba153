"""PyTorch's own kernels (oneDNN, cuDNN), with the signals that they hide recovered afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.cells.cell import ACTIVATIONS
from unrolled.cells.feedforward import FeedForward
from unrolled.cells.rnn import RNN
from unrolled.engines.engine import (
    BLOCK,
    Edit,
    Engine,
    Recording,
    Result,
    Sink,
    as_vectors,
    check_request,
    past_end,
    reverse,
)
from unrolled.engines.stack import Layer, Stack
from unrolled.errors import ModelError

State = dict[str, Tensor]


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

    def run(
        self,
        stack: Stack,
        inputs: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
        record: Collection[str] = (),
        edits: Sequence[Edit] = (),
        sink: Sink | None = None,
        training: bool = False,
    ) -> Result:
        check_request(stack, inputs, state, lengths, record, edits)
        if why_not := self.why_not(stack, recording=bool(record), editing=bool(edits)):
            raise ModelError(f"The engine 'torch' cannot run this: {why_not}.", "Let choose_engine take one that can.")
        inputs = as_vectors(stack, inputs)
        lengths = lengths.to(inputs.device) if lengths is not None else None
        before = dict(state) if state is not None else stack.zero_state(inputs.shape[1], inputs)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not record):
            if isinstance(stack.cell, FeedForward):
                return _run_feedforward(stack, stack.cell, inputs, lengths, record, sink, training)
            if record:
                return _run_recording(stack, inputs, before, lengths, record, sink, training)
            return Result(*_kernel(stack, stack.layers, inputs, before, lengths, training))


def _kernel(
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
    if lengths is None:
        given = kernel(x, states, flat, bias, depth, dropout, training, both, False)  # pyright: ignore
        y, *after = cast("tuple[Tensor, ...]", given)
    else:
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        assert order is not None
        assert back is not None
        states = [s[:, order] for s in states] if lstm else state["hidden"][:, order]
        given = kernel(packed.data, packed.batch_sizes, states, flat, bias, depth, dropout, training, both)  # pyright: ignore
        data, *after = cast("tuple[Tensor, ...]", given)
        y, _ = pad_packed_sequence(packed._replace(data=data), total_length=x.shape[0])
        after = [s[:, back] for s in after]
    return y, dict(zip(stack.cell.state, after, strict=True))


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


def _run_recording(
    stack: Stack,
    x: Tensor,
    before: State,
    lengths: Tensor | None,
    record: Collection[str],
    sink: Sink | None,
    training: bool,
) -> Result:
    """Layer after layer, each in blocks; a reverse layer runs forward over its input turned round."""
    recording = Recording(sink)
    after: list[State] = []
    for first in range(0, len(stack.layers), stack.directions):
        if first and training and stack.dropout:
            x = F.dropout(x, stack.dropout)
        outputs: list[Tensor] = []
        for position in range(first, first + stack.directions):
            layer = stack.layers[position]
            state = {name: value[position] for name, value in before.items()}
            y, last = _record_layer(stack, layer, x, state, lengths, record, recording)
            outputs.append(y)
            after.append(last)
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
    return Result(
        x, {name: torch.stack([last[name] for last in after]) for name in stack.cell.state}, recording.signals()
    )


def _record_layer(
    stack: Stack,
    layer: Layer,
    x: Tensor,
    state: State,
    lengths: Tensor | None,
    record: Collection[str],
    recording: Recording,
) -> tuple[Tensor, State]:
    steps = x.shape[0]
    turned = Recording(None)  # a reverse layer is turned back as a whole
    x = reverse(x, lengths) if layer.reverse else x
    if lengths is not None:  # the kernel reads what lies past the end: let it be harmless
        x = x.masked_fill(past_end(steps, lengths)[:, :, None], 0.0)
    outputs: list[Tensor] = []
    for start in range(0, steps, BLOCK):
        block = x[start : start + BLOCK]
        kernel_state = {name: value[None] for name, value in state.items()}
        hidden, after = _kernel(stack, [layer], block, kernel_state, None, training=False)
        signals = RECOVER[stack.cell.name](layer, block, hidden, state)
        last = {name: value[0] for name, value in after.items()}
        if "cell" in last:
            _anchor(signals["cell"], last["cell"])
        if lengths is not None:
            last = _last_states(signals, state, last, lengths - start, len(block))
            ended = past_end(len(block), lengths - start)[:, :, None]
            signals = {name: value.masked_fill(ended, 0.0) for name, value in signals.items()}
        outputs.append(signals["hidden"])
        state = last
        (turned if layer.reverse else recording).add(layer, start, {name: signals[name] for name in record})
    y = torch.cat(outputs)
    if layer.reverse:
        whole = turned.signals()[layer.name]
        recording.add(layer, 0, {name: reverse(value, lengths) for name, value in whole.items()})
        y = reverse(y, lengths)
    return y, state


def _last_states(signals: State, before: State, after: State, left: Tensor, steps: int) -> State:
    """The state after the block: a sequence that ended within it or earlier keeps that of its own last step."""
    index = left.clamp(1, steps)[None, :, None] - 1
    last: State = {}
    for name, value in after.items():
        at_end = signals[name].gather(0, index.expand(1, -1, value.shape[-1]))[0]
        here = torch.where((left < steps)[:, None], at_end, value)
        last[name] = torch.where((left <= 0)[:, None], before[name], here)
    return last


def _previous(first: Tensor, values: Tensor) -> Tensor:
    """The values one step earlier."""
    return torch.cat([first[None], values[:-1]])


def _recover_lstm(layer: Layer, x: Tensor, hidden: Tensor, state: State) -> State:
    parameters = layer.parameters
    gates = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
    gates += F.linear(_previous(state["hidden"], hidden), parameters["weight_hh"], parameters.get("bias_hh"))
    i, f, g, o = gates.chunk(4, dim=-1)
    i, f, o, g = i.sigmoid_(), f.sigmoid_(), o.sigmoid_(), g.tanh_()
    cell = i * g
    now = state["cell"]
    for kept, stored in zip(f.unbind(0), cell.unbind(0), strict=True):
        now = stored.addcmul_(kept, now)
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


def _recover_gru(layer: Layer, x: Tensor, hidden: Tensor, state: State) -> State:
    parameters = layer.parameters
    from_x = F.linear(x, parameters["weight_ih"], parameters.get("bias_ih"))
    from_h = F.linear(_previous(state["hidden"], hidden), parameters["weight_hh"], parameters.get("bias_hh"))
    xr, xz, xn = from_x.chunk(3, dim=-1)
    hr, hz, hn = from_h.chunk(3, dim=-1)
    r = torch.sigmoid(xr + hr)
    return {
        "reset_gate": r,
        "update_gate": torch.sigmoid(xz + hz),
        "candidate": torch.tanh(xn + r * hn),
        "hidden": hidden,
    }


def _recover_rnn(layer: Layer, x: Tensor, hidden: Tensor, state: State) -> State:
    return {"hidden": hidden}


RECOVER = {"lstm": _recover_lstm, "gru": _recover_gru, "rnn": _recover_rnn}
