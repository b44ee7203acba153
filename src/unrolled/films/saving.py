"""Keeps a network over films in a folder: `film-network.json` and `weights.safetensors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save

from unrolled.errors import OutputExistsError, RunError, UnrolledError
from unrolled.files import write_json, write_whole
from unrolled.films.network import FilmNetwork
from unrolled.networks import NetworkSettings
from unrolled.networks.files import fill, load_tensors

FORMAT = "unrolled-film-network/1"
SETTINGS, WEIGHTS = "film-network.json", "weights.safetensors"


def save_film_network(
    network: FilmNetwork, names: tuple[str, ...], folder: Path | str, *, overwrite: bool = False
) -> None:
    """Writes a network and its labels' names into a folder.

    Raises:
        OutputExistsError: one is there already, and `overwrite` does not allow to replace it.
    """
    folder = Path(folder)
    if (folder / SETTINGS).exists() and not overwrite:
        raise OutputExistsError(f"{folder} holds a network already.", "Take another folder, or overwrite it.")
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    write_whole(folder / WEIGHTS, save(weights))
    write_json(folder / SETTINGS, {"format": FORMAT, "network": network.settings.model_dump(), "labels": list(names)})


def load_film_network(folder: Path | str) -> tuple[FilmNetwork, tuple[str, ...]]:
    """The network of a folder, in evaluation mode, and its labels' names.

    Raises:
        RunError: a file is missing or damaged, or the weights do not fit the settings.
    """
    folder = Path(folder)
    path = folder / SETTINGS
    try:
        kept = cast(dict[str, Any], json.loads(path.read_bytes()))
        if kept["format"] != FORMAT:
            raise ValueError
        names = tuple(str(name) for name in kept["labels"])
        settings = NetworkSettings.parse(kept["network"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UnrolledError) as error:
        raise RunError(
            f"{path} is missing or no {FORMAT}.", "Name a folder that save_film_network has written."
        ) from error
    network = FilmNetwork(settings, len(names))
    fill(network, load_tensors(folder / WEIGHTS), folder)
    return network.eval(), names
