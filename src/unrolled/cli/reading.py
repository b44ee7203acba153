"""What the commands that read a source with a trained network have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork
    from unrolled.sources import Corpus


def load(run: Path, checkpoint: str) -> LoadedNetwork:
    """The network of a run; `checkpoint` is `best`, `last` or a step.

    Raises:
        SettingsError: `checkpoint` is none of these.
    """
    from unrolled.errors import SettingsError
    from unrolled.networks.files import load_network

    if checkpoint in {"best", "last"}:
        which: Literal["best", "last"] = "best" if checkpoint == "best" else "last"
        return load_network(run, which)
    if not checkpoint.isdecimal():
        raise SettingsError(f"--checkpoint cannot be {checkpoint!r}: it is best, last or a step.")
    return load_network(run, int(checkpoint))


def read(loaded: LoadedNetwork, source: str, unknown: str, reading: dict[str, Any]) -> Corpus:
    """The source in the network's own vocabulary, divided as the run divided its text."""
    from unrolled.networks.files import read_run_settings
    from unrolled.sources import Parts, open_source, prepare

    training = read_run_settings(loaded.path)["training"]
    parts = Parts(training.get("validation", 0.0), training.get("test", 0.0))
    if loaded.vocabulary.kind == "bytes" and not source.startswith("task:"):
        reading = {**reading, "symbols": "bytes"}
    return prepare(open_source(source, **reading), loaded.vocabulary, unknown=unknown, parts=parts)
