"""What is settled before the first update: the text, the settings, how many updates, the network with its trainer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from unrolled.engines import choose_engine
from unrolled.errors import SettingsError, UnknownNameError, VocabularyError
from unrolled.networks import Network, NetworkSettings
from unrolled.networks.files import LoadedNetwork
from unrolled.networks.network import check_memory
from unrolled.progress import Progress
from unrolled.sources import Corpus, Parts, Source, TaskSource, Vocabulary, open_source, prepare
from unrolled.training.batches import Batches, TaskBatches, TextBatches
from unrolled.training.calibrate import FEW, fitting, measure_speed
from unrolled.training.recipe import DEFAULT_MINUTES, recipe, regularization
from unrolled.training.settings import TrainingSettings
from unrolled.training.trainer import Trainer
from unrolled.training.watch import VALIDATIONS

OF_WEIGHTS = NetworkSettings.model_fields.keys() - {"dropout", "recurrent_dropout"}
"""The settings that weights depend on: they come with the weights of an earlier run."""


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
    timed: bool = True
    """Whether a time may become a number of steps."""
    read_before: dict[Any, Corpus] = field(default_factory=dict[Any, Corpus])

    def with_settings(self, **settings: Any) -> Request:
        """The same with other settings; the source is not read again."""
        return replace(self, given={**self.given, **settings})

    def read(self, folder: Path, vocabulary: Vocabulary | None, parts: Parts) -> Corpus:
        """The source as symbol numbers; standard input is kept in the run's folder."""
        if (how := (vocabulary, parts, self.unknown)) not in self.read_before:
            source = self.source
            opened = open_source(source, folder=folder, **self.reading) if isinstance(source, str) else source
            corpus = prepare(opened, vocabulary, unknown=self.unknown, parts=parts, progress=self.reading_progress)
            self.read_before[how] = self.read_before[corpus.vocabulary, parts, self.unknown] = corpus
        return self.read_before[how]


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before the first update."""

    network: NetworkSettings
    training: TrainingSettings
    corpus: Corpus


def check_request(request: Request) -> None:
    """Refuses what is wrong before anything is read."""
    minutes = request.minutes
    if minutes is not None and "steps" in request.given:
        raise SettingsError("Both --steps and --minutes were given.", "Give one of them.")
    if minutes is not None and not 0 < minutes <= 100_000:
        raise SettingsError(f"--minutes cannot be {minutes}: it is above 0 and at most 100000.")
    parse(request.given)


def new_plan(
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
        if not request.timed:
            raise SettingsError(
                "--seeds on a text needs --steps: each seed is to have as many.", "Give --steps 2000, say."
            )
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
    network, training = parse(chosen)
    if corpus.source.kind == "text":
        epochs = training.steps * training.batch * training.unroll / len(corpus.part("train"))
        network, training = parse({**regularization(epochs), **chosen})
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
        speed = measure_speed(make_trainer(plan), corpus, seconds, stop)
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


def parse(values: Mapping[str, Any]) -> tuple[NetworkSettings, TrainingSettings]:
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


def make_trainer(plan: Plan) -> Trainer:
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
