"""Starting and stopping the server: on this machine's loopback address alone."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from unrolled.errors import ServerError
from unrolled.explorer.app import PAGE, create_app
from unrolled.explorer.collection import Collection

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
# How many ports after the default one are tried where the user chose none.
PORTS_TRIED = 100
# An answer on its way when the server stops gets this long to arrive.
GRACE_SECONDS = 1


def bind(port: int | None) -> socket.socket:
    """A listening socket on 127.0.0.1.

    Args:
        port: 0 for any free port; None for 8765 or the next free one after it.

    Raises:
        ServerError: the port is no port, or it is in use.
    """
    if port is None:
        for candidate in (*range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED), 0):
            with contextlib.suppress(OSError):
                return _listen(candidate)
        raise ServerError(f"No port of {HOST} is free.", "Close some programs that listen, then try again.")
    if not 0 <= port <= 65535:
        raise ServerError(f"The port {port} is not allowed; it is a number from 0 to 65535.", "0 takes any free port.")
    try:
        return _listen(port)
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        reason = "is in use by another program" if in_use else f"cannot be used: {error.strerror or error}"
        raise ServerError(
            f"The port {port} of {HOST} {reason}.", "Choose another with --port N; without it a free one is taken."
        ) from error


def _listen(port: int) -> socket.socket:
    # By its number: asyncio switches TCP's collecting of small packets off only where the protocol is named, and
    # with it on, every small answer comes 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let a second program take the same port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def address(listener: socket.socket) -> str:
    """The address of the page: by number, since `localhost` may lead to ::1, where somebody else may listen."""
    return f"http://{HOST}:{listener.getsockname()[1]}/"


class Server(uvicorn.Server):
    """Uvicorn's server, which tells when it answers."""

    def __init__(
        self,
        collection: Collection,
        page: Path,
        hosts: Iterable[str],
        on_started: Callable[[], None],
        log_level: str | None = None,
    ) -> None:
        config = uvicorn.Config(
            create_app(collection, page=page, hosts=hosts),
            # The parser that the tests try, also where a faster one is installed.
            http="h11",
            proxy_headers=False,
            access_log=False,
            log_config=None,
            log_level=log_level,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def serve(
    paths: Iterable[str | Path],
    *,
    port: int | None = None,
    open_browser: bool = True,
    hosts: Iterable[str] = (),
    page: Path = PAGE,
    say: Callable[[str], None] = print,
) -> None:
    """Shows the traces and runs at and below `paths` until Ctrl-C, which is the normal way to stop it.

    Args:
        paths: traces, runs, or folders of some.
        port: on 127.0.0.1; 0 for any free one, None for 8765 or the next free one.
        open_browser: whether to open the page in the user's browser.
        hosts: further names that the Host header may have, for a proxy that passes on its own.
        page: the folder of the built page.
        say: is called with each line for the user, the first of which holds the address.

    Raises:
        ServerError: nothing to show, or the port cannot be used.
    """
    collection = Collection(paths)
    with bind(port) as listener:
        url = address(listener)

        def on_started() -> None:
            for line in greeting(collection, url, page):
                say(line)
            if open_browser:
                threading.Thread(target=open_page, args=[url], daemon=True).start()

        # Faults are logged where they are answered (problems.py); Uvicorn would say them again, and say at Ctrl-C
        # what it gave up. It stops in order at the first Ctrl-C, and lets a second, impatient one pass on.
        server = Server(collection, page, hosts, on_started, log_level="critical")
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def greeting(collection: Collection, url: str, page: Path) -> list[str]:
    """The lines that tell the user where the page is and what is wrong with which exhibit."""
    exhibits = collection.exhibits
    problems = [f"{str(exhibit.folder)!r}: {exhibit.problem}" for exhibit in exhibits if exhibit.problem]
    shown = len(exhibits) - len(problems)
    lines = [f"{url} shows {shown} {'exhibit' if shown == 1 else 'exhibits'}; Ctrl-C stops it.", *problems]
    if os.environ.get("SSH_CONNECTION"):
        port = url.rstrip("/").rpartition(":")[2]
        lines.append(f"From your own machine: ssh -L {port}:{HOST}:{port} THIS-MACHINE, then open that address there.")
    if not (page / "index.html").is_file():
        lines.append("The page has not been built, so only its data is served; run `npm ci && npm run build` in web/.")
    return lines


def open_page(url: str) -> None:
    """Opens `url` in a browser with windows; a text browser would take the terminal over."""
    windows = sys.platform in ("darwin", "win32")
    if windows or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


class BackgroundServer:
    """A server in a thread of this process, for notebooks and tests; `with` closes it.

    Attributes:
        url: the address of the page.
        collection: what it shows.
    """

    def __init__(self, collection: Collection, listener: socket.socket, page: Path, hosts: Iterable[str]) -> None:
        decided = threading.Event()
        self.url = address(listener)
        self.collection = collection
        self._server = Server(collection, page, hosts, decided.set)

        def run() -> None:
            try:
                self._server.run(sockets=[listener])
            finally:
                listener.close()
                decided.set()

        self._thread = threading.Thread(target=run, name=f"unrolled {self.url}", daemon=True)
        self._thread.start()
        decided.wait()
        if not self._server.started:
            raise ServerError(f"The server at {self.url} did not start.", "Its log says why.")

    def close(self) -> None:
        """Stops the server; a second time does nothing."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start_background(
    paths: Iterable[str | Path], *, port: int | None = 0, hosts: Iterable[str] = (), page: Path = PAGE
) -> BackgroundServer:
    """Shows the traces and runs at and below `paths` while this process runs; returns once the page can be opened.

    Raises:
        ServerError: nothing to show, or the port cannot be used.
    """
    return BackgroundServer(Collection(paths), bind(port), page, hosts)
