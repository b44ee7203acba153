"""The files of traces and runs over HTTP: what zarr reads, ranges, and caching."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from tests.explorer.made_by_hand import NEURONS, STEPS, Shown, ask, make_trace, port_of
from unrolled.explorer import start_background

SHARD = "signals/rnn.l0/cell/c/0/0"


class HttpStore(Store):
    """Lets zarr's own reader read over HTTP as zarrita does: 404 is a chunk never written, ranges for shards."""

    supports_writes = supports_deletes = supports_partial_writes = supports_listing = False

    def __init__(self, url: str) -> None:
        super().__init__(read_only=True)
        self.client = httpx.Client(base_url=url)
        self.ranges: list[str] = []

    def close(self) -> None:
        self.client.close()
        super().close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HttpStore) and other.client.base_url == self.client.base_url

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        headers = {}
        if byte_range is not None:
            match byte_range:
                case RangeByteRequest(start, end):
                    headers["Range"] = f"bytes={start}-{end - 1}"
                case OffsetByteRequest(offset):
                    headers["Range"] = f"bytes={offset}-"
                case SuffixByteRequest(suffix):
                    headers["Range"] = f"bytes=-{suffix}"
            self.ranges.append(headers["Range"])
        answer = self.client.get(key, headers=headers)
        if answer.status_code == 404:
            return None
        assert answer.status_code == (206 if headers else 200)
        return prototype.buffer.from_bytes(answer.content)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        return self.client.head(key).status_code == 200

    async def set(self, key: str, value: Buffer) -> None:
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        raise NotImplementedError

    def list(self) -> AsyncIterator[str]:
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        raise NotImplementedError


def test_zarr_reads_the_trace_over_http_as_it_was_written(shown: Shown) -> None:
    with HttpStore(shown.url.rstrip("/") + shown.trace) as store:
        read_all(store, shown.arrays)


def read_all(store: HttpStore, arrays: dict[str, np.ndarray]) -> None:
    group = zarr.open_group(store, mode="r", zarr_format=3)
    assert group.attrs["complete_steps"] == STEPS
    for path, values in arrays.items():
        array = group[path]
        assert isinstance(array, zarr.Array)
        np.testing.assert_array_equal(array[...], values)
    cell = group["signals/rnn.l0/cell"]
    assert isinstance(cell, zarr.Array)
    store.ranges.clear()
    np.testing.assert_array_equal(cell[1500:1510, 35], arrays["signals/rnn.l0/cell"][1500:1510, 35])
    # One chunk of a shard: its index from the end of the file, then the chunk alone.
    assert any(asked.startswith("bytes=-") for asked in store.ranges)
    assert len(store.ranges) == 2


def test_a_chunk_never_written_reads_as_the_fill_value(tmp_path: Path) -> None:
    make_trace(tmp_path / "trace")
    (tmp_path / "trace" / "signals/rnn.l0/cell/c/1/0").unlink()
    with start_background([tmp_path]) as server:
        entry = httpx.get(f"{server.url}exhibits.json").json()["exhibits"][0]
        with HttpStore(f"{server.url}{entry['path']}signals/rnn.l0/cell/") as store:
            cell = zarr.open_array(store, mode="r")
            assert np.count_nonzero(cell[:2048]) == 2048 * NEURONS
            assert np.count_nonzero(cell[2048:]) == 0


@pytest.fixture(scope="module")
def large(shown: Shown) -> str:
    """The key of a chunk of a little over three megabytes, which goes out in blocks."""
    content = np.random.default_rng(1).bytes(3 * (1 << 20) + 12345)
    (shown.trace_folder / "loss" / "c" / "7").write_bytes(content)
    return "loss/c/7"


