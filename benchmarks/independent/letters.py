"""Labels of any text, by a machine that reads one character after the other and never looks ahead."""

from __future__ import annotations

import unicodedata

import numpy as np

Labels = dict[str, np.ndarray]

_CLOSING = {'"': '"', "“": "”"}
_OUTSIDE, _WORD, _APOSTROPHE, _NO_WORD = range(4)
_ABBREVIATED = {"Mr", "Mrs", "Ms", "Dr", "St", "Prof", "vs", *"ABCDEFGHJKLMNOPQRSTUVWXYZ"}
_NUMBERS = ("line-position", "indentation", "tabs", "indentation-level", "spaces-to-tab-stop", "spaces-since-tab-stop")
_ANSWERS = (
    "hashtag",
    "mention",
    "link",
    "quoted",
    "quoted-in-paragraph",
    "capital",
    "vowel",
    "word-start",
    "capitalised-word",
    "all-capitals",
)


class Reader:
    """What is known after each character."""

    def __init__(self) -> None:
        self.column = self.indentation = self.tabs = 0
        self.indented = True
        self.before = "\n"
        self.quotes = {"quoted": "", "quoted-in-paragraph": ""}
        self.state, self.word = _OUTSIDE, ""
        self.marks = {"hashtag": False, "mention": False}
        self.address = ""
        self.sentence, self.ended, self.said = 0, False, ""

    def read(self, letter: str) -> dict[str, float]:
        """Reads a character, and says what is known then."""
        known = self.place(letter) | self.quotation(letter) | self.words(letter) | self.messages(letter)
        known["sentence-position"] = self.sentences(letter, bool(known["word-start"]))
        known |= {"capital": unicodedata.category(letter) == "Lu", "vowel": _plain(letter) in "aeiou"}
        self.before = letter
        return known

    def place(self, letter: str) -> dict[str, float]:
        if self.before == "\n":
            self.column = self.indentation = self.tabs = 0
            self.indented = True
        self.column += 1
        self.indented = self.indented and letter in " \t"
        self.indentation += self.indented
        self.tabs += self.indented and letter == "\t"
        level = self.tabs + (self.indentation - self.tabs) // 4
        in_spaces = self.indented and letter == " "
        since = self.indentation % 4 if in_spaces else np.nan
        to = (4 - self.indentation % 4) % 4 if in_spaces else np.nan
        values = (self.column, self.indentation, self.tabs, level, to, since)
        return dict(zip(_NUMBERS, values, strict=True))

    def quotation(self, letter: str) -> dict[str, float]:
        ends = {"quoted": letter == "\n", "quoted-in-paragraph": letter == self.before == "\n"}
        for name, closing in self.quotes.items():
            if closing and (letter == closing or ends[name]):
                self.quotes[name] = ""
            elif not closing and letter in _CLOSING:
                self.quotes[name] = _CLOSING[letter]
        return {name: bool(closing) for name, closing in self.quotes.items()}

    def words(self, letter: str) -> dict[str, float]:
        """A word of letters, with single apostrophes between; not behind a digit, _, #, @, / or a point."""
        is_letter = letter.isalpha()
        start = False
        if is_letter and self.state in (_WORD, _APOSTROPHE):
            self.state, self.word = _WORD, self.word + letter
        elif is_letter and self.state == _OUTSIDE:
            self.state, self.word, start = _WORD, letter, True
        elif letter in "'’" and self.state == _WORD:
            self.state, self.word = _APOSTROPHE, self.word + letter
        elif not (is_letter and self.state == _NO_WORD):
            barred = letter.isalnum() or letter in "_#@/."
            self.state = _NO_WORD if barred else _OUTSIDE
        in_word = self.state in (_WORD, _APOSTROPHE)
        letters = [each for each in self.word if each.isalpha()]
        shouted = len(letters) > 1 and all(each.isupper() for each in letters)
        return {
            "word-start": start,
            "capitalised-word": in_word and self.word[0].isupper(),
            "all-capitals": in_word and shouted,
            "word-position": len(self.word) if in_word else 0,
        }

    def messages(self, letter: str) -> dict[str, float]:
        """A mark not behind a letter, digit or _, and what of these follows it; a link as far as it may be one."""
        behind = self.before.isalnum() or self.before == "_"
        for name, mark in (("hashtag", "#"), ("mention", "@")):
            goes_on = self.marks[name] and (letter.isalnum() or letter == "_")
            self.marks[name] = goes_on or (letter == mark and not behind)
        longer = self.address + letter
        if self.address.startswith(("http://", "https://")) and not letter.isspace():
            self.address = longer
        elif not ("http://".startswith(longer) or "https://".startswith(longer)):
            longer = letter if letter == "h" else ""
        self.address = longer if not letter.isspace() else ""
        return {**self.marks, "link": len(self.address) >= 4}

    def sentences(self, letter: str, word: bool) -> float:
        """Words of the sentence, which ends with the blank behind its point, or with a blank line."""
        if (self.ended and letter.isspace()) or letter == self.before == "\n":
            self.sentence = 0
        closes = letter in "\"'”’)]"
        if letter in ".!?…":
            letters = [each if each.isalnum() or each == "_" else " " for each in self.said]
            last = "".join(letters).split(" ")[-2:]
            self.ended = last[-1] not in _ABBREVIATED and last not in (["e", "g"], ["i", "e"])
        elif not closes:
            self.ended = False
        self.said = "" if letter.isspace() else self.said + letter
        self.sentence += word
        return self.sentence


def _plain(letter: str) -> str:
    """The letter in lower case and without its accent."""
    return unicodedata.normalize("NFD", letter.lower())[0]


def label_letters(text: str) -> Labels:
    """The labels of a text."""
    reader = Reader()
    read = [reader.read(letter) for letter in text]
    kinds = dict.fromkeys(_ANSWERS, np.bool_) | dict.fromkeys(
        (*_NUMBERS, "word-position", "sentence-position"), np.float64
    )
    return {name: np.array([known[name] for known in read], kind) for name, kind in kinds.items()}
