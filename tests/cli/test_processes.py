"""What only a process of its own can show: streams that close or are full, signals, what is imported."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from tests.training.making import TINY, as_options, names_in, train_tiny, write_text

UNROLLED = [sys.executable, "-m", "unrolled"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    train_tiny(write_text(folder), folder / "run", steps=3)
    return folder / "run"


def test_neither_the_package_nor_its_version_needs_torch() -> None:
    code = "import sys, unrolled; import unrolled.cli.commands; from unrolled.cli import run; run(['--version'])"
    heavy = "{'torch', 'numpy', 'zarr', 'fastapi', 'uvicorn'} & set(sys.modules)"
    shown = subprocess.run([sys.executable, "-c", f"{code}; print({heavy})"], capture_output=True, text=True)
    assert shown.stderr == ""
    assert shown.stdout.splitlines() == ["unrolled 0.1.0", "set()"]


def test_a_closed_pipe_is_quiet(trained: Path) -> None:
    writing = subprocess.Popen(
        [*UNROLLED, "sample", str(trained), "--length", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writing.stdout is not None
    assert writing.stderr is not None
    writing.stdout.read(3)
    writing.stdout.close()
    assert writing.stderr.read() == ""
    writing.stderr.close()
    assert writing.wait() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("command", ["sample --length 20", "info", "info --json"])
def test_a_full_output_is_one_line(command: str, trained: Path) -> None:
    name, *options = command.split()
    with Path("/dev/full").open("w") as full:
        shown = subprocess.run(
            [*UNROLLED, name, str(trained), *options], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert shown.stderr == "unrolled: The system says: No space left on device. Mend that and try again.\n"
    assert shown.returncode == 2


def test_a_closed_output_is_quiet(trained: Path) -> None:
    for command in (["info", str(trained), "--json"], ["info", str(trained)]):
        shown = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *UNROLLED, *command], stderr=subprocess.PIPE, text=True)
        assert (shown.returncode, shown.stderr) == (0, "")


def test_an_output_of_few_characters_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("試す →\n" * 300, encoding="utf-8")
    train_tiny(tmp_path / "text.txt", tmp_path / "run", steps=2)
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [*UNROLLED, "sample", str(tmp_path / "run"), "--prime", "試す", "--length", "5"]
    shown = subprocess.run(command, capture_output=True, env=environment)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout.startswith(b"\\u8a66\\u3059")


@pytest.mark.parametrize(
    ("encoding", "equation", "loss"),
    [
        ("utf-8", "✓ rnn.l0.cell: c = f·c₋₁ + i·g", "loss = −log p(next)"),
        ("latin-1", "+ rnn.l0.cell: c = f·c_-1 + i·g", "loss = -log p(next)"),
        ("ascii", "+ rnn.l0.cell: c = f.c_-1 + i.g", "loss = -log p(next)"),
    ],
)
def test_marks_have_stand_ins_where_the_encoding_lacks_them(
    encoding: str, equation: str, loss: str, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a😀 – …\n" * 300, encoding="utf-8")
    train_tiny(text, tmp_path / "run", steps=2)
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    def shown(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*UNROLLED, *command], cwd=tmp_path, capture_output=True, encoding=encoding, env=environment
        )

    traced = shown("trace", "run", "text.txt", "--out", "trace", "--limit", "40")
    assert traced.returncode == 0
    checked = shown("check", "trace")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.isascii() == (encoding == "ascii")
    assert "\\u" not in checked.stdout
    assert f"{equation}: holds" in checked.stdout
    assert f"{loss}: holds" in checked.stdout
    # What the text holds is not ours to spell otherwise; as JSON it can be read back.
    found = json.loads(shown("show", "trace", "rnn.l0.0", "--limit", "8", "--json").stdout)
    assert found["symbols"] == list("a😀 – …\na")
    (tmp_path / "other.txt").write_text("a\n" * 300)
    refused = shown("trace", "run", "other.txt", "--out", "trace", "--limit", "40", "--resume")
    assert refused.returncode == 2
    assert re.search(r"source.sha256 \(was \w+(\.\.\.|…), now", refused.stderr)
    assert refused.stderr.isascii() == (encoding != "utf-8")


def test_ctrl_c_while_standard_input_is_awaited_leaves_nothing(tmp_path: Path) -> None:
    """Nothing has been read yet, so there is nothing to save. A signal that comes just before it begins to wait is
    seen at the next one, so it is sent until it ends."""
    waiting = subprocess.Popen(
        [*UNROLLED, "train", "-", "--out", "run"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.glob(".run.draft/.stdin-*")):
        assert waiting.poll() is None
    while waiting.poll() is None:
        waiting.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            waiting.wait(5)
    assert waiting.returncode == 130
    assert waiting.stderr is not None
    assert waiting.stderr.read().strip() == ""
    waiting.stderr.close()
    assert waiting.stdin is not None
    waiting.stdin.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--json"], ["--streams", "3"], ["--json", "--streams", "3"]])
def test_ctrl_c_shows_what_was_written_until_then(options: list[str], trained: Path) -> None:
    """Far more than anybody waits for; it is stopped once it has said how far it is."""
    code = "from unrolled.cli import screen, main; screen.PLAIN_SECONDS = 0.0; main()"
    asked = ["sample", str(trained), "--prime", "the", "--length", "1000000000", *options]
    with subprocess.Popen(
        [sys.executable, "-c", code, *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as writing:
        assert writing.stderr is not None
        assert re.match("writing: [0-9,]+ of 1,000,000,000 symbols, ", writing.stderr.readline())
        writing.send_signal(signal.SIGINT)
        shown, rest = writing.communicate()
    assert writing.returncode == 130
    assert rest.splitlines()[-1] == "stopped; what was written until then is above"
    if "--json" in options:
        found = json.loads(shown)
        texts, odds = found.get("texts") or [found["text"]], found["odds"] if "texts" in found else [found["odds"]]
        assert [len(each) + 3 for each in odds] == [len(text) for text in texts]
    else:
        texts = re.split("--- [123] ---\n", shown)[1:]
    assert len(texts) == (3 if "--streams" in options else 1)
    assert all(text.startswith("the") and len(text) > 6 for text in texts)


def test_ctrl_c_while_the_commands_are_loaded_is_quiet(trained: Path) -> None:
    """The process sends it to itself where they begin to be imported, so that the moment is certain."""
    code = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "unrolled.cli.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from unrolled.cli import main
main()
"""
    shown = subprocess.run([sys.executable, "-c", code, "info", str(trained)], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout, shown.stderr) == (130, "", "\n")