# A negative number stands for a place around the end of the file.
numbers = st.integers(0, 1 << 22) | st.integers(0, 40) | st.integers(-4, -1) | st.just(10**30)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["both", "first", "suffix"]), a=numbers, b=numbers, is_large=st.booleans())
def test_a_range_is_that_slice_of_the_file(shown: Shown, large: str, kind: str, a: int, b: int, is_large: bool) -> None:
    target = shown.trace + (large if is_large else SHARD)
    content = (shown.trace_folder / (large if is_large else SHARD)).read_bytes()
    places = range(len(content))
    a, b = (len(content) + 2 + n if n < 0 else n for n in (a, b))
    if kind == "suffix":
        header, places = f"bytes=-{a}", places[-a:] if a else range(0)
    elif kind == "first":
        header, places = f"bytes={a}-", places[a:]
    else:
        a, b = sorted((a, b))
        header, places = f"bytes={a}-{b}", places[a : b + 1]
    answer = ask(shown.url, target, Range=header)
    head = ask(shown.url, target, "HEAD", Range=header)
    assert (head.status, head.body) == (answer.status, b"")
    if not places:
        assert answer.status == 416
        assert answer.headers["content-range"] == f"bytes */{len(content)}"
        assert answer.error()["code"] == "range"
        return
    assert answer.status == 206
    assert answer.headers["content-length"] == str(len(places))
    assert answer.headers["content-range"] == f"bytes {places[0]}-{places[-1]}/{len(content)}"
    assert answer.body == content[places[0] : places[-1] + 1], "other bytes than the slice"
    same = ("content-length", "content-range", "etag", "content-type", "accept-ranges")
    assert {name: head.headers[name] for name in same} == {name: answer.headers[name] for name in same}


def test_a_large_file_leaves_the_connection_open_for_the_next(
    shown: Shown, large: str, caplog: pytest.LogCaptureFixture
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(shown.url), timeout=20)
    connection.connect()
    kept = connection.sock
    for _ in range(2):
        connection.request("GET", shown.trace + large)
        assert connection.getresponse().read() == (shown.trace_folder / large).read_bytes()
        assert connection.sock is kept
    connection.close()
    assert caplog.text == ""


@pytest.mark.parametrize(
    "header",
    [
        "bytes=9-3",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=0-1,4-5",
        "bytes=0-0,-1",
        "items=0-5",
        "bytes=--5",
        "bytes=+1-5",
        "bytes=0x1-5",
        "0-5",
    ],
)
def test_a_range_that_is_none_or_several_gets_the_whole_file(shown: Shown, header: str) -> None:
    content = (shown.trace_folder / SHARD).read_bytes()
    answer = ask(shown.url, shown.trace + SHARD, Range=header)
    assert (answer.status, answer.body) == (200, content)
    assert "content-range" not in answer.headers


def test_an_empty_file_is_served_whole_whatever_the_range(shown: Shown) -> None:
    (shown.trace_folder / "loss" / "c" / "8").touch()
    for header in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        answer = ask(shown.url, f"{shown.trace}loss/c/8", Range=header)
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")


def test_what_a_cache_may_keep_of_a_growing_trace(tmp_path: Path) -> None:
    make_trace(tmp_path / "trace")
    chunk = tmp_path / "trace" / "loss" / "c" / "0"
    metadata = tmp_path / "trace" / "zarr.json"
    with start_background([tmp_path]) as server:
        path = "/" + httpx.get(f"{server.url}exhibits.json").json()["exhibits"][0]["path"]
        for file, target in ((chunk, f"{path}loss/c/0"), (metadata, f"{path}zarr.json")):
            first = ask(server.url, target)
            tag = first.headers["etag"]
            assert first.headers["cache-control"] == "no-cache"
            assert first.headers["accept-ranges"] == "bytes"
            for same in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = ask(server.url, target, If_None_Match=same)
                assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
            part = ask(server.url, target, Range="bytes=0-9", If_Range=tag)
            assert (part.status, part.body) == (206, first.body[:10])

            with file.open("ab") as growing:
                growing.write(b"          ")
            grown = ask(server.url, target, If_None_Match=tag)
            assert (grown.status, grown.body) == (200, first.body + b"          ")
            assert grown.headers["etag"] != tag
            whole = ask(server.url, target, Range="bytes=0-9", If_Range=tag)
            assert (whole.status, whole.body) == (200, grown.body)

            new = file.with_name("new")
            new.write_bytes(first.body[::-1] + b"          ")
            new.replace(file)
            replaced = ask(server.url, target, If_None_Match=grown.headers["etag"])
            assert (replaced.status, replaced.body) == (200, first.body[::-1] + b"          ")


