"""A recording, as one reads it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from unrolled.errors import TraceError, UnknownNameError
from unrolled.traces.chunks import Array
from unrolled.traces.format import CHUNK, TraceInfo
from unrolled.traces.layout import initial_path, plan_arrays, signal_path, statistics_path, zoom_path
from unrolled.traces.names import Name, parse_name
from unrolled.traces.place import read_info
from unrolled.traces.store import Arrays, MemoryArrays, StoredArrays
from unrolled.traces.summary import Statistics, Stretch

if TYPE_CHECKING:
    from unrolled.traces.format import Dtype


class Predictions(NamedTuple):
    """The most probable next symbols `(steps, top)`, best first, and their probabilities."""

    symbols: Array
    probabilities: Array


class NeuronStatistics(NamedTuple):
    """Of each neuron of a signal over the whole trace, each `(neurons,)`."""

    min: Array
    max: Array
    mean: Array
    variance: Array
    largest: Array


class Trace:
    """Every recorded signal of a network's run, with symbols, predictions and losses where it has them.

    `trace["rnn.l0.forget_gate"]` is an array: `(steps, neurons)` where the trace has one sequence, `(sequences, steps,
    neurons)` where it has several of one length, else a list with one array `(steps, neurons)` a sequence. A neuron's
    name (`"rnn.l0.forget_gate.7"`) drops the last axis; without a signal (`"rnn.l0.7"`) the cell state is meant where
    there is one, else the hidden state.

    Made by `Trace.open`, `unrolled.trace` and the recorder. Only the steps that are complete are shown.
    """

    def __init__(self, info: TraceInfo, arrays: Arrays, path: Path | None = None) -> None:
        self.info = info
        self.arrays = arrays
        self.path = path
        """The folder it was read from; None where it lies in memory."""
        self.outputs: object = None
        """What a model that was traced in memory returned."""

    @classmethod
    def open(cls, path: str | Path) -> Trace:
        """Opens the trace in a folder. Nothing but its description is read until asked for.

        Raises:
            TraceError: no trace there, of another format, or damaged.
        """
        root = Path(path)
        info = read_info(root)
        arrays = StoredArrays(root)
        _validate(root, info, arrays)
        return cls(info, arrays, root)

    @classmethod
    def from_arrays(cls, info: TraceInfo, arrays: Mapping[str, Array]) -> Trace:
        """A trace in memory, from arrays under the paths of the format. `sequences/<site>` may give a site its own
        sequences where a model's parts ran over different steps."""
        return cls(info, MemoryArrays(arrays))

    def first(self, steps: int) -> Trace:
        """The trace as it was after so many steps, or all of it where it has no more; shares its arrays. What was
        computed over the whole trace and stored (statistics, zoom) stays that of the whole."""
        cut = self.info.model_copy(update={"complete_steps": min(steps, self.steps)})
        return Trace(cut, self.arrays, self.path)

    @property
    def title(self) -> str:
        return self.info.title

    @property
    def steps(self) -> int:
        """Steps that are there, all sequences together."""
        return self.info.complete_steps

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(site.name for site in self.info.sites)

    @property
    def sequences(self) -> list[range]:
        """The steps of each sequence, as far as they are there."""
        return self.sequences_of("")

    def sequences_of(self, site: str) -> list[range]:
        """The steps of each sequence at a site; the same for all but where a model's parts ran over different steps."""
        own = f"sequences/{site}"
        steps = self.steps_of(site)
        path = own if site and self.arrays.has(own) else "sequences"
        bounds = [(int(start), int(stop)) for start, stop in self.arrays.read(path)]
        return [range(start, min(stop, steps)) for start, stop in bounds if start < steps]

    def steps_of(self, site: str) -> int:
        """Steps that are there of a site; differs from `steps` only where a model's parts ran over different steps."""
        own = f"sequences/{site}"
        return int(self.arrays.read(own)[-1, 1]) if site and self.arrays.has(own) else self.steps

    @cached_property
    def symbols(self) -> Array | None:
        """`(steps,)`, indices into `vocabulary`; None where the network read numbers."""
        return self.read_array("symbols")

    @cached_property
    def frames(self) -> Array | None:
        """`(steps, height, width, 3)` of uint8, the picture that stood at each step; None where there are none."""
        return self.read_array("frames")

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return self.info.symbols.vocabulary

    def labels(self, start: int = 0, stop: int | None = None) -> list[str]:
        """What stands at each step; its index within the sequence where the network read numbers."""
        stop = self.steps if stop is None else min(stop, self.steps)
        if self.arrays.has("symbols"):
            symbols = self.arrays.read("symbols", slice(start, stop))
            if len(symbols) and int(symbols.max()) >= len(self.vocabulary):
                raise TraceError(
                    f"The trace {self.path or ''} is damaged: it holds symbol {int(symbols.max())} but names only "
                    f"{len(self.vocabulary)} symbols."
                )
            return [self.vocabulary[int(symbol)] for symbol in symbols]
        first = {step: sequence.start for sequence in self.sequences for step in sequence}
        return [str(step - first[step]) for step in range(start, stop)]

    @cached_property
    def text(self) -> str | None:
        """All symbols in a row; None where the network read numbers."""
        if not self.arrays.has("symbols"):
            return None
        labels = self.labels()
        if self.info.symbols.kind == "bytes":
            return b"".join(_byte(label) for label in labels).decode("utf-8", "replace")
        return "".join(labels)

    @cached_property
    def loss(self) -> Array | None:
        """`(steps,)` nats for the symbol that came next; NaN where none did. None where nothing was foretold."""
        return self.read_array("loss")

    @cached_property
    def predictions(self) -> Predictions | None:
        """None where the network foretells no symbols."""
        symbols = self.read_array("predictions/symbols")
        probabilities = self.read_array("predictions/probabilities")
        return None if symbols is None or probabilities is None else Predictions(symbols, probabilities)

    def read_array(self, path: str, start: int = 0, stop: int | None = None) -> Array | None:
        """Steps `start` to `stop` of one of the arrays over all steps (`symbols`, `loss`, …); None where it is not."""
        stop = self.steps if stop is None else min(stop, self.steps)
        return self.arrays.read(path, slice(start, stop)) if self.arrays.has(path) else None

    def read(
        self, site: str, signal: str, start: int = 0, stop: int | None = None, neurons: slice | int | None = None
    ) -> Array:
        """Part of a signal, `(steps, neurons)`; nothing else is read from the disk.

        Args:
            start, stop: steps, counted over all sequences.
            neurons: one neuron (drops the axis), a slice without a step, or all.
        """
        name = parse_name(f"{site}.{signal}" + (f".{neurons}" if isinstance(neurons, int) else ""), self.info.sites)
        end = self.steps_of(site)
        steps = slice(start, end if stop is None else min(stop, end))
        path = signal_path(name.site, name.signal)
        if name.neuron is not None:
            return self.arrays.read(path, steps, slice(name.neuron, name.neuron + 1))[:, 0]
        return self.arrays.read(path, steps, neurons if isinstance(neurons, slice) else slice(None))

    def __getitem__(self, name: str) -> Array | list[Array]:
        found = parse_name(name, self.info.sites)
        values = self.read(found.site, found.signal, neurons=found.neuron)
        sequences = self.sequences_of(found.site)
        if len(sequences) == 1:
            return values
        if len({len(sequence) for sequence in sequences}) == 1:
            return values.reshape(len(sequences), len(sequences[0]), *values.shape[1:])
        return [values[sequence.start : sequence.stop] for sequence in sequences]

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(self.name(name))
        except UnknownNameError:
            return False

    def name(self, given: str) -> Name:
        """What a name means here; UnknownNameError lists the valid ones."""
        return parse_name(given, self.info.sites)

    def initial(self, site: str) -> dict[str, Array]:
        """The state before the first step of each sequence (of a reverse layer: after the last), `(sequences,
        neurons)` by signal; empty where it was not recorded."""
        states = [signal.name for signal in self.info.site(self.name(site).site).signals if signal.role == "state"]
        paths = {state: initial_path(site, state) for state in states}
        return {state: self.arrays.read(path) for state, path in paths.items() if self.arrays.has(path)}

    def statistics(self, name: str) -> NeuronStatistics:
        """Of each neuron of a signal, over the whole trace."""
        found = self.name(name)
        path = statistics_path(found.site, found.signal)
        table = self.arrays.read(path) if self.arrays.has(path) else self._compute_statistics(found)
        return NeuronStatistics(*table.T)

    def _compute_statistics(self, name: Name) -> Array:
        total: Statistics | None = None
        for start in range(0, self.steps_of(name.site), CHUNK):
            part = Stretch.of(self.read(name.site, name.signal, start, start + CHUNK)).statistics
            total = part if total is None else total.merged(part)
        assert total is not None
        return total.table()

    def zoom(self, name: str, level: int) -> Array | None:
        """`(blocks, neurons, 3)`: min, max, mean over blocks of `info.zoom.blocks[level]` steps; None in memory."""
        found = self.name(name)
        path = zoom_path(found.site, found.signal, level)
        blocks = -(-self.steps // self.info.zoom.blocks[level])
        return self.arrays.read(path, slice(0, blocks)) if self.arrays.has(path) else None

    def save(
        self, path: str | Path, *, sites: Sequence[str] = (), dtype: Dtype = "float32", overwrite: bool = False
    ) -> Trace:
        """Writes it to a folder in the format `unrolled-trace/1` and returns it as it is read from there.

        Args:
            sites: which ones; all by default. Needed where a model's parts ran over different steps.
            dtype: of signals that have bounds; the others stay float32.
            overwrite: puts it in the place of a trace that is there.
        """
        from unrolled.traces.saving import save_trace

        return save_trace(self, Path(path), sites=tuple(sites), dtype=dtype, overwrite=overwrite)

    def __repr__(self) -> str:
        lines = [f"Trace {self.title!r}: {self._size()}"]
        for site in self.info.sites:
            signals = ", ".join(signal.name for signal in site.signals)
            own = self.steps_of(site.name)
            steps = "" if own == self.steps else f" over {own:,} steps"
            lines.append(f"  {site.name}  {site.cell}, {site.neurons} neurons{steps}: {signals}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{html.escape(site.name)}</code></td><td>{html.escape(site.cell)}</td>"
            f"<td>{site.neurons}</td><td>{html.escape(', '.join(s.name for s in site.signals))}</td></tr>"
            for site in self.info.sites
        )
        head = "<tr><th>site</th><th>cell</th><th>neurons</th><th>signals</th></tr>"
        return f"<p><b>Trace {html.escape(self.title)}</b>: {self._size()}</p><table>{head}{rows}</table>"

    def _size(self) -> str:
        count = len(self.sequences)
        size = f"{self.steps:,} steps" + (f" in {count:,} sequences" if count > 1 else "")
        missing = self.info.planned_steps - self.steps
        return size + (f" (unfinished: {missing:,} steps are missing)" if missing else "")


def _byte(label: str) -> bytes:
    return bytes([int(label, 16)]) if len(label) == 4 and label.startswith("0x") else label.encode()


def nothing_recorded(trace: Trace) -> TraceError:
    """What to say of a trace that was begun and has no complete step."""
    return TraceError(
        f"{trace.path or trace.title}: 0 of {trace.info.planned_steps:,} steps are there.",
        "Go on with 'unrolled trace … --resume'.",
    )


def _validate(root: Path, info: TraceInfo, arrays: StoredArrays) -> None:
    """Every array that the description promises is there, in the shape that it says."""
    shape = arrays.shape("sequences")
    plans = plan_arrays(info, shape[0])
    optional = ("loss", "zoom/", "statistics/")
    for path, plan in plans.items():
        if path.startswith(optional) and not arrays.has(path):
            continue
        if arrays.shape(path) != plan.shape:
            raise TraceError(
                f"The trace {root} is damaged: {path} has the shape {arrays.shape(path)}, not {plan.shape}.",
                "Record it again.",
            )
    bounds = arrays.read("sequences")
    joined = len(bounds) and bounds[0, 0] == 0 and bounds[-1, 1] == info.planned_steps
    if not joined or (bounds[1:, 0] != bounds[:-1, 1]).any() or (bounds[:, 0] >= bounds[:, 1]).any():
        raise TraceError(f"The trace {root} is damaged: its sequences do not follow each other.", "Record it again.")
