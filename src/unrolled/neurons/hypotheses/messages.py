"""What short messages are made of: hashtags, mentions, links."""

from __future__ import annotations

import re

from unrolled.neurons.hypotheses.marking import Label, mark

HASHTAG = re.compile(r"(?<!\w)#\w+")
MENTION = re.compile(r"(?<!\w)@\w+")
LINK = re.compile(r"https?://\S*")


def hashtag(text: str) -> Label:
    """Inside a hashtag.

    >>> "".join(".#"[each] for each in hashtag("so #Great !").astype(int))
    '...######..'
    """
    return mark(text, HASHTAG)


def mention(text: str) -> Label:
    """Inside a mention of somebody.

    >>> "".join(".#"[each] for each in mention("hi @you, a@b").astype(int))
    '...####.....'
    """
    return mark(text, MENTION)


def link(text: str) -> Label:
    """Inside a link, from the fourth letter on, by which it can be told.

    >>> "".join(".#"[each] for each in link("see https://t.co/x now").astype(int))
    '.......###########....'
    """
    return mark(text, LINK, told_after=4)


def hashtag_mention_link(text: str) -> Label:
    """Inside a hashtag, a mention or a link.

    >>> "".join(".#"[each] for each in hashtag_mention_link("#a @b http://c").astype(int))
    '##.##....#####'
    """
    return hashtag(text) | mention(text) | link(text)
