"""Training a network from a source into a run folder, to the end or until it is stopped, and on from there."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unrolled.errors import RunError, SettingsError
from unrolled.networks import Network, NetworkSettings
from unrolled.networks.files import load_network
from unrolled.progress import Progress, silent
from unrolled.sources import Corpus, Parts, Source, Symbols, TaskSource, Vocabulary, open_source, prepare
from unrolled.training.batches import Batches, TaskBatches, TextBatches
from unrolled.training.calibrate import steps_for_minutes
from unrolled.training.loop import Outcome, run_to_end
from unrolled.training.recipe import DEFAULT_MINUTES, recipe, regularization
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import TrainingSettings
from unrolled.training.trainer import Trainer
from unrolled.version import __version__


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first update."""

    network: NetworkSettings
    training: TrainingSettings
    corpus: Corpus
    initial: Path | None = None


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
    progress: Progress = silent,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
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
        progress: called at every update with the loss in nats.
        stop: asked after every update; where it says yes, everything is saved and training ends.
        tell: takes what was chosen, a line at a time.
        **settings: fields of `NetworkSettings` and `TrainingSettings`; what is not given, the recipe picks.

    Raises:
        UnrolledError: what the user can mend; nothing that was there is lost.
    """
    began, out = time.monotonic(), Path(out)
    RunFolder.check_free(out, resume=resume, overwrite=overwrite)
    given = {name: value for name, value in settings.items() if value is not None}
    if minutes is not None and "steps" in given:
        raise SettingsError("Both --steps and --minutes were given.", "Give one of them.")
    if minutes is not None and not 0 < minutes <= 100_000:
        raise SettingsError(f"--minutes cannot be {minutes}: it is above 0 and at most 100000.")
    reading: dict[str, Any] = {"include": include, "encoding": encoding, "symbols": symbols, "limit": limit}

    def read(folder: Path, vocabulary: Vocabulary | None, parts: Parts) -> Corpus:
        opened = open_source(source, folder=folder, **reading) if isinstance(source, str) else source
        return prepare(opened, vocabulary, unknown=unknown, parts=parts)

    if resume and (out / "settings.json").is_file():
        with closing(RunFolder(out)) as folder:
            plan = _stored_plan(folder, given, minutes, read)
            return _train(folder, plan, progress, stop, tell)
    with RunFolder.begin(out) as folder:
        plan = _new_plan(folder.path, given, minutes, Path(initial) if initial else None, read, began, tell)
        _write_plan(folder, plan, minutes)
    with closing(folder):
        return _train(folder, plan, progress, stop, tell)


def _new_plan(
    folder: Path,
    given: Mapping[str, Any],
    minutes: float | None,
    initial: Path | None,
    read: Callable[[Path, Vocabulary | None, Parts], Corpus],
    began: float,
    tell: Callable[[str], None],
) -> Plan:
    TrainingSettings.parse(_split(given)[1])  # refuse what is wrong before anything is read
    earlier = load_network(initial) if initial else None
    default = TrainingSettings.parse({})
    parts = Parts(given.get("validation", default.validation), given.get("test", default.test))
    corpus = read(folder, earlier.vocabulary if earlier else None, parts)
    chosen = {**recipe(corpus.source, minutes), **given}
    if earlier:
        chosen = {**chosen, **_of_earlier(earlier.network.settings, given)}
    if minutes is None and "steps" not in chosen:
        minutes = DEFAULT_MINUTES
    network_values, training_values = _split(chosen)
    network, training = NetworkSettings.parse(network_values), TrainingSettings.parse(training_values)
    if minutes is not None:
        tell("measuring the speed …")
        trainer = _make_trainer(Plan(network, training, corpus))
        steps = steps_for_minutes(trainer, corpus, minutes * 60, began)
        training = training.model_copy(update={"steps": steps})
    if corpus.source.kind == "text":
        epochs = training.steps * training.batch * training.unroll / len(corpus.part("train"))
        guarded = {**regularization(epochs), **chosen, "steps": training.steps}
        network_values, training_values = _split(guarded)
        network, training = NetworkSettings.parse(network_values), TrainingSettings.parse(training_values)
    if not training.validate_every:
        training = training.model_copy(update={"validate_every": max(1, training.steps // 16)})
    return Plan(network, training, corpus, initial)


def _of_earlier(settings: NetworkSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the run that one begins with; only dropout may differ."""
    values = settings.model_dump()
    for name in set(values) & set(given) - {"dropout"}:
        if given[name] != values[name]:
            raise SettingsError(
                f"The run to begin with has {name} {values[name]!r}, not {given[name]!r}.", f"Leave {name} out."
            )
    return {**values, **{name: given[name] for name in {"dropout"} & set(given)}}


