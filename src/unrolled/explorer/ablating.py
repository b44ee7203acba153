"""POST api/ablate: a short text read with neurons held, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, model_validator

from unrolled.errors import RunError, SettingsError, TraceError
from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import Exhibit
from unrolled.explorer.posts import Asked, Name
from unrolled.explorer.searched import by_title, exhibit_of, open_trace, run_folder

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork
    from unrolled.neurons.ablation import Intervention
    from unrolled.neurons.answers import Answer
    from unrolled.neurons.lockstep import Slice, Text
    from unrolled.sources.vocabulary import Vocabulary
    from unrolled.traces.trace import Trace

MOST_STEPS, MOST_NEURONS, MOST_HYPOTHESES, MOST_WRITTEN = 4000, 64, 8, 500
MOST_BEFORE = 2**14
"""Steps before those that are read that hypotheses see."""
LIKELIEST = 5
"""Next symbols whose odds are told at each step."""

Span = tuple[int, int]


class AblateAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    run: Name | None = None
    text: Annotated[str, Field(min_length=2, max_length=MOST_STEPS)] | None = None
    trace: Name | None = None
    span: Span | None = None
    neurons: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_NEURONS)]
    mode: Name = "zero"
    patch: Annotated[str, Field(min_length=2, max_length=MOST_STEPS)] | None = None
    patch_span: Span | None = None
    steps: Span | None = None
    where: Annotated[str, Field(max_length=200)] = ""
    hypotheses: Annotated[tuple[Name, ...], Field(max_length=MOST_HYPOTHESES)] = ()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    length: Annotated[int, Field(ge=0, le=MOST_WRITTEN)] = 200

    @model_validator(mode="after")
    def _names_one_text(self) -> AblateAsked:
        of_trace = self.trace is not None and self.span is not None and self.text is None
        of_text = self.run is not None and self.text is not None and self.trace is None and self.span is None
        if not (of_trace or of_text):
            raise ValueError("give either run and text, or trace and span")
        if self.patch_span is not None and not of_trace:
            raise ValueError("patch_span is of a trace: give trace and span with it")
        return self


@dataclass(frozen=True)
class _Read:
    """What is read, by which network.

    shown: the trace, or else the run, that was asked for.
    trace, start: where it is of a trace, and its first step there.
    """

    run: Exhibit
    shown: Exhibit
    loaded: LoadedNetwork
    text: Text
    trace: Trace | None = None
    start: int = 0


def ablate_for_page(collection: Collection, asked: AblateAsked) -> dict[str, Any]:
    """The answer to the request.

    Raises:
        UnrolledError: what is asked for is not here, or does not fit.
    """
    from unrolled.neurons.ablation import ablate
    from unrolled.writing.prime import edge_of

    what = _opened(collection, asked)
    network, vocabulary = what.loaded.network, what.loaded.vocabulary
    steps = _Steps(vocabulary)
    with by_title(what.shown):
        found = ablate(
            network,
            vocabulary,
            what.text,
            _intervention(asked, what),
            hypotheses=_answers(asked.hypotheses, what),
            length=asked.length,
            edge=edge_of(what.loaded.source),
            seed=asked.seed,
            each=steps.add,
        )
    return {
        "run": what.run.id,
        "step": what.loaded.step,
        "state": "zero" if what.text.state is None else "carried",
        "symbols": vocabulary.spell(what.text.symbols),
        "by_step": steps.to_json(),
        "ablation": found.to_json(),
    }


def _opened(collection: Collection, asked: AblateAsked) -> _Read:
    """The run that is asked for, and the text in its vocabulary."""
    from unrolled.neurons.lockstep import Text

    if asked.trace is None or asked.span is None:
        run = exhibit_of(collection, "run", asked.run or "")
        loaded = _load(run, None)
        return _Read(run, run, loaded, Text(loaded.vocabulary.encode(asked.text or "")))
    shown = exhibit_of(collection, "trace", asked.trace)
    if shown.run_id is None or asked.run not in (None, shown.run_id):
        raise RunError(
            f"The trace {asked.trace!r} is not of a run that is shown{'' if asked.run is None else ' under that id'}.",
            "Name the run and give a text, or show the run too: unrolled explore RUN TRACE.",
        )
    run = exhibit_of(collection, "run", shown.run_id)
    with by_title(shown):
        trace = open_trace(shown)
        loaded = _load(run, trace)
        return _Read(run, shown, loaded, _span(trace, loaded, *asked.span), trace, asked.span[0])


def _load(run: Exhibit, trace: Trace | None) -> LoadedNetwork:
    """The run's network: as the trace recorded it, or the best."""
    from unrolled.networks.files import load_network
    from unrolled.traces.rerun import load_recorded

    folder = run_folder(run)
    with by_title(run):
        return load_network(folder) if trace is None else load_recorded(folder, trace)


