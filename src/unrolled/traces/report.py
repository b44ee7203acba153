"""What a check found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unrolled.traces.chunks import Array


@dataclass(frozen=True)
class Worst:
    """The value that is furthest off, measured by what is allowed: stored `value`, `expected`, and their `distance`.

    `step` counts over all sequences, `at` within its own.
    """

    sequence: int
    step: int
    at: int
    neuron: int
    value: float
    expected: float
    distance: float
    allowed: float


@dataclass
class Finding:
    """One thing that was checked.

    what: the equation or rule; site and signal: where (empty: the whole trace); routine: it is held against every
    signal alike, so that people need no line of their own for each where it holds.
    values: how many were checked; off: how many of them do not hold; note: why nothing or not all was checked, or what
    could not be read.
    """

    what: str
    site: str = ""
    signal: str = ""
    values: int = 0
    off: int = 0
    worst: Worst | None = None
    note: str = ""
    readable: bool = True
    routine: bool = False

    @property
    def checked(self) -> bool:
        """Whether anything was held against anything; what could not be read was meant to be."""
        return bool(self.values) or not self.readable

    @property
    def mark(self) -> str:
        """✓ holds, ✗ does not, – was not checked."""
        return ("✓" if self.ok else "✗") if self.checked else "–"

    @property
    def ok(self) -> bool:
        return self.off == 0 and self.readable

    @property
    def share(self) -> float:
        """Part of the values that do not hold, 0 to 1."""
        return self.off / self.values if self.values else 0.0

    def add(self, value: Array, expected: Array, allowed: Array | float, start: int, sequences: list[range]) -> None:
        """Counts values `(steps, neurons)` that lie further than allowed from what is expected, from step `start` on.

        NaN in `expected` where it is not in `value` (or the other way round) is off; `allowed` NaN is not checked.
        """
        if not value.size:
            return
        wide, right = value.astype(np.float64), expected.astype(np.float64)
        bound = np.broadcast_to(np.asarray(allowed, np.float64), wide.shape)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            distance = np.where(wide == right, 0.0, np.abs(wide - right))
            distance = np.where(np.isnan(wide) & np.isnan(right), 0.0, np.where(np.isnan(distance), np.inf, distance))
            checked = ~np.isnan(bound)
            off = checked & (distance > bound)
            severity = np.where(checked, np.where(distance > 0, distance / np.maximum(bound, 1e-300), 0.0), -1.0)
        self.values += int(checked.sum())
        self.off += int(off.sum())
        place = int(severity.argmax())
        row, neuron = (int(axis) for axis in np.unravel_index(place, wide.shape))
        before = -1.0 if self.worst is None else self.worst.distance / max(self.worst.allowed, 1e-300)
        if severity[row, neuron] > before:
            step = start + row
            sequence = next((index for index, span in enumerate(sequences) if step in span), 0)
            self.worst = Worst(
                sequence=sequence,
                step=step,
                at=step - sequences[sequence].start,
                neuron=neuron,
                value=float(wide[row, neuron]),
                expected=float(right[row, neuron]),
                distance=float(distance[row, neuron]),
                allowed=float(bound[row, neuron]),
            )

    def __str__(self) -> str:
        where = ".".join(part for part in (self.site, self.signal) if part)
        head = f"{where}: {self.what}" if where else self.what
        if not self.readable or not self.values:
            return f"{head}: {self.note}"
        if self.ok:
            return f"{head}: holds for all {self.values:,} values" + (f" ({self.note})" if self.note else "")
        assert self.worst is not None
        w = self.worst
        return (
            f"{head}: {self.off:,} of {self.values:,} values ({self.share:.2%}) do not hold; worst at sequence "
            f"{w.sequence}, step {w.at}, neuron {w.neuron}: {w.value:.6g}, expected {w.expected:.6g} "
            f"(off by {w.distance:.3g}, allowed {w.allowed:.3g})"
        )


@dataclass(frozen=True)
class Report:
    """Everything that a check found; `ok` where all of it holds."""

    title: str
    steps: int
    planned_steps: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    @property
    def whole(self) -> bool:
        return self.steps == self.planned_steps

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.ok)

    @property
    def verdict(self) -> str:
        """One line: how many checks hold, for how many steps, and whether that is all of them."""
        made = sum(finding.checked for finding in self.findings)
        steps = f"{self.steps:,} step{'' if self.steps == 1 else 's'}"
        wrong = len(self.problems)
        if wrong:
            said = f"{wrong} of {made} checks {'does' if wrong == 1 else 'do'} not hold for {steps}"
        else:
            said = f"all {made} checks hold for {steps}"
        if self.whole:
            return said
        rest = f"the trace is unfinished, {self.steps:,} of {self.planned_steps:,} steps are there"
        return f"{said}; {rest}: go on with unrolled trace … --resume"

    def lines(self) -> Iterator[tuple[str, str]]:
        """A mark (✓ ✗ –) and a line for people: one for each finding, but what every signal alike holds one a site."""
        routine: dict[tuple[str, str, str], list[Finding]] = {}
        for finding in self.findings:
            if finding.routine and finding.ok:
                routine.setdefault((finding.site, finding.mark, finding.note), []).append(finding)
        for finding in self.findings:
            if not (finding.routine and finding.ok):
                yield finding.mark, str(finding)
            elif alike := routine.pop((finding.site, finding.mark, finding.note), None):
                what = ", ".join(dict.fromkeys(one.what for one in alike))
                values = sum(one.values for one in alike)
                yield finding.mark, str(Finding(what, finding.site, values=values, note=finding.note))

    def to_json(self) -> dict[str, Any]:
        """For `--json`: numbers that JSON lacks (NaN, infinity) are strings."""
        findings = [{**asdict(finding), "ok": finding.ok, "share": finding.share} for finding in self.findings]
        for finding in findings:
            del finding["routine"]
        return {
            "title": self.title,
            "ok": self.ok,
            "whole": self.whole,
            "steps": self.steps,
            "planned_steps": self.planned_steps,
            "findings": [_plain(finding) for finding in findings],
        }

    def __str__(self) -> str:
        return "\n".join([*(f"{mark} {line}" for mark, line in self.lines()), self.verdict])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}  # pyright: ignore
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
