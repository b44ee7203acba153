"""Registers every command, in the order in which the help lists them."""

from unrolled.cli import app
from unrolled.cli.ablate import ablate
from unrolled.cli.bench import bench
from unrolled.cli.check import check
from unrolled.cli.complete import complete
from unrolled.cli.demo import demo
from unrolled.cli.evaluate import evaluate
from unrolled.cli.evidence import evidence
from unrolled.cli.explore import explore
from unrolled.cli.export import export
from unrolled.cli.find import find
from unrolled.cli.info import info
from unrolled.cli.lsp import lsp
from unrolled.cli.match import match
from unrolled.cli.reproduce import reproduce
from unrolled.cli.sample import sample
from unrolled.cli.show import show
from unrolled.cli.trace import trace
from unrolled.cli.train import train

for command in (
    demo,
    train,
    evaluate,
    trace,
    show,
    explore,
    find,
    evidence,
    match,
    ablate,
    sample,
    complete,
    lsp,
    check,
    export,
    info,
    reproduce,
    bench,
):
    app.command()(command)
