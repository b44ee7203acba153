"""What a run folder is made of, who may write it, what it is begun with, and how it ends where it goes wrong."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.making import (
    TINY,
    as_options,
    make_text,
    metrics_of,
    names_in,
    numbers_of,
    stop_at,
    train_tiny,
    write_text,
)
from unrolled.errors import (
    DiskFullError,
    DivergedError,
    ModelError,
    OutputExistsError,
    RunError,
    SettingsError,
    SourceError,
    UnknownNameError,
    UnrolledError,
    VocabularyError,
)
from unrolled.networks.files import load_network, load_tensors
from unrolled.training import loop
from unrolled.training.run_folder import RunFolder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write_text(tmp_path)


def everything(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names_in(folder)}


def test_learning_lowers_the_loss_and_it_is_written_down(text: Path, tmp_path: Path) -> None:
    outcome = train_tiny(text, tmp_path / "run", steps=120, learning_rate=0.05)
    losses = [line["nats_per_symbol"] for line in metrics_of(tmp_path / "run") if line["part"] == "train"]
    assert losses[0] == pytest.approx(math.log(len(set(make_text()))), abs=0.3)
    assert losses[-1] < losses[0] - 0.5
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary == outcome.summary
    assert summary["nats_per_symbol"] < 2.6
    assert summary["vocabulary_size"] == len(set(make_text()))
    assert 0 <= len(make_text()) / 10 - summary["symbols"] < 32  # foretold, in streams of equal length


@pytest.mark.parametrize("options", [{"resume": True}, {"overwrite": True}])
def test_a_second_process_is_refused(options: dict[str, bool], text: Path, tmp_path: Path) -> None:
    """The first holds the folder while it is asked whether to stop; the second is a process of its own."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "unrolled", "train", str(text), "--out", str(out), *as_options(TINY)]
    tried: list[subprocess.CompletedProcess[str]] = []

    def stop() -> bool:
        if not tried:
            flag = "--resume" if "resume" in options else "--overwrite"
            tried.append(subprocess.run([*command, flag], capture_output=True, text=True))
        return False

    train_tiny(text, out, stop=stop)
    assert tried[0].returncode == 2
    assert tried[0].stderr.splitlines()[-1].startswith(f"unrolled: Another process is training {out} now.")
    assert json.loads((out / "summary.json").read_text())["finished"] is True
    assert {path.name for path in tmp_path.iterdir()} == {"run", text.name}


def test_of_two_that_begin_the_same_run_one_is_refused(tmp_path: Path) -> None:
    with RunFolder.begin(tmp_path / "run", overwrite=False) as first:
        with (
            pytest.raises(RunError, match=r"training .*/run now"),
            RunFolder.begin(tmp_path / "run", overwrite=True),
        ):
            pass
        first.write_settings({})
    first.close()
    assert names_in(tmp_path) == {"run/.lock", "run/settings.json"}


def test_a_run_that_another_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def make() -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "settings.json").write_text('{"format": "unrolled-run/1"}')

    with pytest.raises(OutputExistsError), RunFolder.begin(tmp_path / "run", overwrite=False):
        make()
    assert names_in(tmp_path) == {"run/settings.json"}


