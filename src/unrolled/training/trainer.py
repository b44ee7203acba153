"""One update after another, and everything that a checkpoint must hold to go on bit for bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.errors import DivergedError, RunError
from unrolled.networks import Network
from unrolled.training.batches import Batch, Batches
from unrolled.training.schedule import learning_rate
from unrolled.training.settings import TrainingSettings
from unrolled.training.small_step import SmallStep, small_step_why_not

PATIENCE = 50
"""Updates in a row with an exploded loss before training is stopped."""

HINT = "Lower --learning-rate, --weight-decay or --gradient-clip; the checkpoints from before are kept."


class Trainer:
    """A network, its optimizer (Adam, Kingma and Ba 2015; with AdamW's weight decay) and its place in the data.

    The numbers depend on the settings and the seed alone: not on the clock, not on how often training was interrupted.
    """

    def __init__(self, network: Network, batches: Batches, settings: TrainingSettings, device: torch.device) -> None:
        self.network = network.to(device).train()
        self.batches = batches
        self.settings = settings
        self.device = device
        self.step = 0
        self.state: dict[str, Tensor] | None = None
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self._exploded = 0
        self.small_why_not = small_step_why_not(network, settings, device)
        """Why an update is not one call of the compiled kernels; None where it is."""
        self.small: SmallStep | None = None
        self._random = torch.get_rng_state()  # a small network draws nothing any more

    @property
    def side_by_side(self) -> bool:
        """Whether it can learn with others like it, see `update_all`.

        There, examples are filled up with steps that do not count, over which the states of a relu could grow for ever.
        """
        form = self.network.settings
        endless = form.cell == "rnn" and form.activation == "relu"
        return self.small_why_not is None and (self.batches.carry or not endless)

    def update(self) -> float:
        """One update; returns the loss in nats a symbol, from before it.

        Raises:
            DivergedError: the loss is not a number, or has long been far above that of guessing.
        """
        (nats,) = update_all([self])
        self.watch(nats)
        return nats

    def learn(self) -> float:
        """One update through autograd and PyTorch's optimizer; returns the loss. `watch` it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.step)
        loss = self._loss(self.batches.next())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nats = loss.item()
        if not math.isfinite(nats):
            return nats
        if self.settings.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimizer.step()
        return nats

    def _loss(self, batch: Batch) -> Tensor:
        state = self.state if batch.carries else None
        inputs, targets = batch.inputs.to(self.device), batch.targets.to(self.device)
        logits, after = self.network(inputs, state, engine=self.settings.engine)
        self.state = {name: value.detach() for name, value in after.items()} if self.batches.carry else None
        if batch.weights is None:
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        weights = batch.weights.to(self.device)
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return (nats * weights.flatten()).sum() / weights.sum()

    def watch(self, nats: float) -> None:
        """Counts an update and looks at its loss.

        Raises:
            DivergedError: the loss is not a number, or has long been far above that of guessing.
        """
        guessing = math.log(self.network.symbols)
        exploded = nats > 3 * guessing + 1
        self._exploded = self._exploded + 1 if exploded else 0
        if not math.isfinite(nats) or self._exploded >= PATIENCE:
            what = f"{nats:.3g} nats a symbol" if math.isfinite(nats) else "not a number"
            raise DivergedError(
                f"Training stopped at update {self.step}: the loss is {what} (guessing would give {guessing:.2f}).",
                HINT,
            )
        self.step += 1

    def check(self) -> None:
        """Refuses weights that are not all finite numbers.

        Raises:
            DivergedError: some are not.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.network.parameters()):
            raise DivergedError(f"Training stopped at update {self.step}: the weights are not finite.", HINT)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds as tensors: weights, optimizer, carried state, random state."""
        if self.small:
            self.small.publish()
        optimizer: dict[str, Tensor] = {}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                optimizer[f"{name}.{key}"] = value
        random = {"cpu": torch.get_rng_state() if self.small_why_not else self._random}
        if self.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "weights": dict(self.network.state_dict()),
            "optimizer": optimizer,
            "carried": dict(self.state or {}),
            "random": random,
        }

    def place(self) -> dict[str, Any]:
        """What a checkpoint holds as JSON."""
        return {"batches": self.batches.place(), "exploded": self._exploded}

    def go_to(self, step: int, place: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        """Goes on from a checkpoint.

        Raises:
            RunError: the checkpoint lacks something.
        """
        # Copies, for what lies in a file is not aligned as PyTorch aligns it, and sums may differ in the last bit.
        try:
            self.network.load_state_dict(tensors["weights"])
            stored = tensors.get("optimizer", {})
            for name, parameter in self.network.named_parameters():
                self.optimizer.state[parameter] = {
                    key: stored[f"{name}.{key}"].to(self.device) for key in ("step", "exp_avg", "exp_avg_sq")
                }
            self._random = tensors["random"]["cpu"]
            torch.set_rng_state(self._random)
            if "cuda" in tensors["random"]:
                torch.cuda.set_rng_state(tensors["random"]["cuda"], self.device)
            self.small = None  # takes up the weights and moments that are there when it is made
            self.batches.go_to(place["batches"])
            self._exploded = int(place["exploded"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"The checkpoint does not fit the run: {error}.", "Train again with --overwrite.") from None
        carried = (tensors.get("carried") or None) if self.batches.carry else None
        self.state = {name: value.to(self.device, copy=True) for name, value in carried.items()} if carried else None
        self.step = step


def update_all(trainers: Sequence[Trainer]) -> list[float]:
    """One update of each trainer, which learns what it would learn alone; returns their losses. `watch` each.

    Args:
        trainers: one; or several `side_by_side`, at the same step of runs that differ in the seed alone: they go
            through one call of the compiled kernels.
    """
    first, *others = trainers
    if first.small_why_not:
        assert not others
        return [first.learn()]
    batch = first.batches.next_beside([other.batches for other in others])
    state = None
    if batch.carries and first.state is not None:
        states = [trainer.state or {} for trainer in trainers]
        state = {name: torch.stack([each[name] for each in states]) for name in first.state}
    losses, after = _small_step(trainers).update(batch, state, learning_rate(first.settings, first.step))
    if first.batches.carry:
        for at, trainer in enumerate(trainers):
            trainer.state = {name: value[at] for name, value in after.items()}
    return losses


def _small_step(trainers: Sequence[Trainer]) -> SmallStep:
    """What updates these together: that of the update before, or a new one where others were among them then."""
    networks, small = [trainer.network for trainer in trainers], trainers[0].small
    if small is None or small.networks != networks:
        for trainer in trainers:
            if trainer.small:
                trainer.small.publish()
        optimizers = [trainer.optimizer for trainer in trainers]
        small = SmallStep(networks, optimizers, trainers[0].settings.gradient_clip)
        for trainer in trainers:
            trainer.small = small
    return small
