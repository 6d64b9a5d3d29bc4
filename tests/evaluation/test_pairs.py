"""Pairs to measure on: all positives, as many negatives, half of them hard, and no product in both parts."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.evaluation.pairs import LabelledPairs, draw_pairs, given_pairs, of_validation

SKUS = [f"sku-{i // 3}" for i in range(60)]
RNG = np.random.default_rng(0)
EMBEDDINGS = RNG.normal(size=(60, 8)).astype(np.float32)
EMBEDDINGS /= np.linalg.norm(EMBEDDINGS, axis=1, keepdims=True)


def listed(pairs: LabelledPairs, same: bool) -> set[tuple[int, int]]:
    """The pairs of one kind, smaller index first."""
    found = zip(pairs.a.tolist(), pairs.b.tolist(), pairs.same.tolist(), strict=True)
    return {(min(a, b), max(a, b)) for a, b, y in found if y == same}


def test_all_positives_and_as_many_negatives() -> None:
    pairs = draw_pairs(SKUS, EMBEDDINGS)
    wanted = {(i, j) for i in range(60) for j in range(i + 1, 60) if SKUS[i] == SKUS[j]}
    assert listed(pairs, True) == wanted
    assert len(listed(pairs, False)) == len(wanted) == int((~pairs.same).sum())
    assert all(SKUS[a] != SKUS[b] for a, b in listed(pairs, False))


def test_the_parts_share_no_product() -> None:
    pairs = draw_pairs(SKUS, EMBEDDINGS)
    assert 0 < pairs.validation.sum() < len(pairs)
    for a, b, chosen in zip(pairs.a, pairs.b, pairs.validation, strict=True):
        assert of_validation(SKUS[int(a)]) == of_validation(SKUS[int(b)]) == chosen


def test_hard_negatives_are_nearer_than_random_ones() -> None:
    pairs = draw_pairs(SKUS, EMBEDDINGS)
    negatives = [float(EMBEDDINGS[a] @ EMBEDDINGS[b]) for a, b in listed(pairs, False)]
    others = [(i, j) for i in range(60) for j in range(i + 1, 60) if SKUS[i] != SKUS[j]]
    assert np.mean(negatives) > np.mean([float(EMBEDDINGS[i] @ EMBEDDINGS[j]) for i, j in others]) + 0.1


def test_the_same_seed_draws_the_same_pairs_and_another_one_others() -> None:
    first, again, other = (draw_pairs(SKUS, EMBEDDINGS, seed=s) for s in (1, 1, 2))
    assert listed(first, False) == listed(again, False)
    assert listed(first, False) != listed(other, False)


def test_ambiguous_photos_make_no_negative_with_that_product() -> None:
    free = draw_pairs(SKUS, EMBEDDINGS)
    a, b = sorted(listed(free, False))[0]
    barred = draw_pairs(SKUS, EMBEDDINGS, ambiguous={SKUS[a]: frozenset({b})})
    own = {i for i in range(60) if SKUS[i] == SKUS[a]}
    assert not any((x in own and y == b) or (y in own and x == b) for x, y in listed(barred, False))


def test_too_little_to_measure_on_is_said() -> None:
    with pytest.raises(ValueError, match="two products"):
        draw_pairs(["a", "a"], EMBEDDINGS[:2])
    with pytest.raises(ValueError, match="several photos"):
        draw_pairs([f"single-{i}" for i in range(40)], EMBEDDINGS[:40])


def test_given_pairs_keep_connected_photos_together() -> None:
    pairs = [(2 * i, 2 * i + 1) for i in range(40)] + [(2 * i, (2 * i + 2) % 80) for i in range(40)]
    same = [True] * 40 + [False] * 40
    kept = given_pairs(pairs, same)
    part: dict[int, bool] = {}
    for a, b, chosen in zip(kept.a.tolist(), kept.b.tolist(), kept.validation.tolist(), strict=True):
        assert part.setdefault(a // 2, chosen) == chosen
        assert part.setdefault(b // 2, chosen) == chosen
    assert int(kept.same.sum()) == 40
    with pytest.raises(ValueError, match="too short"):
        given_pairs(pairs[:1], same[:1])
