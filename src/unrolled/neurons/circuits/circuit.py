"""What a circuit is: a few units that write, keep and forget, told in words that are no cell's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from unrolled.neurons.hypotheses import Labeller

Direction: TypeAlias = Literal[1, -1]


@dataclass(frozen=True)
class Gate:
    """Open where a sum is above 0, else shut; no text brings the sum nearer to 0 than ½.

    Args:
        bias: what the sum starts from.
        characters: characters → what is added where one of them is read.
        units: number of a unit → weight of what it held one step before: 1 (a counter: 1 to 1.32) or 0.
    """

    bias: float
    characters: Mapping[str, float] = field(default_factory=dict[str, float])
    units: Mapping[int, float] = field(default_factory=dict[int, float])


ALWAYS, NEVER = Gate(0.5), Gate(-0.5)


@dataclass(frozen=True)
class Unit:
    """One neuron: what it held is kept or lost, and then 1 is added or not.

    Args:
        keep: where it keeps what it held.
        write: where it adds 1. A unit that does so while it keeps counts; only an LSTM can.
        down: characters at which it takes 1 away instead.
    """

    keep: Gate
    write: Gate
    down: str = ""


@dataclass(frozen=True)
class Circuit:
    """Units that read the text and each other, and what the last of them knows.

    Args:
        name: such as `bracket counter`.
        hypothesis: what the last unit stands for; a name of `HYPOTHESES` where there is one.
        label: the hypothesis itself, text → label.
        units: the last one tells.
        largest: the largest label that it holds: 1 of a latch; of a counter 2²⁴, from where on float32 counts no more.
        direction: whether the last unit goes up (1) or down (−1) with the label.
    """

    name: str
    hypothesis: str
    label: Labeller
    units: tuple[Unit, ...]
    largest: float = 1.0
    direction: Direction = 1

    @property
    def counts(self) -> bool:
        """Whether it holds more than yes and no."""
        return self.largest > 1

    @property
    def reads(self) -> str:
        """The characters that mean anything to it, sorted."""
        gates = [gate for unit in self.units for gate in (unit.keep, unit.write)]
        read = "".join(characters for gate in gates for characters in gate.characters)
        return "".join(sorted({*read, *(character for unit in self.units for character in unit.down)}))

    def turned(self) -> Circuit:
        """The same, but that its last unit goes the other way."""
        return replace(self, direction=1 if self.direction < 0 else -1)