def _span(trace: Trace, loaded: LoadedNetwork, start: int, stop: int) -> Text:
    """Steps of a trace as a text, with the state that the network had before them where the trace recorded it."""
    import numpy as np

    from unrolled.neurons.lockstep import Text
    from unrolled.traces.rerun import has_states, refuse_other_weights, state_before

    if not 0 <= start < stop <= trace.steps or stop - start > MOST_STEPS:
        raise SettingsError(
            f"The span {start}:{stop} is not one of at most {MOST_STEPS:,} steps in 0:{trace.steps}.",
            "Ask for a part of it.",
        )
    if trace.symbols is None or trace.vocabulary != tuple(loaded.vocabulary.symbols):
        raise TraceError("The trace's symbols are not those of the run.", "Name the run that the trace was made with.")
    refuse_other_weights(trace, loaded.network)
    bounds = [(max(each.start, start), min(each.stop, stop)) for each in trace.sequences]
    boundaries = np.array([(first - start, last - start) for first, last in bounds if first < last])
    state = None
    if has_states(trace):
        like = loaded.network.readout.weight
        before = state_before(trace, loaded.network, np.array([start]))
        state = {name: value.to(like) for name, value in before.items()}
    return Text(trace.symbols[start:stop], boundaries, state)


def _intervention(asked: AblateAsked, what: _Read) -> Intervention:
    from unrolled.neurons.ablation import Intervention
    from unrolled.neurons.answers import one_answer
    from unrolled.neurons.holding import Mode, parse_mode

    mode = Mode("patch") if asked.mode == "patch" else parse_mode(asked.mode)
    if mode.source:
        raise SettingsError(
            f"The mode cannot be {asked.mode!r} here: it is zero, mean, clamp=V or patch.",
            "With patch, give the other text under the key patch, or steps of the trace under patch_span.",
        )
    return Intervention(
        neurons=asked.neurons,
        mode=mode,
        steps=None if asked.steps is None else range(*asked.steps),
        where=one_answer(asked.where, _answers([asked.where], what)) if asked.where else None,
        other=None if asked.patch is None else what.loaded.vocabulary.encode(asked.patch),
        recorded=None if asked.patch_span is None else _recorded(what, *asked.patch_span),
    )


def _recorded(what: _Read, start: int, stop: int) -> tuple[Trace, range]:
    assert what.trace is not None  # AblateAsked has seen to that
    if not 0 <= start < stop <= what.trace.steps or stop - start > MOST_STEPS:
        raise SettingsError(
            f"The patch_span {start}:{stop} is not one of at most {MOST_STEPS:,} steps in 0:{what.trace.steps}.",
            "Name steps whose values were recorded.",
        )
    return what.trace, range(start, stop)


def _answers(asked: Sequence[str], what: _Read) -> tuple[Answer, ...]:
    """What hypotheses say of every step that is read. Of a trace they see what stands before those steps too: whether a
    quotation is open is decided there."""
    import numpy as np

    from unrolled.neurons.answers import answers
    from unrolled.neurons.lockstep import Text

    vocabulary, trace = what.loaded.vocabulary, what.trace
    if trace is None or trace.symbols is None:
        return answers(asked, what.text, vocabulary, files=False)
    begin = next(each.start for each in trace.sequences if what.start in each)
    first, stop = max(begin, what.start - MOST_BEFORE), what.start + len(what.text)
    bounds = [(max(each.start, first) - first, min(each.stop, stop) - first) for each in trace.sequences]
    whole = Text(trace.symbols[first:stop], np.array([each for each in bounds if each[0] < each[1]]))
    found = answers(asked, whole, vocabulary, files=False)
    return tuple(replace(each, label=each.label[what.start - first :]) for each in found)


class _Steps:
    """What is told of every step, before and after; grows with the text, which is short."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._held: list[bool] = []
        self._losses: tuple[list[float | None], list[float | None]] = [], []
        self._likeliest: tuple[list[Any], list[Any]] = [], []

    def add(self, read: Slice) -> None:
        from unrolled.neurons.moments import likeliest

        self._held += read.held.tolist()
        losses = read.losses()
        for place in (0, 1):
            own, comes = cast(list[float], losses[:, place].tolist()), cast(list[bool], (read.targets >= 0).tolist())
            self._losses[place].extend(loss if follows else None for loss, follows in zip(own, comes, strict=True))
            self._likeliest[place].extend(likeliest(read.log_odds[:, place], self._vocabulary, LIKELIEST))

    def to_json(self) -> dict[str, Any]:
        before, after = (
            {"loss": loss, "likeliest": odds} for loss, odds in zip(self._losses, self._likeliest, strict=True)
        )
        return {"held": self._held, "before": before, "after": after}
