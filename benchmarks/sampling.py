"""Sampling: characters a second that a network writes, the likeliest always.

One stream, and many at once; in one process, in turns (A B A B …): ours by the function behind `unrolled sample`, and
nn.LSTM stepped from Python as its users write it, from the same weights. Both must write the same text. Medians of the
rounds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from string import printable
from typing import Any

import torch
from common import Report, arguments, say
from peak import Work, forward_work, limits, measure
from training import make_network

from unrolled.networks import Network
from unrolled.racing import Shape, race
from unrolled.racing.contestants import Plain
from unrolled.sources import Vocabulary
from unrolled.writing.sample import sample_streams

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


def write_plain(network: Network, vocabulary: Vocabulary, length: int, streams: int) -> Callable[[], str]:
    """As people write it: nn.LSTM, one symbol of every stream a call. Gives the first stream's text."""
    plain = Plain(network).eval()
    rows = torch.eye(network.symbols)

    @torch.inference_mode()
    def one() -> str:
        text, symbol, state = list[str](), 0, None
        for _ in range(length):
            outputs, state = plain.rnn(rows[symbol].view(1, 1, -1), state)
            symbol = int(plain.readout(outputs[-1, 0]).argmax())
            text.append(vocabulary.symbols[symbol])
        return "".join(text)

    @torch.inference_mode()
    def many() -> str:
        written, newest, state = list[torch.Tensor](), torch.zeros(streams, dtype=torch.int64), None
        for _ in range(length):
            outputs, state = plain.rnn(rows[newest][None], state)
            newest = plain.readout(outputs[-1]).argmax(dim=-1)
            written.append(newest)
        texts = [
            "".join(vocabulary.symbols[symbol] for symbol in stream) for stream in torch.stack(written, 1).tolist()
        ]
        return texts[0]

    return one if streams == 1 else many


def write_ours(network: Network, vocabulary: Vocabulary, length: int, streams: int, engine: str) -> Callable[[], str]:
    asked: dict[str, Any] = {"streams": streams, "engine": engine, "length": length, "temperature": 0.0}

    def write() -> str:
        pieces = list(sample_streams(network, vocabulary, **asked))
        texts = ["".join(piece.text for piece in stream) for stream in zip(*pieces, strict=True)]
        return texts[0]

    return write


def work_of(network: Network, length: int, streams: int) -> Work:
    """What so many characters cost at least: every weight is read for each, but for the first layer's look-up."""
    settings, symbols = network.settings, network.symbols
    once = forward_work("lstm", Shape(settings.layers, settings.hidden, streams, length, 0), signals=0)
    weights = 4 * (2 * settings.layers - 1) * settings.hidden**2 + symbols * settings.hidden
    operations = once.operations + 2 * symbols * settings.hidden * length * streams
    return replace(once, operations=operations, reads=4.0 * weights * length, of=4.0 * weights)


def measure_row(result: Report, row: tuple[int, int, int, float], streams: int, given: Any) -> list[str]:
    """One row of a table: plain and ours in turns."""
    layers, neurons, symbols, bar = row
    name = f"{layers} × {neurons}, {symbols} symbols"
    say(f"{name}, {streams} at once …")
    network, vocabulary = make(layers, neurons, symbols)
    length = max(1, given.length // (1 if streams == 1 else 10))
    plain = write_plain(network, vocabulary, length, streams)
    ours = write_ours(network, vocabulary, length, streams, given.engine)
    if plain()[:AGREE] != ours()[:AGREE]:
        raise SystemExit(f"{name}: ours writes another text than nn.LSTM.")
    one = write_ours(network, vocabulary, 1, streams, given.engine)
    times = race({"plain": plain, "ours": ours, "one": one}, seconds=given.seconds)
    speeds = {who: length * streams / times[who].median for who in ("plain", "ours")}
    faster = speeds["ours"] / speeds["plain"]
    if streams == 1:
        result.bar(f"{name}: faster than nn.LSTM from Python", f"{bar:g} times or more", f"{faster:.1f}", faster >= bar)
    result.numbers[f"{name}, {streams} at once"] = {
        "characters_per_second": speeds,
        "rounds": len(times["ours"].seconds),
    }
    work = replace(work_of(network, length, streams), call=times["one"].median)
    limit = limits(work, measure(), times["ours"].median)
    shown = [
        name,
        f"{speeds['plain']:,.0f}",
        f"{speeds['ours']:,.0f}",
        f"{1e6 / speeds['ours']:.2f} µs",
        f"{faster:.1f}",
    ]
    return [*shown, f"{bar:g}", limit] if streams == 1 else [*shown, limit]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each row (default: %(default)s)")
    parser.add_argument("--length", type=int, default=2000, help="characters of a turn (default: %(default)s)")
    parser.add_argument("--streams", type=int, default=64, help="at once, in the second table (default: %(default)s)")
    parser.add_argument("--engine", default="auto", help="which of ours (default: %(default)s)")
    given = parser.parse_args()
    result = Report("Sampling")
    columns = ["layers × neurons", "nn.LSTM from Python", "ours", "ours, a character", "times as fast"]
    result.table(
        f"Characters a second, one stream, {given.length:,} characters a turn. What limits it: the parts that fill "
        "most of our time, were each alone and at this machine's peak; the call itself is one that writes a character.",
        [*columns, "bar", "what limits it"],
        [measure_row(result, row, 1, given) for row in ROWS],
    )
    result.table(
        f"Characters a second of {given.streams} streams at once, all together.",
        [*columns, "what limits it"],
        [measure_row(result, row, given.streams, given) for row in ROWS],
    )
    return result.end(given.json)


if __name__ == "__main__":
    sys.exit(main())