def test_progress_is_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    code = "from unrolled.cli import screen, main; screen.PLAIN_SECONDS = 0.0; main()"
    arguments = ["train", str(write_text(tmp_path)), "--out", str(tmp_path / "run"), *as_options({**TINY, "steps": 6})]
    shown = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "\x1b" not in shown.stderr + shown.stdout
    lines = [line for line in shown.stderr.splitlines() if line.startswith("training: ")]
    assert len(lines) == 5
    for step, line in enumerate(lines, start=2):
        assert line.startswith(f"training: {step} of 6 steps, nats 3.")
        assert line.endswith(" s left")


def test_reading_a_large_text_shows_how_far_it_is(tmp_path: Path) -> None:
    """Twice: once for its characters, of which nobody knows how many come, and once for their numbers."""
    (tmp_path / "large.txt").write_text("a line of words\n" * 200_000)
    code = "from unrolled.cli import screen, main; screen.PLAIN_SECONDS = 0.0; main()"
    arguments = ["train", "large.txt", "--out", "run", *as_options({**TINY, "steps": 2, "validation": 0})]
    shown = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    lines = [line for line in shown.stderr.splitlines() if line.startswith(("reading: ", "training: "))]
    counts = [line.partition(" symbols")[0] for line in lines[:-1]]
    blocks = ["2,097,152", "3,145,728", "3,200,000"]
    assert counts == [
        *(f"reading: {count}" for count in blocks),
        *(f"reading: {count} of 3,200,000" for count in blocks),
    ]
    assert lines[-1].startswith("training: 2 of 2 steps, nats ")


def test_standard_input_that_is_closed_or_empty(tmp_path: Path) -> None:
    command = [*UNROLLED, "train", "-", "--out", "run"]
    for options in ({"input": ""}, {"preexec_fn": lambda: os.close(0)}):
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **options)  # type: ignore[call-overload]
        assert shown.returncode == 2
        assert shown.stderr.startswith("unrolled: ")
        assert shown.stderr.count("\n") == 1
        assert names_in(tmp_path) == set()


def test_no_room_for_what_is_written(trained: Path, tmp_path: Path) -> None:
    """Files of at most 4 KB, by the system's own limit, stand for a disk that is full."""
    limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (4096, 4096)); from unrolled.cli import main; main()"
    text = str(write_text(tmp_path))
    before = names_in(tmp_path)
    for arguments in (
        ["train", text, "--out", str(tmp_path / "new"), *as_options({**TINY, "hidden": 40, "steps": 3})],
        ["trace", str(trained), text, "--out", str(tmp_path / "trace")],
    ):
        shown = subprocess.run([sys.executable, "-c", limit, *arguments], capture_output=True, text=True)
        assert shown.returncode == 2, shown.stderr
        assert re.match("unrolled: .*[nN]o room", shown.stderr.splitlines()[-1])
        assert "Traceback" not in shown.stderr
    left = names_in(tmp_path) - before
    assert not [name for name in left if "checkpoints" in name]