def _split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the network, and those of training (with whatever is neither, which is an error there)."""
    network = {name: value for name, value in values.items() if name in NetworkSettings.model_fields}
    return network, {name: value for name, value in values.items() if name not in network}


def _write_plan(folder: RunFolder, plan: Plan, minutes: float | None) -> None:
    plan.corpus.vocabulary.save(folder.path / "vocabulary.json")
    folder.write_settings(
        {
            "network": plan.network.model_dump(),
            "training": plan.training.model_dump(),
            "source": plan.corpus.describe(),
            "minutes": minutes,
            "initial": str(plan.initial) if plan.initial else None,
            "code": {"unrolled": __version__, "torch": str(torch.__version__), "python": platform.python_version()},
        }
    )


def _stored_plan(
    folder: RunFolder,
    given: Mapping[str, Any],
    minutes: float | None,
    read: Callable[[Path, Vocabulary | None, Parts], Corpus],
) -> Plan:
    stored = folder.read_settings()
    network = NetworkSettings.parse(stored.get("network", {}))
    training = TrainingSettings.parse(stored.get("training", {}))
    known: dict[str, Any] = {**network.model_dump(), **training.model_dump()}
    for name, value in given.items():
        if name not in known:
            TrainingSettings.parse({name: value})
        if known[name] != value:
            raise SettingsError(
                f"The run {folder.path} was begun with {name} {known[name]!r}, not {value!r}.",
                "Leave it out to go on; to change it, begin a new run with --initial.",
            )
    if minutes is not None and minutes != stored.get("minutes"):
        raise SettingsError(
            f"The run {folder.path} was begun with minutes {stored.get('minutes')!r}, not {minutes!r}.",
            "Leave it out to go on; to train for longer, begin a new run with --initial.",
        )
    vocabulary = Vocabulary.load(folder.path / "vocabulary.json")
    corpus = read(folder.path, vocabulary, Parts(training.validation, training.test))
    source = stored.get("source", {})
    if source.get("sha256") != corpus.sha256:
        raise RunError(
            f"The run {folder.path} was begun with another text ({source.get('name')!r}).",
            "Give the same SOURCE to go on, or take another --out.",
        )
    initial = stored.get("initial")
    return Plan(network, training, corpus, Path(initial) if initial else None)


def _make_trainer(plan: Plan) -> Trainer:
    settings = plan.training
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda was asked for, but PyTorch sees no GPU here.", "Take --device auto or cpu.")
    cuda = settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())
    torch.manual_seed(settings.seed)
    network = Network(plan.network, len(plan.corpus.vocabulary))
    source = plan.corpus.source
    if isinstance(source, TaskSource):
        knowable = settings.loss_on == "knowable"
        batches: Batches = TaskBatches(source.task, settings.batch, settings.seed, knowable=knowable)
    else:
        batches = TextBatches(plan.corpus.part("train").symbols, settings.batch, settings.unroll)
    return Trainer(network, batches, settings, torch.device("cuda" if cuda else "cpu"))


def _train(
    folder: RunFolder,
    plan: Plan,
    progress: Progress,
    stop: Callable[[], bool],
    tell: Callable[[str], None],
) -> Outcome:
    trainer = _make_trainer(plan)
    found = folder.last_checkpoint()
    if found is None and plan.initial:
        trainer.network.load_state_dict(load_network(plan.initial).network.state_dict())
    return run_to_end(folder, trainer, plan.corpus, found, progress, stop, tell)
