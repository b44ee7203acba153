"""Answering with a file: whole or one range, with ETag; a small file is read at once, a large one in blocks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from unrolled.explorer.opening import open_below
from unrolled.explorer.problems import MOST_SHOWN, not_found, problem
from unrolled.explorer.ranges import UnsatisfiableRangeError, read_range

# Kept, but asked about at each use: a trace grows, and zarr.json is written anew.
ASK_AGAIN = "no-cache"
# The name holds a hash of the content.
FOREVER = "public, max-age=31536000, immutable"

BLOCK = 1 << 20
ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


def file_response(
    request: Request, root: Path, parts: Sequence[str], *, media_type: str, cache: str = ASK_AGAIN
) -> Response:
    """The answer to a GET or HEAD of the file `root/part/part/…`; 404 where `open_below` finds none.

    Reads the disk: call it in a thread. Starlette's own FileResponse opens by path (a link may be put there between a
    check and the opening), hops to a thread for every 64 KB and leaves If-None-Match out, so it does not serve here.
    """
    try:
        descriptor = open_below(root, parts)
    except FileNotFoundError:
        return not_found(f"file {'/'.join(parts)!r} here")
    except OSError as error:
        return _unreadable(parts, error)
    file = FileIO(descriptor, "rb")
    try:
        response = _answer(request, file, media_type, cache)
    except OSError as error:
        response = _unreadable(parts, error)
    if not isinstance(response, BlockwiseResponse):
        file.close()
    return response


def _answer(request: Request, file: FileIO, media_type: str, cache: str) -> Response:
    status = os.fstat(file.fileno())
    size = status.st_size
    tag = f'"{status.st_mtime_ns:x}-{size:x}-{status.st_ino:x}"'
    headers = {"ETag": tag, "Cache-Control": cache, "Accept-Ranges": "bytes"}
    if _names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    # If-Range: the range only if the file is still the one that the client holds a part of.
    wanted = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    try:
        part = read_range(wanted, size)
    except UnsatisfiableRangeError:
        message = f"The range {wanted!r} holds no byte of this file of {size} bytes."
        return problem(416, "range", message, "Ask for a range within it.", {"Content-Range": f"bytes */{size}"})
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    code = 206 if part else 200
    if request.method == "HEAD":
        return Response(status_code=code, headers=headers, media_type=media_type)
    file.seek(start)
    if stop - start > BLOCK:
        return BlockwiseResponse(file, stop - start, code, headers, media_type)
    return Response(read_exactly(file, stop - start), code, headers, media_type)


def _unreadable(parts: Sequence[str], error: OSError) -> Response:
    reason = error.strerror or str(error)
    path = "/".join(parts)[:MOST_SHOWN]
    return problem(500, "unreadable", f"{path!r} cannot be read: {reason}.", "Look at the file's rights.")


def _names(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match `header` names `tag` (weakly compared, as RFC 9110 says) or is `*`."""
    return header is not None and (header.strip() == "*" or tag in ENTITY_TAG.findall(header))


def read_exactly(file: FileIO, count: int) -> bytes:
    """The next `count` bytes of `file`.

    Raises:
        OSError: the file ends before; someone cut it off after its size was read.
    """
    data = file.read(count) or b""
    while len(data) < count:
        more = file.read(count - len(data))
        if not more:
            raise OSError(f"The file ended {count - len(data)} bytes early.")
        data += more
    return data


class BlockwiseResponse(Response):
    """Sends `count` bytes of `file` from where it stands, block by block, and closes it."""

    def __init__(self, file: FileIO, count: int, status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(None, status, headers, media_type)
        self.file = file
        self.count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            left = self.count
            while left:
                block = await run_in_threadpool(read_exactly, self.file, min(BLOCK, left))
                left -= len(block)
                await send({"type": "http.response.body", "body": block, "more_body": left > 0})
