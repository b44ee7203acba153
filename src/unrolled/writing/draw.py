"""Drawing the next symbol from its scores."""

from __future__ import annotations

import torch
from torch import Tensor

from unrolled.writing.settings import SamplingSettings


def draw(logits: Tensor, settings: SamplingSettings, uniform: float) -> int:
    """One symbol's number, drawn from its scores `(symbols,)` by a number from 0 to 1.

    Top-k (Fan, Lewis and Dauphin 2018) and top-p (nucleus; Holtzman et al. 2020) cut the odds after the temperature
    has changed them; the likeliest symbol always stays. `pick` of writing.c does the same.
    """
    if settings.temperature == 0:
        return int(logits.argmax())
    scores = logits.double()
    # From the largest down: a tiny temperature then gives −∞, where it would give ∞ and no odds at all.
    odds = torch.softmax((scores - scores.max()) / settings.temperature, dim=-1)
    order = torch.arange(len(odds))
    if settings.top_k or settings.top_p < 1:
        odds, order = odds.sort(descending=True, stable=True)
    if settings.top_k:
        odds[settings.top_k :] = 0
    if settings.top_p < 1:
        odds[odds.cumsum(0) - odds >= settings.top_p] = 0
    seen = odds.cumsum(0)
    chosen = int(torch.searchsorted(seen, uniform * seen[-1], right=True))
    return int(order[chosen]) if chosen < len(order) else int(logits.argmax())
