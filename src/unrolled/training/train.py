"""Training a network from a source into a run folder, to the end or until it is stopped, and on from there."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from unrolled.engines import choose_engine
from unrolled.errors import RunError, SettingsError, UnknownNameError, UnrolledError, VocabularyError
from unrolled.files import write_whole
from unrolled.networks import Network, NetworkSettings
from unrolled.networks.files import LoadedNetwork, fill, load_network, load_tensors, read_run_settings, read_vocabulary
from unrolled.networks.network import check_memory
from unrolled.progress import Progress, silent
from unrolled.sources import Corpus, Parts, Source, Symbols, TaskSource, Vocabulary, open_source, prepare
from unrolled.training.batches import Batches, TaskBatches, TextBatches
from unrolled.training.calibrate import FEW, fitting, measure_speed
from unrolled.training.loop import Outcome, run_to_end
from unrolled.training.recipe import DEFAULT_MINUTES, recipe, regularization
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import TrainingSettings
from unrolled.training.trainer import Trainer
from unrolled.training.watch import VALIDATIONS
from unrolled.version import __version__

OF_WEIGHTS = NetworkSettings.model_fields.keys() - {"dropout", "recurrent_dropout"}
"""The settings that weights depend on: they come with the weights of an earlier run."""
INITIAL = "initial.safetensors"
"""The weights that a run with `initial` began with: the run does not need the other one any more."""


@dataclass(frozen=True)
class Request:
    """What `train` was asked for; see there."""

    source: str | Source
    reading: dict[str, Any]
    unknown: str
    minutes: float | None
    initial: Path | None
    given: dict[str, Any]
    began: float
    reading_progress: Progress

    def read(self, folder: Path, vocabulary: Vocabulary | None, parts: Parts) -> Corpus:
        """The source as symbol numbers; standard input is kept in the run's folder."""
        source = self.source
        opened = open_source(source, folder=folder, **self.reading) if isinstance(source, str) else source
        return prepare(opened, vocabulary, unknown=self.unknown, parts=parts, progress=self.reading_progress)


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first update."""

    network: NetworkSettings
    training: TrainingSettings
    corpus: Corpus


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
    out = Path(out)
    out = out.resolve() if out.is_symlink() else out
    RunFolder.check_free(out, resume=resume, overwrite=overwrite)
    reading: dict[str, Any] = {"include": include, "encoding": encoding, "symbols": symbols, "limit": limit}
    given = {name: value for name, value in settings.items() if value is not None}
    request = Request(
        source,
        reading,
        unknown,
        minutes,
        Path(initial) if initial else None,
        given,
        began=time.monotonic(),
        reading_progress=reading_progress,
    )
    _check_request(request)
    if resume and (out / "settings.json").is_file():
        read_run_settings(out)  # refuses a folder that is no run before it is written to
        with closing(RunFolder(out)) as folder:
            folder.tidy()
            trainer, corpus = _stored(folder, request)
            return run_to_end(folder, trainer, corpus, folder.last_checkpoint(), progress, stop, tell, verbose)
    with RunFolder.begin(out, overwrite=overwrite) as folder:
        trainer, corpus = _new(folder, request, tell, stop)
    with closing(folder):
        return run_to_end(folder, trainer, corpus, None, progress, stop, tell, verbose)


def _check_request(request: Request) -> None:
    """Refuses what is wrong before anything is read."""
    minutes = request.minutes
    if minutes is not None and "steps" in request.given:
        raise SettingsError("Both --steps and --minutes were given.", "Give one of them.")
    if minutes is not None and not 0 < minutes <= 100_000:
        raise SettingsError(f"--minutes cannot be {minutes}: it is above 0 and at most 100000.")
    _parse(request.given)


def _new(
    folder: RunFolder, request: Request, tell: Callable[[str], None], stop: Callable[[], bool]
) -> tuple[Trainer, Corpus]:
    """A run from its beginning: what it needs is written into the folder."""
    earlier = load_network(request.initial) if request.initial else None
    plan = _new_plan(folder.path, request, earlier, tell, stop)
    trainer = _make_trainer(plan)
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


def _new_plan(
    folder: Path,
    request: Request,
    earlier: LoadedNetwork | None,
    tell: Callable[[str], None],
    stop: Callable[[], bool],
) -> Plan:
    given, minutes = request.given, request.minutes
    default = TrainingSettings.parse({})
    parts = Parts(given.get("validation", default.validation), given.get("test", default.test))
    corpus = request.read(folder, earlier.vocabulary if earlier else None, parts)
    _check_corpus(corpus, parts)
    chosen = {**recipe(corpus.source), **given}
    if earlier:
        chosen |= _of_earlier(earlier.network.settings, given)
    if minutes is None and "steps" not in chosen:
        minutes = DEFAULT_MINUTES
    if minutes is not None:
        return _plan_for_time(chosen, corpus, minutes * 60, request.began, tell, stop)
    plan = _guarded(chosen, corpus)
    if plan.training.validate_every:
        return plan
    every = max(1, plan.training.steps // (VALIDATIONS - 1))
    return replace(plan, training=plan.training.model_copy(update={"validate_every": every}))


def _guarded(chosen: Mapping[str, Any], corpus: Corpus) -> Plan:
    """The plan, guarded against learning by heart as its number of steps asks for."""
    network, training = _parse(chosen)
    if corpus.source.kind == "text":
        epochs = training.steps * training.batch * training.unroll / len(corpus.part("train"))
        network, training = _parse({**regularization(epochs), **chosen})
    return Plan(network, training, corpus)


def _plan_for_time(
    chosen: dict[str, Any],
    corpus: Corpus,
    seconds: float,
    began: float,
    tell: Callable[[str], None],
    stop: Callable[[], bool],
) -> Plan:
    """The plan that fits into a time that began at `began`."""
    tell("measuring the speed …")
    plan, given_every = _guarded(chosen, corpus), chosen.get("validate_every")
    for _ in range(2):  # what guards against learning by heart costs time too, and depends on the number of steps
        speed = measure_speed(_make_trainer(plan), corpus, seconds, stop)
        steps, every = fitting(speed, began + seconds - time.monotonic())
        measured, plan = plan, _guarded({**chosen, "steps": steps, "validate_every": given_every or every}, corpus)
        if plan.network == measured.network:
            break
    training = plan.training
    many = f"{training.steps:,} updates fit into {seconds / 60:g} minutes"
    if corpus.source.kind == "text":
        epochs = training.steps * training.batch * training.unroll / len(corpus.part("train"))
        many += f"; the training part will be read {epochs:.1f} times"
    tell(many)
    if training.steps < FEW:
        tell("so few updates teach little: give more --minutes or a smaller --hidden")
    return plan


def _check_corpus(corpus: Corpus, parts: Parts) -> None:
    """Refuses a source that training would stumble over later."""
    source = corpus.source
    if isinstance(source, TaskSource) and corpus.vocabulary != source.vocabulary:
        raise VocabularyError(
            f"The run to begin with reads other symbols than {source.name}.", "Begin with a run on the same task."
        )
    if parts.validation:
        corpus.part("validation")


def _of_earlier(settings: NetworkSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the run that one begins with; only dropout, which no weight depends on, may differ."""
    values = settings.model_dump(include=OF_WEIGHTS)
    for name in values.keys() & given.keys():
        if given[name] != values[name]:
            raise SettingsError(
                f"The run to begin with has {name} {values[name]!r}, not {given[name]!r}.", f"Leave {name} out."
            )
    return values


