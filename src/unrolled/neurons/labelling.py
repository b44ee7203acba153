"""Hypotheses asked of all that a network reads: one label a step, sequence after sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from unrolled.errors import SourceError
from unrolled.neurons.hypotheses import (
    Classes,
    HypothesisError,
    Label,
    Labeller,
    hypotheses_for,
    kind_of,
    labellers,
)
from unrolled.neurons.hypotheses.code import code_alone, tokens
from unrolled.neurons.hypotheses.columns import Column
from unrolled.neurons.hypotheses.marking import class_names
from unrolled.neurons.hypotheses.syntax import tree
from unrolled.progress import Progress, silent
from unrolled.traces.format import SymbolKind
from unrolled.traces.symbols import character
from unrolled.traces.trace import Trace

Array: TypeAlias = npt.NDArray[Any]


class StepLabels(Mapping[str, Label | Classes]):
    """What each hypothesis says of every step, made when it is asked for and not kept: a long text has long labels.

    Looking one up raises HypothesisError where one of the user's own does not fit, or is of several kinds.
    """

    def __init__(
        self,
        asked: Mapping[str, Labeller],
        sequences: Iterable[Sequence[str]],
        kind: SymbolKind,
        progress: Progress = silent,
    ) -> None:
        """
        Args:
            asked: by name.
            sequences: the symbols of each, one a step, as a trace or a vocabulary has them; each is a text of its own.
            kind: of the symbols: characters, or bytes, of which each gets the label of its character.
            progress: told the labels made.

        Raises:
            SourceError: the symbols are no text, and not every label is a column of a table.
        """
        reads_text = kind in ("characters", "bytes")
        if not reads_text and not (asked and all(isinstance(each, Column) for each in asked.values())):
            what = "numbers" if kind == "none" else kind
            raise SourceError(
                f"Hypotheses label characters, and what was read here is {what}.",
                "Of such steps a table of your own can tell: --hypothesis NAME=csv:FILE.csv:COLUMN.",
            )
        self._asked, self._steps, self._texts = asked, 0, list[_Text]()
        for symbols in sequences:  # one at a time: as lists of symbols they take much more room than as texts
            self._steps += len(symbols)
            if reads_text:
                self._texts.append(_Text.of(symbols, kind))
        self._progress, self._made = progress, 0

    def __getitem__(self, name: str) -> Label | Classes:
        labeller = self._asked[name]
        if isinstance(labeller, Column):
            label: Label | Classes = labeller.of(self._steps)
        else:
            label = _joined(name, [text.spread(labeller(text.characters)) for text in self._texts])
        self._made = min(self._made + 1, len(self._asked))
        if self._made == len(self._asked):
            _forget()
        self._progress(self._made, len(self._asked))
        return label

    def __iter__(self) -> Iterator[str]:
        return iter(self._asked)

    def __len__(self) -> int:
        return len(self._asked)


def _forget() -> None:
    """Lets go of what several labels of a text are worked out of: tokens and trees take more room than the text."""
    for kept in (tokens, code_alone, tree):
        kept.cache_clear()


def label_trace(
    trace: Trace, asked: Sequence[str] = (), *, files: bool = True, progress: Progress = silent
) -> tuple[StepLabels, dict[str, str]]:
    """The labels of a trace's steps, and what each says.

    Args:
        asked: as `labellers` takes it; those that apply to what the trace says of its text where it is empty.
        files: whether hypotheses of the user's own may come from files.

    Raises:
        UnknownNameError, HypothesisError, MissingPartError: as `labellers`.
        SourceError: its symbols are no text.
    """
    chosen = labellers(asked or applying_to(trace.info.source), files=files)
    symbols = trace.labels()
    sequences = (symbols[span.start : span.stop] for span in trace.sequences)
    labels = StepLabels(chosen, sequences, trace.info.symbols.kind, progress)
    return labels, about(chosen)


def applying_to(source: Mapping[str, Any]) -> list[str]:
    """The names of the hypotheses that apply to a text, by what a trace or a run says of its source."""
    include = source.get("include")
    patterns = cast(list[object], include) if isinstance(include, list) else []
    return hypotheses_for(str(source.get("name", "")), [str(each) for each in patterns])


def about(asked: Mapping[str, Labeller]) -> dict[str, str]:
    """What each says, in a line."""
    return {name: (labeller.__doc__ or "").strip().partition("\n")[0] for name, labeller in asked.items()}


class _Text:
    """A sequence as characters; `widths` are the steps of each, where they are not one."""

    def __init__(self, characters: str, widths: Array | None) -> None:
        self.characters, self._widths = characters, widths

    @classmethod
    def of(cls, symbols: Sequence[str], kind: SymbolKind) -> _Text:
        if kind == "characters":
            return cls("".join(symbols), None)
        raw = bytes(int(symbol, 16) if len(symbol) == 4 else ord(character(symbol, kind)) for symbol in symbols)
        text = raw.decode("utf-8", "surrogateescape")
        widths = np.array([len(letter.encode("utf-8", "surrogateescape")) for letter in text], np.int64)
        return cls(text, widths)

    def spread(self, label: Label | Classes) -> Label | Classes:
        """One entry a step."""
        if self._widths is None:
            return label
        if isinstance(label, Classes):
            return Classes(np.repeat(label.codes, self._widths), label.names)
        return np.repeat(label, self._widths)


def _joined(name: str, labels: Sequence[Label | Classes]) -> Label | Classes:
    """The labels of all sequences in a row; classes of one name are one class.

    Raises:
        HypothesisError: they are of several kinds, or tell too many classes apart.
    """
    if len(labels) == 1:
        return labels[0]
    kinds = sorted({kind_of(label) for label in labels})
    if len(kinds) > 1:
        raise HypothesisError(
            f"The hypothesis {name!r} is of several kinds: {' and '.join(kinds)}, each for some of the sequences.",
            "It must be of one kind, whatever it reads.",
        )
    classes = [label for label in labels if isinstance(label, Classes)]
    if not classes:
        return np.concatenate([label for label in labels if not isinstance(label, Classes)])
    try:
        names = class_names(each for label in classes for each in label.names)
    except ValueError as error:
        raise HypothesisError(f"The hypothesis {name!r} has {error}, over all sequences.") from error
    places = {each: place for place, each in enumerate(names)}
    codes: list[Array] = []
    for label in classes:
        table = np.array([*(places[each] for each in label.names), -1], np.int16)
        codes.append(table[label.codes])
    return Classes(np.concatenate(codes), names)
