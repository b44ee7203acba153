"""What PyTorch's recurrent modules are given and give: with or without a batch, batch first or not, packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unrolled.cells import Cell
from unrolled.cells.gru import GRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.rnn import RNN
from unrolled.engines import Stack
from unrolled.traces.format import SiteInfo, describe_site

Given = Tensor | PackedSequence
"""What a module reads and gives as outputs."""
States = Tensor | Sequence[Tensor]
"""What it starts from and ends in: an LSTM's are two."""


def cell_of(module: nn.RNNBase) -> Cell:
    """The cell of a module's layers."""
    if module.mode == "LSTM":
        return LSTM()
    return GRU() if module.mode == "GRU" else RNN("relu" if module.mode == "RNN_RELU" else "tanh")


def parameters_of(module: nn.RNNBase) -> dict[str, Tensor]:
    """By the names that it runs on: a weight that is normalized or pruned is no parameter of that name, but made anew
    each time it is asked for, and while training in another way."""
    ways = ("", "_reverse") if module.bidirectional else ("",)
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    names = [f"{kind}_l{layer}{way}" for layer in range(module.num_layers) for way in ways for kind in kinds]
    values = {name: getattr(module, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def stack_of(module: nn.RNNBase, parameters: Mapping[str, Tensor]) -> Stack:
    """The module as engines run it, with these parameters."""
    return Stack.from_parameters(
        cell_of(module),
        parameters,
        depth=module.num_layers,
        projection=module.proj_size,
        bidirectional=module.bidirectional,
        dropout=module.dropout,
    )


def sites_of(name: str, stack: Stack, signals: Sequence[str] = ()) -> list[SiteInfo]:
    """The sites of a module of that name, with some signals or (where none are named) all."""
    return [
        describe_site(
            f"{name}.{layer.name}",
            stack.cell,
            neurons=stack.neurons,
            inputs=int(layer.parameters["weight_ih"].shape[1]),
            layer=layer.index,
            reverse=layer.reverse,
            projection=stack.projection,
            signals=tuple(signals) or None,
        )
        for layer in stack.layers
    ]


def is_unbatched(given: Given) -> bool:
    """Whether it is one sequence, without an axis for the batch."""
    return isinstance(given, Tensor) and given.dim() == 2


def time_first(module: nn.RNNBase, values: Given) -> tuple[Tensor, tuple[int, ...]]:
    """`(steps, batch, numbers)`, zero past a sequence's end, and each sequence's steps."""
    if isinstance(values, PackedSequence):
        padded, lengths = pad_packed_sequence(values)
        return padded, tuple(int(length) for length in lengths)
    if is_unbatched(values):
        values = values[:, None]
    elif module.batch_first:
        values = values.transpose(0, 1)
    return values, (values.shape[0],) * values.shape[1]


def states_by_name(state: States | None, *, unbatched: bool) -> dict[str, Tensor] | None:
    """Each carried signal, `(layers · directions, batch, neurons)`."""
    if state is None:
        return None
    values = (state,) if isinstance(state, Tensor) else tuple(state)
    return {
        name: value[:, None] if unbatched else value for name, value in zip(("hidden", "cell"), values, strict=False)
    }


def as_given(module: nn.RNNBase, given: Given, outputs: Tensor, lengths: Tensor) -> Given:
    """Outputs `(steps, batch, numbers)`, and each sequence's steps, in the form in which the inputs came."""
    if isinstance(given, PackedSequence):
        if given.sorted_indices is not None:
            order = given.sorted_indices
            outputs, lengths = outputs[:, order], lengths[order.cpu()]
        return given._replace(data=pack_padded_sequence(outputs, lengths).data)
    if is_unbatched(given):
        return outputs[:, 0]
    return outputs.transpose(0, 1) if module.batch_first else outputs


def as_states(state: Mapping[str, Tensor], *, unbatched: bool) -> States:
    """Carried signals as the module gives them."""
    values = [value[:, 0] if unbatched else value for value in state.values()]
    return tuple(values) if len(values) > 1 else values[0]
