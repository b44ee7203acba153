"""POST api/hypotheses: questions of yes and no that apply to a trace's text, and are true somewhere, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unrolled.explorer.collection import Collection
from unrolled.explorer.paths import Exhibit
from unrolled.explorer.posts import Asked, Name
from unrolled.explorer.searched import by_title, exhibit_of, open_trace, run_folder

MOST_STEPS = 2**14
"""Steps from the beginning of the trace that are labelled."""


class HypothesesAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    trace: Name


def hypotheses_for_page(collection: Collection, asked: HypothesesAsked) -> dict[str, Any]:
    """The answer to the request.

    Raises:
        UnrolledError: what is asked for is not here, or its symbols are no text.
    """
    from unrolled.neurons.hypotheses import Classes, kind_of
    from unrolled.neurons.labelling import applying_to, label_trace

    shown = exhibit_of(collection, "trace", asked.trace)
    with by_title(shown):
        trace = open_trace(shown).first(MOST_STEPS)
        source = trace.info.source or _source_of_run(collection, shown)
        labels, about = label_trace(trace, applying_to(source), files=False)
        found: list[dict[str, Any]] = []
        for name, label in labels.items():
            if isinstance(label, Classes) or kind_of(label) != "answer":
                continue
            true = int(label.sum())
            if 0 < true < trace.steps:
                found.append({"name": name, "about": about[name], "true": true})
    return {"steps": trace.steps, "hypotheses": found}


def _source_of_run(collection: Collection, shown: Exhibit) -> Mapping[str, Any]:
    """What the trace's run learned from: what it read later is likely the like. Nothing where the run is not shown."""
    from unrolled.networks.files import read_run_settings

    if shown.run_id is None:
        return {}
    run = exhibit_of(collection, "run", shown.run_id)
    with by_title(run):
        return read_run_settings(run_folder(run))["source"]
