"""POST api/find: which neurons of a trace tell some hypotheses, for the page."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from unrolled.errors import SettingsError
from unrolled.explorer.collection import Collection
from unrolled.explorer.posts import Asked, Name
from unrolled.explorer.searched import by_title, exhibit_of, open_trace

MOST_NUMBERS = 2 * 10**9
"""Steps × neurons of all signals that are looked at: about a minute's work."""
MOST_HYPOTHESES, MOST_SIGNALS = 16, 8


class FindAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    trace: Name
    hypotheses: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_HYPOTHESES)]
    signals: Annotated[tuple[Name, ...], Field(max_length=MOST_SIGNALS)] = ()
    q: Annotated[float, Field(gt=0, lt=1)] = 0.05


def find_for_page(collection: Collection, asked: FindAsked) -> dict[str, Any]:
    """The answer to the request; nothing is kept.

    Raises:
        UnrolledError: what is asked for is not here, or is more than a page may wait for.
    """
    from unrolled.neurons.find import find_in_trace
    from unrolled.neurons.labelling import label_trace

    shown = exhibit_of(collection, "trace", asked.trace)
    with by_title(shown):
        trace = open_trace(shown)
        signals = [signal for site in trace.info.sites for signal in site.signals]
        numbers = trace.steps * sum(each.neurons for each in signals if not asked.signals or each.name in asked.signals)
        if numbers > MOST_NUMBERS:
            raise SettingsError(
                f"That is {numbers:,} numbers to look at; here {MOST_NUMBERS:,} are allowed.",
                "Choose fewer signals, or ask the command: unrolled find TRACE.",
            )
        labels, about = label_trace(trace, asked.hypotheses, files=False)
        return find_in_trace(trace, labels, about=about, signals=asked.signals, q=asked.q, surprise=False).to_json()
