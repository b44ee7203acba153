"""`unrolled.explore`: the page on a trace, from a notebook, an interactive session or a script."""

from __future__ import annotations

import atexit
import html
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from unrolled.explorer.paths import Exhibit
from unrolled.explorer.server import BackgroundServer, open_page, serve, start_background

if TYPE_CHECKING:
    from unrolled.traces.trace import Trace

FRAME_PIXELS = 720


class Exploration:
    """The page on some traces, served by this process until it is closed or the process ends.

    A notebook shows it as a frame.

    Attributes:
        url: the address of the page; where there is one trace alone, of that trace.
    """

    def __init__(self, server: BackgroundServer, stack: ExitStack) -> None:
        self.url = server.url + _view(server.collection.exhibits)
        self._stack = stack
        stack.callback(server.close)
        atexit.register(self.close)

    def close(self) -> None:
        """Stops the server; a second time does nothing."""
        self._stack.close()
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"The page is at {self.url}"

    def _repr_html_(self) -> str:
        url = html.escape(self.url)
        style = f"width: 100%; height: {FRAME_PIXELS}px; border: 0"
        return f'<iframe src="{url}" style="{style}" title="unrolled"></iframe><p><a href="{url}">{url}</a></p>'


def explore(*shown: Trace | str | Path, port: int | None = None) -> Exploration | None:
    """Opens the page on traces and runs.

    In a notebook it shows the page there, in an interactive session it opens the browser; both go on meanwhile, and
    get what they can `close`. In a script it opens the browser and waits for Ctrl-C.

    Args:
        shown: traces, and paths of traces, runs or folders of some. A trace in memory is written to a temporary folder.
        port: on 127.0.0.1; None for 8765 or the next free one.

    Raises:
        ServerError: nothing to show, or the port cannot be used.
        TraceError: a trace in memory whose sites ran over different steps; save the sites of one length first.
    """
    with ExitStack() as stack:
        paths = [_on_disk(one, stack) for one in shown]
        if not is_interactive():
            serve(paths, port=port)
            return None
        exploration = Exploration(start_background(paths, port=port), stack.pop_all())
        if not is_notebook():
            open_page(exploration.url)
        return exploration


def _view(exhibits: Sequence[Exhibit]) -> str:
    """The part of the page's address that opens the only trace; nothing where there is more to choose from."""
    only = exhibits[0] if len(exhibits) == 1 else None
    return f"#/neuron/{only.id}" if only is not None and only.kind == "trace" else ""


def _on_disk(shown: Trace | str | Path, stack: ExitStack) -> str | Path:
    if isinstance(shown, str | Path):
        return shown
    if shown.path is not None:
        return shown.path
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="unrolled-", ignore_cleanup_errors=True))
    shown.save(Path(folder, "trace"))
    return folder


def is_notebook() -> bool:
    """Whether a notebook's kernel runs this process."""
    return "ipykernel.zmqshell" in sys.modules


def is_interactive() -> bool:
    """Whether a person goes on typing after this call."""
    return is_notebook() or hasattr(sys, "ps1")
