"""Update after update, with metrics, looks at the validation part and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from unrolled.errors import DivergedError, RunError
from unrolled.networks.files import checkpoint_path, load_tensors
from unrolled.progress import Progress
from unrolled.sources import Corpus, TaskSource
from unrolled.sources.tasks.counter import Counter
from unrolled.training.evaluate import Score
from unrolled.training.exam import counts_right_to, share_right
from unrolled.training.run_folder import RunFolder
from unrolled.training.trainer import HINT, Trainer, update_all
from unrolled.training.watch import validate

CHECKPOINT_SECONDS = 20.0
METRICS = 400
"""Lines of training loss that a whole run writes, about."""


@dataclass(frozen=True)
class Outcome:
    """How a run stands when training ends.

    finished: False where it was stopped and can be gone on with. summary: what `summary.json` holds. error: why it
    ended early, where it diverged.
    """

    path: Path
    seed: int
    finished: bool
    step: int
    summary: dict[str, Any]
    error: DivergedError | None = None

    @property
    def stopped(self) -> bool:
        """Whether `stop` ended it."""
        return not self.finished and self.error is None


class Run:
    """A run in training: its trainer, and what it writes into its folder.

    error: why it ended before its last step; None where it did not.
    """

    def __init__(self, folder: RunFolder, trainer: Trainer, corpus: Corpus) -> None:
        self.folder = folder
        self.trainer = trainer
        self.corpus = corpus
        self.best_step: int | None = None
        self.best_nats: float | None = None
        self.validation: float | None = None
        self.seconds = 0.0
        self.error: DivergedError | None = None
        self._every = max(1, trainer.settings.steps // METRICS)
        self._sum, self._count = 0.0, 0
        self._improved = False
        self._saved_at = time.monotonic()
        self._saved_step: int | None = None

    @property
    def going(self) -> bool:
        """Whether there is more to train."""
        return self.error is None and self.trainer.step < self.trainer.settings.steps

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

    def learned(self, nats: float, seconds: float) -> None:
        """Takes the loss of one more update and how long it took; writes and looks at the validation part as is due."""
        settings, trainer = self.trainer.settings, self.trainer
        self._improved = False
        try:
            trainer.watch(nats)
            self._sum, self._count = self._sum + nats, self._count + 1
            self.seconds += seconds
            last = trainer.step == settings.steps
            if last or trainer.step % self._every == 0:
                self._write_loss()
            if last or trainer.step % settings.validate_every == 0:
                self._look()
        except DivergedError as error:
            self.error = error

    def save_where_due(self, *, stopping: bool) -> None:
        """A checkpoint of the best so far, one now and then, and one before it stops."""
        due = self._improved or stopping or time.monotonic() - self._saved_at > CHECKPOINT_SECONDS
        if due and self.error is None:
            self._save_whole()

    def end(self) -> Outcome:
        """Saves it and says how it stands: at its last step, or where it was stopped or diverged."""
        if self.error is None and not self.going:
            self._save_whole()
        finished = self.error is None and not self.going
        summary = self.write_summary(finished=finished)
        seed = self.trainer.settings.seed
        return Outcome(self.folder.path, seed, finished, self.trainer.step, summary, self.error)

    def _save_whole(self) -> None:
        try:
            self.save()
        except DivergedError as error:
            self.error = error

    def _look(self) -> None:
        score = validate(self.trainer.network, self.corpus, self.trainer.settings)
        if score is not None:
            self.validation, self._improved = score.nats_per_symbol, self._note(score)

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
        """Writes a checkpoint, unless this very step has one.

        Raises:
            DivergedError: see `Trainer.check`.
        """
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


def run_to_end(runs: Sequence[Run], progress: Progress, stop: Callable[[], bool]) -> list[Outcome]:
    """Trains runs side by side to their last step, or until `stop` says yes; one that diverges lets the others go on.

    Args:
        runs: one; or several that learn side by side, see `update_all`. Those behind catch up first.
        progress: called after every update with the updates of all, and their mean loss in nats.
        stop: asked after every update.
    """
    now = time.monotonic()
    stopping = False
    while not stopping and (going := [run for run in runs if run.going]):
        step = min(run.trainer.step for run in going)
        learning = [run for run in going if run.trainer.step == step]
        losses = update_all([run.trainer for run in learning])
        before, now = now, time.monotonic()
        for run, nats in zip(learning, losses, strict=True):
            run.learned(nats, now - before)
        _show(runs, learning, losses, progress)
        stopping = any(run.going for run in runs) and stop()
        for run in going:
            run.save_where_due(stopping=stopping)
    return [run.end() for run in runs]


def _show(runs: Sequence[Run], learning: Sequence[Run], losses: Sequence[float], progress: Progress) -> None:
    """What one update of all looks like from outside."""
    finite = [nats for run, nats in zip(learning, losses, strict=True) if run.error is None]
    if not finite:
        return
    looks = [run.validation for run in learning if run.validation is not None]
    shown = {"validation": fmean(looks)} if looks else {}
    steps = [run.trainer.settings.steps for run in runs]
    done = sum(run.trainer.step if run.going else all for run, all in zip(runs, steps, strict=True))
    progress(done, sum(steps), nats=fmean(finite), **shown)
