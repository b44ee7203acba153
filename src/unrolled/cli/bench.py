"""`unrolled bench`."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from unrolled.cli.marks import spelled
from unrolled.cli.options import JsonFlag, one_of
from unrolled.cli.screen import ProgressBar, print_json, stdout
from unrolled.errors import SettingsError

if TYPE_CHECKING:
    from unrolled.racing.short import Outcome

CELLS = ("lstm", "gru", "rnn")
LEAST, MOST = 1.0, 600.0
ONE, WIDEST = 12, 36
"""Columns of a bar that is as long as plain PyTorch's, and of the longest that is drawn."""
SETS = {4: "4 floats an instruction", 8: "8 floats an instruction, AVX2", 16: "16 floats an instruction, AVX-512"}
TASKS = {"record": "recording every signal, beside a plain pass that keeps none", "train": "a training step, with Adam"}


def bench(
    cell: Annotated[str, typer.Option("--cell", help="Of which cell: lstm, gru or rnn.")] = "lstm",
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long it may take, about: from 1 to 600 seconds.")
    ] = 20.0,
    as_json: JsonFlag = False,
) -> int:
    """Measure every engine on this machine against plain PyTorch, and say which one is taken and why."""
    which = one_of("cell with a module in PyTorch", cell, CELLS)
    if not LEAST <= seconds <= MOST:
        raise SettingsError(f"--seconds cannot be {seconds:g}: it is a number from {LEAST:g} to {MOST:g}.")
    import torch

    from unrolled.racing.short import describe_kernels, run_races

    machine: dict[str, Any] = {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "kernels": describe_kernels(),
    }
    with ProgressBar("racing", "seconds") as progress:
        outcomes = run_races(which, seconds=seconds, progress=progress)
    if as_json:
        print_json({"cell": which, **machine, "races": [outcome.to_json() for outcome in outcomes]})
        return 0
    _print(_about(machine))
    for number, outcome in enumerate(outcomes):
        if not number or outcome.task != outcomes[number - 1].task:
            _print(f"\n{which.upper()}: {TASKS[outcome.task]}", "bold")
        _show(outcome, which, machine["kernels"].get("missing"))
    _conclude(outcomes)
    return 0


def _print(line: str, style: str = "default") -> None:
    stdout.print(spelled(line, stdout.encoding), style=style, soft_wrap=True)


def _about(machine: dict[str, Any]) -> str:
    kernels = machine["kernels"]
    if "lanes" in kernels:
        with_what = f"compiled kernels: {SETS.get(kernels['lanes'], 'of another make')}"
    else:
        with_what = f"compiled kernels: none, for {kernels['missing']}"
    return f"{machine['processor']}, {machine['threads']} threads, PyTorch {machine['torch']}\n{with_what}"


def _show(outcome: Outcome, cell: str, told: str | None) -> None:
    """One bar for plain PyTorch and one for each engine, in order of time.

    Args:
        told: why an engine takes no part, where that has been said already.
    """
    shape = outcome.shape
    inputs = f", {shape.inputs} symbols" if outcome.task == "train" else ""
    many = f"batch {shape.batch}" if shape.batch > 1 else "one sequence"
    _print(f"\n  {shape.layers} × {shape.neurons} neurons, {many}, {shape.steps} steps{inputs}")
    plain = f"nn.{cell.upper()}"
    rows = sorted({plain: 1.0, **outcome.ratios}.items(), key=lambda row: row[1])
    for name, ratio in rows:
        line = Text(f"    {name:<10} {outcome.plain_seconds * ratio * 1e3:>9.3f} ms {ratio:>7.2f}  ")
        colour = "dim" if name == plain else "green" if ratio <= 1 else "yellow" if ratio <= 3 else "red"
        stdout.print(line.append(_bar(ratio), colour), soft_wrap=True)
    for name, reason in outcome.why_not.items():
        _print(f"    {name:<10} takes no part{'' if reason == told else f': {reason}'}", "dim")


def _bar(ratio: float) -> str:
    """As long as the time; what would be too long ends in an arrow."""
    block, arrow = ("█", "▶") if stdout.encoding.lower().startswith("utf") else ("#", ">")
    columns = max(1, round(ratio * ONE))
    return block * columns if columns <= WIDEST else block * (WIDEST - 1) + arrow


def _conclude(outcomes: list[Outcome]) -> None:
    """Which engine is taken; one line where it is the same for all."""
    words = {"record": "recording", "train": "training"}
    found: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        tasks = found.setdefault((outcome.taken, outcome.reason), [])
        if words[outcome.task] not in tasks:
            tasks.append(words[outcome.task])
    stdout.print()
    for (taken, reason), tasks in found.items():
        what = f"for {' and '.join(tasks)}"
        _print(f"unrolled takes the engine {taken} {what}: {reason}", "bold")
        slower = [outcome for outcome in outcomes if outcome.taken == taken and _beaten(outcome)]
        if slower:
            sizes = "; ".join(f"{outcome.shape}" for outcome in slower)
            _print(f"another was faster here at {sizes}; --engine takes another one", "yellow")


def _beaten(outcome: Outcome) -> bool:
    """Whether another engine was clearly faster than the one that is taken."""
    return outcome.ratios[outcome.taken] > 1.1 * min(outcome.ratios.values())


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
