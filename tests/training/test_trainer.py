"""One update against plain PyTorch: the loss, the state that is carried, the step of the optimizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from unrolled.errors import DivergedError
from unrolled.networks import Network, NetworkSettings
from unrolled.sources import open_source, prepare
from unrolled.sources.tasks.counter import Counter
from unrolled.training.batches import TaskBatches, TextBatches
from unrolled.training.loop import Run
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import TrainingSettings
from unrolled.training.trainer import Trainer

SYMBOLS = 4


def make(batches: TextBatches | TaskBatches, **given: object) -> tuple[Trainer, nn.LSTM, nn.Linear]:
    """A trainer, and the same network in plain PyTorch."""
    network = Network(NetworkSettings.parse({"hidden": 5}), SYMBOLS)
    plain, readout = nn.LSTM(SYMBOLS, 5), nn.Linear(5, SYMBOLS)
    weights = network.state_dict()
    plain.load_state_dict({name.removeprefix("rnn."): value for name, value in weights.items() if "rnn." in name})
    readout.load_state_dict({"weight": weights["readout.weight"], "bias": weights["readout.bias"]})
    settings = TrainingSettings.parse({"warmup": 0, "schedule": "constant", **given})
    return Trainer(network, batches, settings, torch.device("cpu")), plain, readout


def test_updates_are_those_of_a_loop_by_hand() -> None:
    """Three rounds through a text of 3 streams of 21: 5 batches of 4 each, then from a zero state again."""
    symbols = np.random.default_rng(0).integers(0, SYMBOLS, 63)
    trainer, plain, readout = make(TextBatches(symbols, 3, 4), learning_rate=0.01, weight_decay=0.1, gradient_clip=0.3)
    parameters = [*plain.parameters(), *readout.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1)
    streams = torch.from_numpy(symbols).reshape(3, 21).t()
    for _ in range(3):
        state = None
        for start in range(0, 20, 4):
            inputs = F.one_hot(streams[start : start + 4], SYMBOLS).float()
            outputs, state = plain(inputs, state)
            state = (state[0].detach(), state[1].detach())
            loss = F.cross_entropy(readout(outputs).flatten(0, 1), streams[start + 1 : start + 5].flatten())
            optimizer.zero_grad()
            loss.backward()
            norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters))  # type: ignore[arg-type,operator]
            for parameter in parameters:
                parameter.grad *= min(1.0, 0.3 / float(norm))  # type: ignore[operator]
            optimizer.step()
            assert trainer.update() == pytest.approx(loss.item(), abs=1e-5)
    assert torch.allclose(trainer.network.get_parameter("rnn.weight_hh_l0"), plain.weight_hh_l0, atol=1e-5)


@pytest.mark.parametrize("knowable", [True, False])
def test_a_tasks_loss_is_the_mean_over_what_counts(knowable: bool) -> None:
    task = Counter(maximum=4)
    trainer, plain, readout = make(TaskBatches(task, 6, 1, knowable=knowable), learning_rate=1e-9)
    sequences = task.examples(np.random.default_rng(1), 6)
    losses: list[float] = []
    for sequence in sequences:
        numbers = torch.tensor([task.alphabet.index(letter) for letter in sequence])
        outputs, _ = plain(F.one_hot(numbers[:-1], SYMBOLS).float()[:, None])
        nats = F.cross_entropy(readout(outputs[:, 0]), numbers[1:], reduction="none")
        losses += nats[sequence.index("X") :].tolist() if knowable else nats.tolist()
    assert trainer.update() == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_weights_that_are_no_numbers_make_no_checkpoint(tmp_path: Path) -> None:
    trainer, _, _ = make(TaskBatches(Counter(), 6, 1, knowable=False))
    trainer.update()
    folder = RunFolder(tmp_path)
    with torch.no_grad():
        trainer.network.get_parameter("readout.bias")[2] = torch.inf
    with pytest.raises(DivergedError, match="weights are not finite"):
        Run(folder, trainer, prepare(open_source("task:counter"))).save()
    folder.close()
    assert not (tmp_path / "checkpoints").exists()
