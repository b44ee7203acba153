"""Records a network while it sees films: its signals, what happens, and the pictures themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unrolled.engines import choose_engine
from unrolled.errors import TraceError, UnknownNameError
from unrolled.films.network import FilmNetwork, shrink
from unrolled.films.scores import answers
from unrolled.networks.network import SITE
from unrolled.sources.films import SHOTS, UNLABELLED, DrawnFilms, Films
from unrolled.traces.format import FramesInfo, SymbolsInfo, TraceInfo
from unrolled.traces.layout import initial_path, signal_path
from unrolled.traces.place import check_place
from unrolled.traces.record import describe_layers, weights_sha256
from unrolled.traces.trace import Trace
from unrolled.version import __version__


def record_films(
    network: FilmNetwork,
    films: Films,
    out: Path | str,
    *,
    title: str = "Films",
    signals: Sequence[str] = (),
    engine: str = "auto",
    overwrite: bool = False,
) -> Trace:
    """Records some films into a trace that holds the frames as pictures, each film a sequence of its own.

    A step's symbol is a caption: what the frame shows (of a drawn film), what is happening, and where the network says
    otherwise, what it says: `bacon: shopping`, `bacon: shopping, not cooking`.

    Args:
        network: one that was trained on films with the same labels.
        films: those to record; all their frames are held in memory.
        out: the folder of the trace.
        title: what it calls itself.
        signals: names of those to record; all by default.
        engine: which runs it.
        overwrite: puts it in the place of a trace at `out`.

    Raises:
        OutputExistsError: `out` is taken.
        UnknownNameError: the cell has no such signal.
        TraceError: the films have other labels than the network.
    """
    out = Path(out)
    check_place(out, resume=False, overwrite=overwrite)
    cell = network.rnn.cell
    known = [signal.name for signal in cell.signals]
    for name in signals:
        if name not in known:
            raise UnknownNameError(f"signal of the {cell.title} cell", name, known)
    if network.readout.out_features != len(films.names):
        raise TraceError(
            f"The network knows {network.readout.out_features} labels, the films have {len(films.names)}.",
            "Record films with the labels that it was trained on.",
        )
    names = tuple(signals) or tuple(known)
    with torch.inference_mode():
        frames = torch.from_numpy(films.frames.T.copy())
        recorded = network.run(shrink(films.pictures), frames, record=names, engine=engine).signals
    there = films.there
    vocabulary, symbols = np.unique(captions(films, answers(network, films, engine))[there], return_inverse=True)
    info = _describe(network, films, tuple(map(str, vocabulary)), title, names, engine)
    stops = films.lengths.cumsum()
    arrays: dict[str, NDArray[np.generic]] = {
        "symbols": symbols.astype(np.uint32),
        "sequences": np.stack([stops - films.lengths, stops], axis=1),
        "frames": films.pictures[films.frames[there]],
    }
    for site in info.sites:
        for name in names:
            values = recorded[site.name.removeprefix(f"{SITE}.")][name]
            arrays[signal_path(site.name, name)] = values.transpose(0, 1).numpy()[there]
        for state in cell.state:
            arrays[initial_path(site.name, state)] = np.zeros((len(films), site.neurons), np.float32)
    return Trace.from_arrays(info, arrays).save(out, overwrite=overwrite)


def captions(films: Films, said: NDArray[np.int64]) -> NDArray[np.str_]:
    """A caption for each frame `(films, steps)`; see `record_films`.

    Args:
        said: `(films, steps)`, what the network says.
    """
    shown = np.array(SHOTS)[films.shots] if isinstance(films, DrawnFilms) else np.full(films.labels.shape, "")
    names = np.array([*films.names, "no label"])  # UNLABELLED is -1, the last one
    happening = names[films.labels]
    parts = np.where(shown == "", happening, np.char.add(np.char.add(shown, ": "), happening))
    wrong = (said != films.labels) & (films.labels != UNLABELLED)
    return np.where(wrong, np.char.add(np.char.add(parts, ", not "), names[said]), parts)


def _describe(
    network: FilmNetwork, films: Films, vocabulary: tuple[str, ...], title: str, signals: tuple[str, ...], engine: str
) -> TraceInfo:
    stack = network.rnn.stack()
    steps = int(films.lengths.sum())
    chosen = choose_engine(stack, recording=True, engine=engine).engine.name
    return TraceInfo(
        title=title,
        complete_steps=steps,
        planned_steps=steps,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        symbols=SymbolsInfo(kind="tokens", vocabulary=vocabulary),
        sites=describe_layers(network.rnn.cell, stack, signals),
        frames=FramesInfo(height=films.pictures.shape[1], width=films.pictures.shape[2]),
        model={"kind": "film", "parameters": network.parameter_count, "sha256": weights_sha256(network)},
        source={"name": "films", "labels": list(films.names)},
        code={"unrolled": __version__, "torch": torch.__version__, "engine": chosen, "dtype": "float32"},
    )
