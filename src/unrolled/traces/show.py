"""The text of a trace, coloured by one neuron, for the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from unrolled.errors import TraceError
from unrolled.traces.colours import RGB, colour_of, domain_of, ink_on
from unrolled.traces.names import parse_neuron
from unrolled.traces.trace import Trace

READ = 4096
"""Steps that are read at a time."""
MARKS = {" ": "·", "\t": "→", "\n": "⏎", "\r": "␍"}


def show(trace: Trace, neuron: str, *, start: int = 0, stop: int | None = None, width: int = 100) -> Iterator[Text]:
    """Lines of the text, each character on the colour of the neuron's value there; a legend comes first.

    Args:
        neuron: such as `rnn.l0.7` or `rnn.l0.forget_gate.7`.
        start, stop: steps.
        width: cells of a line; wide characters take two, combining ones none.

    Raises:
        UnknownNameError: there is no such neuron.
        TraceError: the span holds no step.
    """
    name = parse_neuron(neuron, trace.info.sites)
    signal = trace.info.site(name.site).signal(name.signal)
    end = trace.steps_of(name.site)
    stop = end if stop is None else min(stop, end)
    if not 0 <= start < stop:
        raise TraceError(f"The steps {start} to {stop} hold nothing to show; the trace has steps 0 to {end}.")
    largest = float(trace.statistics(str(name)).largest[name.neuron or 0])
    domain = domain_of(signal, largest)
    yield legend(str(name), domain, lambda value: colour_of(signal, value, domain))
    line, used = Text(no_wrap=True), 0
    for first in range(start, stop, READ):
        last = min(first + READ, stop)
        values = np.asarray(trace.read(name.site, name.signal, first, last, name.neuron), np.float64)
        for label, value in zip(trace.labels(first, last), values.tolist(), strict=True):
            drawn = drawing(label)
            cells = cells_of(drawn)
            if used + cells > width and used:
                yield line
                line, used = Text(no_wrap=True), 0
            ground = colour_of(signal, value, domain)
            line.append(drawn, Style(color=_hex(ink_on(ground)), bgcolor=_hex(ground)))
            used += cells
            if label == "\n":
                yield line
                line, used = Text(no_wrap=True), 0
    if used:
        yield line


def legend(name: str, domain: tuple[float, float], colour: Callable[[float], RGB]) -> Text:
    """The neuron's name, and the colours from the least to the greatest value."""
    low, high = domain
    text = Text(f"{name}  {low:g} ", no_wrap=True)
    for place in range(17):
        text.append(" ", Style(bgcolor=_hex(colour(low + (high - low) * place / 16))))
    text.append(f" {high:g}")
    return text


def drawing(label: str) -> str:
    """A symbol as it is drawn: whitespace by a mark, control characters by their Unicode pictures."""
    return "".join(_drawn(character) for character in label) or "∅"


def _drawn(character: str) -> str:
    if character in MARKS:
        return MARKS[character]
    if ord(character) < 32:
        return chr(0x2400 + ord(character))
    return "�" if unicodedata.category(character) in {"Cc", "Cs"} else character


def cells_of(drawn: str) -> int:
    """Terminal cells that a drawing takes."""
    return cell_len(drawn)


def _hex(colour: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
