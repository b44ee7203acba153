"""Whether lines are indented as their blocks ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unrolled.experiments.written.closing import blanked
from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Language

_ENDS_STATEMENT = re.compile(r"[;{}:]\s*\Z|\A\s*@\w+(\(.*\))?\s*\Z")
_LABEL = re.compile(r"\s*(case\b.*|default\b.*|\w+)\s*(:|->)")


def lines_indented(text: str, language: Language) -> Share:
    """Share of the lines that are indented consistently with the block that they stand in.

    Asked of lines with code that begin a statement or close a block; comments, lines that go on with a statement, and
    labels of a `switch` are not.

    - Java: the first statement of a block sets its indentation, deeper than the statement that opened it; the others
      have the same, and the closing `}` has that of the statement, or of its line, that opened the block.
    - Python: after a line that ends in a colon the next one is deeper; any other is as deep as a block that is open.
    """
    return _java(blanked(text, "java")) if language == "java" else _python(blanked(text, "python"))


@dataclass
class _Block:
    """An open block of Java: how deep the statement and the line are that opened it, and its own first statement."""

    statement: int
    line: int
    own: int | None = None

    def takes(self, depth: int) -> bool:
        """Whether a statement may stand here so deep; the first that may settles it for the others."""
        if self.own is None and depth > self.statement:
            self.own = depth
        return depth == self.own


def _java(code: str) -> Share:
    blocks = [_Block(-1, -1, 0)]
    answers: list[bool] = []
    statement, begins_statement, round_ones = 0, True, 0
    for line in code.split("\n"):
        if not line.strip():
            continue
        depth = _depth(line)
        if line.lstrip().startswith("}"):
            answers.append(depth in (blocks[-1].statement, blocks[-1].line))
            statement = depth
        elif begins_statement and round_ones <= 0:
            statement = depth
            if not _LABEL.match(line):
                answers.append(blocks[-1].takes(depth))
        for letter in line:
            if letter == "{":
                blocks.append(_Block(statement, depth))
            elif letter == "}" and len(blocks) > 1:
                blocks.pop()
        round_ones = 0 if "{" in line or "}" in line else max(0, round_ones + line.count("(") - line.count(")"))
        begins_statement = _ENDS_STATEMENT.search(line) is not None
    return Share.of(answers)


def _python(code: str) -> Share:
    levels, deeper = [0], False
    answers: list[bool] = []
    brackets, goes_on = 0, False
    for line in code.split("\n"):
        if not line.strip():
            continue
        if not goes_on and brackets <= 0:
            depth = _depth(line)
            answers.append(depth > levels[-1] if deeper else depth in levels)
            levels = [level for level in levels if level < depth] + [depth]
            brackets = 0
        brackets += sum(line.count(letter) for letter in "([{") - sum(line.count(letter) for letter in ")]}")
        goes_on = line.endswith("\\")
        deeper = line.rstrip().endswith(":") and brackets <= 0
    return Share.of(answers)


def _depth(line: str) -> int:
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip())
