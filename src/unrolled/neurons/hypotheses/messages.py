"""What short messages are made of: hashtags, mentions, links."""

from __future__ import annotations

import re

from unrolled.neurons.hypotheses.marking import Label, mark

_HASHTAG = re.compile(r"(?<!\w)#\w*")
_MENTION = re.compile(r"(?<!\w)@\w*")
_LINK = re.compile(r"http(?:s?(?::(?:/(?:/\S*)?)?)?)?")
"""A link, or as much of it as may become one: what follows never changes what has been told."""


def hashtag(text: str) -> Label:
    """Inside a hashtag, from its mark on.

    >>> "".join(".#"[each] for each in hashtag("so #Great !").astype(int))
    '...######..'
    """
    return mark(text, _HASHTAG)


def mention(text: str) -> Label:
    """Inside a mention of somebody, from its mark on.

    >>> "".join(".#"[each] for each in mention("hi @you, a@b").astype(int))
    '...####.....'
    """
    return mark(text, _MENTION)


def link(text: str) -> Label:
    """Inside a link, from the fourth letter on, by which it can be told.

    >>> "".join(".#"[each] for each in link("see https://t.co/x now").astype(int))
    '.......###########....'
    """
    return mark(text, _LINK, told_after=4)


def hashtag_mention_link(text: str) -> Label:
    """Inside a hashtag, a mention or a link.

    >>> "".join(".#"[each] for each in hashtag_mention_link("#a @b http://c").astype(int))
    '##.##....#####'
    """
    return hashtag(text) | mention(text) | link(text)
