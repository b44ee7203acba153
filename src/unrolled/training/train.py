"""Training networks from a source into run folders, to the end or until it is stopped, and on from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.errors import RunError, SettingsError
from unrolled.progress import Progress, silent
from unrolled.sources import Source, Symbols
from unrolled.training.loop import Outcome, Run, run_to_end
from unrolled.training.opening import open_run, stored_settings
from unrolled.training.plan import Request, check_request
from unrolled.training.run_folder import RunFolder

MOST_SEEDS = 1000


def train(
    source: str | Source,
    out: Path | str,
    *,
    minutes: float | None = None,
    initial: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    include: Sequence[str] = (),
    encoding: str = "utf-8",
    symbols: Symbols = "characters",
    limit: int | None = None,
    unknown: str = "error",
    reading_progress: Progress = silent,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
    verbose: bool = False,
    **settings: Any,
) -> Outcome:
    """Trains a network and writes a run folder.

    Args:
        source: what to learn from, see `open_source`.
        out: the run folder to make.
        minutes: how long it may take; it becomes a number of steps after a short measurement.
        initial: a run whose best weights and vocabulary to begin with.
        resume: go on with the run in `out` if there is one; begin it if not.
        overwrite: replace the run in `out`.
        include, encoding, symbols, limit: how the source is read.
        unknown: what becomes of a character that the vocabulary (of `initial`, or of the run) lacks.
        reading_progress: called while the source is read, see `prepare`.
        progress: called at every update with the loss in nats.
        stop: asked after every update; where it says yes, everything is saved and training ends.
        tell: takes what was chosen, a line at a time.
        verbose: whether it also takes why the engine was chosen.
        **settings: fields of `NetworkSettings` and `TrainingSettings`; what is not given, the recipe picks.

    Raises:
        UnrolledError: what the user can mend; nothing that was there is lost.
    """
    began = time.monotonic()
    given = {name: value for name, value in settings.items() if value is not None}
    reading: dict[str, Any] = {"include": include, "encoding": encoding, "symbols": symbols, "limit": limit}
    earlier = Path(initial) if initial else None
    request = Request(source, reading, unknown, minutes, earlier, given, began, reading_progress)
    check_request(request)
    out = _unlinked(Path(out))
    manner = _Manner(resume, overwrite, progress, stop, tell, verbose)
    (outcome,) = _train([(out, request)], manner)
    if outcome.error is not None:
        raise outcome.error
    return outcome


def train_seeds(
    source: str | Source,
    out: Path | str,
    seeds: int = 10,
    *,
    seed: int = 0,
    initial: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    include: Sequence[str] = (),
    encoding: str = "utf-8",
    symbols: Symbols = "characters",
    limit: int | None = None,
    unknown: str = "error",
    reading_progress: Progress = silent,
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
    verbose: bool = False,
    **settings: Any,
) -> list[Outcome]:
    """Trains one network a seed, and writes a run folder for each: what `train` would make of that seed, bit for bit.

    Small networks (`unrolled.training.small_step`) learn side by side, others one after the other.

    Args:
        out: the folder of the run folders `seed-N`.
        seeds: how many, 1 to 1000.
        seed: the first; the others follow it.
        progress: called with the updates of all seeds and their mean loss in nats.
        stop: asked after every update; where it says yes, everything is saved and training ends.

    The other arguments are those of `train`; a text takes `steps`, so that each seed has as many.

    Returns:
        An outcome a seed, in order; with its `error` where it diverged, which does not stop the others. Where training
        was stopped, seeds that had not begun are left out.

    Raises:
        UnrolledError: what the user can mend; nothing that was there is lost.
    """
    began = time.monotonic()
    given = {name: value for name, value in settings.items() if value is not None}
    reading: dict[str, Any] = {"include": include, "encoding": encoding, "symbols": symbols, "limit": limit}
    earlier = Path(initial) if initial else None
    request = Request(source, reading, unknown, None, earlier, given, began, reading_progress, timed=False)
    folder = _unlinked(Path(out))
    _check_seeds(folder, seeds, source)
    for last in (seed, seed + seeds - 1):
        check_request(request.with_settings(seed=last))
    asked = [(folder / f"seed-{number}", request.with_settings(seed=number)) for number in range(seed, seed + seeds)]
    return _train(asked, _Manner(resume, overwrite, progress, stop, tell, verbose))


def _unlinked(out: Path) -> Path:
    return out.resolve() if out.is_symlink() else out


def _check_seeds(out: Path, seeds: int, source: str | Source) -> None:
    if not 1 <= seeds <= MOST_SEEDS:
        raise SettingsError(f"--seeds cannot be {seeds}: it is a whole number from 1 to {MOST_SEEDS}.")
    if source == "-":
        raise SettingsError(
            "--seeds cannot take standard input, for each run keeps its text.", "Write it into a file, and name that."
        )
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, not a folder for runs.", "Take another --out.")
    if (out / "settings.json").is_file():
        raise RunError(f"{out} is a run already; --seeds makes a folder of runs.", "Take another --out.")


@dataclass(frozen=True)
class _Manner:
    """How runs are opened and watched; see `train`."""

    resume: bool
    overwrite: bool
    progress: Progress
    stop: Callable[[], bool]
    tell: Callable[[str], None]
    verbose: bool

    def open(self, out: Path, request: Request, *, quiet: bool) -> Run:
        def tell(line: str) -> None:
            if not quiet:
                self.tell(line)

        return open_run(
            out,
            request,
            resume=self.resume,
            overwrite=self.overwrite,
            stop=self.stop,
            tell=tell,
            verbose=self.verbose,
        )

    def progress_of(self, first: int, runs: int, all: int) -> Progress:
        """Shows the updates of some runs as a part of those of all."""

        def show(done: int, total: int, /, **numbers: float | str) -> None:
            each = total // runs
            self.progress(first * each + done, all * each, **numbers)

        return show


def _train(asked: Sequence[tuple[Path, Request]], manner: _Manner) -> list[Outcome]:
    """Trains runs that differ in the seed alone: side by side where that can be, else one after the other."""
    for out, _ in asked:
        RunFolder.check_free(out, resume=manner.resume, overwrite=manner.overwrite)
    asked = _alike(asked) if manner.resume else asked
    outcomes: list[Outcome] = []
    while len(outcomes) < len(asked) and not any(outcome.stopped for outcome in outcomes):
        outcomes += _train_next(asked, len(outcomes), manner)
    return outcomes


def _train_next(asked: Sequence[tuple[Path, Request]], first: int, manner: _Manner) -> list[Outcome]:
    """Trains the first run from here on, or all from here on where they can learn side by side."""
    with ExitStack() as held:

        def opened(out: Path, request: Request, *, quiet: bool) -> Run:
            run = manner.open(out, request, quiet=quiet)
            held.callback(run.folder.close)
            return run

        runs = [opened(*asked[first], quiet=first > 0)]
        if runs[0].trainer.side_by_side:
            runs += [opened(*each, quiet=True) for each in asked[first + 1 :]]
        steps = [run.trainer.step for run in runs]
        if max(steps):
            manner.tell("going on from step " + " to ".join(f"{step:,}" for step in sorted({min(steps), max(steps)})))
        if len(asked) > 1:
            at = f"{asked[first][0].name}, {first + 1} of {len(asked)}"
            manner.tell(at if len(runs) == 1 else f"{len(runs)} seeds, side by side")
        progress = manner.progress_of(first, len(runs), len(asked))
        return run_to_end(runs, progress, manner.stop)


def _alike(asked: Sequence[tuple[Path, Request]]) -> list[tuple[Path, Request]]:
    """Sees to it that what begins now does so as those did that are there.

    Raises:
        RunError: those that are there were begun with different settings.
    """
    begun = [(out, stored_settings(out, request)) for out, request in asked if (out / "settings.json").is_file()]
    for out, settings in begun[1:]:
        if {**settings, "seed": 0} != {**begun[0][1], "seed": 0}:
            raise RunError(
                f"{out} and {begun[0][0]} were begun with different settings.", "Take another --out, or --overwrite."
            )
    if len(begun) in {0, len(asked)}:
        return list(asked)
    return [(out, request.with_settings(**{**begun[0][1], "seed": request.given["seed"]})) for out, request in asked]
