"""Hypotheses of the user's own: a regular expression, a function of Python, a column of a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from unrolled.errors import UnrolledError
from unrolled.neurons.hypotheses.catalogue import HYPOTHESES, RESERVED, groups
from unrolled.neurons.hypotheses.columns import Column
from unrolled.neurons.hypotheses.marking import Classes, HypothesisError, Label, Labeller, classify
from unrolled.neurons.hypotheses.patterns import pattern_labeller
from unrolled.python_files import fault_in, load_module

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_EXAMPLES = "For example shout=re:[A-Z]{3,}, mine=py:labels.py:mine or mood=csv:moods.csv:mood."


def load_hypothesis(spec: str, *, files: bool = True) -> tuple[str, Labeller]:
    """A hypothesis of the user's own, and its name.

    Args:
        spec: `NAME=re:PATTERN`, true on what a regular expression matches, or on its first group where it has one;
            `NAME=py:FILE.py:FUNCTION`, a function from a text to as many bools, numbers or words;
            `NAME=csv:FILE.csv:COLUMN`, a table with a header and one row a character.
        files: whether it may come from a file. One of Python runs with all that the user may do.

    Raises:
        HypothesisError: it cannot be had, or its name is taken; the labeller raises it where it does not fit a text.
    """
    name, equals, what = spec.partition("=")
    manner, colon, given = what.partition(":")
    if not (equals and colon and given) or manner not in _MANNERS:
        raise HypothesisError(f"A hypothesis is NAME=re:PATTERN, NAME=py:… or NAME=csv:…, not {spec!r}.", _EXAMPLES)
    if not _NAME.fullmatch(name):
        allowed = "letters, digits, -, _ and . (a letter first, 64 at most)"
        raise HypothesisError(f"A hypothesis' name has {allowed}, not {name!r}.")
    if name in (*HYPOTHESES.names(), *groups(), *RESERVED, "all"):
        raise HypothesisError(f"The name {name!r} is taken.", f"Choose another, such as my-{name}={manner}:….")
    if manner != "re" and not files:
        raise HypothesisError(f"Here a hypothesis cannot come from a file, as {spec!r} would.", "Give NAME=re:PATTERN.")
    return name, _MANNERS[manner](name, given)


def _split(name: str, given: str, ending: str, second: str) -> tuple[Path, str]:
    """`FILE:WHAT`, parted at the last colon: a drive of Windows has one too."""
    file, _, what = given.rpartition(":")
    if not file or not what:
        raise HypothesisError(f"{name!r} names no {second}: {given!r}.", f"Give FILE{ending}:{second.upper()}.")
    return Path(file), what


def _from_csv(name: str, given: str) -> Labeller:
    return Column(name, *_split(name, given, ".csv", "column"))


def _from_python(name: str, given: str) -> Labeller:
    path, function_name = _split(name, given, ".py", "function")
    function = getattr(_module(path), function_name, None)
    if not callable(function):
        raise HypothesisError(f"{path} has no function {function_name!r}.")

    def label(text: str) -> Label | Classes:
        try:
            made: Any = function(text)
        except (MemoryError, UnrolledError):
            raise
        except (Exception, SystemExit) as error:  # whatever a user's function raises
            raise HypothesisError(f"{name!r} failed: {fault_in(path, error)}.") from error
        return _checked(made, len(text), f"{name!r} ({given})")

    label.__doc__ = getattr(function, "__doc__", None)
    return label


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise HypothesisError(f"There is no file {str(path)!r}.")
    if path.suffix != ".py":
        raise HypothesisError(f"{str(path)!r} is no file of Python.", "Its name ends in .py.")
    try:
        return load_module(path, f"unrolled_hypotheses_{path.stem}")
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        raise HypothesisError(f"{fault_in(path, error)}.") from error


def _checked(made: object, length: int, what: str) -> Label | Classes:
    """What a user's function gave, as a label."""
    try:
        values = made.codes if isinstance(made, Classes) else np.asarray(made)
    except ValueError as error:  # lists within lists, of several lengths
        raise HypothesisError(f"{what} gives no bools, numbers or words, one a character.") from error
    if values.shape != (length,):
        given = f"{values.shape[0]:,}" if values.ndim == 1 else f"an array of {values.shape}"
        given = given if values.ndim else f"a single {type(made).__name__}"
        raise HypothesisError(f"{what} must give one value a character: {length:,}, not {given}.")
    if isinstance(made, Classes):
        if values.dtype != np.int16 or values.min(initial=-1) < -1 or values.max(initial=-1) >= len(made.names):
            raise HypothesisError(f"{what} gives codes that are no int16 from -1 to {len(made.names) - 1}.")
        return made
    if values.dtype.kind in "US" or (values.dtype == object and all(isinstance(each, str) for each in values)):
        try:
            return classify([str(each) for each in values.tolist()])
        except ValueError as error:
            raise HypothesisError(f"{what} gives {error}.") from error
    if values.dtype.kind not in "biuf":
        raise HypothesisError(f"{what} must give bools, numbers or words, not {values.dtype}.")
    numbers = values if values.dtype == np.bool_ else values.astype(np.float64)
    if np.isinf(numbers).any():
        raise HypothesisError(f"{what} gives a number that is infinite.", "NaN stands for nothing said.")
    return numbers


_MANNERS: dict[str, Callable[[str, str], Labeller]] = {
    "re": pattern_labeller,
    "py": _from_python,
    "csv": _from_csv,
}
