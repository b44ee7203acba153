"""The language server: the documents that are open, and completion in them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from functools import partial
from types import FrameType
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from unrolled.errors import ServerError, UnrolledError
from unrolled.version import __version__
from unrolled.writing.editor.document import Document, Position
from unrolled.writing.editor.log import log_in_lines
from unrolled.writing.editor.offers import Offer, offers
from unrolled.writing.reader import Reader
from unrolled.writing.settings import EditorSettings

INTERRUPTED = 130
"""Exit status after Ctrl-C."""


class _Protocol(LanguageServerProtocol):
    """Leaves what an editor changes to the server.

    pygls would also change a copy of its own, and move the positions that it was given where `str.splitlines` ends
    more lines than the protocol does.
    """

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Generator[Any]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None


class Server(LanguageServer):
    """Completes in every document that is open; each has a reader of its own.

    Args:
        new_reader: makes one.
        settings: what is offered.
    """

    def __init__(self, new_reader: Callable[[], Reader], settings: EditorSettings) -> None:
        super().__init__("unrolled", __version__, protocol_cls=_Protocol)
        self._new_reader, self._settings = new_reader, settings
        self._open: dict[str, tuple[Document, Reader]] = {}
        self.shut_down = False
        # A letter makes an editor ask by itself; after a blank nobody wants to be asked.
        marks = types.CompletionOptions([symbol for symbol in new_reader().vocabulary.symbols if _is_mark(symbol)])
        for name, answer in {
            types.TEXT_DOCUMENT_DID_OPEN: self._did_open,
            types.TEXT_DOCUMENT_DID_CHANGE: self._did_change,
            types.TEXT_DOCUMENT_DID_CLOSE: self._did_close,
            types.TEXT_DOCUMENT_COMPLETION: self._complete,
            types.SHUTDOWN: self._did_shut_down,
        }.items():
            options = marks if name == types.TEXT_DOCUMENT_COMPLETION else None
            self.feature(name, options)(partial(answer))  # pygls marks what it is given, and a method takes no marks

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        encoding = types.PositionEncodingKind(self.workspace.position_encoding).value
        self._open[params.text_document.uri] = Document(params.text_document.text, encoding), self._new_reader()

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        document, _ = self._document(params.text_document.uri)
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                document.replace(_position(change.range.start), _position(change.range.end), change.text)
            else:
                document.text = change.text

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._open.pop(params.text_document.uri, None)

    def _did_shut_down(self, params: None) -> None:
        self.shut_down = True

    def _complete(self, params: types.CompletionParams) -> types.CompletionList:
        document, reader = self._document(params.text_document.uri)
        # Where the editor names a place past a line's end, what is put in its stead must not stand there too.
        cursor = document.offset(_position(params.position))
        before = document.text[:cursor]
        try:
            found = offers(reader, before, self._settings)
        except UnrolledError as error:
            raise JsonRpcException(str(error), types.LSPErrorCodes.RequestFailed) from None
        # The odds change with every character, so the editor is to ask again and not to filter the old ones.
        items = [_item(rank, offer, _range(document, cursor, offer.word)) for rank, offer in enumerate(found)]
        return types.CompletionList(is_incomplete=True, items=items)

    def _document(self, uri: str) -> tuple[Document, Reader]:
        if uri not in self._open:
            raise JsonRpcInvalidParams(f"{uri} is not open.")
        return self._open[uri]


def serve(new_reader: Callable[[], Reader], settings: EditorSettings) -> int:
    """Serves an editor over standard input and output until it says `exit` or is gone; Ctrl-C ends the process.

    Returns:
        The exit status that the protocol asks for: 0 after a `shutdown`, else 1.

    Raises:
        ServerError: a message is too large.
    """
    log_in_lines()
    server = Server(new_reader, settings)
    # pygls waits for a thread that reads standard input, and so would not end before its next line.
    signal.signal(signal.SIGINT, _interrupted)
    # Standard output is the protocol's alone: whatever else is printed there, by whatever library, goes to the log.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            server.start_io(sys.stdin.buffer, output)
        except (MemoryError, OverflowError) as error:
            raise ServerError("The editor announced a message that no memory can hold.", "Start it again.") from error
    return 0 if server.shut_down else 1


def _interrupted(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _range(document: Document, cursor: int, word: str) -> types.Range:
    """Where the word before the cursor stands."""
    start, stop = (document.position(offset) for offset in (cursor - len(word), cursor))
    return types.Range(types.Position(start.line, start.unit), types.Position(stop.line, stop.unit))


def _item(rank: int, offer: Offer, place: types.Range) -> types.CompletionItem:
    return types.CompletionItem(
        label=offer.text.strip(),
        kind=types.CompletionItemKind.Text,
        detail=f"{100 * offer.probability:.3g} %",
        sort_text=f"{rank:04}",
        filter_text=offer.text,
        preselect=rank == 0,
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(place, offer.text),
    )


def _position(position: types.Position) -> Position:
    return Position(position.line, position.character)


def _is_mark(symbol: str) -> bool:
    return len(symbol) == 1 and symbol.isprintable() and not (symbol.isalnum() or symbol in " _")
