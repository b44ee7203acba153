"""What an editor is offered at a place of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unrolled.writing.complete import complete_after
from unrolled.writing.reader import Reader
from unrolled.writing.settings import EditorSettings

_WORD = re.compile(r"\w*\Z")  # as `in_words` says


@dataclass(frozen=True)
class Offer:
    """What to put in the place of the word before the cursor.

    word: that word; empty where the cursor stands behind none.
    text: the word, and how it goes on.
    probability: that it goes on so, 0 to 1.
    """

    word: str
    text: str
    probability: float


def offers(reader: Reader, before: str, settings: EditorSettings) -> list[Offer]:
    """The likeliest continuations of a text up to the cursor, the likeliest first; those of blanks alone are left out.

    Raises:
        VocabularyError: the text holds a character that the network cannot read, and the reader does not skip it.
    """
    read = before[start_of_context(len(before), settings.context) :]
    word = _WORD.findall(before[before.rfind("\n") + 1 :])[0]
    found = complete_after(reader, read, settings).continuations
    return [Offer(word, word + each.text, each.probability) for each in found if each.text.strip()]


def start_of_context(length: int, context: int) -> int:
    """Where reading begins, so that at most `context` characters are read of a text that is `length` long.

    It moves by half of `context` at a time: while a text is typed the beginning stays, and what was read can be used.
    """
    half = context // 2
    return max(0, length // half - 1) * half
