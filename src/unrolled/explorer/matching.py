"""POST api/match: the other places of a trace with a span's pattern, for the page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from unrolled.explorer.collection import Collection
from unrolled.explorer.posts import Asked, Name
from unrolled.explorer.searched import by_title, exhibit_of, open_trace

MOST_SITES, MOST_PLACES = 64, 1000


class MatchAsked(Asked):
    """The body of the request; see docs/reference/server.md."""

    trace: Name
    span: tuple[int, int]
    signal: Name | None = None
    sites: Annotated[tuple[Name, ...], Field(max_length=MOST_SITES)] = ()
    threshold: float = 0.3
    off: Literal["none", "before", "after", "both"] = "none"
    least: int | None = None
    top: Annotated[int, Field(ge=1, le=MOST_PLACES)] = 50


def match_for_page(collection: Collection, asked: MatchAsked) -> dict[str, Any]:
    """The answer to the request.

    Raises:
        UnrolledError: what is asked for is not here, or does not fit.
    """
    from unrolled.neurons.matches import find_matches

    shown = exhibit_of(collection, "trace", asked.trace)
    with by_title(shown):
        found = find_matches(
            open_trace(shown),
            range(*asked.span),
            signal=asked.signal,
            sites=asked.sites,
            threshold=asked.threshold,
            off=asked.off,
            least=asked.least,
            top=asked.top,
        )
    return found.to_json()
