"""The finder's parts, each against a plain way to the same number."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unrolled.errors import SourceError
from unrolled.neurons.find.bins import Bins, auc_of, best_bin, count, information_of, threshold_at
from unrolled.neurons.find.intervals import BLOCKS, BlockSums, interval
from unrolled.neurons.find.labels import LabelStore, Question, control_task
from unrolled.neurons.find.parts import Parts, blocks
from unrolled.neurons.find.probes import Covariances
from unrolled.neurons.find.rates import believed, shifts_needed
from unrolled.neurons.find.screening import Screening
from unrolled.neurons.find.shifts import Shifts, chances
from unrolled.neurons.find.stream import Stretch, cut_slices
from unrolled.neurons.hypotheses.marking import Classes, Label
from unrolled.neurons.measures import auc, correlation, variance_explained
from unrolled.traces.slices import plan_slices

Array = NDArray[Any]
STEPS, NEURONS = 1200, 5


@pytest.fixture
def store() -> Any:
    with LabelStore(STEPS) as opened:
        yield opened


@pytest.fixture
def values() -> Array:
    """Slow, skewed, saturated, discrete and constant neurons."""
    generator = np.random.default_rng(3)
    slow = np.cumsum(generator.normal(size=STEPS))
    return np.stack(
        [
            slow,
            np.exp(generator.normal(size=STEPS)) + 1000,
            1 / (1 + np.exp(-8 * generator.normal(size=STEPS))),
            generator.integers(0, 3, STEPS),
            np.full(STEPS, 0.25),
        ],
        axis=1,
    ).astype(np.float32)


def labels(seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    number = np.cumsum(generator.normal(size=STEPS))
    holes = number.copy()
    holes[generator.random(STEPS) < 0.3] = np.nan
    classes = generator.integers(-1, 4, STEPS).astype(np.int16)
    return {
        "answer": generator.random(STEPS) < 0.2,
        "number": number,
        "holes": holes,
        "class": Classes(classes, tuple("abcd")),
    }


def plain_score(label: Any, column: Array) -> float:
    """The correlation, or √η² of classes, by the plain functions."""
    if isinstance(label, Classes):
        said = label.codes >= 0
        return float(np.sqrt(variance_explained(column[said, None], label.codes[said].tolist())[0]))
    label = label.astype(np.float64)
    said = np.isfinite(label)
    return float(correlation(column[said, None], label[said])[0])


# --- screening


@pytest.mark.parametrize("name", ["answer", "number", "holes", "class"])
def test_screening_gives_the_plain_strengths(name: str, values: Array, store: LabelStore) -> None:
    asked = [store.ask(each, label) for each, label in labels().items()]
    screening = Screening(asked, NEURONS, range(STEPS), seed=0)
    for start in range(0, STEPS, 250):
        screening.add(Stretch(start, values[start : start + 250], None))
    at = list(labels()).index(name)
    plain = [abs(plain_score(labels()[name], values[:, [neuron]][:, 0])) for neuron in range(NEURONS)]
    np.testing.assert_allclose(screening.strengths(at), plain, atol=2e-4)
    assert screening.best(50)[at].tolist() == [int(each) for each in np.argsort(-np.array(plain))][: NEURONS - 1]


def test_the_sample_holds_rows_of_the_text(values: Array, store: LabelStore) -> None:
    rare = np.zeros(STEPS, bool)
    rare[[7, 600]] = True
    screening = Screening([store.ask("rare", rare)], NEURONS, range(400, STEPS), seed=1)
    for start, stop in ((400, 900), (900, STEPS)):
        screening.add(Stretch(start, values[start:stop], None))
    rows = {tuple(row) for row in values[400:].tolist()}
    assert all(tuple(row) in rows for row in screening.sample.tolist())
    assert tuple(values[600].tolist()) in {tuple(row) for row in screening.sample.tolist()}


# --- labels


@given(unit=st.sampled_from([1e-300, 1e-10, 1e-5, 1.0, 1e38, 1e300]), zero=st.sampled_from([0.0, 1e6, -3.0]))
@settings(max_examples=18, deadline=None)
def test_the_unit_of_a_number_does_not_matter(unit: float, zero: float) -> None:
    """Metres or light years, from the sea's level or the earth's middle."""
    label = np.random.default_rng(0).normal(size=STEPS)
    label[::7] = np.nan
    with LabelStore(STEPS) as store:
        plain, other = store.ask("label", label), store.ask("label", (label + zero) * unit)
        assert plain.numbers is not None
        assert other.numbers is not None
        np.testing.assert_allclose(other.numbers, plain.numbers, atol=1e-5)
        np.testing.assert_array_equal(other.codes, plain.codes)
        said = plain.numbers[np.isfinite(label)]
        assert said.mean() == pytest.approx(0, abs=1e-6)
        assert said.std() == pytest.approx(1, abs=1e-6)


def test_what_varies_says_something_else_often_enough() -> None:
    with LabelStore(STEPS) as store:
        each_once = store.ask("each once", np.random.default_rng(0).permutation(STEPS).astype(np.float64))
        assert each_once.varies(slice(0, 20), 10)
        assert not each_once.varies(slice(0, 9), 10)
        rare = store.ask("rare", np.arange(STEPS) < 9)
        assert not rare.varies(slice(0, STEPS), 10)
        assert rare.varies(slice(0, STEPS), 9)
        assert not store.ask("never", np.full(STEPS, np.nan)).varies(slice(0, STEPS), 1)


# --- bins


def counts_of(bins: Array, yes: Array) -> Array:
    counts = np.zeros((len(bins), 512, 2), np.int64)
    count(bins, yes.astype(np.int8), counts)
    return counts


@given(seed=st.integers(0, 1000), fewer=st.sampled_from([32, 512]), groups=st.integers(1, 16))
@settings(max_examples=25, deadline=None)
def test_each_step_is_counted_once_in_its_bin_and_group(seed: int, fewer: int, groups: int) -> None:
    generator = np.random.default_rng(seed)
    bins = generator.integers(512, size=(3, 300)).astype(np.int16)
    codes = generator.integers(-1, groups, size=300).astype(np.int8)
    counts = np.zeros((3, fewer, groups), np.int64)
    count(bins[:, :200], codes[:200], counts)
    count(bins[:, 200:], codes[200:], counts)
    plain = np.zeros_like(counts)
    for neuron, row in enumerate(bins.tolist()):
        for at, code in zip(row, codes.tolist(), strict=True):
            if code >= 0:
                plain[neuron, at * fewer // 512, code] += 1
    np.testing.assert_array_equal(counts, plain)


@given(seed=st.integers(0, 1000), share=st.floats(0.02, 0.98))
@settings(max_examples=25, deadline=None)
def test_binned_auc_is_the_exact_one(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    yes = generator.random(4000) < share
    columns = np.stack([generator.normal(size=4000) + yes, generator.random(4000) ** 8 - 0.1 * yes], axis=1)
    columns = columns.astype(np.float32)
    bins = Bins(columns[::2], np.ones(2000, bool))
    codes = bins.of(columns.T)
    counts = counts_of(codes, yes)
    np.testing.assert_allclose(auc_of(counts), auc(columns, yes), atol=1e-3)


def test_a_value_that_many_steps_have_has_a_bin_of_its_own() -> None:
    """A gate that is 1 at each yes, and now and then very near it at a no, tells them apart wholly."""
    generator = np.random.default_rng(0)
    yes = generator.random(20_000) < 0.3
    column = np.where(yes, 1.0, np.where(generator.random(20_000) < 0.01, 0.999, 0.2 * generator.random(20_000)))
    column = column.astype(np.float32)[:, None]
    bins = Bins(column[:2000], np.ones(2000, bool))
    codes = bins.of(column.T)
    counts = counts_of(codes, yes)
    assert auc_of(counts)[0] == 1.0


def test_places_are_places_among_all() -> None:
    column = np.random.default_rng(0).gamma(0.3, size=(5000, 1)).astype(np.float32)
    bins = Bins(column, np.ones(5000, bool))
    exact = np.argsort(np.argsort(column[:, 0])) / 5000 - 0.5
    np.testing.assert_allclose(bins.places(bins.of(column.T))[0], exact, atol=2 / 512)


def test_information_of_a_copy_is_its_entropy_and_of_noise_nothing() -> None:
    copy = np.zeros((1, 4, 4), np.int64)
    copy[0, range(4), range(4)] = 1000
    assert information_of(copy)[0] == pytest.approx(2.0, abs=0.01)
    generator = np.random.default_rng(0)
    noise = np.zeros((1, 32, 16), np.int64)
    np.add.at(noise[0], (generator.integers(0, 32, 20000), generator.integers(0, 16, 20000)), 1)
    assert information_of(noise)[0] < 0.005


@pytest.mark.parametrize("direction", [1, -1])
def test_the_threshold_parts_best(direction: int) -> None:
    """Against every edge tried in turn."""
    generator = np.random.default_rng(1)
    yes = generator.random(3000) < 0.3
    column = (generator.normal(size=3000) + 2 * direction * yes).astype(np.float32)[:, None]
    bins = Bins(column, np.ones(3000, bool))
    codes = bins.of(column.T)
    counts = counts_of(codes, yes)[0]
    chosen = best_bin(counts, direction)
    found = threshold_at(counts, direction, chosen, bins.edges[0])

    def f1(edge: float) -> float:
        said = column[:, 0] > edge if direction > 0 else column[:, 0] <= edge
        return 2 * (said & yes).sum() / (said.sum() + yes.sum())

    assert f1(found.value) == pytest.approx(max(map(f1, bins.edges[0].tolist())))
    said = column[:, 0] > found.value if direction > 0 else column[:, 0] <= found.value
    assert found.precision == pytest.approx((said & yes).sum() / said.sum())
    assert found.recall == pytest.approx((said & yes).sum() / yes.sum())


# --- shifts


@pytest.mark.parametrize("name", ["answer", "number", "holes", "class"])
@pytest.mark.parametrize("count", [7, 900])
def test_shifts_give_what_rolling_the_label_gives(name: str, count: int, values: Array, store: LabelStore) -> None:
    part = range(200, STEPS)
    question = store.ask(name, labels()[name])
    shifts = Shifts(question, NEURONS, part, count, store.keep)
    places = np.ascontiguousarray(values[200:].T - values[200:].mean(axis=0)[:, None])
    for start in range(0, 1000, 333):
        shifts.add(200 + start, places[:, start : start + 333])
    found = shifts.strengths()
    assert found.shape == (NEURONS, 1 + shifts.count)
    assert min(count, 900) <= shifts.count + 61
    reach = 1000 - 2 * 20 + 1
    apart = reach // shifts.count
    for at in (0, 1, shifts.count // 2, shifts.count):
        by = 0 if at == 0 else 20 + (at - 1) * apart
        label = labels()[name]
        moved = (
            Classes(np.roll(label.codes[200:], -by), label.names)
            if isinstance(label, Classes)
            else np.roll(label[200:], -by)
        )
        for neuron in range(NEURONS - 1):
            plain = plain_score(moved, without_drift(moved, places[neuron]))
            assert found[neuron, at] == pytest.approx(plain, abs=1e-3), (neuron, at)


def without_drift(label: Label | Classes, values: Array) -> Array:
    """Values less the mean of each of four blocks, counted where the label says something."""
    says = label.codes >= 0 if isinstance(label, Classes) else np.isfinite(label)
    blocks = zip(np.split(values, 4), np.split(says, 4), strict=True)
    return np.concatenate([block - block[said].mean() for block, said in blocks])


def test_chances_count_the_label_itself_and_the_largest_of_all_neurons() -> None:
    generator = np.random.default_rng(0)
    strengths = generator.normal(size=(3, 1000))
    strengths[:, 0] = [20, 0.1, -20]
    said = chances(strengths, np.array([1, 1, 1]))
    assert said.best == pytest.approx(1 / 1000)
    assert said.each[0] == pytest.approx(1 / 1000)
    assert said.each[1] > 0.8
    assert said.each[2] == 1.0
    turned = chances(strengths, np.array([1, 1, -1]))
    assert turned.each[2] == pytest.approx(1 / 1000)


def test_by_chance_alone_every_chance_is_as_frequent_as_it_says() -> None:
    """200 slow labels and slow neurons that have nothing to do with each other."""
    generator = np.random.default_rng(7)
    found: list[float] = []
    for _ in range(200):
        with LabelStore(2000) as store:
            slow = np.convolve(generator.normal(size=2060), np.ones(61), "valid")
            question = store.ask("slow", slow > 0)
            shifts = Shifts(question, 4, range(2000), 200, store.keep)
            noise = [np.convolve(generator.normal(size=2040), np.ones(41), "valid") for _ in range(4)]
            shifts.add(0, np.stack(noise).astype(np.float32))
            found.append(chances(shifts.strengths(), generator.choice([-1, 1], 4)).best)
    for level in (0.05, 0.2, 0.5):
        expected, spread = 200 * level, (200 * level * (1 - level)) ** 0.5
        assert abs(np.sum(np.array(found) <= level) - expected) < 3.3 * spread, level


# --- intervals


def test_block_scores_are_the_plain_ones(values: Array, store: LabelStore) -> None:
    for name, label in labels().items():
        if name == "answer":
            continue
        question = store.ask(name, label)
        sums = BlockSums(question.kind, question.groups, NEURONS)
        for block, steps in blocks(range(STEPS), range(STEPS)):
            part = slice(steps.start, steps.stop)
            sums.add(block, values[part].T, question.columns(part), question.said(part))
        plain = np.array([plain_score(label, values[:, neuron]) for neuron in range(NEURONS)])
        np.testing.assert_allclose(sums.scores(), plain**2 if name == "class" else plain, atol=1e-4)


def test_intervals_hold_what_they_should() -> None:
    """The true correlation lies within 95 % of the intervals, though steps are like those before them."""
    generator = np.random.default_rng(5)
    inside = 0
    for _ in range(200):
        with LabelStore(4000) as store:
            common, own = (np.convolve(generator.normal(size=4010), np.ones(11), "valid") for _ in range(2))
            question = store.ask("number", common)
            sums = BlockSums("number", question.groups, 1)
            value = (0.6 * common + 0.8 * own).astype(np.float32)
            for block, steps in blocks(range(4000), range(4000)):
                part = slice(steps.start, steps.stop)
                sums.add(block, value[None, part], question.columns(part), question.said(part))
            low, high = interval(float(sums.scores()[0]), float(sums.errors()[0]), -1, 1)
            inside += low <= 0.6 <= high
    assert 180 <= inside <= 200


def test_an_interval_stays_within_its_bounds_and_holds_the_score() -> None:
    for score, error in product((0.0, 1e-9, 0.3, 0.999, 1.0), (1e-9, 0.1, 10.0, np.inf)):
        low, high = interval(score, error, 0, 1)
        assert 0 <= low <= score <= high <= 1


# --- probes, rates, parts


def test_the_probe_is_least_squares_on_the_best_neurons() -> None:
    generator = np.random.default_rng(2)
    values = generator.normal(size=(3000, 9)).astype(np.float32)
    label = values[:, 3] - 2 * values[:, 7] + 0.1 * generator.normal(size=3000)
    covariances = Covariances(9)
    for start in range(0, 3000, 500):
        covariances.add(values[start : start + 500].T, label[start : start + 500].astype(np.float32))
    two, four, eight = covariances.probes()
    assert set(two.neurons) == {3, 7}
    assert (len(four.neurons), len(eight.neurons)) == (4, 8)
    centred = values[:, list(two.neurons)] - values[:, list(two.neurons)].mean(axis=0)
    plain = np.linalg.lstsq(centred, label - label.mean(), rcond=None)[0]
    np.testing.assert_allclose(two.weights, plain, rtol=1e-3)


def test_two_neurons_that_do_the_same_do_not_break_the_probe() -> None:
    generator = np.random.default_rng(2)
    one = generator.normal(size=500).astype(np.float32)
    covariances = Covariances(3)
    covariances.add(np.stack([one, one, 0 * one]), one)
    (two,) = covariances.probes()
    assert np.corrcoef(two.of(np.stack([one, one, 0 * one])), one)[0, 1] > 0.999


def test_what_is_believed_by_hand() -> None:
    """The example of Benjamini and Hochberg (1995), section 3.1: of 15 hypotheses, 4 are believed at q = 0.05."""
    theirs = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    theirs += [0.6528, 0.7590, 1.0]
    assert believed(theirs, 0.05) == [True] * 4 + [False] * 11
    assert believed([], 0.05) == []
    assert believed([1 / 41], 0.05) == [True]
    assert shifts_needed(40, 0.05) == 800


def test_parts_leave_short_sequences_whole() -> None:
    ends = np.cumsum([7] * 300).tolist()
    sequences = [range(end - 7, end) for end in ends]
    parts = Parts.of(sequences)
    assert parts.choose.start % 7 == 0
    assert parts.tell.start % 7 == 0
    assert abs(parts.choose.start - 525) < 7
    whole = cut_slices(plan_slices(sequences, 100), parts.cuts)
    assert not [part for part in whole for cut in parts.cuts if part.start < cut < part.stop]
    assert [span for part in whole for span in part.sequences] == sequences


@given(lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=12).filter(lambda each: sum(each) >= 200))
@settings(max_examples=50, deadline=None)
def test_a_few_sequences_are_cut_within(lengths: list[int]) -> None:
    ends = np.cumsum(lengths).tolist()
    sequences = [range(end - length, end) for length, end in zip(lengths, ends, strict=True)]
    parts = Parts.of(sequences)
    assert min(len(part) for part in (parts.screen, parts.choose, parts.tell)) >= ends[-1] // 5
    whole = cut_slices(plan_slices(sequences, 100), parts.cuts)
    assert not [part for part in whole for cut in parts.cuts if part.start < cut < part.stop]
    assert [step for part in whole for span in part.sequences for step in span] == list(range(ends[-1]))
    starts = {sequence.start for sequence in sequences}
    assert all((part.start in starts) == part.fresh for part in whole)


@given(steps=st.integers(200, 200_000), numbers=st.integers(10, 20_000))
@settings(max_examples=50, deadline=None)
def test_a_long_text_is_cut_without_gaps(steps: int, numbers: int) -> None:
    sequences = [range(steps)]
    parts = Parts.of(sequences)
    assert (parts.screen.start, parts.tell.stop) == (0, steps)
    whole = cut_slices(plan_slices(sequences, numbers), parts.cuts)
    assert [part.start for part in whole] == [0, *(part.stop for part in whole[:-1])]
    assert whole[-1].stop == steps
    assert not [part for part in whole for cut in parts.cuts if part.start < cut < part.stop]
    covered = [(block, step) for block, span in blocks(parts.tell, parts.tell) for step in (span.start, span.stop)]
    assert {block for block, _ in covered} == set(range(BLOCKS))


def test_a_text_that_is_too_short_is_refused() -> None:
    with pytest.raises(SourceError, match="199 steps"):
        Parts.of([range(199)])


def test_the_control_hangs_on_three_symbols_and_is_as_frequent(store: LabelStore) -> None:
    generator = np.random.default_rng(0)
    symbols = generator.integers(0, 40, STEPS)
    question = store.ask("answer", generator.random(STEPS) < 0.2)
    control: Question = control_task("answer", question, symbols, store, seed=0)
    before = np.concatenate([[0, 0], symbols])
    seen: dict[tuple[int, ...], int] = {}
    for step, code in enumerate(control.codes.tolist()):
        assert seen.setdefault(tuple(before[step : step + 3].tolist()), code) == code
    assert 0.12 < (np.asarray(control.codes) == 1).mean() < 0.28
    assert (np.asarray(control.codes) != np.asarray(question.codes)).any()


def test_the_control_is_drawn_piece_by_piece_as_at_once() -> None:
    """The same text twice, longer than a piece: its second time begins within one, and says the same."""
    symbols = np.random.default_rng(0).integers(0, 40, 200_003)
    with LabelStore(2 * len(symbols)) as store:
        question = store.ask("number", np.tile(np.arange(len(symbols), dtype=np.float64), 2))
        control = control_task("number", question, np.tile(symbols, 2), store, seed=0)
        assert control.numbers is not None
        first, second = np.split(control.numbers, 2)
        np.testing.assert_array_equal(first[2:], second[2:])
        assert len(np.unique(first)) > 1000
