"""Sampling: characters a second that a network writes, the likeliest always.

One stream, in one process, in turns (A B A B …): ours as `unrolled sample` writes, and nn.LSTM stepped from Python as
its users write it, from the same weights. Both must write the same text. Medians of the rounds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from string import printable

import torch
from common import Report, arguments, say
from training import make_network

from unrolled.networks import Network
from unrolled.racing import Shape, race
from unrolled.racing.contestants import Plain
from unrolled.sources import Vocabulary
from unrolled.writing.sample import sample

ROWS = ((1, 10, 4, 20.0), (2, 128, 96, 3.0))
"""Layers, neurons, symbols, and how many times as fast ours must be."""
AGREE = 200
"""Characters that must be the same: later on, a rounding may tip a choice."""


def make(layers: int, neurons: int, symbols: int) -> tuple[Network, Vocabulary]:
    """A network whose random weights are large enough that it does not write one and the same letter."""
    network = make_network(Shape(layers, neurons, 1, 1, symbols))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)
    letters = sorted(set(printable) - {"\n"})[:symbols]
    return network.eval(), Vocabulary("characters", tuple(letters))


def write_plain(network: Network, vocabulary: Vocabulary, length: int) -> Callable[[], str]:
    """As people write it: nn.LSTM, one symbol a call."""
    plain = Plain(network).eval()
    rows = torch.eye(network.symbols)

    @torch.inference_mode()
    def write() -> str:
        text, symbol, state = list[str](), 0, None
        for _ in range(length):
            outputs, state = plain.rnn(rows[symbol].view(1, 1, -1), state)
            symbol = int(plain.readout(outputs[-1, 0]).argmax())
            text.append(vocabulary.symbols[symbol])
        return "".join(text)

    return write


def write_ours(network: Network, vocabulary: Vocabulary, length: int, engine: str) -> Callable[[], str]:
    return lambda: "".join(sample(network, vocabulary, length=length, temperature=0.0, engine=engine))


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each row (default: %(default)s)")
    parser.add_argument("--length", type=int, default=2000, help="characters of a turn (default: %(default)s)")
    parser.add_argument("--engine", default="auto", help="which of ours (default: %(default)s)")
    given = parser.parse_args()
    result = Report("Sampling")
    rows: list[list[str]] = []
    for layers, neurons, symbols, bar in ROWS:
        name = f"{layers} × {neurons}, {symbols} symbols"
        say(f"{name} …")
        network, vocabulary = make(layers, neurons, symbols)
        plain = write_plain(network, vocabulary, given.length)
        ours = write_ours(network, vocabulary, given.length, given.engine)
        if plain()[:AGREE] != ours()[:AGREE]:
            raise SystemExit(f"{name}: ours writes another text than nn.LSTM.")
        times = race({"plain": plain, "ours": ours}, seconds=given.seconds)
        speeds = {who: given.length / value.median for who, value in times.items()}
        faster = speeds["ours"] / speeds["plain"]
        microseconds = 1e6 / speeds["ours"]
        rows.append([name, f"{speeds['plain']:,.0f}", f"{speeds['ours']:,.0f}", f"{microseconds:.2f} µs",
                     f"{faster:.1f}", f"{bar:g}"])  # fmt: skip
        result.bar(f"{name}: faster than nn.LSTM from Python", f"{bar:g} times or more", f"{faster:.1f}", faster >= bar)
        result.numbers[name] = {"characters_per_second": speeds, "rounds": len(times["ours"].seconds)}
    result.table(
        f"Characters a second, one stream, {given.length:,} characters a turn.",
        ["layers × neurons", "nn.LSTM from Python", "ours", "ours, a character", "times as fast", "bar"],
        rows,
    )
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
