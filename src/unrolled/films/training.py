"""Trains a network to say what is happening in each frame of films."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells import CELLS
from unrolled.errors import DivergedError, SourceError
from unrolled.films.network import CODE, FilmNetwork, count_parameters, neurons_for, shrink
from unrolled.networks.settings import FORGETS, NetworkSettings
from unrolled.progress import Progress, silent
from unrolled.sources.films import UNLABELLED, Films
from unrolled.training.schedule import learning_rate
from unrolled.training.settings import TrainingSettings

NEURONS = 32
"""Of the LSTM that sets the number of parameters for every cell."""
FORGET_BIAS = 2.0
TRAINING = TrainingSettings.parse(
    {"steps": 2500, "batch": 16, "learning_rate": 0.01, "warmup": 20, "gradient_clip": 0.5}
)
"""What networks over drawn films are trained with."""
FIRST_STEPS = 20
"""Frames of each film that the first updates see; so the rules are learned before the long gaps."""
GROWN = 0.6
"""The share of the updates after which whole films are seen."""


def film_settings(cell: str, labels: int, neurons: int | None = None) -> NetworkSettings:
    """The settings of a network with as many parameters as an LSTM of `NEURONS`, or of one with `neurons` neurons.

    Raises:
        UnknownNameError: there is no such cell.
        SettingsError: the number of neurons is out of its range.
    """
    CELLS.get(cell)
    if neurons is None:
        lstm = NetworkSettings.parse({"cell": "lstm", "hidden": NEURONS, "embedding": CODE})
        neurons = neurons_for(cell, count_parameters(lstm, labels), labels)
    forget = {"forget_bias": FORGET_BIAS} if cell in FORGETS else {}
    return NetworkSettings.parse({"cell": cell, "hidden": neurons, "embedding": CODE, **forget})


def train_film_network(
    films: Films,
    cell: str = "lstm",
    seed: int = 0,
    *,
    neurons: int | None = None,
    training: TrainingSettings = TRAINING,
    progress: Progress = silent,
) -> FilmNetwork:
    """Trains one network; the same arguments give the same network on one machine.

    At each update it reads some films from their beginning, side by side, and learns the label of every frame that has
    one, by Adam. A label that is rare counts more, by one over the root of its frequency. The first updates see the
    films' first frames only, later ones more and more, the last 40 % whole films.

    Args:
        films: what to learn from.
        cell: `lstm`, `gru`, `rnn`, `feedforward` or any other that `NetworkSettings` takes.
        seed: of the first weights and of the order of the films.
        neurons: of its one layer; by default as many as make its parameters as many as those of an LSTM of `NEURONS`.
        training: of it `steps`, `batch`, `learning_rate`, `schedule`, `warmup`, `weight_decay`, `gradient_clip` and
            `engine` count.
        progress: called at every update with the loss in nats.

    Returns:
        The network, in evaluation mode.

    Raises:
        UnknownNameError, SettingsError: the cell or the number of neurons cannot be.
        SourceError: no frame of the films has a label.
        DivergedError: the loss is no finite number any more.
    """
    weights = label_weights(films)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FilmNetwork(film_settings(cell, len(films.names), neurons), len(films.names))
        _learn(network, films, weights, np.random.default_rng(seed), training, progress)
    return network.eval()


def label_weights(films: Films) -> Tensor:
    """What each label counts, `(labels,)`: one over the root of its frequency, 1 in the mean over the frames.

    Raises:
        SourceError: no frame has a label.
    """
    known = films.labels[films.labels != UNLABELLED]
    if not len(known):
        raise SourceError("No frame of these films has a label.", "Label some frames; then a network can learn.")
    share = np.bincount(known, minlength=len(films.names)) / len(known)
    weights = np.where(share > 0, 1 / np.sqrt(np.maximum(share, 1e-12)), 0)
    return torch.from_numpy((weights / (weights * share).sum()).astype(np.float32))


def _learn(
    network: FilmNetwork,
    films: Films,
    weights: Tensor,
    rng: np.random.Generator,
    training: TrainingSettings,
    progress: Progress,
) -> None:
    pictures = shrink(films.pictures)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=training.weight_decay, fused=True)
    longest = films.frames.shape[1]
    for update in range(training.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(training, update)
        chosen = rng.permutation(len(films))[: training.batch]
        grown = min(1.0, update / (GROWN * training.steps))
        steps = min(longest, math.ceil(FIRST_STEPS + (longest - FIRST_STEPS) * grown))
        targets = torch.from_numpy(films.labels[chosen, :steps].T.copy())
        if bool((targets == UNLABELLED).all()):
            continue
        frames = torch.from_numpy(films.frames[chosen, :steps].T.copy())
        scores = network(pictures, frames, engine=training.engine)
        loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), weights, ignore_index=UNLABELLED)
        nats = loss.item()
        if not math.isfinite(nats):
            raise DivergedError(
                f"Training stopped at update {update}: the loss is not a number.", "Lower the learning rate."
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if training.gradient_clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.gradient_clip)
        optimizer.step()
        progress(update + 1, training.steps, loss=nats)
