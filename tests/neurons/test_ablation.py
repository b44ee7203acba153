"""What holding neurons does: against a loop over `torch.nn.LSTMCell`, and on a circuit that was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.engines import Edit
from unrolled.errors import ModelError, SettingsError, SourceError, TraceError, UnknownNameError
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons import lockstep
from unrolled.neurons.ablation import Ablation, Intervention, ablate
from unrolled.neurons.answers import Answer, answers
from unrolled.neurons.holding import Mode, parse_mode
from unrolled.neurons.lockstep import Slice, Text
from unrolled.sources.vocabulary import Vocabulary, bytes_vocabulary
from unrolled.traces.record import record_run
from unrolled.writing.sample import sample

LETTERS = Vocabulary("characters", tuple("\n abcd“”"))
STEPS, HIDDEN = 300, 7
Hold = Callable[[int, int, str, Tensor], Tensor]
"""Takes a step, a layer, a signal's name and its value `(neurons,)`; gives what holds instead."""


def make_network(**options: object) -> Network:
    network = Network(NetworkSettings.parse({"hidden": HIDDEN, "layers": 2, **options}), len(LETTERS))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.5)
    return network.eval()


def make_symbols(seed: int = 0, steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, len(LETTERS), steps)


def read_by_hand(network: Network, symbols: np.ndarray, hold: Hold) -> tuple[Tensor, dict[tuple[int, str], Tensor]]:
    """The losses `(steps − 1,)` and every held-or-not signal by layer, by a loop over PyTorch's own cells.

    A cell of PyTorch gives h and c alone; where something is held, h is made of the gates again.
    """
    weights, size = network.state_dict(), network.settings.hidden
    cells: list[nn.LSTMCell] = []
    for layer in range(network.settings.layers):
        cell = nn.LSTMCell(network.symbols if not layer else size, size)
        cell.load_state_dict({name: weights[f"rnn.{name}_l{layer}"] for name in cell.state_dict()})
        cells.append(cell)
    state = [(torch.zeros(1, size), torch.zeros(1, size)) for _ in cells]
    losses: list[Tensor] = []
    seen: dict[tuple[int, str], list[Tensor]] = {}
    with torch.no_grad():
        for t, symbol in enumerate(symbols.tolist()):
            x = F.one_hot(torch.tensor([symbol]), network.symbols).float()
            for layer, cell in enumerate(cells):
                h, c = state[layer]
                gates = F.linear(x, cell.weight_ih, cell.bias_ih) + F.linear(h, cell.weight_hh, cell.bias_hh)
                forget = gates[0, size : 2 * size].sigmoid()
                _, plain = cell(x, (h, c))
                held = hold(t, layer, "forget_gate", forget)
                plain = plain[0] + (held - forget) * c[0]
                now = {"forget_gate": held, "cell": hold(t, layer, "cell", plain)}
                now["hidden"] = hold(t, layer, "hidden", gates[0, 3 * size :].sigmoid() * now["cell"].tanh())
                for name, value in now.items():
                    seen.setdefault((layer, name), []).append(value)
                state[layer] = now["hidden"][None], now["cell"][None]
                x = state[layer][0]
            if t + 1 < len(symbols):
                losses.append(F.cross_entropy(network.readout(x), torch.tensor([int(symbols[t + 1])])))
    return torch.stack(losses).double(), {name: torch.stack(values) for name, values in seen.items()}


def nothing(t: int, layer: int, signal: str, value: Tensor) -> Tensor:
    return value


def holding(
    layer: int, signal: str, neurons: Sequence[int], values: Callable[[int], Tensor | float], when: Sequence[bool]
) -> Hold:
    def hold(t: int, at: int, name: str, value: Tensor) -> Tensor:
        if (at, name) == (layer, signal) and when[t]:
            value = value.clone()
            value[list(neurons)] = torch.as_tensor(values(t))
        return value

    return hold


