"""What every POST has in common: a bounded body of JSON, and one search at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from unrolled.errors import UnrolledError

MOST_BYTES = 64 << 10
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""Of an exhibit, a neuron, a signal, a hypothesis."""


class NotJsonError(UnrolledError):
    """A body that does not say that it is JSON."""

    code: ClassVar[str] = "not-json"
    status: ClassVar[int] = 415


class TooLargeError(UnrolledError):
    """A body of more bytes than are taken."""

    code: ClassVar[str] = "too-large"
    status: ClassVar[int] = 413


class InvalidError(UnrolledError):
    """A body that does not hold what it should."""

    code: ClassVar[str] = "invalid"
    status: ClassVar[int] = 422


class BusyError(UnrolledError):
    """A search is running already."""

    code: ClassVar[str] = "busy"
    status: ClassVar[int] = 429


class Asked(BaseModel):
    """What a POST asks for: no key that is not known, no text where a number is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Asked)


async def read_body(request: Request) -> bytes:
    """The body of a POST.

    That it must say that it is JSON keeps other sites' forms out: a browser asks the server first whether a page of
    another site may send that, and this server never says yes.

    Raises:
        NotJsonError: its Content-Type is not application/json.
        TooLargeError: it has more than 64 KiB.
    """
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise NotJsonError(f"The body is {given[:80]!r}, not application/json.", "Send JSON, with that Content-Type.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLargeError(f"The body has more than {MOST_BYTES >> 10} KiB.", "Ask for less at a time.")
    return bytes(body)


def parse(kind: type[Kind], body: bytes) -> Kind:
    """What the body asks for; InvalidError, with the place, where it is not that."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        hint = "docs/reference/server.md says what a request holds."
        raise InvalidError(f"{place[:200]}: {first['msg'][:200]}.", hint) from None


class Turns:
    """Lets one search run at a time: each takes every processor, and two would both be late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def take(self) -> Generator[None]:
        """Raises BusyError where another is running."""
        if not self._lock.acquire(blocking=False):
            raise BusyError("The server is at work on another search.", "Ask again when that one has been answered.")
        try:
            yield
        finally:
            self._lock.release()
