"""Traces and runs written by hand after docs/reference/trace-format.md, and HTTP spoken by hand."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
import zarr
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp
from zarr.codecs import ZstdCodec

from unrolled.explorer import BackgroundServer
from unrolled.explorer.server import address, bind

STEPS, NEURONS = 2500, 40
SECRET = "nobody may read this"


@dataclass(frozen=True)
class Shown:
    """A server that shows one run and its trace; secrets lie around them."""

    url: str
    folder: Path
    arrays: dict[str, np.ndarray]
    trace: str
    run: str
    server: BackgroundServer

    @property
    def trace_folder(self) -> Path:
        return self.folder / "given" / "trace"

    @property
    def run_folder(self) -> Path:
        return self.folder / "given" / "run"


def ids_of(url: str, folder: Path) -> dict[str, str]:
    """The ids of the exhibits right in a folder that is shown, by the names of their own folders."""
    listed = [each["id"] for each in httpx.get(f"{url}exhibits.json").json()["exhibits"]]
    names = [entry.name for entry in folder.iterdir()]
    return {name: each for name in names for each in listed if re.fullmatch(f"{name}-[0-9a-f]+", each)}


def make_trace(folder: Path, *, title: str = "counter", seed: int = 0, **attributes: Any) -> dict[str, np.ndarray]:
    """A small trace in `folder`: 2500 steps of 40 neurons; gives the arrays back by path."""
    random = np.random.default_rng(seed)
    arrays = {
        "symbols": random.integers(0, 3, STEPS, dtype=np.uint32),
        "sequences": np.array([[0, 1000], [1000, STEPS]], dtype=np.int64),
        "signals/rnn.l0/forget_gate": random.random((STEPS, NEURONS), dtype=np.float32),
        "signals/rnn.l0/cell": random.normal(size=(STEPS, NEURONS)).astype(np.float32),
        "loss": random.random(STEPS, dtype=np.float32),
    }
    group = zarr.create_group(folder, zarr_format=3)
    for path, values in arrays.items():
        sharded = path.startswith("signals/")
        array = group.create_array(
            path,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(1024, 32) if sharded else tuple(min(16384, n) for n in values.shape),
            shards=(2048, 64) if sharded else None,
            compressors=ZstdCodec(),
        )
        array[...] = values
    signals = [{"name": name, "neurons": NEURONS} for name in ("forget_gate", "cell")]
    group.attrs.update(
        {
            "format": "unrolled-trace/1",
            "title": title,
            "complete_steps": STEPS,
            "symbols": {"kind": "characters", "vocabulary": ["a", "b", "\n"]},
            "sites": [{"name": "rnn.l0", "cell": "lstm", "layer": 0, "neurons": NEURONS, "signals": signals}],
            **attributes,
        }
    )
    return arrays


def make_run(folder: Path, **settings: Any) -> None:
    """A run in `folder` with settings, metrics, a summary, and what must not be served."""
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"format": "unrolled-run/1", **settings}))
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 2.25}\n')
    (folder / "summary.json").write_text('{"nats_per_symbol": 0.5}')
    (folder / "vocabulary.json").write_text('["secret"]')
    (folder / "checkpoints" / "2").mkdir(parents=True)
    (folder / "checkpoints" / "2" / "settings.json").write_text('{"format": "unrolled-run/1", "title": "secret"}')


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, its header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> dict[str, str]:
        """The error that it holds, after a check that it is in the one shape."""
        assert self.headers["content-type"] == "application/json"
        value = json.loads(self.body)
        assert set(value) == {"error"}
        assert set(value["error"]) == {"code", "message", "hint"}
        assert all(isinstance(text, str) for text in value["error"].values())
        assert value["error"]["code"]
        assert value["error"]["message"]
        assert "Traceback" not in value["error"]["message"]
        return value["error"]


def port_of(url: str) -> int:
    return int(url.rstrip("/").rpartition(":")[2])


def speak(url: str, request: bytes) -> bytes:
    """Sends exactly those bytes to the server and reads until it closes."""
    with socket.create_connection(("127.0.0.1", port_of(url)), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def ask(
    url: str, target: str | bytes, method: str = "GET", *, host: str | None = "localhost", **headers: str
) -> Answer:
    """Asks for `target` exactly as it stands (HTTP clients would tidy `..` away)."""
    raw = target if isinstance(target, bytes) else target.encode()
    lines = [method.encode() + b" " + raw + b" HTTP/1.1", b"Connection: close"]
    if host is not None:
        lines.append(b"Host: " + host.encode())
    lines += [f"{name.replace('_', '-')}: {value}".encode() for name, value in headers.items()]
    head, _, body = speak(url, b"\r\n".join(lines) + b"\r\n\r\n").partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    return Answer(int(status.split(" ")[1]), {name.lower(): value for name, value in pairs}, body)


PREFIX = "/user/me/proxy/8765"


@contextmanager
def below(prefix: str, app: ASGIApp) -> Iterator[str]:
    """Serves `app` below a path, as a notebook's proxy that keeps the prefix does; gives the server's address."""
    listener = bind(0)
    outer = Starlette(routes=[Mount(prefix, app)])
    server = uvicorn.Server(uvicorn.Config(outer, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=[[listener]])
    url = address(listener)
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
