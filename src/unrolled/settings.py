"""What every settings table is: named, typed, bounded, explained; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from unrolled.errors import SettingsError


class Settings(BaseModel):
    """A table: the description, default, bounds and unit of each field feed the command, the file and the docs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Settings from plain values.

        Raises:
            SettingsError: one line: which setting, what was given, what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "settings"
            if first["type"] == "extra_forbidden":
                known = ", ".join(sorted(cls.model_fields))
                raise SettingsError(f"There is no setting {name!r}; there are: {known}.") from None
            allowed = first["msg"].removeprefix("Input ").rstrip(".")
            raise SettingsError(f"The setting {name} cannot be {first['input']!r}: it {allowed}.") from None


def unit(name: str) -> dict[str, Any]:
    """Marks the unit of a field."""
    return {"unit": name}
