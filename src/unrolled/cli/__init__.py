"""The command `unrolled`: one thin file a command. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from unrolled.cli.marks import spelled
from unrolled.errors import UnrolledError
from unrolled.version import __version__

app = typer.Typer(
    name="unrolled",
    help="See what a recurrent network remembers, forgets and pays attention to, step by step and neuron by neuron.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"unrolled {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """See what a recurrent network remembers, forgets and pays attention to, step by step and neuron by neuron."""


def fail(message: str, hint: str = "") -> None:
    """One line on standard error: what was given, what is allowed, what to do next."""
    line = spelled(" ".join(f"{message} {hint}".split()), sys.stderr.encoding)
    red, plain = ("\x1b[31m", "\x1b[0m") if sys.stderr.isatty() and "NO_COLOR" not in os.environ else ("", "")
    sys.stderr.write(f"{red}unrolled: {line}{plain}\n")


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0 done, 2 for what the user can mend, 130 on Ctrl-C, 1 for our fault."""
    try:
        import_module("unrolled.cli.commands")  # registers them
        result: Any = typer.main.get_command(app).main(
            args=list(arguments) if arguments is not None else None, prog_name="unrolled", standalone_mode=False
        )
        sys.stdout.flush()  # here, where a full disk or a closed pipe can still be answered for
        return result if isinstance(result, int) else 0
    except UnrolledError as error:
        fail(error.message, error.hint)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("\n")
        return 130
    except (BrokenPipeError, SystemExit) as error:  # the reader (head, less) has gone: that is no fault
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise  # else it is what Typer makes of a closed pipe
        _forget_output()
        return 0
    except OSError as error:
        from unrolled.cli.refused import by_the_system

        _forget_output()
        fail(*by_the_system(error))
        return 2
    except Exception as error:
        told = getattr(error, "format_message", None)  # Typer carries Click's errors under a private name
        if told is None:
            raise
        if told():
            from unrolled.cli.refused import by_the_options

            fail(by_the_options(error, str(told())), "See --help.")
        return 2


def _forget_output() -> None:
    """What could not be written is dropped: Python would complain about it once more on its way out."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """The entry point of the command."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: what is said goes nowhere
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (it stays open)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a narrow terminal encoding must not end in a traceback
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())
