"""How well neurons tell a label: over all neurons at once, the best chosen on one part of a text, told on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unrolled.neurons.measures import auc, correlation

Array: TypeAlias = npt.NDArray[Any]
Measure: TypeAlias = Literal["AUC", "correlation"]


@dataclass(frozen=True)
class Candidate:
    """The neuron that tells a label best.

    Attributes:
        signal: such as `rnn.l0.cell`.
        neuron: its number.
        direction: 1 where it goes up with the label, −1 where it goes down.
        measure: `AUC` of a label of yes and no, `correlation` of a number.
        chosen: the score, turned by the direction, on the part that it was chosen on; the best of many, so too good.
        held_out: the score, turned likewise, on the other part.
    """

    signal: str
    neuron: int
    direction: Literal[1, -1]
    measure: Measure
    chosen: float
    held_out: float

    @property
    def name(self) -> str:
        """Such as `rnn.l0.cell.7`."""
        return f"{self.signal}.{self.neuron}"


def best_neurons(
    signals: Mapping[str, Array], labels: Mapping[str, Array], chosen: slice, held_out: slice
) -> dict[str, Candidate | None]:
    """The best neuron for each label.

    Args:
        signals: by name, such as `rnn.l0.cell`, each `(steps, neurons)`.
        labels: by name, each `(steps,)`: of bool, or of float64 with NaN where it says nothing.
        chosen: the steps that the best is chosen on.
        held_out: those that its score is told on.

    Returns:
        A candidate for each label, in their order; None where the label does not vary in one of the two parts,
        or no neuron tells anything of it.
    """
    scores = {name: score_all(values[chosen], labels, chosen) for name, values in signals.items()}
    found: dict[str, Candidate | None] = {}
    for label, wanted in labels.items():
        if not (_varies(wanted[chosen]) and _varies(wanted[held_out])):
            found[label] = None
            continue
        strengths = {name: np.abs(score[label]) for name, score in scores.items()}
        signal = max(strengths, key=lambda name: strengths[name].max())
        neuron = int(strengths[signal].argmax())
        if not scores[signal][label][neuron]:
            found[label] = None
            continue
        told = score_all(signals[signal][held_out, neuron : neuron + 1], {label: wanted}, held_out)[label][0]
        found[label] = _candidate(signal, neuron, scores[signal][label][neuron], told, wanted.dtype == np.bool_)
    return found


def score_all(values: Array, labels: Mapping[str, Array], part: slice) -> dict[str, Array]:
    """Of each label, every neuron's score from −1 to 1, `(neurons,)`: the correlation, or 2·AUC − 1; 0 where the label
    does not vary.

    Args:
        values: `(steps of the part, neurons)`.
        labels: over all steps.
    """
    answers = {name: label[part] for name, label in labels.items() if label.dtype == np.bool_}
    areas = auc(values, np.stack(list(answers.values()), axis=1)) if answers else np.empty((0, 0))
    scores = {name: 2 * area - 1 for name, area in zip(answers, areas, strict=True)}
    for name, label in labels.items():
        if name not in answers:
            says = ~np.isnan(label[part])
            scores[name] = correlation(values[says], label[part][says]) if says.any() else np.zeros(values.shape[1])
    return scores


def _varies(label: Array) -> bool:
    """Whether a label says two different things at least."""
    said = label if label.dtype == np.bool_ else label[~np.isnan(label)]
    return len(said) > 0 and bool((said != said[0]).any())


def _candidate(signal: str, neuron: int, chosen: float, held_out: float, is_answer: bool) -> Candidate:
    direction: Literal[1, -1] = 1 if chosen > 0 else -1
    chosen, held_out = direction * float(chosen), direction * float(held_out)
    if is_answer:
        return Candidate(signal, neuron, direction, "AUC", (chosen + 1) / 2, (held_out + 1) / 2)
    return Candidate(signal, neuron, direction, "correlation", chosen, held_out)
