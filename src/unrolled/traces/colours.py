"""Values as colours, the same for the terminal as for the page."""

from __future__ import annotations

from unrolled.traces.format import SignalInfo

RGB = tuple[int, int, int]

# Stops of ColorBrewer's RdBu and GnBu (Harrower and Brewer 2003), which the page takes through d3-scale-chromatic.
SIGNED: tuple[RGB, ...] = (
    (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (247, 247, 247),
    (209, 229, 240), (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97),
)  # fmt: skip
GATE: tuple[RGB, ...] = (
    (224, 243, 219), (204, 235, 197), (168, 221, 181), (123, 204, 196), (78, 179, 211), (43, 140, 190),
    (8, 104, 172), (8, 64, 129),
)  # fmt: skip


def domain_of(signal: SignalInfo, largest: float) -> tuple[float, float]:
    """The values that the ends of the colours stand for.

    Args:
        largest: the neuron's own largest absolute value, for a signal without bounds.
    """
    low, high = signal.range
    reach = (largest or 1.0) if low is None or high is None else max(-low, high)
    return (0.0, reach) if _unsigned(signal) else (-reach, reach)


def _unsigned(signal: SignalInfo) -> bool:
    low = signal.range[0]
    return signal.role == "gate" or (low is not None and low >= 0)


def colour_of(signal: SignalInfo, value: float, domain: tuple[float, float]) -> RGB:
    """The colour of a value; beyond the domain, that of its end."""
    stops = GATE if _unsigned(signal) else SIGNED
    low, high = domain
    place = min(max((value - low) / (high - low), 0.0), 1.0) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    share = place - index
    mixed = [round(a + (b - a) * share) for a, b in zip(stops[index], stops[index + 1], strict=True)]
    return mixed[0], mixed[1], mixed[2]


def ink_on(ground: RGB) -> RGB:
    """Black or white letters, whichever has the greater contrast (relative luminance of WCAG 2)."""
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in ground]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (255, 255, 255) if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else (0, 0, 0)
