"""What words tell: capitals, names, what is quoted, what is said again and again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from unrolled.neurons.hypotheses.marking import Label, Span, code_points, mark, mark_spans

WORD = re.compile(r"(?<![\w#@/.])[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word of letters; a hashtag, a mention and the parts of a link are none."""
_BEGINS_SENTENCE = re.compile(r"(?:\A|[.!?:;…\n])[\s\"'“”‘’()\[\]*_-]*\Z")
USUAL, TIMES = 0.8, 2
"""A name has a capital at this share of the places where no sentence begins, and is there so many times."""
_QUOTED = re.compile(r"(\"[^\"\n]*)\"?|(“[^”\n]*)”?")
_AUXILIARY = r"(?:will|would|shall|should|can|could|may|might|must|has|have|had|won['’]t|[a-z]+['’](?:ll|ve|d))"
_AUXILIARY_BE = re.compile(rf"\b{_AUXILIARY}\s+(?:[^\W\d_]+\s+)?(be|been|being)\b", re.IGNORECASE)
_BE = re.compile(r"\b(?:be|been|being)\b", re.IGNORECASE)
SLOGAN_WORDS, SLOGAN_TIMES, SHOUTED = 3, 10, 0.2
"""A slogan has so many words, is there so many times, and at this share of them all in capitals."""


def capital(text: str) -> Label:
    """A capital letter.

    >>> "".join(".#"[each] for each in capital("New USA.").astype(int))
    '#...###.'
    """
    numbers, which = np.unique(code_points(text), return_inverse=True)
    return np.array([chr(number).isupper() for number in numbers.tolist()], bool)[which]


def capitalised_word(text: str) -> Label:
    """In a word that starts with a capital.

    >>> "".join(".#"[each] for each in capitalised_word("Tell New York it").astype(int))
    '####.###.####...'
    """
    spans = (match.span() for match in WORD.finditer(text) if match[0][0].isupper())
    return mark_spans(len(text), spans)


def all_capitals(text: str) -> Label:
    """In a word of two capitals or more, and nothing else.

    >>> "".join(".#"[each] for each in all_capitals("I am SO Great").astype(int))
    '.....##......'
    """
    spans = (match.span() for match in WORD.finditer(text) if _shouted(match[0]))
    return mark_spans(len(text), spans)


def proper_noun(text: str) -> Label:
    """In a name: a word that begins with a capital, at a place where no sentence begins, and that usually does.

    Usually: at four of five places in the text where no sentence begins, and at two places at least. Words all in
    capitals are neither names nor counted. A list, a parser or a person would know better; this needs none.

    >>> "".join(".#"[each] for each in proper_noun("So Ann ran. We saw Ann. We Did. I did.").astype(int))
    '...###.............###................'
    """
    places: list[tuple[int, int, str]] = []
    written, capitals = Counter[str](), Counter[str]()
    for match in WORD.finditer(text):
        word = match[0]
        if _shouted(word) or len(word) == 1 or _begins_sentence(text, match.start()):
            continue
        plain = word.lower()
        written[plain] += 1
        if word[0].isupper():
            capitals[plain] += 1
            places.append((*match.span(), plain))
    names = {word for word, times in capitals.items() if times >= TIMES and times >= USUAL * written[word]}
    return mark_spans(len(text), ((start, stop) for start, stop, word in places if word in names))


def auxiliary_be(text: str) -> Label:
    """On be, been or being after an auxiliary verb, right after it or with one word between.

    >>> "".join(".#"[each] for each in auxiliary_be("to be: it will never be").astype(int))
    '.....................##'
    """
    return mark(text, _AUXILIARY_BE, 1)


def be(text: str) -> Label:
    """On be, been or being.

    >>> "".join(".#"[each] for each in be("to be: it will never be").astype(int))
    '...##................##'
    """
    return mark(text, _BE)


def quoted(text: str) -> Label:
    """Inside quotation marks, which end with the line at the latest; on the opening mark, but not on the closing one.

    >>> "".join(".#"[each] for each in quoted('so "ha" and “no” yes').astype(int))
    '...###......###.....'
    """
    return mark_spans(len(text), (match.span(match.lastindex or 0) for match in _QUOTED.finditer(text)))


def slogan(text: str) -> Label:
    """In a slogan: three words or more that stand together at ten places of the text, all in capitals at one of five.

    Upper and lower case are counted as one, so that a slogan is found where it is not shouted too. That they are often
    shouted parts slogans from names of three words and from set phrases.

    >>> text = "ROW ROW ROW " * 2 + "we row row row. " * 8
    >>> "".join(".#"[each] for each in slogan(text)[-18:].astype(int))
    '.....###########..'
    """
    runs = list(_runs(text))
    times, shouted = Counter[str](), Counter[str]()
    for start, stop in runs:
        said = text[start:stop]
        times[said.lower()] += 1
        shouted[said.lower()] += said.isupper()
    slogans = {run for run, many in times.items() if many >= SLOGAN_TIMES and shouted[run] >= SHOUTED * many}
    return mark_spans(len(text), (run for run in runs if text[slice(*run)].lower() in slogans))


def _runs(text: str) -> Iterator[Span]:
    """Where three words stand together in one line."""
    words = [match.span() for match in WORD.finditer(text)]
    for first, last in zip(words, words[SLOGAN_WORDS - 1 :], strict=False):
        if "\n" not in text[first[0] : last[1]]:
            yield first[0], last[1]


def _shouted(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def _begins_sentence(text: str, start: int) -> bool:
    return _BEGINS_SENTENCE.search(text[max(0, start - 8) : start]) is not None
