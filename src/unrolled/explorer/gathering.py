"""POST api/evidence: what one neuron does, and which neurons of other traces do the same, for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from unrolled.errors import SettingsError, UnrolledError
from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import Exhibit
from unrolled.explorer.posts import Asked, Name
from unrolled.explorer.searched import by_title, exhibit_of, open_trace, run_folder

if TYPE_CHECKING:
    from unrolled.networks import Network
    from unrolled.traces.names import Name as NeuronName
    from unrolled.traces.trace import Trace

MOST_STEPS = 2**18
"""Steps that roles are tried on: seconds' work."""
MOST_OTHERS, MOST_OPENED = 8, 64
"""Other traces that are told of, and those that are opened to see whether they are of the same text."""
NUMBERS = 2**25
"""Steps × neurons of a layer that are looked at in each of them."""
LEAST_IN_COMMON = 64
"""Steps; over fewer, chance alone makes any two neurons alike."""
TOLD = ("neuron", "steps", "half_life", "role", "fits", "training_steps", "effect")
"""What of the evidence is told; the page works out the rest from the trace itself."""


class EvidenceAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    trace: Name
    neuron: Name
    others: Annotated[int, Field(ge=0, le=MOST_OTHERS)] = MOST_OTHERS


def evidence_for_page(collection: Collection, asked: EvidenceAsked) -> dict[str, Any]:
    """The answer to the request.

    Raises:
        UnrolledError: what is asked for is not here, or is more than a page may wait for.
    """
    from unrolled.neurons.evidence import gather
    from unrolled.traces.names import parse_neuron

    shown = exhibit_of(collection, "trace", asked.trace)
    with by_title(shown):
        trace = open_trace(shown)
        name = parse_neuron(asked.neuron, trace.info.sites)
        read = trace.first(MOST_STEPS)
        if read.steps_of(name.site) > MOST_STEPS:
            raise SettingsError(
                f"{name.site} has {read.steps_of(name.site):,} steps of its own; here {MOST_STEPS:,} are allowed.",
                "Ask the command: unrolled evidence TRACE NEURON.",
            )
        trained, lack = _trained(collection, shown, trace)
        found = gather(read, str(name), trained=trained, near=False).to_json()
    others = _others(collection, shown, trace, name, asked.others) if asked.others else []
    return {**{key: found[key] for key in TOLD}, "of": trace.steps_of(name.site), "lack": lack, "others": others}


def _trained(collection: Collection, shown: Exhibit, trace: Trace) -> tuple[tuple[Network, int] | None, str | None]:
    """As `load_trained`; or, in a line, why nothing can be told by the network that the trace was recorded from."""
    from unrolled.neurons.evidence import load_trained

    if shown.run_id is None:
        return None, "The run that it was recorded from is not shown here: unrolled explore RUN TRACE."
    run = exhibit_of(collection, "run", shown.run_id)
    try:
        with by_title(run), by_title(shown):
            return load_trained(trace, run_folder(run)), None
    except UnrolledError as error:
        return None, f"{error.message} {error.hint}".strip()


def _others(collection: Collection, shown: Exhibit, trace: Trace, name: NeuronName, most: int) -> list[dict[str, Any]]:
    """The neuron's counterparts in other traces of the gallery that are of the same text; one of another text, or
    that cannot be read, is passed over."""
    if trace.steps_of(name.site) != trace.steps:  # no text can be laid beside it
        return []
    found: list[dict[str, Any]] = []
    candidates = [each for each in collection.exhibits if each.kind == "trace" and each != shown and not each.problem]
    for each in candidates[:MOST_OPENED]:
        if len(found) == most:
            break
        try:
            told = _counterpart(each, trace, name)
        except UnrolledError:
            continue
        if told is not None:
            found.append({"trace": each.id, "title": each.title, **told})
    return sorted(found, key=lambda one: -abs(one["correlation"]))


def _counterpart(exhibit: Exhibit, trace: Trace, name: NeuronName) -> dict[str, Any] | None:
    """The neuron there that behaves most like one, over a bounded stretch; None where that would tell nothing.

    Raises:
        TraceError: the trace is of another text.
    """
    from unrolled.neurons.likeness import counterpart
    from unrolled.traces.names import parse_neuron

    other = open_trace(exhibit)
    widest = max(signal.neurons for site in other.info.sites for signal in site.signals)
    steps = min(trace.steps, other.steps, NUMBERS // widest)
    own, other = trace.first(steps), other.first(steps)
    if steps < LEAST_IN_COMMON or "none" in (own.info.symbols.kind, other.info.symbols.kind):
        return None
    best = counterpart(own, name, other)
    site = other.info.site(parse_neuron(best.name, other.info.sites).site)
    told = {"name": best.name, "correlation": best.correlation, "steps": steps, "cell": site.cell}
    return {**told, "checkpoint": other.info.model.get("step")}
