"""Runs a network over its slices and hands everything to a recorder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unrolled.networks import SITE, Network
from unrolled.progress import Progress
from unrolled.traces.chunks import Array
from unrolled.traces.gathering import Recorder
from unrolled.traces.slices import Slice


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

    def _tensor(self, values: Array) -> Tensor:
        return torch.as_tensor(values).to(next(self.network.parameters()).device)

    def _one(self, part: Slice, state: Mapping[str, Tensor], recorder: Recorder) -> dict[str, Tensor]:
        """One sequence or a part of it; its blocks go to the recorder while it runs."""
        steps = part.stop - part.start
        skip = max(0, recorder.start - part.start)
        # One symbol more, where the sequence goes on: the last step's loss is about it.
        ends = any(span.stop == part.stop for span in self.sequences)
        symbols = self._tensor(self.symbols[part.start : part.stop + (not ends)])

        def sink(layer: str, start: int, signals: Mapping[str, Tensor]) -> None:
            first = max(0, skip - start)
            rows = {name: value[first:, 0].cpu().numpy() for name, value in signals.items()}
            recorder.add(f"{SITE}.{layer}", rows)

        result = self.network.run(
            symbols[:steps, None], state or None, record=self.signals, sink=sink, engine=self.engine
        )
        recorder.add_outcome(*(values[skip:] for values in self._outcome(result.outputs[:, 0], symbols[1:])))
        return result.state

    def _several(self, part: Slice, recorder: Recorder) -> None:
        """Whole short sequences side by side, given to the recorder one after the other."""
        skip = max(0, recorder.start - part.start)
        longest = max(map(len, part.sequences))
        padded = np.zeros((longest, len(part.sequences)), np.int64)
        for column, span in enumerate(part.sequences):
            padded[: len(span), column] = self.symbols[span.start : span.stop]
        symbols = self._tensor(padded)
        lengths = self._tensor(np.array([len(span) for span in part.sequences]))
        ragged = any(len(span) != longest for span in part.sequences)
        result = self.network.run(symbols, lengths=lengths if ragged else None, record=self.signals, engine=self.engine)

        def in_a_row(values: Tensor) -> Array:
            parts = [values[: len(span), column] for column, span in enumerate(part.sequences)]
            return torch.cat(parts)[skip:].cpu().numpy()

        for layer, signals in result.signals.items():
            recorder.add(f"{SITE}.{layer}", {name: in_a_row(value) for name, value in signals.items()})
        outcomes = [
            self._outcome(result.outputs[: len(span), column], symbols[1 : len(span), column])
            for column, span in enumerate(part.sequences)
        ]
        loss, best, probabilities = (np.concatenate(values)[skip:] for values in zip(*outcomes, strict=True))
        recorder.add_outcome(loss, best, probabilities)

    def _outcome(self, outputs: Tensor, following: Tensor) -> tuple[Array, Array, Array]:
        """Loss `(steps,)`, best symbols and their probabilities `(steps, top)`.

        Args:
            outputs: `(steps, neurons)` of the last layer.
            following: the symbols that came next; fewer than steps where the sequence ends: NaN is their loss.
        """
        scores = torch.log_softmax(self.network.readout(outputs).float(), dim=-1)
        best = scores.topk(self.top, dim=-1)
        loss = torch.full((len(outputs),), torch.nan)
        loss[: len(following)] = -scores[: len(following)].gather(1, following[:, None])[:, 0].cpu()
        return loss.numpy(), best.indices.cpu().numpy(), best.values.exp().cpu().numpy()
