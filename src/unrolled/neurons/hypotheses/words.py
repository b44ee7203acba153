"""Letters and words: where in a word a character stands, and how it is written."""

from __future__ import annotations

import re

import numpy as np

from unrolled.neurons.hypotheses.marking import Label, count_since, mark_spans, where

WORD = re.compile(r"(?<![\w#@/.])[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word of letters; a hashtag, a mention and the parts of a link are none."""
_WORD_SO_FAR = re.compile(WORD.pattern + "['’]?")
"""A word as far as it has been read: an apostrophe after a letter may go on with it."""
_VOWELS = frozenset("aeiouáàâäãåæéèêëíìîïóòôöõøœúùûü")


def word_start(text: str) -> Label:
    """The first letter of a word.

    >>> "".join(".#"[each] for each in word_start("I don't #know it").astype(int))
    '#.#...........#.'
    """
    begins = np.zeros(len(text), bool)
    begins[[match.start() for match in WORD.finditer(text)]] = True
    return begins


def word_position(text: str) -> Label:
    """Letters read of the word, an apostrophe within it too; 0 outside of words.

    >>> word_position("it's so").tolist()
    [1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 2.0]
    """
    return np.where(_in_words(text), count_since(word_start(text), np.ones(len(text))), 0.0)


def word_length(text: str) -> Label:
    """How long the last word was that has ended, in letters; until one has, nothing is said.

    >>> word_length("so, a").tolist()
    [nan, nan, 2.0, 2.0, 2.0]
    """
    lengths = np.full(len(text), np.nan)
    for match in WORD.finditer(text):
        # Within the text it has ended with the next character that is read, after an apostrophe with the one after.
        end = match.end() + (text[match.end() : match.end() + 1] in ("'", "’"))
        lengths[end : end + 1] = len(match[0])
    told = np.maximum.accumulate(np.where(np.isnan(lengths), 0, np.arange(len(text))))
    return lengths[told]


def capital(text: str) -> Label:
    """A capital letter.

    >>> "".join(".#"[each] for each in capital("New USA.").astype(int))
    '#...###.'
    """
    return where(text, str.isupper)


def vowel(text: str) -> Label:
    """A vowel: a, e, i, o, u, with an accent or without.

    >>> "".join(".#"[each] for each in vowel("Use my été").astype(int))
    '#.#....#.#'
    """
    return where(text, lambda letter: letter.lower() in _VOWELS)


def capitalised_word(text: str) -> Label:
    """In a word that starts with a capital.

    >>> "".join(".#"[each] for each in capitalised_word("Tell New York it").astype(int))
    '####.###.####...'
    """
    spans = (match.span() for match in _WORD_SO_FAR.finditer(text) if match[0][0].isupper())
    return mark_spans(len(text), spans)


def all_capitals(text: str) -> Label:
    """In a word of capitals and nothing else, as far as it has been read; from its second one on.

    >>> "".join(".#"[each] for each in all_capitals("I am SO GReat").astype(int))
    '......#..#...'
    """
    capitals, letters = capital(text), where(text, lambda letter: letter not in "'’")
    begins = word_start(text)
    all_so_far = count_since(begins, letters & ~capitals) == 0
    return _in_words(text) & all_so_far & (count_since(begins, capitals) > 1)


def shouted(word: str) -> bool:
    """Whether a word is written in capitals, of which it has two at least."""
    return len(word) > 1 and word.isupper()


def _in_words(text: str) -> Label:
    return mark_spans(len(text), (match.span() for match in _WORD_SO_FAR.finditer(text)))
