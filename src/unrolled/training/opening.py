"""Opening a run to train it: one that begins, or one that goes on."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from unrolled.engines import choose_engine
from unrolled.errors import RunError, SettingsError, UnrolledError, VocabularyError
from unrolled.files import write_whole
from unrolled.networks.files import LoadedNetwork, fill, load_network, load_tensors, read_run_settings, read_vocabulary
from unrolled.sources import Corpus, Parts
from unrolled.training.loop import Run
from unrolled.training.plan import OF_WEIGHTS, Plan, Request, make_trainer, new_plan, parse
from unrolled.training.run_folder import RunFolder
from unrolled.training.trainer import Trainer
from unrolled.version import __version__

INITIAL = "initial.safetensors"
"""The weights that a run with `initial` began with: the run does not need the other one any more."""


def open_run(
    out: Path,
    request: Request,
    *,
    resume: bool,
    overwrite: bool,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
    verbose: bool,
) -> Run:
    """A run that begins, or with `resume` goes on where there is one. See `train`; close its folder.

    Raises:
        UnrolledError: what the user can mend; nothing that was there is lost.
    """
    if not (resume and (out / "settings.json").is_file()):
        with RunFolder.begin(out, overwrite=overwrite) as folder:
            run = Run(folder, *_new(folder, request, tell, stop))
            _tell_engine(run.trainer, tell, verbose)
            return run
    read_run_settings(out)  # refuses a folder that is no run before it is written to
    folder = RunFolder(out)
    try:
        folder.tidy()
        run = Run(folder, *_stored(folder, request))
        _tell_engine(run.trainer, tell, verbose)
        if (found := folder.last_checkpoint()) is not None:
            run.go_on_from(*found)
        folder.cut_metrics(run.trainer.step)
    except BaseException:
        folder.close()
        raise
    return run


def _tell_engine(trainer: Trainer, tell: Callable[[str], None], verbose: bool) -> None:
    choice = choose_engine(trainer.network.rnn.stack(), engine=trainer.settings.engine)
    tell(str(choice) if verbose else f"engine {choice.engine.name}")
    if verbose:
        why_not = trainer.small_why_not
        tell(f"updates through autograd: {why_not}" if why_not else "each update is one call of the compiled kernels")


def _new(
    folder: RunFolder, request: Request, tell: Callable[[str], None], stop: Callable[[], bool]
) -> tuple[Trainer, Corpus]:
    """A run from its beginning: what it needs is written into the folder."""
    earlier = load_network(request.initial) if request.initial else None
    plan = new_plan(folder.path, request, earlier, tell, stop)
    trainer = make_trainer(plan)
    if earlier:
        trainer.network.load_state_dict(earlier.network.state_dict())
        write_whole(folder.path / INITIAL, save(dict(earlier.network.state_dict())))
    plan.corpus.vocabulary.save(folder.path / "vocabulary.json")
    folder.write_settings(
        {
            "network": plan.network.model_dump(),
            "training": plan.training.model_dump(),
            "source": plan.corpus.describe(),
            "unknown": request.unknown,
            "minutes": request.minutes,
            "initial": _identity(earlier),
            "code": {"unrolled": __version__, "torch": str(torch.__version__), "python": platform.python_version()},
        }
    )
    return trainer, plan.corpus


def _identity(earlier: LoadedNetwork | None) -> dict[str, Any] | None:
    """Which weights a run began with."""
    return {"path": str(earlier.path), "step": earlier.step, "weights_sha256": earlier.sha256} if earlier else None


def stored_settings(run: Path, request: Request) -> dict[str, Any]:
    """Every setting that a run was begun with.

    Raises:
        SettingsError: what was asked for differs from it.
        RunError: it is damaged.
    """
    stored = read_run_settings(run)
    try:
        network, training = parse({**stored["network"], **stored["training"]})
    except UnrolledError as error:
        raise RunError(f"{run}/settings.json is damaged: {error.message}", "Train again.") from None
    settings = {**network.model_dump(), **training.model_dump()}
    _check_same(run, stored, settings, request)
    return settings


def _stored(folder: RunFolder, request: Request) -> tuple[Trainer, Corpus]:
    """A run as it was begun.

    Raises:
        SettingsError: what was asked for differs from it.
        RunError: it is damaged, or its text is another one.
    """
    network, training = parse(stored_settings(folder.path, request))
    stored = folder.read_settings()
    request = replace(request, unknown=str(stored.get("unknown", request.unknown)))
    other_text = RunError(
        f"The run {folder.path} was begun with another text ({stored['source'].get('name')!r}).",
        "Give the same SOURCE, read in the same way, to go on; or take another --out.",
    )
    try:
        corpus = request.read(folder.path, read_vocabulary(folder.path), Parts(training.validation, training.test))
    except VocabularyError:
        raise other_text from None
    if stored["source"].get("sha256") != corpus.sha256:
        raise other_text
    trainer = make_trainer(Plan(network, training, corpus))
    if stored.get("initial"):
        fill(trainer.network, load_tensors(folder.path / INITIAL), folder.path / INITIAL)
    return trainer, corpus


def _check_same(run: Path, stored: Mapping[str, Any], settings: Mapping[str, Any], request: Request) -> None:
    """Refuses to go on with a run otherwise than it was begun."""
    began: dict[str, Any] = {**settings, "minutes": stored.get("minutes"), "unknown": stored.get("unknown")}
    asked = dict(request.given)
    if request.minutes is not None:
        asked["minutes"] = request.minutes
    if request.unknown != "error":
        asked["unknown"] = request.unknown
    if request.initial is not None:
        began["initial"] = stored["initial"]["path"] if stored.get("initial") else None
        asked["initial"] = str(request.initial)
    for name, value in asked.items():
        if began[name] != value:
            raise SettingsError(
                f"The run {run} was begun with {name} {began[name]!r}, not {value!r}.",
                f"Leave it out to go on; {_to_change(name)}.",
            )


def _to_change(name: str) -> str:
    """What to do for a run with another value of a setting."""
    if name in OF_WEIGHTS or name == "initial":
        return "to change it, train a new run in another --out"
    return "to change it, begin a new run with these weights by --initial, in another --out"
