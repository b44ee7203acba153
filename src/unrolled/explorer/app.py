"""The web application: the page, the list of exhibits, their files, read-only, and searches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp

from unrolled.explorer.ablating import AblateAsked, ablate_for_page
from unrolled.explorer.collection import Collection
from unrolled.explorer.files import ASK_AGAIN, FOREVER, file_response
from unrolled.explorer.finding import FindAsked, find_for_page
from unrolled.explorer.gathering import EvidenceAsked, evidence_for_page
from unrolled.explorer.guard import Guard
from unrolled.explorer.labelling import HypothesesAsked, hypotheses_for_page
from unrolled.explorer.matching import MatchAsked, match_for_page
from unrolled.explorer.posts import Asked, Turns, parse, read_body
from unrolled.explorer.problems import install_problems, not_found, problem
from unrolled.formats import FINDINGS_FILE
from unrolled.version import __version__

PAGE = Path(__file__).parent / "static"
READING = ["GET", "HEAD"]


class Search(NamedTuple):
    """What the page may ask for by POST: the form of the question, and what answers it."""

    form: type[Asked]
    answer: Callable[[Collection, Any], Mapping[str, object]]


# A site of files alone has none.
SEARCHES = {
    "ablate": Search(AblateAsked, ablate_for_page),
    "evidence": Search(EvidenceAsked, evidence_for_page),
    "find": Search(FindAsked, find_for_page),
    "hypotheses": Search(HypothesesAsked, hypotheses_for_page),
    "match": Search(MatchAsked, match_for_page),
}

# The files of a Zarr store, metadata and chunks, and what was found in it. What else lies there is nobody's business.
TRACE_FILE = re.compile(rf"(?:[^/]+/)*(?:zarr\.json|c(?:/[0-9]+)*)|{re.escape(FINDINGS_FILE)}")
RUN_FILES = {
    "settings.json": "application/json",
    "metrics.jsonl": "application/x-ndjson",
    "summary.json": "application/json",
}
PAGE_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".md": "text/plain",
}


def create_app(collection: Collection, *, page: Path = PAGE, hosts: Iterable[str] = ()) -> ASGIApp:
    """The application that shows `collection`.

    Args:
        collection: the exhibits.
        page: the folder of the built page.
        hosts: names, besides those of this machine, that a request's Host header may have.
    """
    app = FastAPI(title="Unrolled", version=__version__, openapi_url=None)
    install_problems(app)
    _add_exhibits(app, collection)
    _add_searches(app, collection)
    _add_page(app, page)
    return Guard(app, hosts)


# Every route below is a plain function: FastAPI runs it in a thread, so a slow disk holds up nobody else.


def _add_exhibits(app: FastAPI, collection: Collection) -> None:
    @app.api_route("/exhibits.json", methods=READING)
    def exhibits() -> Response:
        entries = [exhibit.entry() for exhibit in collection.refresh()]
        listing = {"format": "unrolled-exhibits/1", "exhibits": entries, "searches": list(SEARCHES)}
        return JSONResponse(listing, headers={"Cache-Control": "no-store"})

    @app.api_route("/traces/{name}/{key:path}", methods=READING)
    def trace(request: Request, name: str, key: str) -> Response:
        exhibit = collection.get("trace", name)
        if exhibit is None or not TRACE_FILE.fullmatch(key):
            return not_found(f"file {key!r} of a trace {name!r}")
        kind = "application/json" if key.endswith(".json") else "application/octet-stream"
        return file_response(request, exhibit.root, (*exhibit.parts, *key.split("/")), media_type=kind)

    @app.api_route("/runs/{name}/{file:path}", methods=READING)
    def run(request: Request, name: str, file: str) -> Response:
        exhibit = collection.get("run", name)
        if exhibit is None or file not in RUN_FILES:
            return not_found(f"file {file!r} of a run {name!r}")
        return file_response(request, exhibit.root, (*exhibit.parts, file), media_type=RUN_FILES[file])


def _add_searches(app: FastAPI, collection: Collection) -> None:
    turns = Turns()

    def add(name: str, search: Search) -> None:
        @app.post(f"/api/{name}")
        def searched(body: Annotated[bytes, Depends(read_body)]) -> Response:
            asked = parse(search.form, body)
            with turns.take():
                return answer(search.answer(collection, asked))

    for name, search in SEARCHES.items():
        add(name, search)


def answer(result: Mapping[str, object]) -> Response:
    """The answer to a search; in ASCII, for a vocabulary may hold what UTF-8 cannot."""
    content = json.dumps(result, allow_nan=False)
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _add_page(app: FastAPI, page: Path) -> None:
    @app.api_route("/{file:path}", methods=READING)
    def static(request: Request, file: str) -> Response:
        name = file or "index.html"
        if name == "index.html" and not (page / name).is_file():
            return page_is_missing()
        kind = PAGE_TYPES.get(PurePosixPath(name).suffix)
        if kind is None:
            return not_found(f"page {file!r}")
        # The bundler names what it puts into assets/ after its content.
        cache = FOREVER if name.startswith("assets/") else ASK_AGAIN
        return file_response(request, page, name.split("/"), media_type=kind, cache=cache)


def page_is_missing() -> Response:
    """503: the server runs from a source tree in which the page has not been built."""
    return problem(
        503,
        "page-not-built",
        "The page has not been built.",
        "Run `npm ci && npm run build` in web/, or install the wheel.",
    )
