"""Loading a trained network from a run folder, without running any code of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from unrolled.errors import RunError
from unrolled.networks.network import Network
from unrolled.networks.settings import NetworkSettings
from unrolled.sources.vocabulary import Vocabulary

RUN_FORMAT = "unrolled-run/1"
Which = Literal["best", "last"]


@dataclass(frozen=True)
class LoadedNetwork:
    """A network as a run's checkpoint holds it, in evaluation mode.

    sha256: of the weights file; step: the update after which they were saved.
    """

    network: Network
    vocabulary: Vocabulary
    path: Path
    step: int
    sha256: str
    source: Mapping[str, Any]


def read_json(path: Path) -> Any:
    """The JSON in a file of a run.

    Raises:
        RunError: missing, not UTF-8 or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not whole JSON"
        raise RunError(f"{path} cannot be read: {why}.", "The run is damaged or unfinished; train it again.") from None


def read_run_settings(run: Path) -> dict[str, Any]:
    """`settings.json` of a run folder.

    Raises:
        RunError: there is no such folder, it is not a run, or it is damaged.
    """
    if not run.is_dir():
        raise RunError(f"There is no run folder {run}.", "Train one: unrolled train SOURCE --out RUN.")
    if not (run / "settings.json").is_file():
        raise RunError(f"{run} is not a run: it holds no settings.json.", "Name the folder that --out made.")
    settings = read_json(run / "settings.json")
    if not isinstance(settings, dict) or settings.get("format") != RUN_FORMAT:  # pyright: ignore
        raise RunError(f"{run}/settings.json is not of the format {RUN_FORMAT!r}.", "Name the folder that --out made.")
    return settings  # pyright: ignore


def checkpoint_steps(run: Path) -> list[int]:
    """The steps of the checkpoints that are there, in order; half-written ones are never under such a name."""
    folder = run / "checkpoints"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdigit())


def checkpoint_path(run: Path, step: int) -> Path:
    return run / "checkpoints" / str(step)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file.

    Raises:
        RunError: missing, truncated or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"{path} cannot be read: it is missing or damaged ({type(error).__name__}).") from None


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint's `state.json`, after each of its files was held against the sum that was stored with it.

    Raises:
        RunError: a file is missing or a bit of it has changed.
    """
    state = read_json(checkpoint / "state.json")
    try:
        sums = dict(state["sha256"])
    except (TypeError, KeyError, ValueError):
        raise RunError(f"{checkpoint}/state.json is damaged: it names no sums.") from None
    for name, expected in sums.items():
        path = checkpoint / Path(str(name)).name
        if not path.is_file() or file_sha256(path) != expected:
            raise RunError(
                f"{path} is damaged: its SHA-256 is not the one that was stored with it.",
                "Take another checkpoint (--checkpoint last or best), or train again.",
            )
    return state


def choose_step(run: Path, which: Which | int = "best") -> int:
    """The step of the best or the last checkpoint, or the given one if it is there."""
    steps = checkpoint_steps(run)
    if not steps:
        raise RunError(f"{run} holds no checkpoint yet.", "Go on training it with --resume.")
    if which == "last":
        return steps[-1]
    if which == "best":
        best = read_json(checkpoint_path(run, steps[-1]) / "state.json").get("best_step")
        return best if best in steps else steps[-1]
    if which not in steps:
        raise RunError(f"{run} holds no checkpoint {which}; there are: {', '.join(map(str, steps))}.")
    return which


def load_network(run: Path | str, which: Which | int = "best", device: str = "cpu") -> LoadedNetwork:
    """The network of a run folder.

    Args:
        run: the folder that `unrolled train --out` made.
        which: the best checkpoint on validation (the last where there was no validation), the last, or a step.
        device: where to put it.

    Raises:
        RunError: missing or damaged files; the weights do not fit the settings.
    """
    run = Path(run)
    settings = read_run_settings(run)
    network_settings = NetworkSettings.parse(settings.get("network", {}))
    vocabulary = Vocabulary.from_json(read_json(run / "vocabulary.json"))
    step = choose_step(run, which)
    checkpoint = checkpoint_path(run, step)
    state = verify(checkpoint)
    network = Network(network_settings, len(vocabulary))
    try:
        network.load_state_dict(load_tensors(checkpoint / "weights.safetensors"))
    except RuntimeError as error:
        raise RunError(
            f"The weights in {checkpoint} do not fit the settings: {str(error).splitlines()[-1].strip()}"
        ) from None
    return LoadedNetwork(
        network.to(torch.device(device)).eval(),
        vocabulary,
        run,
        step,
        str(state["sha256"]["weights.safetensors"]),
        settings.get("source", {}),
    )
