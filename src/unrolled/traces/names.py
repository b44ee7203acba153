"""Names of sites, signals and neurons: `rnn.l0`, `rnn.l0.forget_gate`, `rnn.l0.7`, `rnn.l0.forget_gate.7`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.errors import UnknownNameError
from unrolled.traces.format import SiteInfo


@dataclass(frozen=True)
class Name:
    """One signal of a site, and one neuron of it or (None) all."""

    site: str
    signal: str
    neuron: int | None = None

    def __str__(self) -> str:
        return f"{self.site}.{self.signal}" + ("" if self.neuron is None else f".{self.neuron}")


def parse_name(given: str, sites: Sequence[SiteInfo]) -> Name:
    """What a name means among a trace's sites (their names hold dots and digits too: the longest that fits counts).

    Raises:
        UnknownNameError: no such site, signal or neuron; the message lists the valid ones.
    """
    fitting = [site for site in sites if given == site.name or given.startswith(f"{site.name}.")]
    if not fitting:
        raise UnknownNameError("site", given, [site.name for site in sites])
    site = max(fitting, key=lambda site: len(site.name))
    rest = given[len(site.name) + 1 :].split(".") if given != site.name else []
    signal = site.main_signal if not rest or _is_number(rest[0]) else rest.pop(0)
    names = [known.name for known in site.signals]
    if signal not in names:
        raise UnknownNameError(f"signal of {site.name}", signal, names)
    if not rest:
        return Name(site.name, signal)
    neuron, neurons = ".".join(rest), site.signal(signal).neurons
    if not _is_number(neuron) or int(neuron) >= neurons:
        raise UnknownNameError(f"neuron of {site.name}.{signal}", neuron, [f"0 to {neurons - 1}"])
    return Name(site.name, signal, int(neuron))


def parse_neuron(given: str, sites: Sequence[SiteInfo]) -> Name:
    """As `parse_name`, for a command that shows one neuron."""
    name = parse_name(given, sites)
    if name.neuron is None:
        neurons = sites[[site.name for site in sites].index(name.site)].signal(name.signal).neurons
        raise UnknownNameError("neuron", given, [f"{given}.0 to {given}.{neurons - 1}"])
    return name


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
