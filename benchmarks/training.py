"""A whole training step: forward, loss, backward, Adam; beside plain nn.LSTM.

In one process, in turns (A B A B …), from the same weights on the same random symbols; medians of the rounds, as ratios
to nn.LSTM with Adam in the same rounds. Ours is one update of the trainer behind `unrolled train`, which besides clips
the gradient and refuses a loss that explodes. PyTorch's reads one-hot vectors, as ours does in effect, and clips
nothing. The first losses of all must agree. The loop of nn.LSTMCell, and Keras on its torch backend, run at the small
sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from common import Report, race_arguments, race_as, say
from peak import limits, measure, training_work
from peers import KERAS, LOOP, Loop, keras_layers, keras_module, missing
from torch import nn

from unrolled.networks import Network, NetworkSettings
from unrolled.racing import Shape, race, trainer, training_step
from unrolled.racing.contestants import RATE, Plain, one_hot, random_batches
from unrolled.training.small_step import MOST_NEURONS

ROWS = (
    (Shape(1, 10, 32, 22, 4), 0.06),
    (Shape(1, 20, 32, 22, 5), 0.11),
    (Shape(2, 128, 50, 50, 96), 0.60),
    (Shape(3, 512, 50, 50, 96), 0.80),
)
"""Sizes, and the bar of the ratio."""
ONE_CALL = tuple(Shape(layers, neurons, 50, 50, 96) for layers in (1, 2) for neurons in (32, 64, 96, 128))
SMALL = 20
"""Neurons up to which the slow ones take part."""
NEAR = 1e-3
OURS, ADAM, FUSED = "ours", "nn.LSTM, Adam", "nn.LSTM, Adam(fused=True)"


def make_network(shape: Shape, cell: str = "lstm") -> Network:
    torch.manual_seed(0)
    settings = {"cell": cell, "layers": shape.layers, "hidden": shape.neurons}
    return Network(NetworkSettings.parse(settings), shape.inputs)


def keras_step(shape: Shape, plain: Plain) -> Callable[[], float]:
    """Keras's own training step, as its users call it."""
    keras = keras_module()
    lstm = plain.rnn
    assert isinstance(lstm, nn.LSTM)
    model = keras_layers(lstm)
    model.add(keras.layers.Dense(shape.inputs))
    readout = plain.readout
    model.layers[-1].set_weights([readout.weight.detach().t().numpy(), readout.bias.detach().numpy()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=loss)
    ready = [(one_hot(shape, batch).transpose(0, 1).numpy(), batch.targets.t().numpy())
             for batch in random_batches(shape)]  # fmt: skip
    turn = -1

    def step() -> float:
        nonlocal turn
        turn = (turn + 1) % len(ready)
        return float(model.train_on_batch(*ready[turn]))

    return step


def contestants(shape: Shape, engine: str, *, others: bool) -> dict[str, Callable[[], float]]:
    plain = Plain(make_network(shape))
    found: dict[str, Callable[[], float]] = {
        ADAM: training_step(shape, plain),
        FUSED: training_step(shape, Plain(make_network(shape)), fused=True),
        OURS: trainer(shape, make_network(shape), engine=engine).update,
    }
    if others and shape.neurons <= SMALL:
        lstm = plain.rnn
        assert isinstance(lstm, nn.LSTM)
        found[LOOP] = training_step(shape, Plain(make_network(shape), Loop(lstm)))
        if not missing(KERAS):
            found[KERAS] = keras_step(shape, plain)
    return found


def check_first_losses(running: dict[str, Callable[[], float]]) -> None:
    """Whoever begins with another loss computes something else."""
    losses = {name: float(step()) for name, step in running.items()}
    for name, loss in losses.items():
        if not abs(loss - losses[ADAM]) <= NEAR:
            raise SystemExit(f"{name} begins with a loss of {loss:.4f}, nn.LSTM with {losses[ADAM]:.4f}.")


def measure_rows(result: Report, rows: Sequence[tuple[Shape, float]], given: Any) -> None:
    machine = measure()
    shown: list[list[str]] = []
    for shape, bar in rows:
        say(f"{shape}, {shape.inputs} symbols …")
        running = contestants(shape, given.engine, others=not given.no_others)
        check_first_losses(running)
        one = Shape(shape.layers, shape.neurons, 1, 1, shape.inputs)
        times = race({**running, "one": trainer(one, make_network(one), engine=given.engine).update},
                     seconds=given.seconds)  # fmt: skip
        base, ours = times[ADAM], times[OURS]
        ratio, (low, high) = ours.ratio(base), ours.spread(base)
        work = training_work("lstm", shape, signals=6, call=times["one"].median)
        name = f"{shape}, {shape.inputs}"
        slow = [f"{times[peer].ratio(base):.2f}" if peer in times else "" for peer in (LOOP, KERAS)]
        shown.append(
            [name, f"{base.median * 1e3:.2f} ms", f"{ours.median * 1e3:.3f} ms", f"{ratio:.3f}",
             f"{low:.3f} to {high:.3f}", f"{bar:.2f}", f"{times[FUSED].ratio(base):.2f}", *slow,
             limits(work, machine, ours.median)]
        )  # fmt: skip
        result.bar(f"{name}: ours ÷ nn.LSTM with Adam", f"at most {bar:.2f}", f"{ratio:.3f}", ratio <= bar)
        result.numbers[name] = {
            "milliseconds": {who: value.median * 1e3 for who, value in times.items()},
            "rounds": len(base.seconds),
            "floors_milliseconds": {part: floor * 1e3 for part, floor in work.floors(machine).items()},
        }
    others = [LOOP, f"{KERAS}{' (not installed)' if missing(KERAS) else ''}"]
    result.table(
        "Layers × neurons, batch, unroll, symbols: one step; all but the times as ratios to nn.LSTM with Adam. What "
        "limits it: the parts that fill most of our time, were each alone and at this machine's peak.",
        ["shape", ADAM, OURS, "ratio", "half of the rounds", "bar", "Adam(fused=True)", *others, "what limits it"],
        shown,
    )


def race_one_call(result: Report, seconds: float) -> None:
    """Both ways of ours: a whole step in one call, as small networks take it, and layer by layer through autograd."""
    rows: list[list[str]] = []
    for shape in ONE_CALL:
        say(f"{shape}, {shape.inputs} symbols: one call …")
        ways = {why_not: trainer(shape, make_network(shape)) for why_not in (None, "it is raced")}
        for why_not, each in ways.items():
            each.small_why_not = why_not
        times = race({str(why_not): each.update for why_not, each in ways.items()}, seconds=seconds)
        one, layered = times.values()
        taken = "one call" if shape.neurons <= MOST_NEURONS else "by layer"
        rows.append([f"{shape}, {shape.inputs}", f"{one.median * 1e3:.2f} ms", f"{layered.median * 1e3:.2f} ms",
                     f"{one.ratio(layered):.2f}", taken])  # fmt: skip
    result.table(
        "Ours in one call, and layer by layer.", ["shape", "one call", "by layer", "ratio", "what `train` takes"], rows
    )


def main() -> int:
    given = race_arguments(__doc__, rows=len(ROWS), engine="auto").parse_args()
    race_as(given)
    result = Report("A training step", packages=() if given.no_others else ("keras",))
    measure_rows(result, ROWS[: given.rows], given)
    if given.rows >= len(ROWS):
        race_one_call(result, given.seconds / 4)
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
