"""`unrolled info`."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from unrolled.cli.options import JsonFlag
from unrolled.cli.screen import print_json, print_table
from unrolled.errors import RunError, SourceError

MOST_JSON = 64 << 20
"""Bytes of a JSON file that is looked into."""


def info(
    path: Annotated[Path, typer.Argument(help="A run, a trace, or a file of another program.")],
    as_json: JsonFlag = False,
) -> int:
    """Say what a run, trace or foreign file is and holds."""
    found = describe(path)
    if as_json:
        print_json({"path": str(path), **found})
    else:
        print_table(str(path), found)
    return 0


def describe(path: Path) -> dict[str, Any]:
    """What lies at a path.

    Raises:
        UnrolledError: nothing does, or it is nothing that Unrolled knows.
    """
    if not path.exists():
        raise SourceError(f"There is no file or folder {path}.", "Name a run, a trace or a foreign file.")
    if (path / "settings.json").is_file():
        return _run(path)
    if (path / "zarr.json").is_file():
        return _trace(path)
    if path.is_file():
        return _foreign(path)
    raise SourceError(
        f"{path} is a folder, but neither a run (settings.json) nor a trace (zarr.json).", "Name one of those in it."
    )


def _run(path: Path) -> dict[str, Any]:
    from unrolled.networks.files import (
        checkpoint_path,
        checkpoint_steps,
        read_json,
        read_run_settings,
        read_vocabulary,
        verify,
    )

    settings, vocabulary = read_run_settings(path), read_vocabulary(path)
    damaged: list[str] = []
    summary: dict[str, Any] = {"finished": False}
    try:
        summary = read_json(path / "summary.json") if (path / "summary.json").is_file() else summary
    except RunError as error:
        damaged.append(error.message)
    for step in checkpoint_steps(path):
        try:
            verify(checkpoint_path(path, step))
        except RunError as error:
            damaged.append(error.message)
    return {
        "kind": "run",
        "source": settings["source"].get("name"),
        "network": settings["network"],
        "training": settings["training"],
        "vocabulary": f"{len(vocabulary)} {vocabulary.kind}",
        "checkpoints": checkpoint_steps(path),
        **({"damaged": damaged} if damaged else {}),
        **summary,
        "code": settings.get("code"),
    }


def _trace(path: Path) -> dict[str, Any]:
    from unrolled.traces.place import read_info

    info = read_info(path)
    return {
        "kind": "trace",
        "title": info.title,
        "whole": info.whole,
        "complete_steps": info.complete_steps,
        "planned_steps": info.planned_steps,
        "sites": {site.name: f"{site.cell}, {site.neurons} neurons" for site in info.sites},
        "signals": [signal.name for signal in info.sites[0].signals],
        "symbols": f"{len(info.symbols.vocabulary)} {info.symbols.kind}",
        "nats_per_symbol": info.nats_per_symbol,
        "model": info.model,
        "source": info.source,
        "code": info.code,
        "created": info.created,
    }


def _foreign(path: Path) -> dict[str, Any]:
    """A file that Unrolled did not make: weights, an archive, a text."""
    import zipfile

    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if path.suffix == ".safetensors":
        return {"kind": "weights (safetensors)", "bytes": size, "tensors": _tensors(path)}
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, ValueError) as error:
            raise SourceError(f"{path} is a damaged zip archive: {error}.", "Get it again.") from None
        if any(name.endswith("data.pkl") for name in names):
            return {
                "kind": "weights in PyTorch's pickle format; loading it can run code, so it is not opened",
                "bytes": size,
                "hint": "load it yourself where you trust it, and save it with safetensors",
            }
        return {"kind": "zip archive", "bytes": size, "files": len(names), "hint": "train on it with --include"}
    if not head:
        raise SourceError(f"{path} is empty.", "Name a run, a trace or a foreign file.")
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=size <= len(head))
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return {"kind": "binary file", "bytes": size, "hint": "train on it with --symbols bytes"}
    if text.lstrip().startswith("{") and size <= MOST_JSON and (found := _recording(path)):
        return {**found, "bytes": size, "hint": "a later version imports it"}
    return {"kind": "text", "bytes": size, "begins": repr(text[:60])}


def _recording(path: Path) -> dict[str, Any] | None:
    """What a recording of the article's lstm-explorer holds: characters, and signal by layer as neurons × steps."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    keys = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    if not isinstance(keys.get("chars"), list) or not isinstance(keys.get("cs0"), list):
        return None
    layers = {key[2:]: len(value) for key, value in keys.items() if re.fullmatch("cs[0-9]+", key) and value}
    return {
        "kind": "recording of the article's lstm-explorer, it seems (JSON)",
        "name": keys.get("name"),
        "steps": len(keys["chars"]),
        "layers": {f"layer {layer}": f"{neurons} neurons" for layer, neurons in sorted(layers.items())},
    }


def _tensors(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with cast(Any, safe_open(path, framework="np")) as file:
            slices = {name: file.get_slice(name) for name in cast(list[str], list(file.keys()))}
            return {name: f"{tuple(part.get_shape())} {part.get_dtype()}" for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise SourceError(f"{path} is no whole safetensors file: {error}.", "Save it again.") from None
