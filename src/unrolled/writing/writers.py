"""Several streams of symbols written side by side: by an engine step after step, or by one compiled call for many."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unrolled.engines import Edit, choose_engine
from unrolled.engines.compiled.holding import Holds
from unrolled.engines.compiled.kernels import Kernels, LayerCall, find_kernels
from unrolled.engines.compiled.layer import CELLS, PackedLayer, Pass, pad
from unrolled.engines.edit import make_holds
from unrolled.networks import Network
from unrolled.writing.draw import draw
from unrolled.writing.settings import SamplingSettings

Symbols = npt.NDArray[np.int64]


class Writer(Protocol):
    """Writes on and on; each stream draws by numbers of its own."""

    def write(self, uniforms: npt.NDArray[np.float64]) -> Symbols:
        """The next symbols `(length, streams)`, drawn by as many numbers from 0 to 1."""
        ...


@dataclass(frozen=True)
class Beginning:
    """Who writes, and from where on.

    newest: `(streams,)`, what each stream reads first.
    state: the carried signals before that, `(layers, streams, neurons)`; zeros where None.
    end: after this symbol a stream begins again from a zero state.
    edits: what is held while it writes; their steps are counted from the first that was read.
    start: steps that were read before `newest`.
    """

    network: Network
    newest: Tensor
    state: Mapping[str, Tensor] | None
    settings: SamplingSettings
    end: int | None = None
    edits: Sequence[Edit] = ()
    start: int = 0

    def held(self, start: int, stop: int) -> list[Edit]:
        """What is held from the step `start` after the beginning to the step `stop`."""
        return [edit.window(self.start + start, self.start + stop) for edit in self.edits]


def make_writer(beginning: Beginning, *, engine: str = "auto") -> Writer:
    """The fastest that can."""
    network = beginning.network
    chosen = choose_engine(network.rnn.stack(), editing=bool(beginning.edits), engine=engine).engine.name
    if chosen == "compiled" and not network.settings.embedding:
        return CompiledWriter(beginning)
    return StepWriter(beginning, engine)


class StepWriter:
    """Any engine, one step a call."""

    def __init__(self, beginning: Beginning, engine: str) -> None:
        self._network, self._newest, self._state = beginning.network, beginning.newest, beginning.state
        self._beginning, self._engine, self._steps = beginning, engine, 0

    def write(self, uniforms: npt.NDArray[np.float64]) -> Symbols:
        device, settings, end = next(self._network.parameters()).device, self._beginning.settings, self._beginning.end
        written = np.empty(uniforms.shape, np.int64)
        for step, row in enumerate(uniforms):
            newest, held = self._newest[None].to(device), self._beginning.held(self._steps, self._steps + 1)
            logits, state = self._network(newest, self._state, edits=held, engine=self._engine)
            scores = logits[0].cpu()
            written[step] = [draw(scores[at], settings, float(uniform)) for at, uniform in enumerate(row)]
            self._newest = torch.from_numpy(written[step])
            if end is not None:
                over = (self._newest == end).to(device)[:, None]
                state = {name: value.masked_fill(over, 0.0) for name, value in state.items()}
            self._state, self._steps = state, self._steps + 1
        return written


class _Call(ctypes.Structure):
    """`writing` of writing.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("layers", "symbols", "padded_symbols", "streams", "length", "end")),
        ("top_k", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("temperature", "top_p")),
        *((name, ctypes.c_void_p) for name in ("stack", "first_hidden", "first_cell", "readout", "bias")),
        *((name, ctypes.c_void_p) for name in ("uniforms", "newest", "written", "scores", "odds")),
    ]


class CompiledWriter:
    """The compiled kernels; what a network without an embedding writes, on the processor in float32."""

    def __init__(self, beginning: Beginning) -> None:
        kernels = find_kernels()
        assert isinstance(kernels, Kernels)
        network, settings, streams = beginning.network, beginning.settings, len(beginning.newest)
        self._kernels, self._beginning, self._steps = kernels, beginning, 0
        self._newest = beginning.newest.to(torch.int64).clone()
        self._kept: list[Any] = []  # the call holds addresses: what they point to must stay
        calls, passes = self._layers(kernels, beginning)
        self._calls = (LayerCall * len(calls))(*calls)
        first = {
            name: (ctypes.c_void_p * len(calls))(
                *(each.first[name].data_ptr() if name in each.first else None for each in passes)
            )
            for name in ("hidden", "cell")
        }
        symbols = network.symbols
        places = -(-symbols // (2 * kernels.lanes)) * 2 * kernels.lanes
        readout = kernels.pack(CELLS["rnn"], network.readout.weight.detach(), places, back=False)
        bias, scores = pad(network.readout.bias.detach(), places), torch.empty(streams, places)
        odds = np.empty((symbols, 2))  # a double and an int64 each
        self._kept += [first, readout, bias, scores, odds]
        self._call = _Call(
            layers=len(calls),
            symbols=symbols,
            padded_symbols=places,
            streams=streams,
            end=-1 if beginning.end is None else beginning.end,
            top_k=settings.top_k,
            temperature=settings.temperature,
            top_p=settings.top_p,
            stack=ctypes.addressof(self._calls),
            first_hidden=ctypes.addressof(first["hidden"]),
            first_cell=ctypes.addressof(first["cell"]),
            readout=readout.data_ptr(),
            bias=bias.data_ptr(),
            newest=self._newest.data_ptr(),
            scores=scores.data_ptr(),
            odds=odds.ctypes.data,
        )

    def _layers(self, kernels: Kernels, beginning: Beginning) -> tuple[list[LayerCall], list[Pass]]:
        """A pass over one step for each layer, which reads what the layer below has left in its own."""
        stack, newest = beginning.network.rnn.stack(), beginning.newest
        before = beginning.state
        if before is None:
            before = stack.zero_state(len(newest), beginning.network.readout.weight)
        x, calls, passes = self._newest[None], list[LayerCall](), list[Pass]()
        for at, layer in enumerate(stack.layers):
            packed = PackedLayer(kernels, stack.cell, layer.parameters, reverse=False, by_symbol=not at)
            room = packed.new_pass(x, {name: value[at].clone() for name, value in before.items()}, None, training=False)
            calls.append(packed.forward_call(room))
            passes.append(room)
            self._kept += [packed, room]
            x = room.hidden[..., : packed.neurons]
        return calls, passes

    def write(self, uniforms: npt.NDArray[np.float64]) -> Symbols:
        holds = self._hold(len(uniforms))
        uniforms, written = np.ascontiguousarray(uniforms), np.empty(uniforms.shape, np.int64)
        self._call.length, self._call.uniforms, self._call.written = (
            len(uniforms),
            uniforms.ctypes.data,
            written.ctypes.data,
        )
        self._kernels.functions.unrolled_write(ctypes.byref(self._call))
        self._steps += len(uniforms)
        del holds  # the kernel has read them
        return written

    def _hold(self, steps: int) -> list[Holds]:
        """Lets the layers hold what is held in the next steps, as long as what this returns is kept."""
        made: list[Holds] = []
        if not self._beginning.edits:
            return made
        edits, stack = self._beginning.held(self._steps, self._steps + steps), self._beginning.network.rnn.stack()
        for call, layer in zip(self._calls, stack.layers, strict=True):
            made.append(Holds(make_holds(edits, layer, steps), stack.cell, stack.neurons, self._kernels.lanes))
            made[-1].give_to(call)
            call.first_step = 0
        return made
