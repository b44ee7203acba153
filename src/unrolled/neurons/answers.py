"""Hypotheses of yes and no, asked of one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unrolled.errors import SettingsError
from unrolled.neurons.hypotheses import groups, kind_of, labellers
from unrolled.neurons.hypotheses.marking import Classes
from unrolled.traces.chunks import Array


@dataclass(frozen=True)
class Answer:
    """A hypothesis on one text: whether it is true, `(steps,)` of bool."""

    name: str
    about: str
    label: Array


def answers(asked: Sequence[str], text: str, *, files: bool = True) -> tuple[Answer, ...]:
    """What hypotheses say of a text, one character a step.

    Args:
        asked: as `labellers` takes them; of a group, or of `all`, those that are a question of yes and no.
        files: whether hypotheses of the user's own may come from files.

    Raises:
        SettingsError: one that was named is a number or a class: there is no place where it is true.
        UnknownNameError, HypothesisError, MissingPartError: as `labellers`, and what a labeller raises.
    """
    found: dict[str, Answer] = {}
    for each in asked:
        several = each == "all" or each in groups()
        for name, labeller in labellers([each], files=files).items():
            label = labeller(text)
            if kind_of(label) == "answer":
                assert not isinstance(label, Classes)
                found[name] = Answer(name, (labeller.__doc__ or "").strip().partition("\n")[0], label)
            elif not several:
                raise SettingsError(
                    f"The hypothesis {name!r} is a {kind_of(label)}, no question of yes and no: it is true nowhere.",
                    "Name one that is, such as quoted.",
                )
    return tuple(found.values())


def where_true(asked: str, text: str, *, files: bool = True) -> Answer | None:
    """The one hypothesis that says where something is held; None where none is asked for.

    Raises:
        SettingsError: it stands for several, or is no question of yes and no; otherwise as `answers`.
    """
    if not asked:
        return None
    found = answers([asked], text, files=files)
    if len(found) != 1:
        raise SettingsError(
            f"{asked!r} stands for {len(found)} hypotheses; neurons are held where one is true.",
            f"Name one of them: {', '.join(each.name for each in found)}." if found else "Name one, such as quoted.",
        )
    return found[0]
