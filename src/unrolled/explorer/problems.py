"""The one shape of every error that the server answers with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from unrolled.errors import UnrolledError

logger = logging.getLogger("unrolled.explorer")

MOST_SHOWN = 200
"""Characters of what was asked for that an answer repeats."""
HINTS = {
    404: "exhibits.json lists what is served.",
    405: "The exhibits are read-only: ask with GET or HEAD.",
}


def problem(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """`{"error": {"code", "message", "hint"}}` with `status`; never kept by a cache."""
    error = {"code": code, "message": message, "hint": hint}
    return JSONResponse({"error": error}, status, {"Cache-Control": "no-store", **(headers or {})})


def not_found(what: str) -> JSONResponse:
    """404 for `what`, which a person can read; Zarr readers take it for a chunk that was never written."""
    what = what if len(what) <= MOST_SHOWN else f"{what[:MOST_SHOWN]}…"
    return problem(404, "not-found", f"There is no {what}.", HINTS[404])


def install_problems(app: FastAPI) -> None:
    """Answers every error of `app`, foreseen or not, in the one shape."""
    app.add_exception_handler(UnrolledError, _unrolled)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


def _unrolled(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UnrolledError)
    headers = {"Retry-After": "1"} if error.status == HTTPStatus.TOO_MANY_REQUESTS else None
    return problem(error.status, error.code, error.message, error.hint, headers)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    try:
        phrase = HTTPStatus(error.status_code).phrase
    except ValueError:
        phrase = "Error"
    code = phrase.lower().replace(" ", "-")
    message = f"{phrase}: {request.method} {request.url.path[:MOST_SHOWN]}"
    return problem(error.status_code, code, message, HINTS.get(error.status_code, ""), error.headers)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(422, "invalid", f"{place}: {first['msg']}.", "docs/reference/server.md says what a request holds.")


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "internal", "The server failed at this request.", "Its own output says why; please report it.")
