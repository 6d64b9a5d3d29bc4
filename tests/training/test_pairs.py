"""Label generation: what is drawn, how evenly, and that it is a function of the seed alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from simsearch.training.pairs import ALGORITHMS, ClassBatches, LabelledImages

classes_of_images = st.lists(st.integers(0, 6), min_size=2, max_size=30).filter(lambda c: len(set(c)) > 1)
both = pytest.mark.parametrize("algorithm", ALGORITHMS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@both
@settings(deadline=None)
@given(classes_of_images, st.integers(0, 33), st.integers(0, 1000))
def test_labels_are_true(algorithm: str, classes: list[int], count: int, seed: int) -> None:
    pairs = ALGORITHMS[algorithm](LabelledImages(classes), count, rng(seed))
    assert len(pairs.a) == len(pairs.b) == len(pairs.same) == count
    owners = np.array(classes)
    assert ((owners[pairs.a] == owners[pairs.b]) == pairs.same).all()


@settings(deadline=None)
@given(classes_of_images, st.integers(1, 33), st.integers(0, 1000))
def test_algorithm_2_is_exactly_balanced_and_pairs_an_image_with_itself_only_when_alone(
    classes: list[int], count: int, seed: int
) -> None:
    pairs = ALGORITHMS["algorithm-2"](LabelledImages(classes), count, rng(seed))
    assert pairs.same.sum() == (count + 1) // 2
    alone = np.bincount(classes)[np.array(classes)[pairs.a]] == 1
    assert ((pairs.a == pairs.b) == (pairs.same & alone)).all()


def test_algorithm_1_is_balanced_on_average() -> None:
    pairs = ALGORITHMS["algorithm-1"](LabelledImages(np.arange(40) // 4), 4000, rng())
    assert abs(pairs.same.mean() - 0.5) < 0.03


@both
def test_the_same_generator_gives_the_same_pairs(algorithm: str) -> None:
    images = LabelledImages(np.arange(60) // 3)
    one, same, other = (ALGORITHMS[algorithm](images, 50, rng(s)) for s in (7, 7, 8))
    assert (one.a == same.a).all()
    assert (one.b == same.b).all()
    assert (one.same == same.same).all()
    assert (one.b != other.b).any()


def test_no_pair_is_likelier_than_another_of_its_kind() -> None:
    classes = np.array([0, 0, 0, 1, 1, 2])
    pairs = ALGORITHMS["algorithm-2"](LabelledImages(classes), 120_000, rng(1))
    counts = np.zeros((6, 6))
    np.add.at(counts, (pairs.a, pairs.b), 1)
    for first in range(6):
        own = np.flatnonzero(classes == classes[first])
        mates = own[own != first] if len(own) > 1 else own
        for partners in (mates, np.flatnonzero(classes != classes[first])):
            assert counts[first].sum() == pytest.approx(20_000, rel=0.05)
            assert counts[first, partners].sum() == pytest.approx(10_000, rel=0.05)
            assert len(partners) == 1 or chisquare(counts[first, partners]).pvalue > 1e-3
    assert counts[0, 0] == 0
    assert counts[5, 5] > 0


def test_both_algorithms_draw_the_same_negatives() -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 2])
    tables = []
    for algorithm in ALGORITHMS.values():
        pairs = algorithm(LabelledImages(classes), 20_000, rng(2))
        table = np.zeros((7, 7))
        np.add.at(table, (pairs.a[~pairs.same], pairs.b[~pairs.same]), 1)
        tables.append(table / table.sum())
    assert np.abs(tables[0] - tables[1]).max() < 0.01


def test_classes_may_be_any_integers() -> None:
    pairs = ALGORITHMS["algorithm-2"](LabelledImages([10**12, -5, 10**12, 7]), 50, rng())
    assert set(pairs.a) <= {0, 1, 2, 3}


@pytest.mark.parametrize("classes", [[], [3], [3, 3, 3]])
def test_one_class_makes_no_pairs(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="two classes"):
        LabelledImages(classes)


def batches(
    classes: Sequence[int], sets: Sequence[str], many: int, weights: dict[str, float] | None = None
) -> ClassBatches:
    return ClassBatches(LabelledImages(classes), sets, weights or {}, many)


@settings(deadline=None)
@given(classes_of_images, st.integers(1, 8), st.integers(0, 100))
def test_a_batch_has_no_class_twice(classes: list[int], many: int, seed: int) -> None:
    chosen = batches(classes, ["x"] * len(classes), many).draw(rng(seed))
    owners = np.array(classes)[chosen].reshape(-1, 2)
    assert (owners[:, 0] == owners[:, 1]).all()
    assert len(set(owners[:, 0])) == len(owners) <= many
    images = chosen.reshape(-1, 2)
    sizes = np.bincount(classes)[owners[:, 0]]
    assert ((images[:, 0] == images[:, 1]) == (sizes == 1)).all()


def test_hard_batches_hold_classes_with_their_neighbours() -> None:
    classes = [i // 2 for i in range(400)]
    near = (np.arange(200) ^ 1).astype(np.int32)[:, None]  # each class has one that looks like it
    drawn = batches(classes, ["x"] * 400, 20)
    for seed in range(5):
        owners = (drawn.draw(rng(seed), near, 0.5)[::2] // 2).tolist()
        assert len(set(owners)) == len(owners)
        # Ten drawn, and the neighbours of nearly all of them; without mining such a batch holds one such pair.
        assert sum(owner ^ 1 in owners for owner in owners) >= 2 * (len(owners) - 10) > 10
    alone = np.full((200, 3), -1, np.int32)
    assert len(drawn.draw(rng(), alone, 0.5)) == 20  # images of ten classes: none has a neighbour: only what was drawn


def test_fewer_classes_than_asked_for_make_a_smaller_batch() -> None:
    assert len(batches([0, 0, 1, 2], ["x"] * 4, 10).draw(rng())) == 6


def test_sets_get_their_share() -> None:
    classes = np.arange(1200) // 2
    sets = ["small" if c < 60 else "large" for c in classes]
    maker = batches(classes.tolist(), sets, 20, {"small": 3.0})  # "large" has the weight 1
    generator = rng()
    drawn = np.concatenate([maker.draw(generator) for _ in range(200)])
    assert np.mean([sets[i] == "small" for i in drawn]) == pytest.approx(0.75, abs=0.03)


def test_a_set_of_weight_zero_is_left_out_and_one_too_small_is_filled_up() -> None:
    classes = np.arange(40)
    sets = ["off"] * 20 + ["tiny"] * 2 + ["rest"] * 18
    chosen = batches(classes.tolist(), sets, 12, {"off": 0.0, "tiny": 100.0}).draw(rng())
    assert len(chosen) == 24
    assert min(chosen) >= 20
    for weights in ({"a": 0.0}, {"a": -1.0}):
        with pytest.raises(ValueError, match="weights"):
            batches([0, 1], ["a", "a"], 2, weights)


def test_a_class_with_many_photos_is_not_drawn_more_often() -> None:
    classes = [0] * 90 + list(range(1, 11))
    maker, generator = batches(classes, ["x"] * 100, 1), rng()
    drawn = np.array(classes)[np.concatenate([maker.draw(generator)[:1] for _ in range(4400)])]
    assert chisquare(np.bincount(drawn, minlength=11)).pvalue > 1e-3


def test_a_class_in_two_sets_comes_once() -> None:
    chosen = batches([0, 0, 1, 1], ["a", "b", "a", "b"], 2).draw(rng())
    assert sorted(np.array([0, 0, 1, 1])[chosen]) == [0, 0, 1, 1]