def _identity(earlier: LoadedNetwork | None) -> dict[str, Any] | None:
    """Which weights a run began with."""
    return {"path": str(earlier.path), "step": earlier.step, "weights_sha256": earlier.sha256} if earlier else None


def _parse(values: Mapping[str, Any]) -> tuple[NetworkSettings, TrainingSettings]:
    """The two tables from settings of both.

    Raises:
        UnknownNameError: a name is in neither.
        SettingsError: a value is out of its range.
    """
    known = [*NetworkSettings.model_fields, *TrainingSettings.model_fields]
    for name in values:
        if name not in known:
            raise UnknownNameError("setting", name, known)
    network = {name: value for name, value in values.items() if name in NetworkSettings.model_fields}
    training = {name: value for name, value in values.items() if name in TrainingSettings.model_fields}
    return NetworkSettings.parse(network), TrainingSettings.parse(training)


def _stored(folder: RunFolder, request: Request) -> tuple[Trainer, Corpus]:
    """A run as it was begun.

    Raises:
        SettingsError: what was asked for differs from it.
        RunError: it is damaged, or its text is another one.
    """
    stored = folder.read_settings()
    try:
        network, training = _parse({**stored["network"], **stored["training"]})
    except UnrolledError as error:
        raise RunError(f"{folder.path}/settings.json is damaged: {error.message}", "Train again.") from None
    _check_same(folder.path, stored, {**network.model_dump(), **training.model_dump()}, request)
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
    trainer = _make_trainer(Plan(network, training, corpus))
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


def _make_trainer(plan: Plan) -> Trainer:
    settings = plan.training
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("--device cuda was asked for, but PyTorch sees no GPU here.", "Take --device auto or cpu.")
    cuda = settings.device == "cuda" or (settings.device == "auto" and torch.cuda.is_available())
    check_memory(plan.network, len(plan.corpus.vocabulary))
    torch.manual_seed(settings.seed)
    network = Network(plan.network, len(plan.corpus.vocabulary))
    choose_engine(network.rnn.stack(), engine=settings.engine)  # refuses one that cannot
    source = plan.corpus.source
    if isinstance(source, TaskSource):
        knowable = settings.loss_on == "knowable"
        batches: Batches = TaskBatches(source.task, settings.batch, settings.seed, knowable=knowable)
    else:
        batches = TextBatches(plan.corpus.part("train").symbols, settings.batch, settings.unroll)
    return Trainer(network, batches, settings, torch.device("cuda" if cuda else "cpu"))