BAD: list[Any] = [
    pytest.param({"source": "nowhere.txt"}, SourceError, "nowhere", id="no-file"),
    pytest.param({"source": "task:countre"}, UnknownNameError, "counter", id="no-task"),
    pytest.param({"batch": 2000}, SourceError, "too few for 2000 streams", id="too-short"),
    pytest.param({"validation": 0.0001}, SourceError, "validation part", id="nothing-to-validate"),
    pytest.param({"validation": 0.6, "test": 0.4}, SettingsError, "below 1", id="nothing-to-train"),
    pytest.param({"engine": "none"}, UnknownNameError, "torch", id="no-engine"),
    pytest.param({"cell": "peephole", "engine": "torch"}, ModelError, "cannot run", id="engine-cannot"),
    pytest.param({"hiden": 3}, UnknownNameError, "hidden", id="unknown-setting"),
    pytest.param({"hidden": 65_536, "layers": 64}, ModelError, "GB", id="too-large"),
    pytest.param({"learning_rate": math.nan}, SettingsError, "above 0 and at most 10", id="nan"),
    pytest.param({"learning_rate": math.inf}, SettingsError, "above 0 and at most 10", id="infinite"),
    pytest.param({"minutes": 1}, SettingsError, "Give one of them", id="steps-and-minutes"),
    pytest.param({"steps": None, "minutes": -1}, SettingsError, "above 0", id="negative-minutes"),
    pytest.param({"steps": None, "minutes": math.nan}, SettingsError, "above 0", id="nan-minutes"),
    pytest.param({"steps": None, "minutes": 1e-5}, SettingsError, "too short", id="no-time"),
    pytest.param({"initial": "nowhere"}, RunError, "no run folder", id="no-initial"),
    pytest.param({"encoding": "klingon"}, SettingsError, "encoding", id="no-encoding"),
    pytest.param({"limit": -4}, SettingsError, "at least 1", id="negative-limit"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), BAD)
def test_what_is_wrong_leaves_nothing_behind_and_the_old_run_as_it_was(
    wrong: dict[str, Any], error: type[UnrolledError], says: str, text: Path, tmp_path: Path
) -> None:
    given = {"source": str(text), **wrong}
    before = names_in(tmp_path)
    with pytest.raises(error, match=says) as caught:
        train_tiny(out=tmp_path / "new" / "run", **given)
    assert "\n" not in caught.value.message
    assert names_in(tmp_path) == before
    assert not (tmp_path / "new").exists()
    old = tmp_path / "old"
    old.mkdir()
    (old / "settings.json").write_text('{"format": "unrolled-run/1"}')
    before = everything(tmp_path)
    with pytest.raises(error, match=says):
        train_tiny(out=old, overwrite=True, **given)
    assert everything(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"old", text.name}


def test_a_run_is_replaced_when_asked_and_only_then(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_tiny(text, out, steps=3)
    before = everything(out)
    with pytest.raises(OutputExistsError, match="--resume, replace it by --overwrite"):
        train_tiny(text, out, steps=5)
    with pytest.raises(SettingsError, match="cannot both"):
        train_tiny(text, out, steps=5, resume=True, overwrite=True)
    assert everything(out) == before
    train_tiny(text, out, steps=5, overwrite=True)
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["5"]
    assert {path.name for path in tmp_path.iterdir()} == {"run", text.name}


def test_folders_that_are_no_runs_are_not_touched(text: Path, tmp_path: Path) -> None:
    """Also where they hold a `settings.json`, as those of editors do."""
    for name, content in (("settings.json", '{"editor.fontSize": 14}'), ("letter.txt", "dear")):
        folder = tmp_path / f"has-{name}"
        folder.mkdir()
        (folder / name).write_text(content)
        with pytest.raises(RunError, match="not a run; it will not be touched"):
            train_tiny(text, folder, overwrite=True)
        with pytest.raises(UnrolledError):
            train_tiny(text, folder, resume=True)
        assert everything(folder) == {name: content.encode()}
    with pytest.raises(RunError, match="not a run"):
        train_tiny(text, text, overwrite=True)


def test_a_linked_folder_stays_a_link(text: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "large disk" / "run")
    for overwrite in (False, True):
        train_tiny(text, tmp_path / "run", steps=3, overwrite=overwrite)
        assert (tmp_path / "run").is_symlink()
        assert (tmp_path / "large disk" / "run" / "settings.json").is_file()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"hidden": 7}, "hidden 6, not 7"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"steps": 41}, "steps 40, not 41"),
        ({"steps": None, "minutes": 3}, "minutes None, not 3"),
        ({"unknown": "skip"}, "unknown 'error', not 'skip'"),
        ({"initial": "other"}, "initial None, not 'other'"),
        ({"hiden": 7}, "hiden"),
        ({"limit": 4000}, "another text"),
    ],
)
def test_a_run_goes_on_as_it_was_begun_or_not_at_all(
    changed: dict[str, Any], says: str, text: Path, tmp_path: Path
) -> None:
    train_tiny(text, tmp_path / "run", stop=stop_at(3))
    before = everything(tmp_path / "run")
    with pytest.raises(UnrolledError, match=says):
        train_tiny(text, tmp_path / "run", resume=True, **changed)
    assert everything(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("changed", "by_initial"),
    [({"seed": 1}, True), ({"dropout": 0.2}, True), ({"unknown": "skip"}, True), ({"hidden": 7}, False)],
)
def test_the_way_to_another_setting_is_one(
    changed: dict[str, Any], by_initial: bool, text: Path, tmp_path: Path
) -> None:
    """Weights fit networks of their own size alone, so `initial` is no way to one of another size."""
    train_tiny(text, tmp_path / "run", steps=2)
    with pytest.raises(SettingsError) as refused:
        train_tiny(text, tmp_path / "run", resume=True, **{"steps": 2, **changed})
    assert ("--initial" in refused.value.hint) == by_initial
    given = {**changed, "initial": tmp_path / "run"} if by_initial else changed
    assert train_tiny(text, tmp_path / "other", **{"steps": 2, **given}).finished
    if not by_initial:
        with pytest.raises(SettingsError, match="The run to begin with has hidden 6"):
            train_tiny(text, tmp_path / "third", initial=tmp_path / "run", **changed)


