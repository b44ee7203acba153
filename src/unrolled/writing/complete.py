"""The likeliest ways in which a text goes on: by the network's own odds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unrolled.engines import Edit
from unrolled.networks import Network
from unrolled.sources.vocabulary import Vocabulary
from unrolled.writing.beam import Beam, Search
from unrolled.writing.endings import Endings
from unrolled.writing.reader import Reader
from unrolled.writing.settings import CompletionSettings


@dataclass(frozen=True)
class Continuation:
    """One way in which a text goes on.

    text: what follows; without the newline that ends a line, and without the character after a word that ends it.
    probability: of exactly this token or line, its end included; of a cut one, that the text goes on so, whatever
        follows. 0 to 1.
    cut: it was not over after as many symbols as were allowed.
    """

    text: str
    probability: float
    cut: bool = False


@dataclass(frozen=True)
class Completion:
    """The continuations that were found, the likeliest first.

    exact: no other continuation is likelier than the last of these. False where the beam was too narrow to tell.
    """

    continuations: tuple[Continuation, ...]
    exact: bool


def complete(
    network: Network,
    vocabulary: Vocabulary,
    prefix: str = "",
    *,
    edge: str = "",
    unknown: str = "error",
    edits: Sequence[Edit] = (),
    engine: str = "auto",
    **given: Any,
) -> Completion:
    """The likeliest continuations of a text, to the end of a token or a line, with their probabilities.

    Args:
        prefix: read from a zero state; where it is empty the network reads a newline (or its first symbol).
        edge: what begins and ends every sequence of a task: it is read before the prefix. Empty for a text.
        unknown: what becomes of a character of the prefix that the vocabulary lacks.
        edits: what is held while it reads and looks ahead; steps are counted from the first symbol that is read.
        engine: which runs the cells.
        **given: fields of `CompletionSettings`.

    To complete a text while it is typed, keep a `Reader` and call `complete_after`: then one more character costs one
    step to read.

    Raises:
        UnknownNameError: there is no such setting.
        SettingsError: a setting is out of its range.
        VocabularyError: the prefix holds a character that the vocabulary lacks.
    """
    settings = CompletionSettings.parse(given)
    reader = Reader(network, vocabulary, edge=edge, unknown=unknown, edits=edits, engine=engine)
    return complete_after(reader, prefix, settings)


@torch.no_grad()
def complete_after(reader: Reader, text: str, settings: CompletionSettings) -> Completion:
    """As `complete`, for a text of which a reader may have read the most before.

    Raises:
        VocabularyError: the text holds a character that the vocabulary lacks.
    """
    reading = reader.read(text)
    search = Search(Endings.of(reader.vocabulary, settings.until), settings.top, settings.beam)
    beam, state, log_odds = Beam.empty(), reading.state, reader.log_odds(reading.output[None])
    for step in range(settings.length):
        if step:
            result = reader.run(beam.symbols[None, :, -1], state, reading.steps + step - 1)
            state, log_odds = result.state, reader.log_odds(result.outputs[0])
        beam, parents = search.step(beam, log_odds)
        if not len(parents):
            break
        state = {name: value[:, parents.to(value.device)] for name, value in state.items()}
    search.cut(beam)
    decode = reader.vocabulary.decode
    found = (Continuation(decode(one.symbols), math.exp(one.log_probability), one.cut) for one in search.found)
    return Completion(tuple(found), search.exact)
