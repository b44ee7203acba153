"""How a file of Java is laid out: its parts in their order, its documentation, its licence."""

from __future__ import annotations

import re
from collections import Counter

from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.code import tokens

_LICENCE = re.compile(r"copyright|licen[sc]e", re.IGNORECASE)
_PARTS = re.compile(
    r"^(?P<package>package)\b|^(?P<import>import)\b"
    r"|^(?:(?:public|abstract|final|sealed|non-sealed|strictfp)\s+)*(?P<type>class|interface|enum|record|@interface)\b",
    re.MULTILINE,
)
_ORDER = ("licence", "package", "import", "type")
_TAG = re.compile(r"^[\s*]*@(\w+)", re.MULTILINE)


def parts_in_order(text: str) -> Share:
    """Share of the files in which licence, package, imports and types come in this order.

    A file begins with a licence, or with a package where no licence is before it. Files of which only one of the four
    kinds is there are not asked.
    """
    files: list[list[int]] = [[]]
    for _, part in sorted(_parts(text)):
        rank = _ORDER.index(part)
        if rank == 0 or (rank == 1 and files[-1] != [0]):
            files.append([])
        files[-1].append(rank)
    return Share.of(file == sorted(file) for file in files if len(set(file)) > 1)


def _parts(text: str) -> list[tuple[int, str]]:
    """Where each part of a file starts, and which it is."""
    comments = [token for token in tokens(text, "java") if token.kind == "comment"]
    licences = [
        (token.start, "licence")
        for token in comments
        if token.opener == "/*"
        and text[max(0, token.start - 1)] in "/\n"
        and _LICENCE.search(text[token.start : token.stop])
    ]
    within = [range(token.start, token.stop) for token in tokens(text, "java")]
    parts = [(match.start(), match.lastgroup or "") for match in _PARTS.finditer(text)]
    return licences + [(start, part) for start, part in parts if not any(start in each for each in within)]


def documentation_in_order(text: str) -> Share:
    """Share of the `/** … */` comments with a `@param` or `@return` that begin with a description, and have no `@param`
    after the `@return`."""
    answers: list[bool] = []
    for token in tokens(text, "java"):
        comment = text[token.start : token.stop]
        if not (comment.startswith("/**") and token.closed):
            continue
        tags = [match[1] for match in _TAG.finditer(comment)]
        asked = [tag for tag in tags if tag in ("param", "return")]
        if asked:
            described = re.search(r"\w", _TAG.split(comment, maxsplit=1)[0]) is not None
            answers.append(described and asked == sorted(asked))
    return Share.of(answers)


def licence_recited(text: str, training: str) -> Share:
    """Share of the lines of the training text's commonest licence that the text has, word for word.

    Lines with a digit (years, addresses) or fewer than three words are not asked.
    """
    comments = (training[token.start : token.stop] for token in tokens(training, "java") if token.opener == "/*")
    licences = Counter(_lines(comment) for comment in comments if _LICENCE.search(comment))
    wanted = licences.most_common(1)[0][0] if licences else ()
    written = {line.strip(" *\t") for line in text.split("\n")}
    return Share.of(line in written for line in wanted)


def _lines(comment: str) -> tuple[str, ...]:
    lines = (line.strip(" *\t") for line in comment.split("\n"))
    return tuple(line for line in lines if len(line.split()) > 2 and not re.search(r"\d", line))
