"""Recording every signal, beside plain nn.LSTM, which records nothing.

Forward passes in one process, in turns (A B A B …), the same weights and inputs for all; medians of the rounds, as
ratios to nn.LSTM in the same rounds. First ours against PyTorch, every cell; then the other ways of running an LSTM
against nn.LSTM: the loop that people write to see the gates, Keras on its torch backend, ONNX Runtime (the last two
keep no gates). The first layer reads as many numbers as it has neurons, with 10 neurons 8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from common import Report, race_arguments, race_as, say
from peak import forward_work, limits, measure
from peers import PEERS, checked, missing
from torch import nn

from unrolled.engines import choose_engine
from unrolled.racing import Shape, Times, race, random_inputs, recorder, stack_of
from unrolled.racing.contestants import MODULES

ROWS = (
    (Shape(1, 10, 64, 200, 8), 0.20),
    (Shape(1, 10, 1, 2000, 8), 0.10),
    (Shape(2, 128, 32, 200, 128), 0.75),
    (Shape(2, 128, 1, 2000, 128), 0.45),
    (Shape(3, 512, 16, 200, 512), 0.95),
    (Shape(3, 512, 1, 500, 512), 0.75),
)
"""Sizes, and the bar of the LSTM's ratio."""
WORSE, PEEPHOLE = 1.25, 1.15
SIGNALS = {"lstm": 6, "gru": 4, "rnn": 1}


def make_module(cell: str, shape: Shape) -> nn.RNNBase:
    torch.manual_seed(0)
    return MODULES[cell](shape.inputs, shape.neurons, shape.layers)


def plain(module: nn.RNNBase, x: torch.Tensor) -> Callable[[], object]:
    @torch.inference_mode()
    def run() -> object:
        return module(x)

    return run


def peephole(lstm: nn.RNNBase) -> Any:
    """The LSTM's own weights, and peepholes."""
    from unrolled.cells.peephole import PeepholeLSTM
    from unrolled.engines import Stack

    parameters = dict(lstm.named_parameters())
    for layer in range(lstm.num_layers):
        weight = parameters[f"weight_hh_l{layer}"]
        parameters[f"weight_ch_l{layer}"] = (torch.randn(3 * lstm.hidden_size) * 0.1).to(weight).requires_grad_()
    return Stack.from_parameters(PeepholeLSTM(), parameters, depth=lstm.num_layers)


def ours(shape: Shape, engine: str, stack: Any) -> Callable[[], object]:
    return recorder(choose_engine(stack, recording=True, engine=engine).engine, stack, random_inputs(shape))


def contestants(shape: Shape, engine: str) -> dict[str, Callable[[], object]]:
    """Ours and PyTorch's, every cell; and the fallback."""
    x, found = random_inputs(shape), dict[str, Callable[[], object]]()
    for cell in MODULES:
        module = make_module(cell, shape)
        found[f"nn {cell}"] = plain(module, x)
        found[cell] = ours(shape, engine, stack_of(cell, module))
        if cell == "lstm":
            found["torch engine"] = ours(shape, "torch", stack_of(cell, module))
            found["peephole"] = ours(shape, engine, peephole(module))
            short = Shape(shape.layers, shape.neurons, shape.batch, 1, shape.inputs)
            found["one step"] = ours(short, engine, stack_of(cell, module))
    return found


