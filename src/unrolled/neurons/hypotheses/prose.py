"""Sentences, what is quoted, and forms of "be"."""

from __future__ import annotations

import re

import numpy as np

from unrolled.neurons.hypotheses.marking import Label, code_points, count_since, mark_spans
from unrolled.neurons.hypotheses.words import word_start

_ENDS = "[.!?…]"
_ABBREVIATED = ("Mr", "Mrs", "Ms", "Dr", "St", "Prof", "vs", r"e\.g", r"i\.e", "[A-HJ-Z]")
_SENTENCE_ENDS = re.compile(_ENDS + "".join(rf"(?<!\b{word}{_ENDS})" for word in _ABBREVIATED) + r"[\"'”’)\]]*(?=\s)")
_QUOTED = re.compile(r"(\"[^\"\n]*)\"?|(“[^”\n]*)”?")
_QUOTED_IN_PARAGRAPH = re.compile(r"(\"(?:[^\"\n]+|(?<!\n)\n)*)\"?|(“(?:[^”\n]+|(?<!\n)\n)*)”?")
_AUXILIARY = r"(?:will|would|shall|should|can|could|may|might|must|has|have|had|won['’]t|[a-z]{1,20}['’](?:ll|ve|d))"
_AUXILIARY_BE = re.compile(rf"\b{_AUXILIARY}\s+(?:[^\W\d_]+\s+)??(?:be|been|being)\b", re.IGNORECASE)
_BE = re.compile(r"\b(?:be|been|being)\b", re.IGNORECASE)


def sentence_position(text: str) -> Label:
    """Words begun in the sentence so far; it ends with the blank after . ! ? or …, or with a blank line.

    Closing quotation marks and brackets may stand between. A single letter or a common abbreviation (Mr., e.g.) before
    the point ends none.

    >>> sentence_position("So? Mr. A. ran").tolist()
    [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0]
    """
    newline = code_points(text) == ord("\n")
    ended = newline & np.append(False, newline)[:-1]
    ended[[match.end() for match in _SENTENCE_ENDS.finditer(text)]] = True
    return count_since(ended, word_start(text))


def quoted(text: str) -> Label:
    """Inside quotation marks, which end with the line at the latest; on the opening mark, but not on the closing one.

    >>> "".join(".#"[each] for each in quoted('so "ha" and “no” yes').astype(int))
    '...###......###.....'
    """
    return _inside(text, _QUOTED)


def quoted_in_paragraph(text: str) -> Label:
    """Inside quotation marks, which may go on over lines, and end with the paragraph (a blank line) at the latest.

    >>> "".join(".#"[each] for each in quoted_in_paragraph('"so\\nit"\\n"is\\n\\nit').astype(int))
    '######..####...'
    """
    return _inside(text, _QUOTED_IN_PARAGRAPH)


def be(text: str) -> Label:
    """Be, been or being has just been read: on the character after it, by which it is known to have ended.

    >>> "".join(".#"[each] for each in be("to be: a bee will be").astype(int))
    '.....#..............'
    """
    return _just_read(text, _BE)


def auxiliary_be(text: str) -> Label:
    """Be, been or being has just been read after an auxiliary verb, with one word at most between; on what follows it.

    By a list of auxiliary verbs, which knows nothing of grammar.

    >>> "".join(".#"[each] for each in auxiliary_be("to be: it will never be.").astype(int))
    '.......................#'
    """
    return _just_read(text, _AUXILIARY_BE)


def _inside(text: str, pattern: re.Pattern[str]) -> Label:
    """On the first group that took part in each match."""
    return mark_spans(len(text), (match.span(match.lastindex or 0) for match in pattern.finditer(text)))


def _just_read(text: str, pattern: re.Pattern[str]) -> Label:
    """On the character after each match."""
    ends = [match.end() for match in pattern.finditer(text)]
    read = np.zeros(len(text) + 1, bool)
    read[ends] = True
    return read[:-1]
