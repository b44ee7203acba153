"""Looking at the validation part while training goes on."""

from __future__ import annotations

from unrolled.networks import Network
from unrolled.sources import Corpus
from unrolled.training.evaluate import Score, evaluate_text
from unrolled.training.settings import TrainingSettings

VALIDATIONS = 17
"""How often a run looks at its validation part by default: sixteen times on the way, and at the end."""
MOST = 65_536
"""Symbols of the validation part that a look on the way reads at most."""
STREAMS = 32


def validate(network: Network, corpus: Corpus, settings: TrainingSettings, *, most: int = MOST) -> Score | None:
    """The score on (the beginning of) the validation part; None where nothing is held out.

    It is read in streams side by side, each from a zero state: quick, and a little worse than `unrolled evaluate`,
    which carries the state through.
    """
    if corpus.source.kind == "task" or not settings.validation:
        return None
    symbols = corpus.part("validation").symbols[:most]
    streams = max(1, min(STREAMS, (len(symbols) - 1) // 128))
    return evaluate_text(network, symbols, streams=streams, engine=settings.engine)
