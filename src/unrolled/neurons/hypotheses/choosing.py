"""From what a user asks for to hypotheses, and what there is to ask for."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile

from unrolled.errors import UnknownNameError
from unrolled.neurons.hypotheses.catalogue import HYPOTHESES, LOOK_AHEAD, NEEDS, RESERVED, groups, missing
from unrolled.neurons.hypotheses.marking import HypothesisError, Kind, Labeller, kind_of
from unrolled.neurons.hypotheses.own import load_hypothesis
from unrolled.neurons.hypotheses.syntax import PREFIX, node_hypothesis

ALL = "all"
_OF_PROSE = frozenset(
    {
        *("sentence-position", "quoted", "quoted-in-paragraph", "be", "auxiliary-be"),
        *("proper-noun", "slogan", "proper-noun-spacy", "auxiliary-be-spacy"),
    }
)
"""Words that say little in code."""
_OF_TASKS = {
    "counter": ("line-position", "a-count", "after-x", "left-after-x"),
    "selective-counter": ("line-position", "a-count", "after-y", "left-after-y"),
    "state-memorizer": ("line-position", "after-y", "remembered-state"),
    "copy-machine": ("line-position", "after-x", "copy-position", "letter-to-copy"),
}
_LANGUAGES = {"corpus:java": "java", ".java": "java", "corpus:python": "python", ".py": "python", ".pyi": "python"}
"""What a source's name is or ends with → the group of its language."""


@dataclass(frozen=True)
class Described:
    """What there is to say of a hypothesis.

    Attributes:
        about: the first line of its docstring.
        example: its doctest, as it is written there; may be empty.
        causal: whether what stands later never changes a label.
        needs: the modules that must be installed; all of them are where `missing` is empty.
    """

    name: str
    group: str
    kind: Kind
    about: str
    example: str
    causal: bool
    needs: tuple[str, ...]
    missing: tuple[str, ...]


def describe_hypotheses() -> list[Described]:
    """Every hypothesis, group by group."""
    return [_describe(name, group) for group, names in groups().items() for name in names]


def hypotheses_for(source: str, include: Iterable[str] = ()) -> list[str]:
    """The names of the hypotheses that apply to a source, of those that can be asked here.

    Args:
        source: as `open_source` takes it: `task:counter`, `corpus:python`, a file, a folder.
        include: patterns that choose files of it, such as `*.java`: they tell the language where the source does not.
    """
    if source.startswith("task:"):
        task = source.removeprefix("task:").partition(",")[0]
        return [*_OF_TASKS.get(task, ("line-position", *groups()["tasks"])), *groups()["next"]]
    languages = {group for name in (source, *include) for end, group in _LANGUAGES.items() if name.endswith(end)}
    wanted = ["layout", "words", *(sorted(languages) or ["messages"]), "next", "others"]
    names = [name for group in wanted for name in groups().get(group, ())]
    return [name for name in names if not missing(name) and not (languages and name in _OF_PROSE)]


def labeller(name: str) -> Labeller:
    """The hypothesis of a name, or of `syntax:LANGUAGE:NODE_TYPE`.

    Raises:
        UnknownNameError: there is none; the message lists those that there are.
        MissingPartError: a grammar is not installed.
    """
    return node_hypothesis(name) if name.startswith(PREFIX) else HYPOTHESES.get(name)


def labellers(asked: Iterable[str], *, files: bool = True) -> dict[str, Labeller]:
    """The hypotheses that a user asks for, by name; each once.

    Args:
        asked: names; names of groups; `all`; `syntax:LANGUAGE:NODE_TYPE`; and what `load_hypothesis` takes. Of `all`
            and of a group, what is not installed is left out.
        files: whether hypotheses of the user's own may come from files.

    Raises:
        UnknownNameError: there is no such hypothesis or group.
        HypothesisError: one of the user's own cannot be had.
        MissingPartError: a part is missing that one needs.
    """
    found: dict[str, Labeller] = {}
    for each in asked:
        if "=" in each:
            name, function = load_hypothesis(each, files=files)
            if name in found:
                raise HypothesisError(f"The hypothesis {name!r} is asked for twice.", "Give each a name of its own.")
            found[name] = function
        else:
            found |= {name: labeller(name) for name in _named(each)}
    return found


def _named(asked: str) -> Iterator[str]:
    known = groups()
    if asked == ALL or asked in known:
        names = [name for group, names in known.items() if asked in (ALL, group) for name in names]
        yield from (name for name in names if not missing(name))
    elif asked.startswith(PREFIX) or asked in HYPOTHESES.names():
        yield asked
    else:
        raise UnknownNameError("hypothesis or group", asked, (ALL, *known, *HYPOTHESES.names(), *RESERVED))


def _describe(name: str, group: str) -> Described:
    function = HYPOTHESES.get(name)
    lines = (inspect.getdoc(function) or name).splitlines()
    example = list(dropwhile(lambda line: not line.startswith(">>> "), lines))
    need = NEEDS.get(name)
    kind = need.kind if need else kind_of(function("a"))
    modules = need.modules if need else ()
    return Described(name, group, kind, lines[0], "\n".join(example), name not in LOOK_AHEAD, modules, missing(name))