def race_ours(result: Report, shapes: Sequence[tuple[Shape, float]], engine: str, seconds: float) -> None:
    machine = measure()
    main_rows: list[list[str]] = []
    cell_rows: list[list[str]] = []
    for shape, bar in shapes:
        say(f"{shape}: ours and PyTorch's …")
        times = race(contestants(shape, engine), seconds=seconds)
        base, lstm = times["nn lstm"], times["lstm"]
        ratio, (low, high) = lstm.ratio(base), lstm.spread(base)
        work = forward_work("lstm", shape, signals=6, call=times["one step"].median)
        others = {cell: times[cell].ratio(times[f"nn {cell}"]) for cell in ("gru", "rnn")}
        against = times["peephole"].ratio(lstm)
        main_rows.append(
            [str(shape), ms(base), ms(lstm), f"{ratio:.3f}", f"{low:.3f} to {high:.3f}", f"{bar:.2f}",
             f"{times['torch engine'].ratio(base):.2f}", limits(work, machine, lstm.median)]
        )  # fmt: skip
        cell_rows.append([str(shape), f"{ratio:.3f}", *(f"{value:.3f}" for value in others.values()), f"{against:.2f}"])
        result.bar(f"{shape}: LSTM ÷ nn.LSTM", f"at most {bar:.2f}", f"{ratio:.3f}", ratio <= bar)
        for cell, value in others.items():
            most = WORSE * ratio
            result.bar(f"{shape}: {cell.upper()} ÷ nn.{cell.upper()}", f"at most {WORSE} × LSTM's, {most:.3f}",
                       f"{value:.3f}", value <= most)  # fmt: skip
        result.bar(f"{shape}: peephole ÷ our LSTM", f"at most {PEEPHOLE}", f"{against:.2f}", against <= PEEPHOLE)
        result.numbers[str(shape)] = {
            "milliseconds": {name: value.median * 1e3 for name, value in times.items()},
            "rounds": len(base.seconds),
            "floors_milliseconds": {name: floor * 1e3 for name, floor in work.floors(machine).items()},
        }
    result.table(
        "Layers × neurons, batch, steps: every signal of an LSTM, beside nn.LSTM, which keeps none. What limits it: "
        "the parts that fill most of our time, were each alone and at this machine's peak.",
        ["shape", "nn.LSTM", f"`{engine}`", "ratio", "half of the rounds", "bar", "`torch` engine", "what limits it"],
        main_rows,
    )
    result.table(
        "The other cells: recording ÷ the plain module of PyTorch; the peephole LSTM ÷ our own LSTM.",
        ["shape", "LSTM", "GRU", "RNN", "peephole"],
        cell_rows,
    )


def race_peers(result: Report, shapes: Sequence[tuple[Shape, float]], engine: str, seconds: float) -> None:
    rows: list[list[str]] = []
    there = [peer for peer in PEERS if not missing(peer)]
    for shape, _ in shapes:
        say(f"{shape}: the others …")
        lstm, x = make_module("lstm", shape), random_inputs(shape)
        assert isinstance(lstm, nn.LSTM)
        running: dict[str, Callable[[], object]] = {"nn lstm": plain(lstm, x)}
        running["lstm"] = ours(shape, engine, stack_of("lstm", lstm))
        running |= {peer: checked(peer, lstm, x)[0] for peer in there}
        times = race(running, seconds=seconds)
        base, mine = times["nn lstm"], times["lstm"]
        shown = [told(times[peer], base) if peer in times else missing(peer) for peer in PEERS]
        rows.append([str(shape), ms(base), told(mine, base), *shown])
        found = {name: value.median * 1e3 for name, value in times.items()}
        result.numbers[str(shape)]["others_milliseconds"] = found
    result.table(
        "The others, as ratios to nn.LSTM in the same rounds. Only ours and the loop keep the gates.",
        ["shape", "nn.LSTM", f"`{engine}`, all signals", *PEERS],
        rows,
    )


def ms(times: Times) -> str:
    return f"{times.median * 1e3:.2f} ms"


def told(times: Times, base: Times) -> str:
    return f"{times.ratio(base):.2f}"


def main() -> int:
    given = race_arguments(__doc__, rows=len(ROWS), engine="compiled").parse_args()
    race_as(given)
    result = Report("Recording every signal", packages=() if given.no_others else ("keras", "onnxruntime"))
    race_ours(result, ROWS[: given.rows], given.engine, given.seconds)
    if not given.no_others:
        race_peers(result, ROWS[: given.rows], given.engine, given.seconds)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
