"""Update after update, with metrics, looks at the validation part and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unrolled.engines import choose_engine
from unrolled.errors import DivergedError, RunError
from unrolled.networks.files import checkpoint_path, load_tensors
from unrolled.progress import Progress
from unrolled.sources import Corpus, TaskSource
from unrolled.sources.tasks.counter import Counter
from unrolled.training.evaluate import Score
from unrolled.training.exam import counts_right_to, share_right
from unrolled.training.run_folder import RunFolder
from unrolled.training.trainer import HINT, Trainer
from unrolled.training.watch import validate

CHECKPOINT_SECONDS = 20.0
METRICS = 400
"""Lines of training loss that a whole run writes, about."""


@dataclass(frozen=True)
class Outcome:
    """How a run stands when training ends.

    finished: False where it was stopped and can be gone on with. summary: what `summary.json` holds.
    """

    path: Path
    finished: bool
    step: int
    summary: dict[str, Any]


class Loop:
    """Drives a trainer and writes what it does into the run folder."""

    def __init__(self, folder: RunFolder, trainer: Trainer, corpus: Corpus, progress: Progress) -> None:
        self.folder = folder
        self.trainer = trainer
        self.corpus = corpus
        self.progress = progress
        self.best_step: int | None = None
        self.best_nats: float | None = None
        self.seconds = 0.0
        self._every = max(1, trainer.settings.steps // METRICS)
        self._sum, self._count = 0.0, 0
        self._saved_at = time.monotonic()
        self._saved_step: int | None = None

    def go_on_from(self, state: dict[str, Any], tensors: dict[str, dict[str, Tensor]]) -> None:
        """Takes up the last checkpoint."""
        try:
            threads, now = state.get("threads"), torch.get_num_threads()
            if threads != now and self.trainer.device.type == "cpu":
                torch.set_num_threads(int(threads or now))
            self.trainer.go_to(int(state["step"]), state, tensors)
            self.best_step, self.best_nats = state["best_step"], state["best_nats"]
            self.seconds = float(state["seconds"])
            self._sum, self._count = float(state["loss_sum"]), int(state["loss_count"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else f"{error}"
            raise RunError(f"The last checkpoint of {self.folder.path} is damaged: {why}.", "Train it again.") from None
        self._saved_step = self.trainer.step

    def run(self, stop: Callable[[], bool]) -> Outcome:
        """Trains until the last step, or until `stop` says yes.

        Raises:
            DivergedError: see `Trainer.update`.
        """
        settings, trainer = self.trainer.settings, self.trainer
        started, before = time.monotonic(), self.seconds
        validation: float | None = None
        while trainer.step < settings.steps:
            nats = trainer.update()
            self._sum, self._count = self._sum + nats, self._count + 1
            self.seconds = before + time.monotonic() - started
            if trainer.step % self._every == 0 or trainer.step == settings.steps:
                self._write_loss()
            improved = False
            if trainer.step % settings.validate_every == 0 or trainer.step == settings.steps:
                score = validate(trainer.network, self.corpus, settings)
                if score is not None:
                    validation, improved = score.nats_per_symbol, self._note(score)
            shown = {"validation": validation} if validation is not None else {}
            self.progress(trainer.step, settings.steps, nats=nats, **shown)
            stopping = trainer.step < settings.steps and stop()
            if improved or stopping or time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
                self.save()
            if stopping:
                return Outcome(self.folder.path, False, trainer.step, self.write_summary(finished=False))
        self.save()
        return Outcome(self.folder.path, True, trainer.step, self.write_summary(finished=True))

    def _write_loss(self) -> None:
        self.folder.add_metrics(
            step=self.trainer.step,
            part="train",
            nats_per_symbol=self._sum / self._count,
            seconds=round(self.seconds, 3),
        )
        self._sum, self._count = 0.0, 0

    def _note(self, score: Score) -> bool:
        """Writes a look at the validation part down; whether it is the best so far.

        Raises:
            DivergedError: it is not a number.
        """
        if not math.isfinite(score.nats_per_symbol):
            raise DivergedError(
                f"Training stopped at update {self.trainer.step}: the validation loss is no number.", HINT
            )
        self.folder.add_metrics(
            step=self.trainer.step,
            part="validation",
            nats_per_symbol=score.nats_per_symbol,
            accuracy=score.accuracy,
            seconds=round(self.seconds, 3),
        )
        if self.best_nats is not None and score.nats_per_symbol >= self.best_nats:
            return False
        self.best_step, self.best_nats = self.trainer.step, score.nats_per_symbol
        return True

    def save(self) -> None:
        """Writes a checkpoint, unless this very step has one."""
        self._saved_at = time.monotonic()
        if self._saved_step == self.trainer.step:
            return
        self.trainer.check()
        state = {
            **self.trainer.place(),
            "best_step": self.best_step,
            "best_nats": self.best_nats,
            "seconds": self.seconds,
            "loss_sum": self._sum,
            "loss_count": self._count,
            "threads": torch.get_num_threads(),
            "engine": self.trainer.settings.engine,
        }
        self.folder.save_checkpoint(self.trainer.step, state, self.trainer.tensors())
        self._saved_step = self.trainer.step

    def write_summary(self, *, finished: bool) -> dict[str, Any]:
        """Writes and returns the run's numbers, for the gallery and for people."""
        trainer, settings = self.trainer, self.trainer.network.settings
        summary: dict[str, Any] = {
            "finished": finished,
            "step": trainer.step,
            "steps": trainer.settings.steps,
            "seconds": round(self.seconds, 1),
            "cell": settings.cell,
            "layers": settings.layers,
            "hidden": settings.hidden,
            "parameters": trainer.network.parameter_count,
            "vocabulary_size": len(self.corpus.vocabulary),
        }
        if finished:
            summary |= self._final_scores()
        self.folder.write_summary(summary)
        return summary

    def _final_scores(self) -> dict[str, Any]:
        """How the best weights do: on the whole validation part, or on a task's own questions."""
        network, settings, source = self.trainer.network, self.trainer.settings, self.corpus.source
        if self.best_step is not None and self.best_step != self.trainer.step:
            best = checkpoint_path(self.folder.path, self.best_step) / "weights.safetensors"
            network.load_state_dict(load_tensors(best))
        if isinstance(source, TaskSource):
            scores: dict[str, Any] = {"share_right": share_right(network, source.task, engine=settings.engine)}
            if isinstance(source.task, Counter):
                scores["counts_right_to"] = counts_right_to(network, source.task, engine=settings.engine)
            return scores
        score = validate(network, self.corpus, settings, most=len(self.corpus))
        return {} if score is None else {"part": "validation", "best_step": self.best_step, **score.to_json()}


def run_to_end(
    folder: RunFolder,
    trainer: Trainer,
    corpus: Corpus,
    found: tuple[dict[str, Any], dict[str, dict[str, Tensor]]] | None,
    progress: Progress,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
    verbose: bool,
) -> Outcome:
    """Trains to the last step, from the checkpoint `found` where there is one.

    Raises:
        DivergedError: the loss is not a number or has exploded; the checkpoints from before are kept.
    """
    choice = choose_engine(trainer.network.rnn.stack(), engine=trainer.settings.engine)
    tell(str(choice) if verbose else f"engine {choice.engine.name}")
    if verbose:
        why_not = trainer.small_why_not
        tell(f"updates through autograd: {why_not}" if why_not else "each update is one call of the compiled kernels")
    loop = Loop(folder, trainer, corpus, progress)
    if found is not None:
        loop.go_on_from(*found)
        tell(f"going on from step {trainer.step:,}")
    folder.cut_metrics(trainer.step)
    try:
        return loop.run(stop)
    except DivergedError:
        loop.write_summary(finished=False)
        raise
