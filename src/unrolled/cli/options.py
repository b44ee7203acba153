"""Options made from the settings tables, so that command, file and docs can never differ."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from unrolled.errors import SettingsError, UnknownNameError
from unrolled.settings import Settings

Word = TypeVar("Word", bound=str)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
EngineOption = Annotated[
    str, typer.Option("--engine", help="Which engine runs the cells: auto, compiled, gpu, torch or reference.")
]
VerboseFlag = Annotated[bool, typer.Option("--verbose", help="Say which engine runs the cells, and why.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", help="Which weights: best, last, or a step.")]
UnknownOption = Annotated[
    str,
    typer.Option(
        "--unknown",
        help="A character that the vocabulary lacks: error, skip, or one of its characters to read instead.",
    ),
]
IncludeOption = Annotated[
    list[str] | None, typer.Option("--include", help="Files of a folder or archive, such as '*.java'; may be repeated.")
]
EncodingOption = Annotated[str, typer.Option("--encoding", help="Encoding of the text.")]
OwnEncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding", help="Encoding of the text (default: for the run's own text that of the run, else utf-8)."
    ),
]
PartOption = Annotated[str, typer.Option("--part", help="Which part of the text: train, validation, test or all.")]
LimitOption = Annotated[int | None, typer.Option("--limit", help="Read at most so many symbols of the source.")]
HoldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--hold", help="Hold a neuron while it runs, such as rnn.l0.7=0 or rnn.l0.forget_gate.7=1; repeatable."
    ),
]
SymbolsOption = Annotated[str, typer.Option("--symbols", help="What a symbol is: characters or bytes.")]


def names_in(given: str) -> list[str]:
    """The names of a list, separated by commas."""
    return [name.strip() for name in given.split(",") if name.strip()]


def span_of(option: str, given: str, steps: int) -> range:
    """The span START:STOP that an option has; what is left out is the first or the end of so many steps.

    Raises:
        SettingsError: it has another form. Whether there are such steps is for those to say who read them.
    """
    found = re.fullmatch(r"(\d{0,18}):(\d{0,18})", given, re.ASCII)
    if found is None:
        raise SettingsError(f"{option} cannot be {given[:40]!r}: it is START:STOP, two whole numbers, such as 100:200.")
    return range(int(found[1] or 0), int(found[2] or steps))


def one_of(what: str, given: str, allowed: tuple[Word, ...]) -> Word:
    """The word among those allowed that was given; UnknownNameError where it is none of them."""
    for word in allowed:
        if word == given:
            return word
    raise UnknownNameError(what, given, allowed)


def _help(field: FieldInfo, automatic: str | None) -> str:
    extra = cast(dict[str, str], field.json_schema_extra) if isinstance(field.json_schema_extra, dict) else {}
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    notes = [extra["unit"]] if "unit" in extra else []
    notes += [" | ".join(map(str, values))] if values else []
    notes.append(f"default: {automatic or field.default}")
    return f"{field.description} ({'; '.join(notes)})"


def with_settings(*tables: type[Settings], automatic: dict[str, str] | None = None) -> Callable[..., Any]:
    """Gives a command one option for each field of the tables; the command gets those that were set, in `settings`.

    Args:
        tables: settings tables with names that do not clash.
        automatic: field → what the help says of its default where the default is picked, not fixed.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for name, parameter in signature.parameters.items() if name != "settings"]
        options: list[inspect.Parameter] = []
        for table in tables:
            for name, field in table.model_fields.items():
                kind: Any = str if get_origin(field.annotation) is Literal else field.annotation
                flag = f"--{name.replace('_', '-')}"
                option = typer.Option(flag, help=_help(field, (automatic or {}).get(name)), show_default=False)
                options.append(
                    inspect.Parameter(
                        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
                    )
                )
        names = {option.name for option in options}

        def wrapped(**values: Any) -> Any:
            settings = {name: value for name, value in values.items() if name in names and value is not None}
            rest = {name: value for name, value in values.items() if name not in names}
            return command(**rest, settings=settings)

        wrapped.__name__ = command.__name__
        wrapped.__doc__ = command.__doc__
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + options
        wrapped.__dict__["__signature__"] = inspect.Signature(parameters)
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorate
