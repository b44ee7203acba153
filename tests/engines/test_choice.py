"""Which engine is taken, and what is said about it."""

from __future__ import annotations

import pytest
import torch

from tests.stacks import EVERY_CELL, make_module, make_stack, needs_kernels, stack_of
from unrolled.engines import ENGINES, Edit, Stack, choose_engine
from unrolled.errors import ModelError, UnknownNameError


@needs_kernels
@pytest.mark.parametrize("kind", [kind for kind in EVERY_CELL if not kind.startswith("feedforward")])
@pytest.mark.parametrize("recording", [False, True])
def test_the_first_that_can_run_it_is_taken(kind: str, recording: bool) -> None:
    choice = choose_engine(make_stack(kind, 3, 5, dtype=torch.float32).as_known(), recording=recording)
    assert (choice.engine.name, choice.reason) == ("compiled", "it is the fastest that runs this cell")


ONLY_FLOAT32 = "compiled: its kernels compute in float32 alone"
NO_GPU = "gpu: its kernels run on a GPU alone"


@needs_kernels
@pytest.mark.parametrize(
    ("kind", "dtype", "taken", "reason"),
    [
        ("lstm", torch.float64, "torch", f"{ONLY_FLOAT32}; {NO_GPU}"),
        ("gru", torch.bfloat16, "torch", f"{ONLY_FLOAT32}; {NO_GPU}"),
        (
            "feedforward-relu",
            torch.float32,
            "torch",
            f"compiled: it has no kernel for the Feed-forward cell; {NO_GPU}",
        ),
        (
            "peephole",
            torch.float64,
            "reference",
            f"{ONLY_FLOAT32}; {NO_GPU}; torch: PyTorch has no kernel for the Peephole LSTM cell",
        ),
        (
            "rnn-sigmoid",
            torch.float64,
            "reference",
            f"{ONLY_FLOAT32}; {NO_GPU}; torch: PyTorch's RNN knows tanh and relu, not sigmoid",
        ),
    ],
)
def test_the_next_is_taken_where_the_first_cannot_and_says_why(
    kind: str, dtype: torch.dtype, taken: str, reason: str
) -> None:
    choice = choose_engine(make_stack(kind, 3, 5, dtype=dtype))
    assert (choice.engine.name, choice.reason) == (taken, reason)


@needs_kernels
def test_edits_with_gradients_are_left_to_the_reference() -> None:
    stack = make_stack("lstm", 3, 5, dtype=torch.float32)
    choice = choose_engine(stack, editing=True)
    assert choice.engine.name == "reference"
    assert choice.reason == (
        "compiled: its kernels give no gradient where signals are held; within torch.no_grad() they hold them; "
        f"{NO_GPU}; torch: PyTorch's kernels cannot be edited while they run"
    )
    assert choose_engine(stack, editing=True, recording=True).engine.name == "compiled"
    with torch.no_grad():
        assert choose_engine(stack, editing=True).engine.name == "compiled"
        assert choose_engine(make_stack("lstm", 3, 5), editing=True).engine.name == "reference"


@needs_kernels
def test_kernels_for_the_processor_run_nowhere_else() -> None:
    single = make_stack("lstm", 3, 5, dtype=torch.float32)
    parameters = {f"{name}_l0": value.to("meta") for name, value in single.layers[0].parameters.items()}
    choice = choose_engine(Stack.from_parameters(single.cell, parameters, depth=1))
    assert (choice.engine.name, choice.reason) == (
        "torch",
        f"compiled: its kernels run on the processor alone; {NO_GPU}",
    )


@needs_kernels
def test_projections_and_autocast_are_left_to_pytorch() -> None:
    projected = stack_of("lstm", make_module("lstm", 3, 5, projection=2, dtype=torch.float32))
    assert choose_engine(projected).reason == f"compiled: its kernels know no projection; {NO_GPU}"
    with torch.autocast("cpu", torch.bfloat16):
        choice = choose_engine(make_stack("gru", 3, 5, dtype=torch.float32))
    assert (choice.engine.name, choice.reason) == ("torch", f"{ONLY_FLOAT32}; {NO_GPU}")


@pytest.mark.parametrize("kind", EVERY_CELL)
def test_the_reference_can_be_forced_on_anything(kind: str) -> None:
    choice = choose_engine(make_stack(kind, 3, 5), recording=True, editing=True, engine="reference")
    assert (choice.engine.name, choice.reason) == ("reference", "it was asked for")


def test_a_forced_engine_that_cannot_run_it_is_refused() -> None:
    with pytest.raises(ModelError, match="engine 'torch' cannot run this: PyTorch has no kernel for the Peephole LSTM"):
        choose_engine(make_stack("peephole", 3, 5), engine="torch")


@needs_kernels
def test_the_compiled_engine_is_refused_where_it_is_forced_in_vain() -> None:
    with pytest.raises(ModelError, match="engine 'compiled' cannot run this: its kernels compute in float32 alone"):
        choose_engine(make_stack("lstm", 3, 5), engine="compiled")


def test_an_unknown_engine_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="there are: compiled, gpu, reference, torch") as caught:
        choose_engine(make_stack("lstm", 3, 5), engine="pytorch")
    assert caught.value.hint == "Did you mean 'torch'?"


def test_an_engine_does_not_run_what_it_says_it_cannot() -> None:
    """An edit that is passed over in silence would be a wrong answer."""
    x = torch.zeros(2, 1, 3, dtype=torch.float64)
    with pytest.raises(ModelError, match="cannot be edited"):
        ENGINES.get("torch")().run(make_stack("lstm", 3, 5), x, edits=[Edit("l0", "cell", 0.0)])
    for engine in ("torch", "compiled"):
        with pytest.raises(ModelError, match=f"engine '{engine}' cannot run this"):
            ENGINES.get(engine)().run(make_stack("peephole", 3, 5), x)


def test_names_are_in_the_order_of_preference() -> None:
    ours = [name for name in ENGINES.names() if name in {"compiled", "gpu", "torch", "reference"}]
    assert ours == ["compiled", "gpu", "torch", "reference"]
    assert all(ENGINES.get(name).name == name for name in ENGINES.names())
