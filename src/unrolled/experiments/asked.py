"""What was asked of a recipe when its folder was begun: going on with it can ask for nothing else."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from unrolled.errors import RunError, SettingsError
from unrolled.files import write_json

ASKED = "asked.json"


class Asked(BaseModel):
    """The recipe, by the name of its file where it is a user's own, and the options that change what it finds.

    An option that is None was left to the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    recipe: str
    seeds: int | None
    source: str | None

    def keep(self, folder: Path) -> None:
        """Writes it into a folder that is there."""
        write_json(folder / ASKED, self.model_dump())


def go_on(folder: Path, asked: Asked) -> Asked:
    """What to go on with: what the folder was begun with; what is asked for now where that is not known.

    Raises:
        SettingsError: something else is asked for now.
        RunError: what was asked for cannot be read.
    """
    path = folder / ASKED
    try:
        begun = Asked.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return asked
    except (OSError, ValidationError) as error:
        raise RunError(f"{path} is damaged.", "Begin anew by --overwrite.") from error
    if begun.recipe != asked.recipe:
        raise SettingsError(f"{folder} is of the recipe {begun.recipe}, not {asked.recipe}.", "Take another --out.")
    for option, then, now in (("--seeds", begun.seeds, asked.seeds), ("--source", begun.source, asked.source)):
        if now is not None and now != then:
            how = f"without {option}" if then is None else f"with {option} {then}"
            raise SettingsError(
                f"{folder} was begun {how}, and cannot go on with {option} {now}.",
                f"Leave out {option}, begin anew by --overwrite, or take another --out.",
            )
    return begun