def test_a_file_cut_off_while_it_is_sent_ends_the_connection_early(shown: Shown) -> None:
    """Never padded, never left hanging: the reader sees fewer bytes than Content-Length says."""
    chunk = shown.trace_folder / "loss" / "c" / "9"
    size = 200 << 20
    with chunk.open("wb") as file:
        file.truncate(size)
    request = f"GET {shown.trace}loss/c/9 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port_of(shown.url)), timeout=20) as connection:
        connection.sendall(request)
        got = connection.recv(1 << 16)
        os.truncate(chunk, 1 << 20)
        assert f"content-length: {size}".encode() in got
        count = len(got)
        while block := connection.recv(1 << 20):
            count += len(block)
    chunk.unlink()
    assert count < size


def test_a_run_shows_its_three_files_and_no_other(shown: Shown) -> None:
    assert json.loads(ask(shown.url, f"{shown.run}settings.json").body)["title"] == "Counting"
    metrics = ask(shown.url, f"{shown.run}metrics.jsonl")
    assert [json.loads(line)["step"] for line in metrics.body.splitlines()] == [1, 2]
    assert json.loads(ask(shown.url, f"{shown.run}summary.json").body) == {"nats_per_symbol": 0.5}
    with (shown.run_folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3}\n')
    rest = ask(shown.url, f"{shown.run}metrics.jsonl", Range=f"bytes={len(metrics.body)}-")
    assert json.loads(rest.body) == {"step": 3}
    for other in ("vocabulary.json", "checkpoints/2/settings.json", "secret.txt", "", "settings.json/", "."):
        answer = ask(shown.url, shown.run + other)
        assert answer.status == 404
        assert answer.error()["code"] == "not-found"


def test_only_the_files_of_the_store_are_served(shown: Shown) -> None:
    for name in ("secret.txt", ".zattrs", "c/x", "zarr.json.tmp", "zarr.json.123.partial", "index.html"):
        path = shown.trace_folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        assert ask(shown.url, shown.trace + name).status == 404
    kinds = {
        "zarr.json": "application/json",
        "loss/zarr.json": "application/json",
        "loss/c/0": "application/octet-stream",
        SHARD: "application/octet-stream",
    }
    for name, kind in kinds.items():
        answer = ask(shown.url, shown.trace + name)
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert answer.body == (shown.trace_folder / name).read_bytes()
    for folder in ("loss", "loss/c", "signals", "signals/rnn.l0/cell/c/0"):
        assert ask(shown.url, shown.trace + folder).status == 404
        assert ask(shown.url, f"{shown.trace}{folder}/").status == 404


def test_findings_are_served_where_there_are_some_and_listed(tmp_path: Path) -> None:
    for name in ("searched", "plain", "linked"):
        make_trace(tmp_path / name, title=name)
    (tmp_path / "searched" / "findings.json").write_text('{"format": "unrolled-findings/1"}')
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "linked" / "findings.json").symlink_to(tmp_path / "secret.json")
    (tmp_path / "searched" / "other.json").write_text("{}")
    with start_background([tmp_path]) as server:
        entries = httpx.get(f"{server.url}exhibits.json").json()["exhibits"]
        assert {entry["title"]: entry.get("findings") for entry in entries} == {
            "searched": True,
            "plain": None,
            "linked": None,
        }
        paths = {entry["title"]: entry["path"] for entry in entries}
        answer = httpx.get(f"{server.url}{paths['searched']}findings.json")
        assert answer.json() == {"format": "unrolled-findings/1"}
        assert answer.headers["content-type"] == "application/json"
        missing = (
            paths["plain"] + "findings.json",
            paths["linked"] + "findings.json",
            paths["searched"] + "other.json",
        )
        for path in (*missing, paths["searched"] + "signals/findings.json"):
            assert httpx.get(f"{server.url}{path}").status_code == 404
