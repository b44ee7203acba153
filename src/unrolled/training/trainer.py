"""One update after another, and everything that a checkpoint must hold to go on bit for bit."""

from __future__ import annotations

import math
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
        self._small: SmallStep | None = None

    def update(self) -> float:
        """One update; returns the loss in nats a symbol, from before it.

        Raises:
            DivergedError: the loss is not a number, or has long been far above that of guessing.
        """
        batch = self.batches.next()
        rate = learning_rate(self.settings, self.step)
        nats = self._update(batch, rate) if self.small_why_not else self._update_at_once(batch, rate)
        self.step += 1
        return nats

    def _update_at_once(self, batch: Batch, rate: float) -> float:
        """In one call, for a small network."""
        self._small = self._small or SmallStep([self.network], [self.optimizer], self.settings.gradient_clip)
        (nats,), self.state = self._small.update(batch, self.state if batch.carries else None, rate)
        self._watch(nats)
        return nats

    def _update(self, batch: Batch, rate: float) -> float:
        """Through autograd and PyTorch's optimizer."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self._loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nats = loss.item()
        self._watch(nats)
        if self.settings.gradient_clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimizer.step()
        return nats

    def _loss(self, batch: Batch) -> Tensor:
        state = self.state if batch.carries else None
        inputs, targets = batch.inputs.to(self.device), batch.targets.to(self.device)
        logits, after = self.network(inputs, state, engine=self.settings.engine)
        self.state = {name: value.detach() for name, value in after.items()}
        if batch.weights is None:
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        weights = batch.weights.to(self.device)
        nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return (nats * weights.flatten()).sum() / weights.sum()

    def _watch(self, nats: float) -> None:
        guessing = math.log(self.network.symbols)
        exploded = nats > 3 * guessing + 1
        self._exploded = self._exploded + 1 if exploded else 0
        if not math.isfinite(nats) or self._exploded >= PATIENCE:
            what = f"{nats:.3g} nats a symbol" if math.isfinite(nats) else "not a number"
            raise DivergedError(
                f"Training stopped at update {self.step}: the loss is {what} (guessing would give {guessing:.2f}).",
                HINT,
            )

    def check(self) -> None:
        """Refuses weights that are not all finite numbers.

        Raises:
            DivergedError: some are not.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.network.parameters()):
            raise DivergedError(f"Training stopped at update {self.step}: the weights are not finite.", HINT)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint holds as tensors: weights, optimizer, carried state, random state."""
        if self._small:
            self._small.publish()
        optimizer: dict[str, Tensor] = {}
        for name, parameter in self.network.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                optimizer[f"{name}.{key}"] = value
        random = {"cpu": torch.get_rng_state()}
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
            torch.set_rng_state(tensors["random"]["cpu"])
            if "cuda" in tensors["random"]:
                torch.cuda.set_rng_state(tensors["random"]["cuda"], self.device)
            self._small = None  # takes up the weights and moments that are there when it is made
            self.batches.go_to(place["batches"])
            self._exploded = int(place["exploded"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"The checkpoint does not fit the run: {error}.", "Train again with --overwrite.") from None
        carried = tensors.get("carried") or None
        self.state = {name: value.to(self.device, copy=True) for name, value in carried.items()} if carried else None
        self.step = step
