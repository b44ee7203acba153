"""The HTTP `Range` header for one range of bytes (RFC 9110, section 14)."""

from __future__ import annotations

import re

# bytes=a-b, bytes=a- and bytes=-n. [0-9], not \d, which would take other scripts' digits as well.
SINGLE_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
# Longer numbers lie behind the end of any file; Python refuses to read the longest ones at all.
MOST_DIGITS = 18


class UnsatisfiableRangeError(Exception):
    """A well-formed range that holds none of the file's bytes; the answer is 416."""


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range of bytes `(start, stop)` that `header` asks of a file of `size` bytes.

    None means: answer with the whole file. That is what RFC 9110 allows for a header that is malformed, in another
    unit or with several ranges (Zarr readers ask for one), and what an empty file gets.

    Raises:
        UnsatisfiableRangeError: the range starts behind the end, or asks for the last 0 bytes.
    """
    match = SINGLE_RANGE.fullmatch(header) if header is not None else None
    if match is None or size == 0:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(last, size)
    start = _number(first)
    if last and _number(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError
    return start, min(_number(last) + 1, size) if last else size


def _suffix(length: str, size: int) -> tuple[int, int] | None:
    if not length:
        return None
    count = _number(length)
    if count == 0:
        raise UnsatisfiableRangeError
    return max(0, size - count), size


def _number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= MOST_DIGITS else 10**MOST_DIGITS
