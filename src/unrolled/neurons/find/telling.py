"""What is told of each hypothesis once the whole text was read, and what of it is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy.typing as npt

from unrolled.neurons.find.bins import best_bin, threshold_at
from unrolled.neurons.find.candidates import Candidates
from unrolled.neurons.find.findings import MEASURES, Finding, ProbeScore, Rival, Sought, score_of
from unrolled.neurons.find.intervals import interval
from unrolled.neurons.find.rates import believed
from unrolled.neurons.find.shifts import Chances
from unrolled.neurons.hypotheses import Kind

Array: TypeAlias = npt.NDArray[Any]

CHANCE: Mapping[Kind, float] = {"answer": 0.5, "number": 0.0, "class": 0.0}
"""What the interval of a score must lie above to be believed, beside the chance that the shifts give."""
PLACES_SPREAD = 12**-0.5
"""Standard deviation of places among all, −0.5 to 0.5."""


def told(
    hypotheses: Sequence[Candidates],
    controls: Mapping[str, Candidates],
    part: range,
    names: Sequence[str],
    *,
    q: float,
    about: Mapping[str, str],
    untrained: Mapping[str, Rival],
) -> list[Sought]:
    """Every hypothesis with its best neurons; what is found first, the best first. Labels must still be there.

    Args:
        controls: the candidates of control tasks, by the hypothesis' name.
        part: the steps that scores are told on.
        names: of all neurons.
        q: the false-discovery rate over everything.
        about: what each hypothesis says, in a line.
        untrained: the best neuron of an untrained network.
    """
    chances = [candidates.chances(part) if len(candidates) else None for candidates in hypotheses]
    good = believed([1.0 if chance is None else chance.best for chance in chances], q)
    bar = q * sum(good) / max(1, len(good))  # within the hypotheses that are believed: Benjamini and Bogomolov 2014
    listed: list[Sought] = []
    for candidates, chance, found in zip(hypotheses, chances, good, strict=True):
        question = candidates.question
        control = controls.get(question.name)
        share = question.share(slice(part.start, part.stop))
        findings = _findings(candidates, names, chance, bar if found else 0.0, share)
        each = Sought(
            name=question.name,
            about=about.get(question.name, ""),
            kind=question.kind,
            share=share,
            p=None if chance is None else chance.best,
            found=any(finding.found for finding in findings),
            measure=MEASURES[question.kind],
            null=findings[0].null if findings else None,
            neurons=findings,
            probes=_probes(candidates, names, control),
            untrained=untrained.get(question.name),
            control=None if control is None else control.rival(names),
        )
        listed.append(each)
    return sorted(listed, key=lambda each: (not each.found, -_strength(each)))


def _findings(
    candidates: Candidates, names: Sequence[str], chance: Chances | None, bar: float, share: float | None
) -> list[Finding]:
    """What is believed first, by a chance of at most `bar`; within that the best where they were chosen."""
    if not len(candidates):
        return []
    kind, watch = candidates.question.kind, candidates.told
    directions, chosen = candidates.directions, candidates.chosen.scores()
    scores, errors = watch.scores(), watch.errors()
    information, correlations = watch.information(), watch.correlations()
    listed: list[Finding] = []
    for at in candidates.order.tolist():
        sign = int(directions[at])
        score = score_of(float(scores[at] * sign), kind)
        bounds = (-1.0, 1.0) if kind == "number" else (0.0, 1.0)
        error = float(errors[at]) / (2 if kind == "answer" else 1)
        low, high = interval(score, error, *bounds)
        p = None if chance is None else float(chance.each[at])
        threshold, precision, recall = _threshold(candidates, at, sign)
        listed.append(
            Finding(
                name=names[int(candidates.columns[at])],
                direction=sign,
                score=score,
                low=low,
                high=high,
                chosen=score_of(float(chosen[at] * sign), kind),
                p=p,
                null=None if chance is None else _null_score(float(chance.null[at]), kind, share),
                found=p is not None and p <= bar and low > CHANCE[kind],
                mutual_information=float(information[at]),
                correlation=float(correlations[at]),
                threshold=threshold,
                precision=precision,
                recall=recall,
            )
        )
    return sorted(listed, key=lambda each: not each.found)


def _threshold(candidates: Candidates, at: int, sign: int) -> tuple[float | None, float | None, float | None]:
    if candidates.question.kind != "answer":
        return None, None, None
    chosen = best_bin(candidates.chosen.counts[at], sign)
    return threshold_at(candidates.told.counts[at], sign, chosen, candidates.edges[at])


def _probes(candidates: Candidates, names: Sequence[str], control: Candidates | None) -> list[ProbeScore]:
    """Each probe beside that of the control task which has as many neurons."""
    of_control = {} if control is None else {len(probe.neurons): score for probe, score in control.probe_scores()}
    return [
        ProbeScore(
            [names[int(candidates.columns[neuron])] for neuron in probe.neurons],
            score,
            of_control.get(len(probe.neurons)),
        )
        for probe, score in candidates.probe_scores()
    ]


def _strength(sought: Sought) -> float:
    """How far the best neuron is from chance, 0 to 1, whatever the measure."""
    if sought.best is None:
        return 0.0
    score = sought.best.score
    return abs(2 * score - 1) if sought.kind == "answer" else abs(score)


def _null_score(strength: float, kind: Kind, share: float | None) -> float:
    """The score for which a correlation with places stands."""
    if kind == "answer" and share is not None:
        return min(1.0, 0.5 + strength * PLACES_SPREAD / max(share * (1 - share), 1e-12) ** 0.5)
    return strength**2 if kind == "class" else strength
