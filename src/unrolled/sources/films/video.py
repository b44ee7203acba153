"""A film from a video file, read with PyAV (FFmpeg)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import MissingPartError, SettingsError, SourceError
from unrolled.sources.films.drawing import SIZE
from unrolled.sources.films.films import MOST_PICTURES, Films, check_size, film_of
from unrolled.sources.films.labels import Row, read_labels
from unrolled.sources.films.pillow import INSTALL, check_pixels, need_pillow, squeeze
from unrolled.sources.members import open_file

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

SAFELY = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,ogg,flv,asf",
    "protocol_whitelist": "pipe",
}
"""Files that hold their video themselves. A playlist would make FFmpeg open other files and addresses."""
ANOTHER = "Give a video file."
RATE = 2.0
"""Frames that are taken of each second."""


def read_video(
    path: Path | str, labels: Path | str, *, rate: float = RATE, size: int = SIZE, steps: int | None = None
) -> Films:
    """A film from the first video stream of a file.

    Args:
        path: an MP4, MOV, Matroska, WebM, AVI, MPEG, Ogg, FLV or ASF file; playlists are refused.
        labels: a CSV file with the header `seconds,label` or `frame,label` (frames of the video, from 0), in the order
            of time. A label holds until the next line's; an empty one means that none is known.
        rate: frames taken of each second, above 0; where the video has fewer, all of them.
        size: height and width that the frames are squeezed to.
        steps: frames after which the film is cut and a new sequence begins; by default it stays whole.

    Raises:
        SourceError: a file is missing, no such table or video, or too large; or no frame has a label.
        MissingPartError: PyAV or Pillow is not installed.
        SettingsError: `rate`, `size` or `steps` is out of its range.
    """
    need_pillow()
    check_size(size)
    if find_spec("av") is None:
        raise MissingPartError("Video files are read with PyAV.", INSTALL)
    if not (math.isfinite(rate) and rate > 0):
        raise SettingsError(f"rate cannot be {rate}: it is a number of frames a second above 0.")
    path, table = Path(path), Path(labels)
    kind, rows = read_labels(table, ("seconds", "frame"))
    begins = _beginnings(kind, rows, table)
    pictures: list[NDArray[np.uint8]] = []
    names: list[str] = []
    for number, seconds, frame in _taken(path, rate):
        if len(pictures) == MOST_PICTURES:
            raise SourceError(f"{path} has more than {MOST_PICTURES:,} frames.", "Take a lower rate, or cut it.")
        pictures.append(squeeze(cast("Image", frame.to_image()), size))
        place = bisect_right(begins, number if kind == "frame" else seconds) - 1
        names.append(rows[place].label if place >= 0 else "")
    if not pictures:
        raise SourceError(f"{path} holds no frames that can be read.", ANOTHER)
    return film_of(np.stack(pictures), names, str(table), steps)


def _beginnings(kind: str, rows: list[Row], table: Path) -> list[float]:
    """From when on each label holds."""
    begins: list[float] = []
    for row in rows:
        try:
            value = float(row.key) if kind == "seconds" else float(int(row.key))
        except (ValueError, OverflowError):
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise SourceError(f"{table}, line {row.line}: {kind} is a number of 0 or more, not {row.key!r:.80}.")
        if begins and value < begins[-1]:
            raise SourceError(
                f"{table}, line {row.line}: {row.key} comes after a later one.", "Sort the lines by time."
            )
        begins.append(value)
    return begins


def _taken(path: Path, rate: float) -> Iterator[tuple[int, float, VideoFrame]]:
    """The frames that are taken: number in the video, seconds from its beginning, and the frame."""
    import av
    from av.error import FFmpegError

    with open_file(path, ANOTHER) as file:
        try:
            with av.open(file, mode="r", options=SAFELY) as video:
                if not video.streams.video:
                    raise SourceError(f"{path} holds no video.", ANOTHER)
                stream = video.streams.video[0]
                check_pixels(str(path), stream.width, stream.height)
                following, first = 0.0, None
                for number, frame in enumerate(video.decode(stream)):
                    check_pixels(str(path), frame.width, frame.height)
                    now = cast(float | None, frame.time)  # of a file without times, None
                    now = number / float(stream.average_rate or 25) if now is None else now
                    first = now if first is None else first
                    seconds = now - first
                    if seconds + 1e-6 >= following:
                        following = (math.floor((seconds + 1e-6) * rate) + 1) / rate
                        yield number, seconds, frame
        except SourceError:
            raise
        except Exception as error:  # PyAV has other ways than its own to say that bytes are wrong
            reason = (error.strerror if isinstance(error, FFmpegError) else None) or type(error).__name__
            raise SourceError(f"{path} is no video that can be read: {reason}.", ANOTHER) from error
