"""What was found: which neurons tell which hypotheses, how sure that is, and what it is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from unrolled.errors import TraceError
from unrolled.files import write_json
from unrolled.formats import FINDINGS_FILE
from unrolled.neurons.hypotheses.marking import Kind

FORMAT = "unrolled-findings/1"

Measure: TypeAlias = Literal["AUC", "correlation", "eta squared"]
MEASURES: Mapping[Kind, Measure] = {"answer": "AUC", "number": "correlation", "class": "eta squared"}


@dataclass(frozen=True)
class Finding:
    """One neuron, by one signal, and one hypothesis; all numbers but `chosen` are of a part it was not chosen on.

    Attributes:
        name: such as `rnn.l1.cell.42`.
        direction: 1 where it goes up with the label, −1 where it goes down.
        score: AUC (0 to 1, turned by the direction), correlation (turned likewise) or η² (share of the neuron's
            variance that the classes explain).
        low, high: its 95 % interval.
        chosen: the score where it was chosen.
        p: the chance that the best of all candidates reaches as much if the label is moved along the text.
        null: the score that it would have to beat if it were but as good as the best of all candidates is by chance in
            one case of twenty. Some neurons reach less by chance than others, and so need less.
        found: whether it is believed, at the false-discovery rate of all.
        threshold, precision, recall: of an answer, if yes is said where the value is above the threshold (or not above
            it, where the direction is −1); None for others.
        mutual_information: bits that the value tells about the label.
        correlation: Pearson's, not turned; √η² of classes.
    """

    name: str
    direction: int
    score: float
    low: float
    high: float
    chosen: float
    p: float | None
    found: bool
    mutual_information: float
    correlation: float
    threshold: float | None = None
    precision: float | None = None
    recall: float | None = None
    null: float | None = None


@dataclass(frozen=True)
class ProbeScore:
    """Several neurons together, weighed to tell the label best.

    Attributes:
        score: of them together.
        control: what such a probe reaches on the control task, whose answers hang on the last three symbols by chance;
            what is above it is not the probe's own cleverness (Hewitt and Liang 2019).
    """

    neurons: list[str]
    score: float
    control: float | None = None


@dataclass(frozen=True)
class Rival:
    """The best neuron of something else, chosen and told likewise."""

    name: str
    score: float


@dataclass(frozen=True)
class Sought:
    """A hypothesis and what was found of it.

    Attributes:
        about: what it says, in a line.
        share: of an answer, of the steps where it is yes.
        p: the chance that the best of all neurons is as good by chance.
        found: whether any neuron is believed to tell it.
        measure: what the scores are.
        null: of the first of `neurons`.
        neurons: the best neurons: those that are believed first, and the best where they were chosen.
        untrained: the best neuron of an untrained network of the same shape.
        control: the best single neuron on the control task.
    """

    name: str
    about: str
    kind: Kind
    share: float | None
    p: float | None
    found: bool
    measure: Measure
    null: float | None
    neurons: list[Finding]
    probes: list[ProbeScore] = field(default_factory=list[ProbeScore])
    untrained: Rival | None = None
    control: Rival | None = None

    @property
    def best(self) -> Finding | None:
        """The first of them."""
        return self.neurons[0] if self.neurons else None


@dataclass(frozen=True)
class Findings:
    """All hypotheses over a text.

    Attributes:
        steps: of the text.
        chosen, told: the first step and the end of the part that neurons were chosen on, and of that on which all
            scores are told.
        neurons: how many were compared, every signal of every layer counted.
        q: the false-discovery rate: the share of findings that may be chance.
        shifts: how often each label was moved along the text to see what chance gives.
        hypotheses: those that were tried; what is found first, the best first.
        skipped: those of which the text has too little, and why.
        source: what was read.
    """

    steps: int
    chosen: tuple[int, int]
    told: tuple[int, int]
    neurons: int
    q: float
    shifts: int
    hypotheses: list[Sought]
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    source: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> dict[str, Any]:
        """As it is kept in `findings.json`."""
        return {"format": FORMAT, **asdict(self)}

    def save(self, trace: Path) -> None:
        """Keeps it in the folder of the trace that it is about."""
        write_json(trace / FINDINGS_FILE, self.to_json(), "Free some space there, and search again.")

    def __getitem__(self, name: str) -> Sought:
        return {tested.name: tested for tested in self.hypotheses}[name]


_READ = TypeAdapter(Findings)


def read_findings(trace: Path) -> Findings | None:
    """What was kept beside a trace; None where nothing was.

    Raises:
        TraceError: the file is damaged.
    """
    path = trace / FINDINGS_FILE
    if not path.is_file():
        return None
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        if given.pop("format", None) != FORMAT:
            raise ValueError("format")
        return _READ.validate_python(given)
    except (ValueError, AttributeError, ValidationError):
        raise TraceError(f"{path} is damaged.", f"Find again: unrolled find {trace}") from None


def score_of(strength: float, kind: Kind) -> float:
    """The score that is told: AUC for 2·AUC − 1, else as it is."""
    return (strength + 1) / 2 if kind == "answer" else strength
