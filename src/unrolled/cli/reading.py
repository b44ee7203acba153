"""What the commands that read a source with a trained network have in common."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unrolled.cli.options import one_of
from unrolled.cli.screen import ProgressBar, remark
from unrolled.errors import RunError, SettingsError

if TYPE_CHECKING:
    from unrolled.networks.files import LoadedNetwork
    from unrolled.networks.network import Network
    from unrolled.sources import Corpus, Part


class _Stored(BaseModel):
    """How a run read and divided its text, as its settings say."""

    model_config = ConfigDict(strict=True)

    validation: float = 0.0
    test: float = 0.0
    include: list[str] = []
    encoding: str | None = None
    limit: int | None = None


def load(run: Path, checkpoint: str) -> LoadedNetwork:
    """The network of a run; `checkpoint` is `best`, `last` or a step.

    Raises:
        SettingsError: `checkpoint` is none of these.
    """
    from unrolled.networks.files import load_network

    if checkpoint in {"best", "last"}:
        which: Literal["best", "last"] = "best" if checkpoint == "best" else "last"
        return load_network(run, which)
    if not re.fullmatch(r"\d{1,18}", checkpoint, re.ASCII):
        raise SettingsError(f"--checkpoint cannot be {checkpoint[:40]!r}: it is best, last or a step.")
    return load_network(run, int(checkpoint))


def tell_engine(network: Network, engine: str, *, recording: bool = False, editing: bool = False) -> None:
    """Says on stderr which engine runs a network, and why.

    Raises:
        UnrolledError: no engine has that name, or it cannot run the network.
    """
    from unrolled.engines import choose_engine

    remark(str(choose_engine(network.rnn.stack(), recording=recording, editing=editing, engine=engine)))


def read(loaded: LoadedNetwork, source: str, unknown: str, reading: dict[str, Any]) -> Corpus:
    """The source in the network's own vocabulary, divided as the run divided its text.

    Where it is the source that the run was trained on, it is read as it was then: what `reading` leaves open (no
    `include`, no `encoding`, no `limit`, an `unknown` of `error`) is taken from the run's settings.
    """
    from unrolled.networks.files import read_run_settings
    from unrolled.sources import Parts, open_source, prepare
    from unrolled.sources.text import NotTextError

    settings = read_run_settings(loaded.path)
    try:
        stored = _Stored.model_validate({**settings["training"], **loaded.source})
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise RunError(f"{loaded.path}/settings.json is damaged: {place}.", "Train the run again.") from None
    parts = Parts(stored.validation, stored.test)
    given = {name: value for name, value in reading.items() if value not in (None, ())}
    if _is_own(source, loaded):
        given = {**stored.model_dump(include=set(reading)), **given}
        unknown = str(settings.get("unknown", unknown)) if unknown == "error" else unknown
    reading = {name: value for name, value in given.items() if value is not None}
    if loaded.vocabulary.kind == "bytes" and not source.startswith("task:"):
        reading["symbols"] = "bytes"
    try:
        with ProgressBar("reading", "symbols") as progress:
            opened = open_source(source, **reading)
            return prepare(opened, loaded.vocabulary, unknown=unknown, parts=parts, progress=progress)
    except NotTextError as error:
        hint = "The network reads characters: name their encoding, such as --encoding latin-1 or utf-16."
        raise NotTextError(error.message, hint) from error


def read_part(
    loaded: LoadedNetwork,
    source: str,
    part: str,
    *,
    unknown: str,
    include: Sequence[str] | None,
    encoding: str | None,
    limit: int | None,
) -> tuple[Corpus, Part]:
    """A source as `read` has it, and the part of it that the options ask for.

    Raises:
        UnknownNameError: there is no such part.
        SettingsError: the limit is below two symbols.
    """
    from unrolled.sources import PARTS, PartName

    which: PartName = one_of("part", part, PARTS)
    if limit is not None and limit < 2:
        raise SettingsError(f"--limit is at least 2 symbols, to foretell one from the other, not {limit}.")
    corpus = read(loaded, source, unknown, {"include": include or (), "encoding": encoding, "limit": limit})
    return corpus, corpus.part(which)


def _is_own(source: str, loaded: LoadedNetwork) -> bool:
    """Whether it is the text that the run was trained on, by its name: `./book.txt` is `book.txt`."""
    from unrolled.sources.opening import STDIN

    name = str(loaded.source.get("name"))
    names = [name, str(loaded.path / STDIN)] if name == "-" else [name]
    return loaded.source.get("kind") == "text" and os.path.normpath(source) in [
        os.path.normpath(each) for each in names
    ]


def as_path(path: str | Path) -> str:
    """A path that is not taken for an option: `./-book` for `-book`."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def edge_of(loaded: LoadedNetwork) -> str:
    """What begins and ends every sequence that the network learned from; empty for a text."""
    from unrolled.writing import prime

    return prime.edge_of(loaded.source)


def check_prime(loaded: LoadedNetwork, what: str, text: str, unknown: str) -> None:
    """Refuses a text that the network cannot read; `what` names it in the error.

    Raises:
        VocabularyError: a character is lacking, or `unknown` is none of those that are allowed.
    """
    from unrolled.errors import VocabularyError
    from unrolled.sources.vocabulary import UnknownSymbolError

    try:
        loaded.vocabulary.encode(text, unknown)
    except UnknownSymbolError as error:
        known = "".join(symbol for symbol in loaded.vocabulary.symbols if symbol.isprintable())[:80]
        raise VocabularyError(
            f"The {what} cannot hold {error.character!r}: the text that the network learned from does not.",
            f"It can hold {known!r} and the like; --unknown skip leaves out what it cannot.",
        ) from error
