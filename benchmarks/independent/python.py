"""Labels of Python by the running Python's own tokenizer and syntax tree."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np

Labels = dict[str, np.ndarray]

_BEGINS = {getattr(tokenize, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(tokenize, name)}
_ENDS = {getattr(tokenize, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(tokenize, name)}
UNKNOWN = "?"
"""Of what is in an f-string the tokenizer tells nothing before Python 3.12."""
_BRACKETS = {"()": "round", "[]": "square", "{}": "curly"}
_BLANK = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}


class File:
    """One file of Python: its labels by tokens and by its tree.

    Raises:
        SyntaxError, tokenize.TokenError: it is no Python of this version.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = np.cumsum([0, *(len(line) + 1 for line in self.lines)])
        self.tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        self.token_starts = [self.at(token.start) for token in self.tokens]
        self.tree = ast.parse(text)
        yes_no = ("comment", "string", "doc-comment", "if", "return")
        self.labels: Labels = {f"python-{name}": np.zeros(len(text), bool) for name in yes_no}
        self.strings()
        self.brackets()
        self.statements()
        self.documentation()
        self.labels["python-block-depth"] = self.blocks()
        self.labels["python-identifier"] = self.identifiers()

    def at(self, place: tuple[int, int]) -> int:
        """Where a token's row and column are in the text."""
        return int(self.starts[place[0] - 1]) + place[1]

    def node_at(self, row: int, byte: int) -> int:
        """Where a node's row and byte are in the text."""
        line = self.lines[row - 1]
        return int(self.starts[row - 1]) + len(line.encode()[:byte].decode())

    def strings(self) -> None:
        depth, began = 0, 0
        for token in self.tokens:
            start, stop = self.at(token.start), self.at(token.end)
            if token.type == tokenize.COMMENT:
                self.labels["python-comment"][start:stop] = True
            elif token.type == tokenize.STRING and not depth:
                self.mark_string("python-string", start, stop)
            elif token.type in _BEGINS:
                began = start if depth == 0 else began
                depth += 1
            elif token.type in _ENDS:
                depth -= 1
                if not depth:
                    self.mark_string("python-string", began, stop)

    def mark_string(self, name: str, start: int, stop: int) -> None:
        """From its opening mark, whose second quotation mark of three seems to close it, to before its last one."""
        opening = re.match(r"""[a-zA-Z]*("{3}|'{3}|"|')""", self.text[start:stop])
        assert opening is not None
        mark = start + opening.start(1)
        self.labels[name][mark : stop - 1] = True
        if len(opening[1]) == 3:
            self.labels[name][mark + 1] = False

    def brackets(self) -> None:
        for pair, kind in _BRACKETS.items():
            steps = np.zeros(len(self.text))
            for token in self.tokens:
                if token.type == tokenize.OP and token.string in pair:
                    steps[self.at(token.start)] = 1 if token.string == pair[0] else -1
            self.labels[f"python-{kind}-depth"] = np.cumsum(steps)

    def statements(self) -> None:
        """Conditions and returns, by the words that a statement begins with, and the tokens that end them."""
        depth, condition, returned, begins = 0, -1, -1, True
        for token in self.tokens:
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
                if token.string == ":" and depth == 0 and condition >= 0:
                    self.labels["python-if"][condition : self.at(token.start)] = True
                    condition = -1
            if token.type == tokenize.NAME and token.string in ("if", "elif") and begins:
                condition = self.at(token.end)
            if token.type == tokenize.NAME and token.string == "return":
                returned = self.at(token.end)
            if token.type == tokenize.NEWLINE and returned >= 0:
                self.labels["python-return"][returned : self.at(token.start)] = True
                returned = -1
            begins = token.type == tokenize.NEWLINE or (begins and token.type in _BLANK)
        for token in self.tokens:  # a comment behind a return is read before its line ends
            if token.type == tokenize.COMMENT:
                start, stop = self.at(token.start), self.at(token.end)
                self.labels["python-return"][start:stop] |= start > 0 and self.labels["python-return"][start - 1]

    def documentation(self) -> None:
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                value = node.value
                assert value.end_lineno is not None
                assert value.end_col_offset is not None
                start = self.node_at(value.lineno, value.col_offset)
                self.mark_string("python-doc-comment", start, self.node_at(value.end_lineno, value.end_col_offset))

    def blocks(self) -> np.ndarray:
        steps = np.zeros(len(self.text) + 1)
        for statements in _bodies(self.tree):
            first, last = statements[0], statements[-1]
            begins = min(
                (first, *getattr(first, "decorator_list", [])), key=lambda each: (each.lineno, each.col_offset)
            )
            decorated = begins is not first
            steps[self.node_at(begins.lineno, begins.col_offset) - decorated] += 1
            steps[self.end_of_block(last, begins.col_offset - decorated)] -= 1
        return np.cumsum(steps[:-1])

    def end_of_block(self, last: ast.stmt, column: int) -> int:
        """Where a block ends: comments behind its last statement belong to it where they are indented as it is."""
        assert last.end_lineno is not None
        assert last.end_col_offset is not None
        end = self.node_at(last.end_lineno, last.end_col_offset)
        for token in self.tokens[bisect_left(self.token_starts, end) :]:
            if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT) and token.string != ";":
                break
            if token.type == tokenize.COMMENT and token.start[1] < column:
                break
            end = self.at(token.end) if token.type == tokenize.COMMENT else end
        return end

    def identifiers(self) -> np.ndarray:
        """Of each character, the kind of identifier that it is in, or an empty string."""
        kinds = dict(_kinds_of_names(self.tree))
        labels = np.full(len(self.text), "", "<U9")
        before = ""
        for token in self.tokens:
            if token.type == tokenize.STRING and "f" in token.string.split(token.string[-1])[0].lower():
                labels[self.at(token.start) : self.at(token.end)] = UNKNOWN
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                row, column = token.start
                byte = len(self.lines[row - 1][:column].encode())
                kind = {"def": "function", "class": "type"}.get(before) or kinds.get((row, byte), "variable")
                labels[self.at(token.start) : self.at(token.end)] = kind
            before = token.string
        return labels


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statements of each block; an elif is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module):
            continue
        for name in ("body", "orelse", "finalbody"):
            statements: Any = getattr(node, name, None)
            if not isinstance(statements, list) or not statements:
                continue
            is_elif = isinstance(node, ast.If) and name == "orelse" and isinstance(statements[0], ast.If)
            if not (is_elif and statements[0].col_offset == node.col_offset):
                yield statements


def _kinds_of_names(tree: ast.AST) -> Iterator[tuple[tuple[int, int], str]]:
    """Row and byte of names, and their kind; of two for one name the later counts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield _attribute(node), "attribute"
        if isinstance(node, ast.arg):
            yield (node.lineno, node.col_offset), "parameter"
        if isinstance(node, ast.keyword) and node.arg:
            yield (node.lineno, node.col_offset), "keyword"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield (node.func.lineno, node.func.col_offset), "function"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield _attribute(node.func), "function"
        for name in ("annotation", "returns"):
            said = getattr(node, name, None)
            if isinstance(said, ast.Name):
                yield (said.lineno, said.col_offset), "type"


def _attribute(node: ast.Attribute) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset - len(node.attr.encode())


def label_python(files: list[str]) -> tuple[str, Labels]:
    """The files that this Python can read, one after the other, and their labels."""
    read: list[File] = []
    for text in files:
        try:
            read.append(File(text))
        except (SyntaxError, tokenize.TokenError):
            continue
    names = read[0].labels if read else {}
    return "".join(each.text for each in read), {
        name: np.concatenate([each.labels[name] for each in read]) for name in names
    }
