"""Writes docs/article.md and draws the figures of docs/memory.md: `python docs/make_article.py [FOLDER]`.

Runs `unrolled reproduce all`, into FOLDER where one is given (what is there is gone on with), else a temporary one.
Recipes that take long are told of where they were run into FOLDER before.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from unrolled.cli import run
from unrolled.experiments import EXPERIMENTS

DOCS = Path(__file__).parent
SHOWN = {
    "counter": ("counting-neuron", "signals", "cell-against-hidden"),
    "state-memorizer": ("all-cells",),
    "movie": ("accuracy-by-gap",),
}
"""Experiment → figures that the docs show."""
HEAD = """# The article, measured

"Exploring LSTMs" (2017) looks into networks that count, remember and copy, and says what it sees. `unrolled reproduce
all` trains such networks again and puts a number to each claim that can be measured. This page is what it found,
written by `python docs/make_article.py`; the claims are in our words. A claim *holds in part* where it holds in some of
the networks, which differ in the seed alone, or in part of what it says.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "article"
        if run(["reproduce", "all", "--out", str(out), "--resume"]):
            raise SystemExit("unrolled reproduce failed")
        for experiment, figures in SHOWN.items():
            for name in figures:
                shutil.copyfile(out / experiment / "figures" / f"{name}.svg", DOCS / "images" / f"article-{name}.svg")
        parts = [part(out / name) for name in EXPERIMENTS.names() if (out / name).is_dir()]
        (DOCS / "article.md").write_text(HEAD + "".join(parts), "utf-8")


def part(folder: Path) -> str:
    """What became of an experiment's claims."""
    found = json.loads((folder / "numbers.json").read_text("utf-8"))
    times = folder / "times.json"
    took = f", {json.loads(times.read_text('utf-8'))['seconds']:.0f} seconds" if times.is_file() else ""
    lines = [[each["text"], each["verdict"], each["because"].replace("|", "∣")] for each in found["claims"]]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    ran = f"`unrolled reproduce {folder.name}`{took} on {platform.processor() or platform.machine()}."
    return f"\n## {found['title']}\n\n{ran}\n\n| claim | verdict | because |\n| --- | --- | --- |\n{rows}\n"


if __name__ == "__main__":
    main()
