"""What is a name, and what a slogan, by counting in the text; and grammar by spaCy.

All of these look ahead: what is usual is counted in the whole text, and a parser reads a sentence to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from unrolled.errors import MissingPartError
from unrolled.neurons.hypotheses.marking import Label, Span, last_true, mark_spans, where
from unrolled.neurons.hypotheses.words import WORD, shouted

if TYPE_CHECKING:
    from unrolled.neurons.hypotheses.marking import Array

USUAL, TIMES = 0.8, 2
"""A name has a capital at this share of the places where no sentence begins, and is there so many times."""
SLOGAN_WORDS, SLOGAN_TIMES, SHOUTED = 3, 10, 0.2
"""A slogan has so many words, is there so many times, and at this share of them all in capitals."""
_BEFORE_SENTENCE = frozenset(".!?:;…\n")
_BETWEEN = frozenset(" \t\r\f\v\"'“”‘’()[]*_-")
"""What may stand between the end of a sentence and the next one's first word."""
MODEL = "en_core_web_sm"
"""The model of spaCy that is asked."""
_PIECE = 100_000
"""Characters that spaCy reads at a time; it refuses more than a million."""
_FORMS_OF_BE = frozenset({"be", "been", "being"})


def proper_noun(text: str) -> Label:
    """In a name: a word that begins with a capital, at a place where no sentence begins, and that usually does.

    Usually: at four of five places in the text where no sentence begins, and at two places at least. Words all in
    capitals are neither names nor counted. A list, a parser or a person would know better; this needs none.

    >>> "".join(".#"[each] for each in proper_noun("So Ann ran. We saw Ann. We Did. I did.").astype(int))
    '...###.............###................'
    """
    places: list[tuple[int, int, str]] = []
    written, capitals = Counter[str](), Counter[str]()
    begins = _begins_sentence(text)
    for match in WORD.finditer(text):
        word = match[0]
        if shouted(word) or len(word) == 1 or begins[match.start()]:
            continue
        plain = word.lower()
        written[plain] += 1
        if word[0].isupper():
            capitals[plain] += 1
            places.append((*match.span(), plain))
    names = {word for word, times in capitals.items() if times >= TIMES and times >= USUAL * written[word]}
    return mark_spans(len(text), ((start, stop) for start, stop, word in places if word in names))


def slogan(text: str) -> Label:
    """In a slogan: three words or more that stand together at ten places of the text, all in capitals at one of five.

    Upper and lower case are counted as one, so that a slogan is found where it is not shouted too. That they are often
    shouted parts slogans from names of three words and from set phrases.

    >>> text = "ROW ROW ROW " * 2 + "we row row row. " * 8
    >>> "".join(".#"[each] for each in slogan(text)[-18:].astype(int))
    '.....###########..'
    """
    runs = list(_runs(text))
    times, in_capitals = Counter[str](), Counter[str]()
    for start, stop in runs:
        said = text[start:stop]
        times[said.lower()] += 1
        in_capitals[said.lower()] += said.isupper()
    slogans = {run for run, many in times.items() if many >= SLOGAN_TIMES and in_capitals[run] >= SHOUTED * many}
    return mark_spans(len(text), (run for run in runs if text[slice(*run)].lower() in slogans))


def proper_noun_spacy(text: str) -> Label:
    """In a name, as a model of spaCy says.

    >>> "".join(".#"[each] for each in proper_noun_spacy("We saw Ann.").astype(int))  # doctest: +SKIP
    '.......###.'
    """
    return _by_spacy(text, lambda tokens, at: tokens[at].pos_ == "PROPN")


def auxiliary_be_spacy(text: str) -> Label:
    """On be, been or being after an auxiliary verb, with one word at most between, as a model of spaCy says.

    >>> "".join(".#"[each] for each in auxiliary_be_spacy("it will never be").astype(int))  # doctest: +SKIP
    '..............##'
    """

    def is_so(tokens: Any, at: int) -> bool:
        before = (tokens[place] for place in range(max(0, at - 2), at))
        return tokens[at].lower_ in _FORMS_OF_BE and any(token.pos_ == "AUX" for token in before)

    return _by_spacy(text, is_so)


def _begins_sentence(text: str) -> Array:
    """True where a word would be the first of a sentence, or of a line."""
    between = where(text, _BETWEEN.__contains__)
    ends = np.concatenate([where(text, _BEFORE_SENTENCE.__contains__), [True]])  # the last is for the place −1
    before = np.concatenate([[-1], last_true(~between)[:-1]]) if text else np.empty(0, np.int64)
    return ends[before]


def _runs(text: str) -> Iterator[Span]:
    """Where three words stand together in one line."""
    words = [match.span() for match in WORD.finditer(text)]
    for first, last in zip(words, words[SLOGAN_WORDS - 1 :], strict=False):
        if "\n" not in text[first[0] : last[1]]:
            yield first[0], last[1]


def _by_spacy(text: str, is_so: Callable[[Any, int], bool]) -> Label:
    spans: list[Span] = []
    begin = 0
    for document in _spacy().pipe(_pieces(text)):
        found = (document[at] for at in range(len(document)) if is_so(document, at))
        spans += [(begin + token.idx, begin + token.idx + len(token)) for token in found]
        begin += len(document.text)
    return mark_spans(len(text), spans)


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that end with a line where they can."""
    start = 0
    while start < len(text):
        stop = start + _PIECE
        stop = text.rfind("\n", start, stop) + 1 or stop if stop < len(text) else len(text)
        yield text[start:stop]
        start = stop


@cache
def _spacy() -> Any:
    if any(find_spec(name) is None for name in ("spacy", MODEL)):
        raise MissingPartError(
            f"Names by grammar need spaCy and its model {MODEL}.",
            f"Install them: pip install 'unrolled[names]', then python -m spacy download {MODEL}",
        )
    import spacy  # pyright: ignore[reportMissingImports]

    return spacy.load(MODEL, exclude=["ner", "lemmatizer"])  # pyright: ignore[reportUnknownVariableType]
