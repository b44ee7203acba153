"""What a recipe works with: a folder to train and record in, and a report to tell what was found."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from unrolled.errors import StoppedError
from unrolled.experiments.claims import Claim, read_claims
from unrolled.experiments.report import Heading, Judgement, Listing, Paragraph, Picture, Report, Table, Verdict
from unrolled.networks.files import LoadedNetwork, load_network
from unrolled.progress import Progress, silent
from unrolled.traces.record import record_run
from unrolled.traces.trace import Trace
from unrolled.training.train import train_seeds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Reads:
    """The text that a recipe reads; its module says so in `READS`.

    what: in words, what `--source` may name. default: what is read where it is not given; None if it must be.
    """

    what: str
    default: str | None = None


@dataclass(frozen=True)
class Trained:
    """A network that the lab trained.

    seed: what it began with. network: with its best weights. summary: what training said of it at its end.
    """

    seed: int
    loaded: LoadedNetwork
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class Watched:
    """A network's every step over some strings, each from a state of zeros.

    trace: the recording. strings: what it read.
    """

    trace: Trace
    strings: tuple[str, ...]

    @cached_property
    def letters(self) -> Array:
        """`(steps,)`, the symbol at each step, over all strings."""
        return np.array(list("".join(self.strings)))

    @cached_property
    def string_of(self) -> Array:
        """`(steps,)`, the number of the string that each step belongs to."""
        return np.repeat(np.arange(len(self.strings)), [len(string) for string in self.strings])

    def signal(self, name: str, layer: int = 0) -> Array:
        """`(steps, neurons)` of float64, such as `cell` or `forget_gate`."""
        return self.trace.read(f"rnn.l{layer}", name).astype(np.float64)

    def per_step(self, label: Callable[[str], Sequence[Any]]) -> Array:
        """`(steps,)`: what `label` says of each string's steps, all strings in a row."""
        return np.concatenate([np.asarray(label(string)) for string in self.strings])


