"""Packs the same files in every kind of archive that is read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

ARCHIVES = ("zip", "jar", "whl", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive of the kind that the path's ending says, its members in the order given."""
    if path.suffix in (".zip", ".jar", ".whl"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    squeeze = {".gz": gzip.compress, ".tgz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    path.write_bytes(squeeze.get(path.suffix, bytes)(plain.getvalue()))
    return path


def spread(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The same files in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