def run_ablation(
    network: Network, symbols: np.ndarray, held: Intervention, **options: object
) -> tuple[Ablation, Tensor]:
    """What `ablate` tells, and the losses `(predictions, readings)` that it saw."""
    slices: list[Slice] = []
    found = ablate(network, LETTERS, Text(symbols), held, length=0, each=slices.append, **options)  # type: ignore[arg-type]
    return found, torch.cat([read.losses()[read.targets >= 0] for read in slices])


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts here are short; what is carried from slice to slice must not go untried."""
    monkeypatch.setattr(lockstep, "LONGEST", 64)


MARKED = np.random.default_rng(5).random(STEPS) < 0.4


SIGNALS, MODES = ("cell", "hidden", "forget_gate"), ("zero", "mean", "clamp=-0.7", "patch")


@pytest.mark.parametrize(
    ("mode", "signal", "engine"),
    [*((mode, signal, "auto") for mode in MODES for signal in SIGNALS), ("patch", "cell", "reference")],
)
def test_losses_are_those_of_a_plain_loop(mode: str, signal: str, engine: str) -> None:
    network, symbols, other = make_network(), make_symbols(), make_symbols(1)
    before, free = read_by_hand(network, symbols, nothing)
    donor = read_by_hand(network, other, nothing)[1][1, signal]
    neurons, mean = [2, 5], free[1, signal].mean(dim=0)
    values: dict[str, Callable[[int], Tensor | float]] = {
        "zero": lambda t: 0.0,
        "mean": lambda t: mean[neurons],
        "clamp=-0.7": lambda t: -0.7,
        "patch": lambda t: donor[t, neurons],
    }
    after, _ = read_by_hand(network, symbols, holding(1, signal, neurons, values[mode], [True] * STEPS))
    held = Intervention(
        (f"rnn.l1.{signal}.5", f"rnn.l1.{signal}.2"),
        Mode("patch") if mode == "patch" else parse_mode(mode),
        other=other if mode == "patch" else None,
    )
    found, losses = run_ablation(network, symbols, held, engine=engine)
    torch.testing.assert_close(losses[:, 0], before, rtol=0, atol=2e-5)
    torch.testing.assert_close(losses[:, 1], after, rtol=0, atol=2e-5)
    assert (before - after).abs().max() > 1e-3
    assert found.overall.change == pytest.approx(float((after - before).mean()), abs=1e-6)
    assert (found.overall.before, found.steps) == (pytest.approx(float(before.mean()), abs=1e-6), STEPS - 1)
    # Each draw of random neurons is such an ablation too.
    assert len(found.controls) > 1
    for number, names in enumerate(found.controls):
        drawn = [int(name.rpartition(".")[2]) for name in names]
        wanted = donor[:, drawn] if mode == "patch" else mean[drawn]
        at = {**values, "mean": lambda t, wanted=wanted: wanted, "patch": lambda t, wanted=wanted: wanted[t]}[mode]
        control, _ = read_by_hand(network, symbols, holding(1, signal, drawn, at, [True] * STEPS))
        assert found.overall.controls[number] == pytest.approx(float((control - before).mean()), abs=1e-6)
    size = np.mean(np.abs(found.overall.controls))
    assert found.overall.ratio == pytest.approx(found.overall.change / size)


@pytest.mark.parametrize(
    ("steps", "where"), [(range(40, 90), None), (None, MARKED), (range(40, 290), MARKED)], ids=["span", "where", "both"]
)
def test_a_hold_acts_where_it_is_asked_for_alone(steps: range | None, where: np.ndarray | None) -> None:
    network, symbols, other = make_network(), make_symbols(), make_symbols(1, steps=290)
    donor = read_by_hand(network, other, nothing)[1][0, "cell"]
    when = [(steps is None or t in steps) and (where is None or bool(where[t])) for t in range(STEPS)]
    if steps is None:
        held, values = Intervention(("rnn.l0.3",)), lambda t: 0.0
    else:
        held, values = Intervention(("rnn.l0.3",), Mode("patch"), other=other), lambda t: donor[t, 3]
    answer = None if where is None else Answer("marked", "", where)
    held = Intervention(held.neurons, held.mode, "", steps, answer, held.other)
    after, _ = read_by_hand(network, symbols, holding(0, "cell", [3], values, when))
    found, losses = run_ablation(network, symbols, held)
    torch.testing.assert_close(losses[:, 1], after, rtol=0, atol=2e-5)
    assert found.samples is None
    told = {"steps": [steps.start, steps.stop] if steps else None, "where": None if where is None else "marked"}
    held_json = json.loads(json.dumps(found.to_json()))["held"]
    assert held_json == {"neurons": ["rnn.l0.cell.3"], "mode": "patch" if steps else "zero", **told}


def test_every_sequence_begins_from_zeros() -> None:
    network, symbols = make_network(), make_symbols()
    bounds = np.array([[0, 100], [100, 101], [101, STEPS]])
    found = ablate(network, LETTERS, Text(symbols, bounds), Intervention(("rnn.l0.1",)), length=0)
    losses = [
        read_by_hand(network, symbols[start:stop], holding(0, "cell", [1], lambda t: 0.0, [True] * STEPS))[0]
        for start, stop in ((0, 100), (101, STEPS))
    ]
    assert found.steps == STEPS - 3
    assert found.overall.after == pytest.approx(float(torch.cat(losses).mean()), abs=1e-6)


def test_a_moments_context_is_of_its_own_sequence() -> None:
    symbols, starts = make_symbols(), np.arange(0, STEPS, 20)
    text = Text(symbols, np.stack([starts, starts + 20], axis=1))
    found = ablate(make_network(), LETTERS, text, Intervention(("rnn.l0.1",)), length=0)
    assert len(found.moments) == 10
    for each in found.moments:
        assert each.context == LETTERS.decode(symbols[each.step - each.step % 20 : each.step + 1])


def plant(text: str) -> tuple[Network, Vocabulary]:
    """A network whose neuron 3 latches on “ until ”, and alone foretells ”; eleven others move and do nothing."""
    vocabulary = Vocabulary.of(text)
    network = Network(NetworkSettings.parse({"hidden": 12, "layers": 1}), len(vocabulary))
    opens, closes = (int(vocabulary.encode(mark)[0]) for mark in "“”")
    weights = network.state_dict()
    noise = torch.rand(12, len(vocabulary), generator=torch.Generator().manual_seed(0)) * 4 - 2
    for value in weights.values():
        value.zero_()
    rows = weights["rnn.weight_ih_l0"].view(4, 12, -1)  # i, f, g, o
    rows[0], rows[1], rows[2], rows[3] = 20.0, -20.0, noise, 20.0  # the others hold the newest symbol alone
    rows[0, 3], rows[1, 3], rows[2, 3] = -20.0, 20.0, 0.0
    for mark, sign in ((opens, 1.0), (closes, -1.0)):
        rows[0, 3, mark], rows[1, 3, mark], rows[2, 3, mark] = 20.0, -20.0, 20.0 * sign
    weights["readout.weight"][closes, 3], weights["readout.bias"][closes] = 8.0, -6.0
    network.load_state_dict(weights)
    return network.eval(), vocabulary


def make_speech(seed: int = 0, words: int = 400) -> str:
    random = np.random.default_rng(seed)
    parts: list[str] = ["”"]  # the latch begins shut
    for _ in range(words):
        word = "".join(random.choice(list("abcdef"), random.integers(2, 6)))
        parts.append(f"“{word} {word}” " if random.random() < 0.3 else f"{word} ")
    return "".join(parts)


def test_without_the_latch_the_loss_rises_where_quotes_close_and_nowhere_else() -> None:
    text = make_speech()
    network, vocabulary = plant(text)
    symbols = Text(vocabulary.encode(text))
    quoted = answers(["quoted"], symbols, vocabulary)
    held = Intervention(("rnn.l0.3",))
    found = ablate(network, vocabulary, symbols, held, hypotheses=quoted, symbols="“", length=0)
    closing = {each.name: each for each in found.hypotheses[0].symbols}["”"]
    assert closing.steps == text.count("”") - 1
    assert closing.change > 5
    assert closing.low is not None
    assert closing.high is not None
    assert 5 < closing.low <= closing.change <= closing.high
    assert closing.controls == (0.0,) * 5  # what does nothing changes nothing, to the last bit
    assert closing.ratio is None
    assert found.symbols[0].name == "“"  # asked for
    assert found.symbols[1].name == "”"
    rest = [each for each in found.symbols if each.name != "”"]
    assert all(each.change < 0.01 for each in rest)
    assert {each.symbol for each in found.moments} == {"”"}
    assert all(dict(each.before)["”"] > 0.1 > dict(each.after).get("”", 0.0) for each in found.moments)
    assert all(text[each.step + 1] == "”" and text[: each.step + 1].endswith(each.context) for each in found.moments)
    assert found.hypotheses[0].false is not None
    assert found.hypotheses[0].false.change < 0.01
    assert all(name.partition(".l0.cell.")[2] != "3" for draw in found.controls for name in draw)


def test_a_neuron_that_does_nothing_changes_nothing() -> None:
    text = make_speech()
    network, vocabulary = plant(text)
    found = ablate(network, vocabulary, Text(vocabulary.encode(text)), Intervention(("rnn.l0.5",)), seed=3)
    assert found.overall.change == 0.0
    assert found.symbols == ()
    assert found.moments == ()
    assert found.samples is not None
    assert found.samples.before == found.samples.after


def test_samples_differ_through_what_is_held_alone() -> None:
    text = make_speech()
    network, vocabulary = plant(text)
    found = ablate(network, vocabulary, Text(vocabulary.encode(text)), Intervention(("rnn.l0.3",)), length=300, seed=8)
    samples = found.samples
    assert samples is not None
    assert samples.prime == text[:100]
    written = "".join(sample(network, vocabulary, samples.prime, length=300, seed=8))
    assert written == samples.prime + samples.before
    held = sample(network, vocabulary, samples.prime, length=300, seed=8, edits=[Edit("l0", "cell", 0.0, [3])])
    assert "".join(held) == samples.prime + samples.after
    assert samples.before.count("”") > 4 * samples.after.count("”")
    # A number that draws another symbol than ” draws the same one: until the first ”, both are one text.
    assert samples.before[:1] == samples.after[:1]


def test_samples_in_bytes_begin_after_the_very_bytes_of_the_text() -> None:
    """The hundredth is the first of two that make a letter, and stands for itself."""
    vocabulary, text = bytes_vocabulary(), "a" + 300 * "é"
    network = Network(NetworkSettings.parse({"hidden": HIDDEN}), len(vocabulary))
    with torch.no_grad():
        network.readout.weight.mul_(50)  # what was read last decides what is written
    symbols = vocabulary.encode(text)
    found = ablate(network, vocabulary, Text(symbols), Intervention(("rnn.l0.3",)), length=30).samples
    assert found is not None
    assert found.prime == "a" + 49 * "é" + "\N{REPLACEMENT CHARACTER}"
    prime = found.prime[:-1] + "\udcc3"
    assert np.array_equal(vocabulary.encode(prime), symbols[:100])
    assert "".join(sample(network, vocabulary, prime, length=30)).removeprefix(prime) == found.before


def test_held_where_it_is_told_by_a_hypothesis() -> None:
    """Held shut outside quotes alone, the latch is what it would be: its cell is −1 there."""
    text = make_speech()
    network, vocabulary = plant(text)
    symbols = Text(vocabulary.encode(text))
    (quoted,) = answers(["quoted"], symbols, vocabulary)
    outside = Answer("not quoted", "", ~quoted.label)
    free = ablate(network, vocabulary, symbols, Intervention(("rnn.l0.3",), Mode("clamp", -1.0), where=outside))
    assert abs(free.overall.change) < 1e-6
    inside = ablate(network, vocabulary, symbols, Intervention(("rnn.l0.3",), Mode("clamp", -1.0), where=quoted))
    assert inside.overall.change > 0.1


def test_a_ratio_is_told_where_random_neurons_do_something() -> None:
    text = make_speech()
    network, vocabulary = plant(text)
    with torch.no_grad():
        network.readout.weight += 0.02 * torch.randn(network.readout.weight.shape)
    symbols = Text(vocabulary.encode(text))
    found = ablate(network, vocabulary, symbols, Intervention(("rnn.l0.3",)), symbols="”", length=0)
    closing = found.symbols[0]
    assert closing.ratio is not None
    assert closing.ratio > 50
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["symbols"][0]["ratio"] == closing.ratio


@pytest.mark.parametrize(
    ("held", "error", "said"),
    [
        (Intervention(()), SettingsError, "No neuron was named"),
        (Intervention(("rnn.l2.0",)), UnknownNameError, "no site 'rnn.l2.0'"),
        (Intervention(("rnn.l0.forget.0",)), UnknownNameError, "Did you mean 'forget_gate'"),
        (Intervention(("rnn.l0.7",)), UnknownNameError, "0 to 6"),
        (Intervention(("rnn.l0.1",), signal="gate"), UnknownNameError, "no signal of rnn.l0 'gate'"),
        (Intervention(("rnn.l0.1",), steps=range(10, 301)), SettingsError, r"no steps 10:301 in a text of 300"),
        (Intervention(("rnn.l0.1",), steps=range(10, 10)), SettingsError, r"no steps 10:10"),
        (Intervention(("rnn.l0.1",), Mode("patch")), SettingsError, "needs another text"),
        (Intervention(("rnn.l0.1",), other=make_symbols()), SettingsError, "no other mode takes one"),
        (
            Intervention(("rnn.l0.1",), Mode("patch"), other=make_symbols(steps=99)),
            SettingsError,
            r"99 .* up to step 300",
        ),
        (
            Intervention(("rnn.l0.1",), where=Answer("nowhere", "", np.zeros(300, bool))),
            SettingsError,
            "'nowhere' is true at no step of the text",
        ),
        (
            Intervention(("rnn.l0.1",), steps=range(5, 9), where=Answer("early", "", np.arange(300) < 5)),
            SettingsError,
            "'early' is true at no step of 5:9",
        ),
        (Intervention(("rnn.l1.hidden",), Mode("clamp", 3e38)), ModelError, "smaller value"),
    ],
)
def test_what_cannot_be_held_is_refused(held: Intervention, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ablate(make_network(), LETTERS, Text(make_symbols()), held)


def test_the_means_of_another_network_of_the_same_shape_are_refused() -> None:
    network = make_network()
    text = Text(make_symbols())
    own, other = (record_run(each, LETTERS, [text.symbols]) for each in (network, make_network()))
    ablate(network, LETTERS, text, Intervention(("rnn.l0.1",), Mode("mean"), trace=own), draws=0, length=0)
    with pytest.raises(TraceError, match="made with other weights"):
        ablate(network, LETTERS, text, Intervention(("rnn.l0.1",), Mode("mean"), trace=other))


@pytest.mark.parametrize("bounds", [None, np.empty((0, 2), int), np.array([[0, 1], [1, 2]])])
def test_a_text_that_foretells_nothing_is_refused(bounds: np.ndarray | None) -> None:
    with pytest.raises(SourceError, match="at least two"):
        Text(make_symbols(steps=1 if bounds is None else 2), bounds)


GROWTH = """
import resource, sys
import numpy as np, torch
from unrolled.networks import Network, NetworkSettings
from unrolled.neurons import lockstep
from unrolled.neurons.ablation import Intervention, ablate
from unrolled.neurons.lockstep import Text
from unrolled.sources.vocabulary import Vocabulary
torch.set_num_threads(1)
letters = Vocabulary("characters", tuple(map(chr, range(32, 232))))
network = Network(NetworkSettings.parse({"hidden": 4}), 200)
for steps in (4_000, 60_000):
    text = Text(np.random.default_rng(0).integers(0, 200, steps).astype(np.uint8))
    ablate(network, letters, text, Intervention(("rnn.l0.1",)), draws=0, length=0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell the most memory that a process had")
def test_memory_is_flat_in_the_length_of_the_text() -> None:
    """Fifteen times the text: its odds alone would take 190 MB more."""
    shown = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    little, much = (int(line) for line in shown.stdout.split())
    assert (much - little) / 1024 < 30