@dataclass
class Lab:
    """Trains, watches, and keeps what a recipe tells in its folder.

    Attributes:
        folder: the experiment's own; runs, traces and figures go into folders below it.
        given_seeds: how many seeds were asked for; None leaves it to the recipe.
        tell: takes a line for whoever waits.
        progress: makes what counts the work that comes next: called with its name and its unit.
        stop: says when to stop; training then saves, and `StoppedError` ends the recipe.
        source: the text that was asked for, for a recipe that `Reads` one.
    """

    folder: Path
    report: Report
    given_seeds: int | None = None
    tell: Callable[[str], None] = lambda line: None
    progress: Callable[[str, str], Progress] = lambda what, unit: silent
    stop: Callable[[], bool] = lambda: False
    source: str | None = None
    claims: Mapping[str, Claim] = field(default_factory=read_claims)

    def seeds(self, default: int) -> int:
        """How many seeds to train: as many as were asked for, or as the recipe takes."""
        return self.given_seeds or default

    def train(self, name: str, source: str, seeds: int, **settings: Any) -> list[Trained]:
        """Networks that differ in the seed alone, in `runs/<name>/seed-N`; what is there already is taken up again.

        Args:
            name: of this training within the experiment.
            source: what to learn from, such as `task:counter`.
            **settings: fields of `NetworkSettings` and `TrainingSettings`.

        Raises:
            StoppedError: it was stopped; all is saved.
            DivergedError: a seed's loss grew without bound.
        """
        self.check_stop()
        out = self._place("runs", name)
        self.tell(f"{name}: {seeds} {'seed learns' if seeds == 1 else 'seeds learn'} {source}")
        outcomes = train_seeds(
            source,
            out,
            seeds,
            resume=True,
            reading_progress=self.progress("reading", "symbols"),
            progress=self.progress(name, "steps"),
            stop=self.stop,
            **settings,
        )
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        if len(outcomes) < seeds or any(outcome.stopped for outcome in outcomes):
            raise _stopped()
        return [Trained(outcome.seed, load_network(outcome.path), outcome.summary) for outcome in outcomes]

    def watch(self, trained: Trained, strings: Sequence[str], signals: Sequence[str] = ()) -> Watched:
        """The signals of a network over strings, in memory: every one, or those that are named."""
        return self._record(trained, strings, None, "", signals)

    def keep(self, trained: Trained, strings: Sequence[str], name: str, title: str) -> Watched:
        """As `watch`, and kept in `traces/<name>` for the explorer and for `unrolled show`."""
        return self._record(trained, strings, self._place("traces", name), title, ())

    def _record(
        self, trained: Trained, strings: Sequence[str], out: Path | None, title: str, signals: Sequence[str]
    ) -> Watched:
        self.check_stop()
        loaded = trained.loaded
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
        # As seen from the trace, so that the explorer finds the run wherever both are moved together.
        path = loaded.path.name if out is None else Path(os.path.relpath(loaded.path, out)).as_posix()
        trace = record_run(
            loaded.network,
            loaded.vocabulary,
            [loaded.vocabulary.encode(string) for string in strings],
            out=out,
            signals=signals,
            title=title,
            overwrite=True,
            model={"kind": "run", "path": path, "step": loaded.step, "weights_sha256": loaded.sha256},
        )
        return Watched(trace, tuple(strings))

    def _place(self, kind: str, name: str) -> Path:
        """Where something of a name is kept.

        Raises:
            ValueError: the name would lead out of the experiment's folder, or deeper into it.
        """
        if Path(name).name != name:
            raise ValueError(f"{name!r} names no file in {kind}/")
        return self.folder / kind / name

    def check_stop(self) -> None:
        """Ends the recipe where somebody has asked to stop; `train` and `watch` do so by themselves."""
        if self.stop():
            raise _stopped()

    def heading(self, text: str) -> None:
        """Begins a part of the report."""
        self.report.pieces.append(Heading(text))

    def say(self, text: str) -> None:
        """A paragraph; `code`, **bold** and [links](address) as in Markdown."""
        self.report.pieces.append(Paragraph(" ".join(text.split())))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> None:
        """A table; numbers are rounded for people, `number` keeps them whole."""
        lines = tuple(tuple(shown(cell) for cell in row) for row in rows)
        self.report.pieces.append(Table(tuple(columns), lines, caption))

    def number(self, name: str, value: Any) -> None:
        """Keeps a number, or a list or table of them, under a name in `numbers.json`."""
        if name in self.report.numbers:
            raise ValueError(f"The recipe keeps two numbers called {name!r}.")
        self.report.numbers[name] = plain(value)

    def figure(self, name: str, figure: Figure, caption: str) -> None:
        """Keeps a figure as `figures/<name>.svg` and `.png`, and shows it in the report."""
        from unrolled.figures import save

        place = self._place("figures", name)
        for suffix in ("svg", "png"):
            save(figure, place.with_name(f"{name}.{suffix}"))
        self.report.pieces.append(Picture(f"figures/{name}", caption))

    def listing(self, text: str, caption: str) -> None:
        """Shows a text as it stands."""
        self.report.pieces.append(Listing(text, caption))

    def judge(self, claim: str, found: bool | np.bool_ | Sequence[bool] | None, because: str) -> None:
        """Says what became of a claim.

        Args:
            claim: its name in `claims.toml`; or, in a recipe of your own, the claim itself.
            found: whether it holds; or, of each network (or each part of the claim), whether it does there: it holds
                in part where some do. None where it cannot be said.
            because: the numbers that say so.
        """
        if isinstance(found, str):
            raise TypeError(f"what was found is true, false, several of these or None, not {found!r}")
        text = self.claims[claim].text if claim in self.claims else claim
        self.report.judgements.append(Judgement(claim, text, verdict(found), because))


def _stopped() -> StoppedError:
    return StoppedError("Stopped; all that was trained is saved.", "Go on with --resume.")


def verdict(found: bool | np.bool_ | Sequence[bool] | None) -> Verdict:
    """One word for one or several answers; where there is none, nothing is decided."""
    answers = [] if found is None else [found] if isinstance(found, bool | np.bool_) else list(found)
    if not answers:
        return "undecided"
    if all(answers):
        return "holds"
    return "holds in part" if any(answers) else "does not hold here"


def shown(value: object) -> str:
    """A number for people: three figures that count."""
    value = cast(object, value.tolist()) if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(share: float) -> str:
    """A share as a whole percentage, which is 0 or 100 only where it is that exactly."""
    rounded = round(100 * share)
    if (rounded in (0, 100)) and share != rounded / 100:
        return f"{100 * share:.1f} %"
    return f"{rounded} %"


def plain(value: Any) -> Any:
    """A value as JSON can hold it; six figures of a float, so that the last bits of a sum do not matter.

    Raises:
        TypeError: it is something else than numbers, texts, and lists and tables of them.
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in cast(Sequence[Any], value)]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a number, text, list or table can be kept, not {type(value).__name__}")
