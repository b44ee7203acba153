"""Runs are loaded as they were saved; whatever is damaged, missing or foreign is one clear line."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.making import names_in, train_tiny, write_text
from unrolled.cells import CELLS
from unrolled.cli import run
from unrolled.errors import RunError, SettingsError
from unrolled.networks import Network, NetworkSettings
from unrolled.networks.files import checkpoint_steps, load_network
from unrolled.networks.network import check_memory, count_parameters, make_cell


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    train_tiny(write_text(folder), folder / "run", steps=12, validate_every=4, layers=2)
    return folder / "run"


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def resum(run: Path) -> None:
    """Sums that fit the files as they now are: what is wrong is then found by what they say."""
    import hashlib

    for sums in run.glob("checkpoints/*/SHA256SUMS"):
        names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
        lines = [f"{hashlib.sha256((sums.parent / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
        sums.write_text("".join(lines))


def refused(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """That it cannot be loaded is one line, of Python and of the command."""
    with pytest.raises(RunError) as caught:
        load_network(run_folder, "last")
    capsys.readouterr()
    assert run(["sample", str(run_folder), "--checkpoint", "last", "--length", "3"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("unrolled: ")
    assert shown.err.count("\n") == 1
    return caught.value.message


def test_the_weights_are_those_of_the_file(trained: Path) -> None:
    loaded = load_network(trained, "last")
    assert loaded.step == 12
    assert not loaded.network.training
    stored = load_file(trained / "checkpoints" / "12" / "weights.safetensors")
    assert all(torch.equal(value, stored[name]) for name, value in loaded.network.state_dict().items())
    plain = torch.nn.LSTM(len(loaded.vocabulary), 6, 2)
    plain.load_state_dict({name.removeprefix("rnn."): value for name, value in stored.items() if "rnn." in name})
    settings = json.loads((trained / "settings.json").read_text())
    assert loaded.source == settings["source"]


def test_best_last_or_a_step(copied: Path) -> None:
    assert checkpoint_steps(copied) == [12]
    for name in ("best", "last", 12):
        assert load_network(copied, name).step == 12  # type: ignore[arg-type]
    shutil.copytree(copied / "checkpoints" / "12", copied / "checkpoints" / "4")
    shutil.copytree(copied / "checkpoints" / "12", copied / "checkpoints" / ".13.tmp")
    shutil.copytree(copied / "checkpoints" / "12", copied / "checkpoints" / "²")
    assert checkpoint_steps(copied) == [4, 12]
    state = json.loads((copied / "checkpoints" / "12" / "state.json").read_text())
    assert state["best_step"] == 12
    (copied / "checkpoints" / "12" / "state.json").write_text(json.dumps({**state, "best_step": 4}))
    assert load_network(copied).step == 4
    with pytest.raises(RunError, match="no checkpoint 7; there are: 4, 12"):
        load_network(copied, 7)


FILES = [
    "settings.json",
    "vocabulary.json",
    "checkpoints/12/state.json",
    "checkpoints/12/weights.safetensors",
    "checkpoints/12/optimizer.safetensors",
    "checkpoints/12/carried.safetensors",
    "checkpoints/12/random.safetensors",
    "checkpoints/12/SHA256SUMS",
]


def test_the_list_of_files_is_whole(trained: Path) -> None:
    assert names_in(trained) == {*FILES, ".lock", "metrics.jsonl", "summary.json"}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_found(name: str, copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / name
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(copied, capsys)
    path.unlink()
    refused(copied, capsys)
    path.mkdir()
    refused(copied, capsys)
    path.rmdir()
    path.write_bytes(whole)
    assert load_network(copied, "last").step == 12


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_wherever_it_is(name: str, copied: Path) -> None:
    path, generator = copied / name, random.Random(name)
    whole = path.read_bytes()
    for place in [0, len(whole) - 1, *(generator.randrange(len(whole)) for _ in range(20))]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(RunError) as caught:
            load_network(copied, "last")
        assert "\n" not in caught.value.message


def test_what_is_no_run_is_refused(copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no run folder" in refused(tmp_path / "nowhere", capsys)
    (tmp_path / "empty").mkdir()
    assert "not a run" in refused(tmp_path / "empty", capsys)
    assert "no run folder" in refused(copied / "settings.json", capsys)
    (tmp_path / "empty" / "settings.json").write_text('{"editor.fontSize": 14}')
    assert "unrolled-run/1" in refused(tmp_path / "empty", capsys)
    shutil.rmtree(copied / "checkpoints")
    assert "no checkpoint yet" in refused(copied, capsys)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("settings.json", "[" * 10_000, "whole JSON"),
        ("settings.json", "[1]", "no JSON object"),
        ("settings.json", '{"format": "unrolled-run/1"}', "no table 'network'"),
        ("settings.json", '{"format": "unrolled-run/1", "network": 3, "training": {}, "source": {}}', "'network'"),
        ("settings.json", '{"format": "unrolled-run/1", "network": {"x": 1}, "training": {}, "source": {}}', "'x'"),
        ("vocabulary.json", "{}", "format, kind and symbols"),
        ("checkpoints/12/state.json", "[]", "no JSON object"),
        ("checkpoints/12/SHA256SUMS", "", "other files"),
        ("checkpoints/12/SHA256SUMS", f"{0:064}  ../../../secret\n", "other files"),
    ],
)
def test_content_that_makes_no_sense_is_refused(file: str, content: str, says: str, copied: Path) -> None:
    (copied / file).write_text(content)
    with pytest.raises(Exception, match=says) as caught:
        load_network(copied, "best")
    assert type(caught.value).__module__ == "unrolled.errors"


def test_weights_of_another_shape_are_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "checkpoints" / "12" / "weights.safetensors"
    weights = load_file(path)
    for wrong in (
        {**weights, "readout.bias": torch.zeros(3)},
        {name: value for name, value in weights.items() if name != "readout.bias"},
        {**weights, "another": torch.zeros(2)},
    ):
        save_file(wrong, path)
        resum(copied)
        assert "do not fit the settings" in refused(copied, capsys)
    save_file({**weights, "readout.bias": torch.full_like(weights["readout.bias"], torch.nan)}, path)
    resum(copied)
    assert "not all numbers" in refused(copied, capsys)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("cell", CELLS.names())
def test_the_cell_is_the_one_that_the_settings_name(cell: str, activation: str) -> None:
    given = {"cell": cell, "activation": activation}
    if activation != "tanh" and cell not in {"rnn", "feedforward"}:
        with pytest.raises(SettingsError, match=f"{activation}.*with the cell {cell}"):
            NetworkSettings.parse(given)
        return
    made = make_cell(NetworkSettings.parse(given))
    assert made.name == cell
    assert getattr(made, "activation", activation) == activation


@pytest.mark.parametrize("cell", CELLS.names())
def test_parameters_are_counted_without_making_them(cell: str) -> None:
    settings = NetworkSettings.parse({"cell": cell, "hidden": 7, "layers": 2, "embedding": 3})
    assert count_parameters(settings, 11) == Network(settings, 11).parameter_count
    check_memory(settings, 11)
