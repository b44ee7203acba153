"""Runs the compiled engine over odd shapes, forward and back: for test_sanitizers.py, in a process of its own."""

from __future__ import annotations

import itertools
import random

import numpy as np
import torch

from tests.stacks import (
    RECURRENT,
    every_signal,
    gradients,
    make_stack,
    random_state,
    random_weights,
    sequence_lengths,
)
from unrolled.engines import ENGINES, Edit, Stack
from unrolled.networks import Network, NetworkSettings
from unrolled.training.batches import Batch
from unrolled.training.small_step import SmallStep
from unrolled.writing.settings import SamplingSettings
from unrolled.writing.writers import Beginning, CompiledWriter

NEURONS, BATCHES, STEPS, INPUTS = (1, 3, 16, 17, 129), (1, 5, 13, 40), (1, 2, 7, 33), (1, 3, 40)


def run_odd_shapes(count: int) -> None:
    """`count` shapes of each cell, drawn from all that the numbers above make."""
    engine = ENGINES.get("compiled")()
    shapes = list(itertools.product(NEURONS, BATCHES, STEPS, INPUTS))
    for kind in RECURRENT:
        for neurons, batch, steps, inputs in random.sample(shapes, count):
            both, ragged, symbols = (random.random() < 0.5 for _ in range(3))
            torch.set_num_threads(random.choice((1, 2, 3)))
            stack = make_stack(kind, inputs, neurons, bidirectional=both, dtype=torch.float32)
            x = torch.randint(0, inputs, (steps, batch)) if symbols else torch.randn(steps, batch, inputs)
            state, weights = random_state(stack, batch, torch.float32), random_weights(stack, steps, batch)
            lengths = sequence_lengths(steps, batch) if ragged else None
            edits = odd_edits(stack, steps, batch)
            engine.run(stack, x, state, lengths=lengths, record=every_signal(stack))
            engine.run(stack, x, state, lengths=lengths, record=every_signal(stack), edits=edits)
            gradients("compiled", stack, x, state, weights, lengths=lengths)


def odd_edits(stack: Stack, steps: int, batch: int) -> list[Edit]:
    """The last neuron, at a value and in some places of its own, and all, at one for each number."""
    layer, last, signals = random.choice(stack.layers).name, stack.neurons - 1, every_signal(stack)
    places = torch.rand(steps, batch) < 0.5
    return [
        Edit(layer, random.choice(signals), torch.rand(steps, 1, 1), [last], where=places),
        Edit(layer, random.choice(signals), torch.rand(1, batch, stack.neurons), steps=range(0, steps, 2)),
        Edit(layer, random.choice(signals), 0.5, [last, 0] if last else None),
    ]


def train_and_write_oddly(count: int) -> None:
    """Small networks of each cell: one call a training step, and many symbols written a call."""
    for cell in ("lstm", "gru", "rnn", "peephole"):
        for _ in range(count):
            torch.set_num_threads(random.choice((1, 2, 3)))
            form = {"cell": cell, "hidden": random.choice((1, 3, 17, 33)), "layers": random.choice((1, 2))}
            symbols, steps, streams = random.choice((2, 5, 17)), random.choice((1, 2, 9)), random.choice((1, 5, 40, 70))
            network = Network(NetworkSettings.parse(form), symbols)
            optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
            text = torch.randint(0, symbols, (steps + 1, streams))
            SmallStep([network], [optimizer], 1.0).update(Batch(text[:-1], text[1:], None, False), None, 0.01)
            settings = SamplingSettings(top_k=random.choice((0, 3)), top_p=random.choice((1.0, 0.6)))
            edits = random.choice(([], odd_edits(network.rnn.stack(), 12, streams)))
            writer = CompiledWriter(Beginning(network, text[0], None, settings, random.choice((None, 0)), edits, 2))
            for count in (1, 9):
                writer.write(np.random.default_rng(0).random((count, streams)))


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    run_odd_shapes(20)
    train_and_write_oddly(12)
    print("all shapes ran")