@pytest.mark.parametrize("other", [make_text(seed=1), "Quite another text, with \u00fc. " * 200, make_text() + "."])
def test_another_text_is_refused(other: str, text: Path, tmp_path: Path) -> None:
    train_tiny(text, tmp_path / "run", stop=stop_at(3))
    (tmp_path / "other.txt").write_text(other, encoding="utf-8")
    with pytest.raises(RunError, match="begun with another text"):
        train_tiny(tmp_path / "other.txt", tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="begun with another text"):
        train_tiny("task:counter", tmp_path / "run", resume=True, batch=None)


def test_minutes_become_steps_once(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    given: dict[str, Any] = {"steps": None, "minutes": 0.1, "validate_every": None}
    first = train_tiny(text, out, **given, stop=out.exists)  # it is there once the speed has been measured
    steps = first.summary["steps"]
    stored = json.loads((out / "settings.json").read_text())
    assert stored["minutes"] == 0.1
    assert stored["training"]["steps"] == steps > 2
    assert 1 <= stored["training"]["validate_every"] <= steps
    assert train_tiny(text, out, **given, resume=True, stop=out.exists).summary["steps"] == steps


def test_a_run_begins_with_the_weights_of_another(text: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    train_tiny(text, earlier)
    other = tmp_path / "other.txt"
    other.write_text("the rain the rain\n" * 100)  # fewer letters, in other places
    train_tiny(other, tmp_path / "run", initial=earlier, hidden=None, learning_rate=1e-9, steps=1)
    before, after = load_network(earlier), load_network(tmp_path / "run")
    assert after.vocabulary == before.vocabulary
    for name, value in before.network.state_dict().items():
        assert torch.allclose(after.network.state_dict()[name], value, atol=1e-8)
    stored = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert stored["initial"] == {"path": str(earlier), "step": before.step, "weights_sha256": before.sha256}


def test_a_run_that_began_with_another_needs_it_no_more(text: Path, tmp_path: Path) -> None:
    """Stopped before its first checkpoint, and the other run has gone."""
    earlier, out = tmp_path / "earlier", tmp_path / "run"
    train_tiny(text, earlier, steps=5)
    train_tiny(text, tmp_path / "whole", initial=earlier)

    class Killed(BaseException):
        pass

    def die() -> bool:
        raise Killed

    with pytest.raises(Killed):
        train_tiny(text, out, initial=earlier, stop=die)
    earlier.rename(tmp_path / "elsewhere")
    train_tiny(text, out, initial=earlier, resume=True)
    assert numbers_of(out) == numbers_of(tmp_path / "whole")


def test_a_run_may_replace_the_one_that_it_begins_with(text: Path, tmp_path: Path) -> None:
    train_tiny(text, tmp_path / "run", steps=5)
    weights = load_tensors(tmp_path / "run" / "checkpoints" / "5" / "weights.safetensors")
    train_tiny(text, tmp_path / "run", steps=4, initial=tmp_path / "run", overwrite=True)
    kept = load_tensors(tmp_path / "run" / "initial.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in weights.items())


def test_what_does_not_fit_the_earlier_run_is_refused(text: Path, tmp_path: Path) -> None:
    earlier, out = tmp_path / "earlier", tmp_path / "run"
    train_tiny(text, earlier, steps=3)
    with pytest.raises(SettingsError, match="has hidden 6, not 8"):
        train_tiny(text, out, initial=earlier, hidden=8)
    with pytest.raises(SettingsError, match="has cell 'lstm', not 'gru'"):
        train_tiny(text, out, initial=earlier, cell="gru")
    unknown = tmp_path / "unknown.txt"
    unknown.write_text(make_text() + "\u00fc")
    with pytest.raises(VocabularyError, match=r"U\+00FC"):
        train_tiny(unknown, out, initial=earlier)
    with pytest.raises(VocabularyError):
        train_tiny(text, out, initial=earlier, symbols="bytes")
    with pytest.raises(VocabularyError):
        train_tiny("task:counter", out, initial=earlier, hidden=None)
    assert not out.exists()
    train_tiny(unknown, out, initial=earlier, unknown="skip", stop=stop_at(3))
    train_tiny(unknown, out, resume=True)  # as it was begun: skipping
    train_tiny(text, tmp_path / "dropping", initial=earlier, dropout=0.3, steps=2)


def test_training_that_explodes_stops_and_keeps_what_was_before(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_tiny(text, out, steps=400, learning_rate=10.0, gradient_clip=0.0, schedule="constant", stop=stop_at(4))
    with pytest.raises(DivergedError, match=r"Training stopped at update \d+: the loss is .* \(guessing would give"):
        train_tiny(text, out, steps=400, learning_rate=10.0, gradient_clip=0.0, schedule="constant", resume=True)
    assert json.loads((out / "summary.json").read_text())["finished"] is False
    assert load_network(out, "last").step >= 4
    for line in metrics_of(out):
        assert math.isfinite(line["nats_per_symbol"])


def test_weights_that_are_not_finite_are_never_saved(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decay of 100 times the weights at each update: they overflow after some twenty."""
    out = tmp_path / "run"
    given: dict[str, Any] = {"learning_rate": 10.0, "weight_decay": 10.0, "schedule": "constant", "warmup": 0}
    with pytest.raises(DivergedError):
        train_tiny(text, out, **given, validate_every=1000)
    assert not list(out.glob("checkpoints/*"))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(DivergedError):
        train_tiny(text, out, **given, validate_every=1000, overwrite=True)
    assert all(bool(value.isfinite().all()) for value in load_network(out, "last").network.state_dict().values())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes for the while: as a full disk, but in one place."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_what_was_whole(text: Path, tmp_path: Path) -> None:
    train_tiny(text, tmp_path / "whole")
    with largest_file(2000), pytest.raises(DiskFullError, match="no room left to write"):
        train_tiny(text, tmp_path / "none")
    assert [name for name in names_in(tmp_path / "none") if "checkpoints" in name or ".tmp" in name] == []
    out = tmp_path / "run"
    train_tiny(text, out, stop=stop_at(12))
    before = everything(out / "checkpoints")
    with largest_file(2000), pytest.raises(DiskFullError):
        train_tiny(text, out, resume=True)
    assert {name: (out / "checkpoints" / name).read_bytes() for name in before} == before
    train_tiny(text, out, resume=True)
    assert numbers_of(out) == numbers_of(tmp_path / "whole")
