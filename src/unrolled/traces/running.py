"""Runs a network over its slices and hands everything to a recorder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from unrolled.networks import SITE, Network
from unrolled.progress import Progress
from unrolled.traces.chunks import Array
from unrolled.traces.gathering import Outcome, Recorder
from unrolled.traces.slices import Slice

FORETOLD = 1024
"""Steps whose predictions are computed at a time."""
FEW = 8
"""Best symbols up to which looking for the largest again and again, as NumPy does it, is faster than `topk`."""


@dataclass(frozen=True)
class Run:
    """What runs over which symbols.

    Args:
        network: in whatever mode; it is put into evaluation mode while it runs.
        symbols: `(steps,)` of int64, all sequences in a row.
        sequences: the steps of each.
        signals: names of those to record.
        engine: which runs it.
        top: symbols to keep of each prediction.
    """

    network: Network
    symbols: Array
    sequences: tuple[range, ...]
    signals: tuple[str, ...]
    engine: str
    top: int

    def record(self, slices: list[Slice], recorder: Recorder, progress: Progress, stop: Callable[[], bool]) -> bool:
        """Runs what the recorder does not have yet; False where `stop`, asked before each slice, ended it early."""
        state = {name: self._tensor(value) for name, value in recorder.carry.items()}
        training = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                for part in slices:
                    if part.stop <= recorder.start:
                        continue
                    if stop():
                        return False
                    if len(part.sequences) == 1:
                        state = self._one(part, {} if part.fresh else state, recorder)
                    else:
                        self._several(part, recorder)
                        state = {}
                    recorder.commit({name: value.cpu().numpy() for name, value in state.items()})
                    progress(part.stop, len(self.symbols))
        finally:
            self.network.train(training)
        return True

    @cached_property
    def _following(self) -> Array:
        """The symbol after each step; -1 where the sequence ends."""
        following = np.append(self.symbols[1:], -1)
        following[[span.stop - 1 for span in self.sequences]] = -1
        return following

    def _tensor(self, values: Array) -> Tensor:
        return torch.as_tensor(values).to(next(self.network.parameters()).device)

    def _one(self, part: Slice, state: Mapping[str, Tensor], recorder: Recorder) -> dict[str, Tensor]:
        """One sequence or a part of it; its blocks go to the recorder while it runs."""
        skip = max(0, recorder.start - part.start)
        symbols = self._tensor(self.symbols[part.start : part.stop])

        def sink(layer: str, start: int, signals: Mapping[str, Tensor]) -> None:
            first = max(0, skip - start)
            rows = {name: value[first:, 0].cpu().numpy() for name, value in signals.items()}
            recorder.add(f"{SITE}.{layer}", rows)

        result = self.network.run(symbols[:, None], state or None, record=self.signals, sink=sink, engine=self.engine)
        recorder.add_outcome(partial(self._outcome, result.outputs[:, 0], part, skip))
        return result.state

    def _several(self, part: Slice, recorder: Recorder) -> None:
        """Whole short sequences side by side, given to the recorder one after the other."""
        skip = max(0, recorder.start - part.start)
        lengths = np.array([len(span) for span in part.sequences])
        columns = np.repeat(np.arange(len(lengths)), lengths)
        rows = np.arange(len(columns)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        padded = np.zeros((lengths.max(), len(lengths)), np.int64)
        padded[rows, columns] = self.symbols[part.start : part.stop]
        result = self.network.run(
            self._tensor(padded),
            lengths=self._tensor(lengths) if lengths.min() < lengths.max() else None,
            record=self.signals,
            engine=self.engine,
        )
        where = self._tensor(rows), self._tensor(columns)
        for layer, signals in result.signals.items():
            recorder.add(
                f"{SITE}.{layer}", {name: value[where][skip:].cpu().numpy() for name, value in signals.items()}
            )
        recorder.add_outcome(partial(self._outcome, result.outputs[where], part, skip))

    @torch.inference_mode()
    def _outcome(self, outputs: Tensor, part: Slice, skip: int) -> Outcome:
        """What the readout makes of the last layer's outputs `(steps, neurons)` of a slice; all but its first `skip`
        steps. Called in a thread of its own, where a little at a time stays in the processor's cache."""
        following = self._tensor(self._following[part.start : part.stop])
        parts = [
            self._foretold(outputs[first : first + FORETOLD], following[first : first + FORETOLD])
            for first in range(0, len(outputs), FORETOLD)
        ]
        loss, symbols, probabilities = (torch.cat(each)[skip:].cpu().numpy() for each in zip(*parts, strict=True))
        return loss, symbols, probabilities

    def _foretold(self, outputs: Tensor, following: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = torch.log_softmax(self.network.readout(outputs).float(), dim=-1)
        best = _best(scores, self.top)
        loss = -scores.gather(1, following.clamp(min=0)[:, None])[:, 0]
        return loss.masked_fill(following < 0, torch.nan), best, scores.gather(1, best).exp()


def _best(scores: Tensor, top: int) -> Tensor:
    """The `top` symbols of the largest scores `(steps, symbols)`, best first."""
    if scores.device.type != "cpu" or top > FEW:
        return scores.topk(top, dim=-1).indices
    left, steps = scores.numpy().copy(), np.arange(len(scores))
    best = np.empty((len(scores), top), np.int64)
    for rank in range(top):
        best[:, rank] = left.argmax(axis=1)
        left[steps, best[:, rank]] = -np.inf
    return torch.from_numpy(best)
