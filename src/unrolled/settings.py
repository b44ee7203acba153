"""What every settings table is: named, typed, bounded, explained; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from unrolled.errors import SettingsError, UnknownNameError


class Settings(BaseModel):
    """A table: the description, default, bounds and unit of each field feed the command, the file and the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Settings from plain values.

        Raises:
            UnknownNameError: there is no setting of that name; the message lists those there are.
            SettingsError: one line: which setting, what was given, what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if name not in cls.model_fields:
                raise UnknownNameError("setting", name, cls.model_fields) from None
            given = repr(first["input"])
            shown = given if len(given) <= 40 else f"{given[:37]}..."
            raise SettingsError(f"{name} cannot be {shown}: it is {allowed(cls.model_fields[name])}.") from None


def check_both(*, resume: bool, overwrite: bool) -> None:
    """Refuses to go on with something and to begin it anew.

    Raises:
        SettingsError: both were asked for.
    """
    if resume and overwrite:
        raise SettingsError("--resume and --overwrite cannot both be asked for.", "Take one of them.")


def allowed(field: FieldInfo) -> str:
    """What a field takes, in words: `a whole number from 1 to 64`."""
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(field.annotation)))}"
    kinds: dict[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    bounds = {
        name: value
        for mark in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(mark, name, None)) is not None
    }
    if "ge" in bounds and "le" in bounds:
        return f"{kinds[field.annotation]} from {_number(bounds['ge'])} to {_number(bounds['le'])}"
    words = {"ge": "{} or more", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
    limits = [word.format(_number(bounds[name])) for name, word in words.items() if name in bounds]
    return ", ".join([kinds[field.annotation], " and ".join(limits)]) if limits else kinds[field.annotation]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def unit(name: str) -> dict[str, Any]:
    """Marks the unit of a field."""
    return {"unit": name}
