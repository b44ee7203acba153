"""A real editor's side of the protocol, over the pipes of a real process."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from tests.training.making import make_text, train_tiny, write_text
from unrolled.networks.files import load_network
from unrolled.writing.complete import complete

URI = "file:///somewhere/text.txt"
LSP = [sys.executable, "-m", "unrolled", "lsp"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    train_tiny(write_text(folder), folder / "run", steps=30)
    return folder / "run"


class Client(LanguageClient):
    """An editor with one document."""

    returncode: int | None = None
    edition = 1

    async def server_exit(self, server: asyncio.subprocess.Process) -> None:
        self.returncode = server.returncode

    def open(self, text: str) -> None:
        self.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(URI, "text", 1, text)))

    def change(self, *changes: types.TextDocumentContentChangeEvent) -> None:
        self.edition += 1
        document = types.VersionedTextDocumentIdentifier(self.edition, URI)
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, changes))

    async def complete(self, line: int, character: int) -> list[types.CompletionItem]:
        where = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(line, character))
        found = await self.text_document_completion_async(where)
        assert isinstance(found, types.CompletionList)
        assert found.is_incomplete
        return list(found.items)


@asynccontextmanager
async def editor(*options: str, encodings: list[str] | None = None) -> AsyncGenerator[Client]:
    """An editor that starts the server, and ends it as the protocol says."""
    client = Client("editor", "1")
    await client.start_io(*LSP, *options)
    general = types.GeneralClientCapabilities(position_encodings=encodings)
    capabilities = types.ClientCapabilities(general=general)
    await client.initialize_async(types.InitializeParams(capabilities=capabilities))
    client.initialized(types.InitializedParams())
    yield client
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    assert client.returncode == 0


def insertion(line: int, character: int, text: str) -> types.TextDocumentContentChangePartial:
    at = types.Position(line, character)
    return types.TextDocumentContentChangePartial(range=types.Range(at, at), text=text)


def expected(run: Path, before: str, word: str, **given: Any) -> list[tuple[str, str]]:
    """Texts and odds of the items at the end of a text."""
    loaded = load_network(run)
    found = complete(loaded.network, loaded.vocabulary, before, unknown="skip", **given)
    return [(word + e.text, f"{100 * e.probability:.3g} %") for e in found.continuations if e.text.strip()]


def told(items: list[types.CompletionItem]) -> list[tuple[str, str]]:
    """The same of items, in the order in which an editor shows them."""
    ordered = sorted(items, key=lambda item: item.sort_text or "")
    return [(item.text_edit.new_text if item.text_edit else "", item.detail or "") for item in ordered]


def test_an_editor_completes_changes_and_completes_again(trained: Path) -> None:
    async def talk() -> None:
        async with editor(str(trained)) as client:
            client.open("the rain\nhad not ye")
            items = await client.complete(1, 10)
            assert told(items) == expected(trained, "the rain\nhad not ye", "ye")
            assert [item.preselect for item in items] == [True] + [False] * (len(items) - 1)
            assert all(item.filter_text and item.filter_text.startswith("ye") for item in items)
            assert items[0].text_edit
            assert items[0].text_edit.range == types.Range(types.Position(1, 8), types.Position(1, 10))
            client.change(insertion(1, 10, "t st"), insertion(1, 14, "o"))
            assert told(await client.complete(1, 15)) == expected(trained, "the rain\nhad not yet sto", "sto")
            assert told(await client.complete(0, 4)) == expected(trained, "the ", "")
            cut = types.Range(types.Position(0, 3), types.Position(1, 7))
            client.change(types.TextDocumentContentChangePartial(range=cut, text=""))
            assert told(await client.complete(0, 11)) == expected(trained, "the yet sto", "sto")
            client.change(types.TextDocumentContentChangeWholeDocument("fire"))
            assert told(await client.complete(0, 4)) == expected(trained, "fire", "fire")
            client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
            with pytest.raises(JsonRpcException, match="is not open"):
                await client.complete(0, 0)

    asyncio.run(talk())


def test_a_place_past_the_end_is_the_end(trained: Path) -> None:
    """An editor that counts on may name one; what it is offered takes the place of the word that stands there."""

    async def talk() -> None:
        async with editor(str(trained)) as client:
            client.open("the rain\nhad ye")
            for line, character in ((1, 6), (1, 99), (40, 0)):
                items = await client.complete(line, character)
                assert told(items) == expected(trained, "the rain\nhad ye", "ye")
                where = types.Range(types.Position(1, 4), types.Position(1, 6))
                assert {item.text_edit.range == where for item in items if item.text_edit} == {True}

    asyncio.run(talk())


def test_whole_lines_and_the_settings(trained: Path) -> None:
    async def talk() -> None:
        options = ["--until", "line", "--top", "3", "--beam", "4", "--length", "12"]
        async with editor(str(trained), *options) as client:
            client.open("the ra")
            right = expected(trained, "the ra", "ra", until="line", top=3, beam=4, length=12)
            assert told(await client.complete(0, 6)) == right

    asyncio.run(talk())


@pytest.mark.parametrize(("encoding", "start", "end"), [("utf-8", 5, 9), (None, 3, 5)])
def test_places_are_counted_in_the_units_agreed_upon(encoding: str | None, start: int, end: int, trained: Path) -> None:
    """😀 and 𝒳 are one character, two units of UTF-16 and four of UTF-8; and a form feed ends no line."""

    async def talk() -> None:
        async with editor(str(trained), encodings=[encoding] if encoding else None) as client:
            client.open("\f\n😀 𝒳.\n")
            client.change(insertion(1, end, "r"), insertion(1, end + 1, "a"))
            items = await client.complete(1, end + 2)
            assert told(items) == expected(trained, "\n ra", "𝒳ra")
            where = types.Range(types.Position(1, start), types.Position(1, end + 2))
            assert {item.text_edit.range == where for item in items if item.text_edit} == {True}

    asyncio.run(talk())


def test_a_long_document_is_read_from_near_its_end(trained: Path) -> None:
    async def talk() -> None:
        async with editor(str(trained), "--context", "600") as client:
            text = make_text(20_000)
            assert len(text) > 90_000
            client.open(text)
            lines, start = text.count("\n"), (len(text) // 300 - 1) * 300
            assert told(await client.complete(lines, 0)) == expected(trained, text[start:], "")
            client.change(insertion(lines, 0, "t"))
            start = ((len(text) + 1) // 300 - 1) * 300
            assert told(await client.complete(lines, 1)) == expected(trained, f"{text}t"[start:], "t")

    asyncio.run(talk())


def test_what_cannot_be_read_is_one_line_to_the_editor(trained: Path) -> None:
    async def talk() -> None:
        async with editor(str(trained), "--unknown", "error") as client:
            client.open("the é")
            with pytest.raises(JsonRpcException, match="The vocabulary lacks the character 'é'") as caught:
                await client.complete(0, 5)
            assert "\n" not in caught.value.message
            assert told(await client.complete(0, 4)) == expected(trained, "the ", "")

    asyncio.run(talk())


def message(method: str, params: object, number: int | None = None) -> bytes:
    said = {"jsonrpc": "2.0", "method": method, "params": params, **({} if number is None else {"id": number})}
    body = json.dumps(said).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


INITIALIZE = message("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 1)
TALK = [
    INITIALIZE,
    message("initialized", {}),
    message("textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "x", "version": 1, "text": "the r"}}),
    message("textDocument/completion", {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 5}}, 2),
]
SHUTDOWN, EXIT = message("shutdown", None, 3), message("exit", None)


@pytest.mark.parametrize(("ending", "status"), [([SHUTDOWN, EXIT], 0), ([EXIT], 1), ([], 1)])
def test_nothing_but_the_protocol_is_on_standard_output(ending: list[bytes], status: int, trained: Path) -> None:
    said = subprocess.run([*LSP, str(trained)], input=b"".join([*TALK, *ending]), capture_output=True)
    assert (said.returncode, said.stderr) == (status, b"")
    rest, answers = said.stdout, {}
    while rest:
        head, rest = rest.split(b"\r\n\r\n", 1)
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length
        body, rest = json.loads(rest[: int(length[1])]), rest[int(length[1]) :]
        answers[body["id"]] = body["result"]
    assert list(answers) == [1, 2, 3][: len(answers)]
    assert answers[1]["serverInfo"]["name"] == "unrolled"
    assert answers[1]["capabilities"]["textDocumentSync"]["change"] == 2
    assert answers[2]["items"]


@pytest.mark.parametrize(
    ("said", "log"),
    [
        (message("textDocument/completion", {"textDocument": {"uri": "x"}, "position": {"line": 0, "character": 0}}, 9),
         "unrolled: Exception occurred for message \"9\": x is not open."),
        (b"Content-Length: 2\r\n\r\n{,", "unrolled: Unable to handle message: JSONDecodeError: Expecting property"),
        (b"Content-Length: 2\r\n\r\n[]", "unrolled: Unable to handle message: AttributeError: 'list' object"),
        (message("textDocument/didOpen", {}), "unrolled: Unable to deserialize message"),
    ],
    ids=["not open", "no JSON", "a list", "parameters"],
)  # fmt: skip
def test_what_an_editor_does_wrong_is_told_in_lines(said: bytes, log: str, trained: Path) -> None:
    """And it serves on."""
    talk = b"".join([INITIALIZE, said, *TALK[1:], SHUTDOWN, EXIT])
    shown = subprocess.run([*LSP, str(trained)], input=talk, capture_output=True)
    assert shown.returncode == 0
    lines = shown.stderr.decode().splitlines()
    assert lines[0].startswith(log)
    assert all(line.startswith("unrolled: ") for line in lines)
    assert b'"isIncomplete":true' in shown.stdout.replace(b" ", b"")


@pytest.mark.parametrize("digits", [15, 40])
def test_a_message_that_no_memory_holds_is_one_line(digits: int, trained: Path) -> None:
    talk = INITIALIZE + b"Content-Length: %b\r\n\r\n" % (b"9" * digits)
    shown = subprocess.run([*LSP, str(trained)], input=talk, capture_output=True)
    assert shown.returncode == 2
    assert shown.stderr.decode().splitlines() == [
        "unrolled: The editor announced a message that no memory can hold. Start it again."
    ]


def test_ctrl_c_ends_it(trained: Path) -> None:
    command = [*LSP, str(trained)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as serving:
        assert serving.stdin
        assert serving.stdout
        assert serving.stderr
        serving.stdin.write(INITIALIZE)
        serving.stdin.flush()
        assert serving.stdout.readline().startswith(b"Content-")  # it serves
        serving.send_signal(signal.SIGINT)
        assert serving.wait() == 130
        assert serving.stderr.read() == b""


def test_without_pygls_one_line_says_what_to_install(trained: Path) -> None:
    code = "import sys; sys.modules['pygls'] = None; from unrolled.cli import main; main()"
    said = subprocess.run([sys.executable, "-c", code, "lsp", str(trained)], input=b"", capture_output=True)
    assert (said.returncode, said.stdout) == (2, b"")
    assert said.stderr.decode() == "unrolled: The language server needs pygls. pip install 'unrolled[lsp]'\n"


def test_a_closed_standard_input_is_one_line(trained: Path) -> None:
    said = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *LSP, str(trained)], capture_output=True)
    assert (said.returncode, said.stdout) == (2, b"")
    assert said.stderr.startswith(b"unrolled: Standard input is closed.")
    assert said.stderr.count(b"\n") == 1


def test_what_is_wrong_is_said_before_the_protocol_begins() -> None:
    said = subprocess.run([*LSP, "nowhere"], input=b"".join(TALK), capture_output=True)
    assert (said.returncode, said.stdout) == (2, b"")
    assert said.stderr.startswith(b"unrolled: There is no run folder nowhere.")
    assert said.stderr.count(b"\n") == 1
