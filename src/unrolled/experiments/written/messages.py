"""Whether short messages, one a line, have well-formed parts."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from unrolled.experiments.written.share import Share
from unrolled.neurons.hypotheses.words import WORD

_HASHTAG = re.compile(r"#(?=\d*[^\W\d])\w+(?![\w#@])")
_MENTION = re.compile(r"@\w{1,15}(?![\w#@])")
_LINK = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:/[\w./?=&%#~+:…-]*)?(?=[\s\"'“”‘’)\],;!?]|\Z)")
_SHORT_LINK = re.compile(r"https?://t\.co/(\w*)")


def hashtags_formed(text: str) -> Share:
    """Share of the `#` signs that begin a hashtag: letters, digits and `_`, at least one of them a letter, and no
    other sign of its kind right after.
    """
    return _formed(text, r"#", _HASHTAG)


def mentions_formed(text: str) -> Share:
    """Share of the `@` signs that begin a mention: 1 to 15 letters, digits and `_`."""
    return _formed(text, r"@", _MENTION)


def links_formed(text: str) -> Share:
    """Share of the words with `http` in front that are links: a host with a dot in it, a path or none.

    A short link of the service that messages use (`t.co`) has a path of 8 to 10 letters and digits.
    """

    def formed(at: int) -> bool:
        short = _SHORT_LINK.match(text, at)
        return _LINK.match(text, at) is not None and (short is None or 8 <= len(short[1]) <= 10)

    return Share.of(formed(match.start()) for match in re.finditer(r"\bhttp", text))


def quotes_closed(text: str) -> Share:
    """Share of the opened quotation marks (`"` or `“`) that are closed in their message."""
    answers: list[bool] = []
    for message in text.split("\n"):
        for opener, closer in (('"', '"'), ("“", "”")):
            signs = [sign for sign in message if sign in (opener, closer)]
            pairs = len(signs) // 2 if opener == closer else min(signs.count(opener), signs.count(closer))
            asked = (len(signs) + 1) // 2 if opener == closer else signs.count(opener)
            answers += [True] * pairs + [False] * (asked - pairs)
    return Share.of(answers)


def words_known(text: str, known: AbstractSet[str]) -> Share:
    """Share of the words that are known, letter case aside."""
    return Share.of(match[0].lower() in known for match in WORD.finditer(text))


def words(text: str) -> set[str]:
    """The words of a text, in small letters."""
    return {match[0].lower() for match in WORD.finditer(text)}


def messages_copied(text: str, known: AbstractSet[str]) -> Share:
    """Share of the messages of four words and more that are known, word for word."""
    return Share.of(message in known for message in text.split("\n") if len(message.split()) > 3)


def _formed(text: str, sign: str, pattern: re.Pattern[str]) -> Share:
    return Share.of(pattern.match(text, match.start()) is not None for match in re.finditer(rf"(?<!\w){sign}", text))
