"""Pillow, which draws frames and reads pictures; it is not part of the base install."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unrolled.errors import MissingPartError, SourceError
from unrolled.sources.members import open_file

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL = "Install it: pip install 'unrolled[frames]'"
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
MOST_PIXELS = 64_000_000
"""Of one picture; Pillow itself warns of more than 89 million, which may be a decompression bomb."""


SMALLER = "Make it smaller first."


def need_pillow() -> None:
    """Says what to install where Pillow is missing.

    Raises:
        MissingPartError: it is.
    """
    if find_spec("PIL") is None:
        raise MissingPartError("Films are drawn and read with Pillow.", INSTALL)


def read_picture(path: Path, size: int) -> NDArray[np.uint8]:
    """A picture of any size, squeezed to `(size, size, 3)`.

    Raises:
        SourceError: it is missing, no picture, damaged, or of more than `MOST_PIXELS` pixels.
    """
    from PIL import Image, UnidentifiedImageError

    pictures = f"Give {', '.join(FORMATS[:-1])} or {FORMATS[-1]} files."
    with open_file(path, pictures) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, about oddities of a file that can be read all the same
        try:
            image = Image.open(file, formats=FORMATS)
            check_pixels(str(path), *image.size)
            return squeeze(image, size)
        except SourceError:
            raise
        except Image.DecompressionBombError as error:
            raise SourceError(f"{path} has more than {MOST_PIXELS:,} pixels.", SMALLER) from error
        except UnidentifiedImageError as error:  # which tells of the open file, and of nothing else
            raise SourceError(f"{path} is no picture that can be read.", pictures) from error
        except Exception as error:  # Pillow's decoders have many ways to say that bytes are wrong
            raise SourceError(
                f"{path} is no picture that can be read: {str(error).rstrip('.') or type(error).__name__}.",
                pictures,
            ) from error


def check_pixels(what: str, width: int, height: int) -> None:
    """Refuses a picture that would fill the memory.

    Raises:
        SourceError: it has more than `MOST_PIXELS` pixels.
    """
    if width * height > MOST_PIXELS:
        raise SourceError(f"{what} has {width} × {height} pixels, more than {MOST_PIXELS:,}.", SMALLER)


def squeeze(image: Image, size: int) -> NDArray[np.uint8]:
    """An image as `(size, size, 3)`, each pixel the mean of those it stands for."""
    from PIL import Image

    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BOX))
