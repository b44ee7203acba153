"""Films from folders of pictures and from video files, also from hostile ones."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unrolled.errors import SettingsError, SourceError
from unrolled.sources.films import UNLABELLED, read_frames, read_video

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


def make_folder(folder: Path, *colours: str, table: str | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for number, colour in enumerate(colours):
        Image.new("RGB", (40 + number, 30), COLOURS[colour]).save(folder / f"{number}.png")
    rows = "".join(f"{number}.png,{colour}\n" for number, colour in enumerate(colours))
    (folder / "labels.csv").write_text("file,label\n" + rows if table is None else table)
    return folder


def make_video(path: Path, *colours: str, each: int = 10, rate: int = 10, size: int = 32) -> Path:
    """A video that shows each colour for `each` frames."""
    with av.open(path, "w") as video:
        stream = video.add_stream("mpeg4", rate=Fraction(rate))
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for colour in colours:
            for _ in range(each):
                frame = av.VideoFrame.from_ndarray(np.full((size, size, 3), COLOURS[colour], np.uint8), format="rgb24")
                video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


def near(picture: np.ndarray, colour: str) -> bool:
    return bool(np.abs(picture.reshape(-1, 3).mean(0) - COLOURS[colour]).max() < 12)


def test_a_folder_is_a_film_in_the_order_of_its_table(tmp_path: Path) -> None:
    table = "file,label\n2.png,blue\n0.png,\n1.png,green\n"
    films = read_frames(make_folder(tmp_path / "film", "red", "green", "blue", table=table), size=8)
    assert films.pictures.shape == (3, 8, 8, 3)
    assert films.names == ("blue", "green")
    assert films.frames.tolist() == [[0, 1, 2]]
    assert films.labels.tolist() == [[0, UNLABELLED, 1]]
    for picture, colour in zip(films.pictures, ("blue", "red", "green"), strict=True):
        assert near(picture, colour)


def test_a_long_film_is_cut_into_sequences(tmp_path: Path) -> None:
    films = read_frames(make_folder(tmp_path / "film", "red", "green", "red", "blue", "red"), size=4, steps=2)
    assert films.frames.tolist() == [[0, 1], [2, 3], [4, 0]]
    assert films.lengths.tolist() == [2, 2, 1]
    assert films.labels.tolist() == [[2, 1], [2, 0], [2, UNLABELLED]]
    assert films.there.tolist() == [[True, True], [True, True], [True, False]]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("file,label\n../outside.png,red\n", "not a file in"),
        ("file,label\n/etc/hostname,red\n", "not a file in"),
        ("file,label\nlink.png,red\n", "not a file in"),
        ("file,label\naway/outside.png,red\n", "not a file in"),
        ("file,label\nmissing.png,red\n", r"no file or folder '.*missing\.png'\. Give PNG, JPEG"),
        (f"file,label\n{'x' * 5000},red\n", "not a file in"),
        ("file,label\n.,red\n", "is a folder"),
        ("file,label\nlabels.csv,red\n", r"labels\.csv is no picture that can be read\. Give PNG"),
        ("file,label\npipe.png,red\n", "pipe"),
        ("file,label\n0.png,\n", "labels none"),
        ("file,label\n0.png\n", "line 2"),
        ("file,label\n,red\n", "line 2"),
        ("name,label\n0.png,red\n", "begins with"),
        ("file,label\n", "names no frames"),
        ("", "begins with"),
        ('file,label\n"0.png,red\n', "no CSV table"),
    ],
)
def test_what_a_table_may_not_say(tmp_path: Path, table: str, said: str) -> None:
    folder = make_folder(tmp_path / "film", "red", table=table)
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(SourceError, match=said) as error:
        read_frames(folder)
    assert "\n" not in error.value.message


def test_a_picture_that_is_cut_or_too_large_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "film", "red")
    whole = (folder / "0.png").read_bytes()
    (folder / "0.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"0\.png is no picture"):
        read_frames(folder)
    for side in (8_100, 10_000, 20_000):  # some KB that unpack to as much as 1.2 GB of colours
        Image.new("1", (side, side)).save(folder / "0.png")
        assert (folder / "0.png").stat().st_size < 200_000
        with pytest.raises(SourceError, match="more than 64,000,000"):
            read_frames(folder)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 10_000}, {"steps": 0}])
def test_sizes_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        read_frames(make_folder(tmp_path / "film", "red"), **wrong)


def test_a_video_is_a_film_labelled_by_time(tmp_path: Path) -> None:
    video = make_video(tmp_path / "film.mp4", "red", "green", "blue")
    (tmp_path / "seconds.csv").write_text("seconds,label\n0.5,stop\n1.0,go\n2.5,\n")
    films = read_video(video, tmp_path / "seconds.csv", rate=2, size=6)
    assert films.pictures.shape == (6, 6, 6, 3)  # at 0, 0.5, …, 2.5 seconds
    assert [films.names[at] if at >= 0 else "" for at in films.labels[0]] == ["", "stop", "go", "go", "go", ""]
    for picture, colour in zip(films.pictures, ("red", "red", "green", "green", "blue", "blue"), strict=True):
        assert near(picture, colour)


def test_a_video_is_a_film_labelled_by_frames(tmp_path: Path) -> None:
    video = make_video(tmp_path / "film.mp4", "red", "green", each=5)
    (tmp_path / "frames.csv").write_text("frame,label\n0,stop\n5,go\n")
    films = read_video(video, tmp_path / "frames.csv", rate=1000, size=6)
    assert [films.names[at] for at in films.labels[0]] == ["stop"] * 5 + ["go"] * 5
    assert films.frames.shape == (1, 10)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("seconds,label\nsoon,go\n", "line 2: seconds is a number"),
        ("seconds,label\nnan,go\n", "line 2: seconds is a number"),
        ("frame,label\n1.5,go\n", "line 2: frame is a number"),
        ("frame,label\n-1,go\n", "line 2: frame is a number"),
        (f"frame,label\n{'9' * 400},go\n", "line 2: frame is a number"),
        ("seconds,label\n2,go\n1,stop\n", "line 3: 1 comes after a later one"),
    ],
)
def test_what_a_table_of_times_may_not_say(tmp_path: Path, table: str, said: str) -> None:
    video = make_video(tmp_path / "film.mp4", "red", each=2)
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(SourceError, match=said):
        read_video(video, tmp_path / "labels.csv")


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("frame,label\n0,go\n")
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    for name in ("text.mp4", "missing.mp4"):
        with pytest.raises(SourceError, match=name):
            read_video(tmp_path / name, tmp_path / "labels.csv")
    whole = make_video(tmp_path / "film.mp4", "red").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        read_video(tmp_path / "cut.mp4", tmp_path / "labels.csv")
    with pytest.raises(SettingsError, match="rate"):
        read_video(tmp_path / "film.mp4", tmp_path / "labels.csv", rate=0)


def test_a_video_that_is_damaged_anywhere_is_refused_or_read(tmp_path: Path) -> None:
    """Whatever the libraries make of it, nothing else gets out."""
    whole = np.frombuffer(make_video(tmp_path / "film.mp4", "red", "green").read_bytes(), np.uint8)
    (tmp_path / "labels.csv").write_text("frame,label\n0,go\n")
    refused: list[str] = []
    for seed in range(100):
        rng, damaged = np.random.default_rng(seed), whole.copy()
        damaged[rng.integers(0, len(whole), 10)] ^= rng.integers(1, 256, 10).astype(np.uint8)
        (tmp_path / "damaged.mp4").write_bytes(damaged.tobytes())
        try:
            films = read_video(tmp_path / "damaged.mp4", tmp_path / "labels.csv", size=4)
        except SourceError as error:
            refused.append(error.message)
        else:
            assert films.names == ("go",)
    assert 0 < len(refused) < 100
    assert all("damaged.mp4" in message for message in refused)


@pytest.mark.parametrize(
    ("name", "playlist"),
    [
        ("film.txt", "ffconcat version 1.0\nfile {secret}\n"),
        ("film.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{path}\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str, playlist: str) -> None:
    secret = make_video(tmp_path / "secret.mp4", "red")
    given = tmp_path / name
    given.write_text(playlist.format(secret=secret.name, path=secret))
    with given.open("rb") as file, av.open(file) as video:
        assert sum(1 for _ in video.decode(video=0)) == 10  # FFmpeg alone follows it
    (tmp_path / "labels.csv").write_text("frame,label\n0,go\n")
    with pytest.raises(SourceError, match="no video"):
        read_video(given, tmp_path / "labels.csv")


@pytest.mark.parametrize("missing", ["PIL", "av"])
def test_without_the_extra_there_is_one_line_that_says_what_to_install(tmp_path: Path, missing: str) -> None:
    script = f"""
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == {missing!r} else super().find_spec(name, path, target)
sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from unrolled.errors import MissingPartError
from unrolled.sources.films import read_video
try:
    read_video("film.mp4", "labels.csv")
except MissingPartError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "pip install 'unrolled[frames]'" in done.stdout
    assert len(done.stdout.splitlines()) == 1
