"""The GPU engine: cuDNN where it has a kernel, Triton for what cuDNN hides or has not."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.engines.blocks import State, forward_in_time, in_blocks, layer_by_layer
from unrolled.engines.engine import Engine, Recording, Request, Result, past_end, reverse
from unrolled.engines.gpu.autograd import run_differentiably
from unrolled.engines.gpu.launch import gate_gru, run_lstm, scan_lstm
from unrolled.engines.stack import Layer, Stack
from unrolled.engines.torch import Recover, TorchEngine, call_kernel, previous, recover_rnn, recovering

CELLS = ("lstm", "gru", "rnn", "peephole")
DTYPES = (torch.float32, torch.bfloat16)


class GpuEngine(Engine):
    """LSTM, GRU, RNN and peephole LSTM on a GPU, in float32 and bfloat16.

    What PyTorch has a kernel for and nobody records, it runs. To record, it gives h by blocks of 512 steps, one product
    over a block's steps gives what goes into the gates, and one Triton kernel the gates and, in a scan over the steps,
    c; as in `torch.py`, c ends each block in PyTorch's own.

    Our own kernel goes through all steps and keeps every signal in the same pass, forward and back. It runs the
    peephole LSTM, which cuDNN has not, and an LSTM in bfloat16, for which PyTorch does not call cuDNN and of whose c it
    loses in each step what bfloat16 cannot hold. Within it products are added up in float32, and c is carried in
    float32 from step to step; signals and states come in the type of the stack, as from every engine.
    """

    name: ClassVar[str] = "gpu"

    def __init__(self, *, one_pass: bool | None = None, interpreted: bool = False) -> None:
        """
        Args:
            one_pass: whether our own kernel runs an LSTM; None where it is in bfloat16.
            interpreted: runs on the processor, through Triton's interpreter (Python started with TRITON_INTERPRET=1).
                For tests: it is slower than everything else.
        """
        self._one_pass = one_pass
        self._interpreted = interpreted

    def why_not(self, stack: Stack, *, recording: bool, editing: bool) -> str | None:
        weights = [tensor for layer in stack.layers for tensor in layer.parameters.values()]
        if any(tensor.device.type != ("cpu" if self._interpreted else "cuda") for tensor in weights):
            return "its kernels run on a GPU alone"
        interpreter = os.environ.get("TRITON_INTERPRET", "").lower() in {"1", "true", "yes", "on", "y"}
        if interpreter != self._interpreted:
            wanted, there = ("1", "off") if self._interpreted else ("0", "on")
            return f"Triton's interpreter is {there}: Python must be started with TRITON_INTERPRET={wanted}"
        if find_spec("triton") is None:
            return "Triton is not installed"
        if editing:
            return "its kernels cannot be edited while they run"
        if stack.cell.name not in CELLS:
            return f"it has no kernel for the {stack.cell.title} cell"
        if any(tensor.dtype not in DTYPES for tensor in weights) or torch.is_autocast_enabled(weights[0].device.type):
            return "its kernels compute in float32 and bfloat16 alone"
        if stack.cell.name != "peephole":
            return TorchEngine().why_not(stack, recording=recording, editing=editing)
        return None

    def run_request(self, request: Request) -> Result:
        with torch.cuda.device_of(request.inputs):  # Triton launches on the current device
            return self._run_here(request)

    def _run_here(self, request: Request) -> Result:
        stack, record, training = request.stack, request.record, request.training
        (x, before, lengths), ours = request.as_vectors(), self._is_ours(stack)
        if not record and not ours:
            return Result(*call_kernel(stack, stack.layers, x, before, lengths, training))
        if not record and torch.is_grad_enabled():
            return self._differentiably(stack, x, before, lengths, training)
        with torch.no_grad():
            recording = Recording(request.sink)
            run_block = self._in_one_pass if ours else recovering(stack, RECOVER)
            run_layer = in_blocks(run_block, lengths, record, recording)
            result = layer_by_layer(stack, x, before, run_layer, training=training)
        return replace(result, signals=recording.signals())

    def _is_ours(self, stack: Stack) -> bool:
        """Whether our own kernel runs the stack."""
        if stack.cell.name != "lstm" or stack.projection:
            return stack.cell.name == "peephole"
        half = stack.layers[0].parameters["weight_hh"].dtype == torch.bfloat16
        return half if self._one_pass is None else self._one_pass

    def _in_one_pass(self, layer: Layer, x: Tensor, state: State) -> tuple[State, State]:
        """A block of an LSTM through our own kernel."""
        weight_hh, weight_ch = layer.parameters["weight_hh"], layer.parameters.get("weight_ch")
        done = run_lstm(_from_x(layer, x), state, weight_hh, weight_ch, interpreted=self._interpreted)
        signals = _signals(done.gates, done.cell[1:], done.hidden[1:])
        return signals, {name: signals[name][-1] for name in state}

    def _differentiably(self, stack: Stack, x: Tensor, before: State, lengths: Tensor | None, training: bool) -> Result:
        def run_layer(layer: Layer, x: Tensor, state: State) -> tuple[Tensor, State]:
            x = forward_in_time(layer, x, lengths)
            weight_hh, weight_ch = layer.parameters["weight_hh"], layer.parameters.get("weight_ch")
            hidden, cell = run_differentiably(
                _from_x(layer, x), state, weight_hh, weight_ch, interpreted=self._interpreted
            )
            if lengths is None:
                last = hidden[-1], cell[-1]
            else:
                places = torch.arange(len(lengths), device=x.device)
                last = hidden[lengths - 1, places], cell[lengths - 1, places]
                hidden = hidden.masked_fill(past_end(len(x), lengths)[:, :, None], 0.0)
            hidden = reverse(hidden, lengths) if layer.reverse else hidden
            return hidden, {"hidden": last[0], "cell": last[1].to(hidden.dtype)}

        return layer_by_layer(stack, x, before, run_layer, training=training)


def _sums(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Products added up in float32, whatever the numbers are."""
    return F.linear(x.float(), weight.float(), None if bias is None else bias.float())


