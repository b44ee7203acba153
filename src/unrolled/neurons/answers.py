"""Hypotheses of yes and no, asked of what a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.errors import SettingsError
from unrolled.neurons.hypotheses import groups, kind_of, labellers
from unrolled.neurons.hypotheses.marking import Classes
from unrolled.neurons.labelling import StepLabels, about
from unrolled.neurons.lockstep import Text
from unrolled.sources.vocabulary import Vocabulary
from unrolled.traces.chunks import Array


@dataclass(frozen=True)
class Answer:
    """A hypothesis on one text: whether it is true, `(steps,)` of bool; `about` says in a line what it is."""

    name: str
    about: str
    label: Array


def answers(asked: Sequence[str], text: Text, vocabulary: Vocabulary, *, files: bool = True) -> tuple[Answer, ...]:
    """What hypotheses say of every step of a text; each sequence is a text of its own.

    Args:
        asked: as `labellers` takes them; of a group, or of `all`, those that are a question of yes and no.
        files: whether hypotheses of the user's own may come from files.

    Raises:
        SettingsError: one that was named is a number or a class: there is no place where it is true.
        UnknownNameError, HypothesisError, MissingPartError, SourceError: as `labellers` and `StepLabels`.
    """
    if not asked:
        return ()
    symbols = vocabulary.spell(text.symbols)
    sequences = [symbols[span.start : span.stop] for span in text.sequences]
    found: dict[str, Answer] = {}
    for each in asked:
        wanted = labellers([each], files=files)
        lines = about(wanted)
        for name, label in StepLabels(wanted, sequences, vocabulary.kind).items():
            if not isinstance(label, Classes) and kind_of(label) == "answer":
                found[name] = Answer(name, lines[name], label)
            elif each != "all" and each not in groups():
                raise SettingsError(
                    f"The hypothesis {name!r} is a {kind_of(label)}, no question of yes and no: it is true nowhere.",
                    "Name one that is, such as quoted.",
                )
    return tuple(found.values())


def where_true(asked: str, text: Text, vocabulary: Vocabulary, *, files: bool = True) -> Answer | None:
    """The one hypothesis that says where something is held; None where none is asked for.

    Raises:
        SettingsError: it stands for several, or is no question of yes and no; otherwise as `answers`.
    """
    return one_answer(asked, answers([asked], text, vocabulary, files=files)) if asked else None


def one_answer(asked: str, found: Sequence[Answer]) -> Answer:
    """The one of what was asked for; SettingsError where it stands for several, or for none."""
    if len(found) != 1:
        raise SettingsError(
            f"{asked!r} stands for {len(found)} hypotheses; neurons are held where one is true.",
            f"Name one of them: {', '.join(each.name for each in found)}." if found else "Name one, such as quoted.",
        )
    return found[0]
