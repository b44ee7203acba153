"""Loading a trained network from a run folder, without running any code of its own."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn

from unrolled.errors import RunError, UnrolledError, VocabularyError
from unrolled.formats import RUN_FORMAT, SUMS_FILE
from unrolled.networks.network import Network, check_memory
from unrolled.networks.settings import NetworkSettings
from unrolled.sources.vocabulary import Vocabulary

Which = Literal["best", "last"]

RUN_FILES = ("../../settings.json", "../../vocabulary.json")
"""What each checkpoint vouches for besides its own files."""
OTHER_TENSORS = ("optimizer", "carried", "random")
"""What a checkpoint holds for going on, besides `weights`."""


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


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run.

    Raises:
        RunError: missing, not UTF-8, not JSON, or no object.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found: object = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not whole JSON"
        raise RunError(f"{path} cannot be read: {why}.", "The run is damaged or unfinished; train it again.") from None
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged: it holds no JSON object.", "Train the run again.")
    return cast(dict[str, Any], found)


def _finite(written: str) -> float:
    """A number of a JSON file; ValueError for infinity and NaN, which nobody writes who writes JSON."""
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written} is no number.")
    return value


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
    if settings.get("format") != RUN_FORMAT:
        raise RunError(f"{run}/settings.json is not of the format {RUN_FORMAT!r}.", "Name the folder that --out made.")
    for name in ("network", "training", "source"):
        if not isinstance(settings.get(name), dict):
            raise RunError(f"{run}/settings.json is damaged: it has no table {name!r}.", "Train the run again.")
    return settings


def read_network_settings(run: Path) -> NetworkSettings:
    """The table `network` of a run's settings; RunError where it is damaged."""
    try:
        return NetworkSettings.parse(read_run_settings(run)["network"])
    except UnrolledError as error:
        raise RunError(f"{run}/settings.json is damaged: {error.message}", "Train the run again.") from None


def read_vocabulary(run: Path) -> Vocabulary:
    """The vocabulary of a run; RunError where it is missing or damaged."""
    try:
        return Vocabulary.load(run / "vocabulary.json")
    except VocabularyError as error:
        raise RunError(error.message, "The run is damaged; train it again.") from None


def checkpoint_steps(run: Path) -> list[int]:
    """The steps of the checkpoints that are there, in order; half-written ones are never under such a name."""
    folder = run / "checkpoints"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch("[0-9]+", name))


def checkpoint_path(run: Path, step: int) -> Path:
    """Where the checkpoint after update `step` lies."""
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
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(checkpoint: Path) -> dict[str, str]:
    """Holds each file of a checkpoint, and the run's settings and vocabulary, against the sums in its `SHA256SUMS`.

    Returns:
        The sums: file name (`../../settings.json` and so on for those of the run) → SHA-256 in hexadecimal.

    Raises:
        RunError: a file is missing, or a bit of it has changed.
    """
    hint = "Take another checkpoint where there is one (best, last or a step), or train the run again."
    sums: dict[str, str] = {}
    try:
        *lines, end = (checkpoint / SUMS_FILE).read_text(encoding="ascii").split("\n")
        for line in lines:
            expected, name = line.split("  ")
            sums[name] = expected
        if end:
            raise ValueError
    except (OSError, ValueError):
        raise RunError(f"The checkpoint {checkpoint} is damaged: it has no whole {SUMS_FILE}.", hint) from None
    needed = {"state.json", "weights.safetensors", *RUN_FILES}
    if not needed <= set(sums) <= needed | {f"{name}.safetensors" for name in OTHER_TENSORS}:
        raise RunError(f"The checkpoint {checkpoint} is damaged: its {SUMS_FILE} names other files.", hint)
    for name, expected in sums.items():
        path = checkpoint.parents[1] / Path(name).name if name in RUN_FILES else checkpoint / name
        if not path.is_file() or file_sha256(path) != expected:
            raise RunError(f"{path} is damaged: its SHA-256 is not the one in {checkpoint / SUMS_FILE}.", hint)
    return sums


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
    network_settings, vocabulary = read_network_settings(run), read_vocabulary(run)
    step = choose_step(run, which)
    checkpoint = checkpoint_path(run, step)
    sums = verify(checkpoint)
    check_memory(network_settings, len(vocabulary))
    network = Network(network_settings, len(vocabulary))
    fill(network, load_tensors(checkpoint / "weights.safetensors"), checkpoint)
    return LoadedNetwork(
        network.to(torch.device(device)).eval(),
        vocabulary,
        run,
        step,
        sums["weights.safetensors"],
        settings["source"],
    )


def fill(network: nn.Module, weights: Mapping[str, Tensor], place: Path) -> None:
    """Gives a network the weights that were found at a place.

    Raises:
        RunError: they do not fit it, or are not all numbers.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        why = str(error).splitlines()[-1].strip()
        raise RunError(f"The weights in {place} do not fit the settings: {why}") from None
    if not all(bool(value.isfinite().all()) for value in weights.values()):
        raise RunError(f"The weights in {place} are not all numbers.", "Take another checkpoint.")
