"""Writes the tables of options in `docs/reference/commands.md` anew, from the commands themselves.

    python docs/make_commands.py

What stands between `<!-- options of NAME -->` and `<!-- end -->` is made here; the rest of the page is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

import unrolled.cli.commands  # registers them  # noqa: F401
from unrolled.cli import app
from unrolled.cli.train import AUTOMATIC
from unrolled.networks.settings import NetworkSettings
from unrolled.settings import allowed
from unrolled.training.settings import TrainingSettings
from unrolled.writing.settings import CompletionSettings, EditorSettings, SamplingSettings

PAGE = Path(__file__).parent / "reference" / "commands.md"
TABLES = {
    "train": {**NetworkSettings.model_fields, **TrainingSettings.model_fields},
    "sample": dict(SamplingSettings.model_fields),
    "complete": dict(CompletionSettings.model_fields),
    "lsp": dict(EditorSettings.model_fields),
}
"""The commands that have an option for each field of a settings table."""
WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "",
    Path: "a path",
    list[Path]: "paths",
    list[str]: "texts",
}


def commands() -> dict[str, Callable[..., object]]:
    """The function behind every command, by name."""
    return {info.callback.__name__: info.callback for info in app.registered_commands if info.callback}


def options(command: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Its arguments (in capitals) and options as they are written, with what the function takes for each."""
    found: dict[str, inspect.Parameter] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        declared = get_args(parameter.annotation)[1]
        names = [declared.default, *(declared.param_decls or ())]  # Typer takes the first name for a default at first
        options = [name for name in names if isinstance(name, str) and name.startswith("--")]
        found[options[0] if options else parameter.name.upper()] = parameter
    return found


def table(name: str) -> str:
    """A command's arguments and options as a Markdown table."""
    rows = [
        _of_setting(shown, parameter.name, TABLES[name][parameter.name])
        if parameter.name in TABLES.get(name, {})
        else _of_option(shown, parameter)
        for shown, parameter in options(commands()[name]).items()
    ]
    return "\n".join(["| option | takes | default | |", "| --- | --- | --- | --- |", *rows])


def _of_setting(shown: str, name: str, field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        takes = ", ".join(f"`{value}`" for value in get_args(field.annotation))
    else:
        takes = allowed(field)
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = f"; {extra['unit']}" if "unit" in extra else ""
    return f"| `{shown}` | {takes}{unit} | {AUTOMATIC.get(name) or field.default} | {field.description} |"


def _of_option(shown: str, parameter: inspect.Parameter) -> str:
    kind, declared = get_args(parameter.annotation)
    kinds = [each for each in get_args(kind) if each is not type(None)] if get_origin(kind) is UnionType else [kind]
    default = "required" if parameter.default is inspect.Parameter.empty else parameter.default
    default = ("off", "on")[default] if isinstance(default, bool) else "" if default in (None, "") else default
    return f"| `{shown}` | {WORDS[kinds[0]]} | {default} | {declared.help} |"


def filled(page: str) -> str:
    """The page with every table as it is now."""
    for name in commands():
        made = f"<!-- options of {name} -->\n{table(name)}\n<!-- end -->"
        page = re.sub(rf"<!-- options of {name} -->\n.*?<!-- end -->", lambda _, made=made: made, page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
