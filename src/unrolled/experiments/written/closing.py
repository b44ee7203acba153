"""Whether what is opened is closed: brackets, comments, strings.

What is open at the end of the text was cut off there, and is not counted.
"""

from __future__ import annotations

from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import Kind, Language, tokens

_PAIRS = {"(": ")", "[": "]", "{": "}"}


def blanked(text: str, language: Language) -> str:
    """The text with spaces in place of comments and of what strings hold; as long, and with the same lines."""
    pieces: list[str] = []
    at = 0
    for token in tokens(text, language):
        inner = "".join(letter if letter == "\n" else " " for letter in text[token.start : token.stop])
        if token.kind == "string" and "\n" not in inner and len(inner) > 1:
            inner = f'"{inner[1:-1]}"'
        pieces += [text[at : token.start], inner]
        at = token.stop
    return "".join([*pieces, text[at:]])


def brackets_closed(text: str, language: Language) -> Share:
    """Share of the round, square and curly brackets that pair rightly, comments and strings left out.

    A closing bracket goes with the innermost open one of its kind; those opened between the two were never closed. A
    closing one that was never opened is wrong too.
    """
    open_ones: list[str] = []
    right = wrong = 0
    for letter in blanked(text, language):
        if letter in _PAIRS:
            open_ones.append(_PAIRS[letter])
        elif letter in ")]}":
            if letter not in open_ones:
                wrong += 1
                continue
            while open_ones.pop() != letter:
                wrong += 1
            right += 1
    return Share(right, right + wrong)


def comments_closed(text: str) -> Share:
    """Share of Java's `/* … */` comments that are closed before the next begins."""
    return _closed(text, "java", "comment", ("/*",))


def strings_closed(text: str, language: Language) -> Share:
    """Share of the strings that are closed: a short one within its line, a long one before another like it begins."""
    return _closed(text, language, "string", ('"', "'", '"""', "'''"))


def _closed(text: str, language: Language, kind: Kind, openers: tuple[str, ...]) -> Share:
    found = [token for token in tokens(text, language) if token.kind == kind and token.opener in openers]
    if found and not found[-1].closed and found[-1].stop == len(text):
        found.pop()
    return Share.of(token.closed and "/*" not in text[token.start + 1 : token.stop - 1] for token in found)