def _from_x(layer: Layer, x: Tensor) -> Tensor:
    """W_ih x and both biases, of float32."""
    parameters = layer.parameters
    bias = parameters["bias_ih"].float() + parameters["bias_hh"].float() if "bias_ih" in parameters else None
    return _sums(x, parameters["weight_ih"], bias)


def _signals(gates: Tensor, cell: Tensor, hidden: Tensor) -> State:
    i, f, g, o = gates.to(hidden.dtype).chunk(4, dim=-1)
    cell = cell.to(hidden.dtype)
    return {"input_gate": i, "forget_gate": f, "candidate": g, "cell": cell, "output_gate": o, "hidden": hidden}


def _recover_lstm(layer: Layer, x: Tensor, hidden: Tensor, state: State, last: State) -> State:
    gates, before = _from_x(layer, x), previous(state["hidden"], hidden)
    sums = gates.flatten(0, 1)
    torch.addmm(sums, before.flatten(0, 1).float(), layer.parameters["weight_hh"].float().t(), out=sums)
    cell = scan_lstm(gates, state["cell"].float(), last["cell"].float())
    return _signals(gates, cell, hidden)


def _recover_gru(layer: Layer, x: Tensor, hidden: Tensor, state: State, last: State) -> State:
    parameters = layer.parameters
    from_x = _sums(x, parameters["weight_ih"], parameters.get("bias_ih"))
    from_h = _sums(previous(state["hidden"], hidden), parameters["weight_hh"], parameters.get("bias_hh"))
    reset, update, candidate = gate_gru(from_x, from_h, hidden.dtype)
    return {"reset_gate": reset, "update_gate": update, "candidate": candidate, "hidden": hidden}


RECOVER: dict[str, Recover] = {"lstm": _recover_lstm, "gru": _recover_gru, "rnn": recover_rnn}
