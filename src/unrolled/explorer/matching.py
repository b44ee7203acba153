"""POST api/match: all places of a trace with the pattern of a span, for the page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from unrolled.errors import ServerError, UnknownNameError
from unrolled.explorer.collection import Collection
from unrolled.explorer.opening import leads_out
from unrolled.explorer.posts import Asked

MOST_PLACES = 1000

Name = Annotated[str, Field(min_length=1, max_length=200)]


class MatchAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    trace: Name
    span: tuple[int, int]
    signal: Name | None = None
    sites: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    threshold: float = 0.3
    off: Literal["none", "before", "after", "both"] = "none"
    least: Annotated[int, Field(ge=1)] | None = None
    top: Annotated[int, Field(ge=1, le=MOST_PLACES)] = 50


def match_for_page(collection: Collection, asked: MatchAsked) -> dict[str, Any]:
    """The answer to the request.

    Raises:
        UnrolledError: what is asked for is not here, or does not fit.
    """
    from unrolled.neurons.matches import find_matches
    from unrolled.traces.trace import Trace

    shown = collection.get("trace", asked.trace)
    if shown is None:
        raise UnknownNameError("trace", asked.trace, [each.id for each in collection.exhibits if each.kind == "trace"])
    if leads_out(shown.folder):
        raise ServerError(f"A link leads out of the trace {shown.title!r}; it is not followed.", "Show the trace itself.")
    found = find_matches(
        Trace.open(shown.folder),
        range(*asked.span),
        signal=asked.signal,
        sites=asked.sites,
        threshold=asked.threshold,
        off=asked.off,
        least=asked.least,
        top=asked.top,
    )
    return found.to_json()
