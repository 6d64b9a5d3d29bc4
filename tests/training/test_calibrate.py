"""Fitting a calibration on labelled photos: separable samples, halves that share no product, thresholds that hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.config import QuerySettings
from simsearch.core.errors import TrainingError
from simsearch.core.types import Description
from simsearch.features.orb import KEYPOINT
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.score_fusion import Fusion
from simsearch.recognition.verification import FEATURES
from simsearch.training import calibrate as room
from simsearch.training.calibrate import LEAST_PRODUCTS, Sample, calibrate, candidate_pairs

Look = dict[str, NDArray[Any]]


class StubScorer:
    """Features out of two numbers that each photo carries: its product, and how much its scores are blurred."""

    def features(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[object] | None = None,
        votes: Sequence[float] | None = None,
    ) -> NDArray[np.float64]:
        assert elsewhere is None or len(elsewhere) == min(geometry, len(others))
        assert (votes is None) == (elsewhere is None)
        assert votes is None or len(votes) == len(others)
        rows = []
        for other in others:
            same = float(query["product"][0] == other["product"][0])
            random = np.random.default_rng([int(query["mark"][0]), int(other["mark"][0])])
            blur = float(query["blur"][0]) * random.normal(size=2)
            cosine = float(np.vdot(query["siamese"].astype(np.float32), other["siamese"].astype(np.float32)))
            rows.append([blur[0], cosine, 6 * same - 3 + blur[1], 0, float(query["product"][0]) / 1000, 0, 0])
        return np.array(rows)


def sample(products: int, photos: int = 3, *, blur: float = 0.3, seed: int = 0, singles: int = 0) -> Sample:
    """Products whose photos differ in embedding and scores by `blur`."""
    random = np.random.default_rng(seed)
    skus, described = [], []
    for product in range(products + singles):
        centre = random.normal(size=16)
        for _ in range(photos if product < products else 1):
            vector = centre + 0.3 * max(1.0, blur) * random.normal(size=16)
            skus.append(f"sku{product:03}")
            photo: Look = {
                "siamese": (vector / np.linalg.norm(vector)).astype(np.float32),
                "product": np.array([product]), "blur": np.array([blur]), "mark": np.array([len(skus) + 10_000 * seed]),
            }  # fmt: skip
            described.append(Description(photo))
    return Sample(skus, described)


SCORER = StubScorer()
FINGERPRINTS = {"siamese": "siamese-1", "orb": "orb-1", "phash": "phash-1"}


def asking(candidates: int) -> QuerySettings:
    return QuerySettings(candidates=candidates, geometry=5)


def fitted(of: Sample, *, target_far: float = 0.01, candidates: int = 10, **facts: Any) -> Calibration:
    return calibrate(
        of, SCORER, fingerprints=FINGERPRINTS, target_far=target_far, settings=asking(candidates), facts=facts
    )


def pairs(of: Sample, candidates: int = 10) -> room.CandidatePairs:
    return candidate_pairs(of, SCORER, asking(candidates), lambda done, total, text: None)


def test_a_separable_sample_is_told_apart_on_other_products() -> None:
    calibration = fitted(sample(30))
    fresh = pairs(sample(20, seed=1))
    probability = calibration.probability(fresh.features)
    assert probability[fresh.same].min() > 0.9
    assert probability[~fresh.same].max() < 0.1
    assert 0 < calibration.thresholds["match"] < 0.5
    assert calibration.thresholds["pair"] == 0.5


def test_probabilities_of_a_blurred_sample_are_shares() -> None:
    # Cosine and keypoints alone tell less of a sample blurred more: no pair would reach the outer bins.
    calibration = fitted(sample(120, blur=3.0))
    fresh = pairs(sample(120, blur=3.0, seed=1))
    probability = calibration.probability(fresh.features)
    weight = np.where(fresh.same, 0.5 / fresh.same.mean(), 0.5 / (~fresh.same).mean())  # as many right as wrong ones
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.0)):
        inside = (probability >= low) & (probability < high)
        assert inside.sum() >= 20
        share = np.average(fresh.same[inside], weights=weight[inside])
        assert low - 0.1 < share < high + 0.1


def test_what_it_was_fitted_on_is_kept() -> None:
    calibration = fitted(sample(10, singles=3), table="shelf.csv")
    assert calibration.fingerprints == {"siamese": "siamese-1", "orb": "orb-1", "phash": "phash-1"}
    facts = dict(calibration.facts)
    # 10 products of 3 photos, each asked against the 10 nearest of 32; its own two are among them or added.
    assert 300 <= facts.pop("pairs") <= 360
    assert facts == {
        "table": "shelf.csv", "products": 10, "photos": 33, "right_pairs": 60, "target_far": 0.01, "far_shown": False,
        "far_queries": {"match": 33},
    }  # fmt: skip
    assert calibration.fusion.names == FEATURES
    calibration.check({"siamese": "siamese-1", "orb": "orb-1", "phash": "phash-1", "dhash": "x"})


def test_pills_do_not_set_the_bar_of_packages() -> None:
    features = np.zeros((6, len(FEATURES)))
    features[[2, 3, 4, 5], FEATURES.index("pills")] = 1
    # The photos 0 and 1 show packages, the second beside a candidate that shows pills; 2 and 3 show pills.
    several = room.CandidatePairs(features, np.zeros(6, bool), np.array([0, 1, 1, 2, 2, 3]))
    p = np.array([0.2, 0.3, 0.99, 0.8, 0.7, 0.9])
    chosen = room.thresholds_by_kind(p, several, 0.1)
    assert {name: (round(one.threshold, 6), one.negatives) for name, one in chosen.items()} == {
        "match": (0.3, 2), "match_pills": (0.9, 2),
    }  # fmt: skip
    packages = room.CandidatePairs(features[:2], np.zeros(2, bool), np.array([0, 1]))
    assert {*room.thresholds_by_kind(p[:2], packages, 0.1)} == {"match"}
    pills = room.CandidatePairs(features[3:], np.zeros(3, bool), np.array([2, 2, 3]))
    assert room.thresholds_by_kind(p[3:], pills, 0.1)["match"].threshold > 0.9


class PillScorer(StubScorer):
    """Photos of every second product show pills, whose cosine says nothing, and whose votes tell them apart."""

    def features(self, query: Description, others: Sequence[Description], **how: Any) -> NDArray[np.float64]:
        rows = super().features(query, others, **how)
        shows = [int(query["product"][0]) % 2 or int(other["product"][0]) % 2 for other in others]
        pills = np.array(shows, float)
        rows[:, 1] *= 1 - pills
        rows[:, FEATURES.index("pill_votes")] = pills * np.maximum(0, rows[:, 2] + 3)
        rows[:, 2] *= 1 - pills
        rows[:, FEATURES.index("pills")] = pills
        return rows


def test_pills_have_a_fusion_of_their_own_where_both_are_in_the_sample() -> None:
    def fit(products: int) -> Calibration:
        return calibrate(
            sample(products), PillScorer(), fingerprints=FINGERPRINTS, target_far=0.01, settings=asking(10), facts={}
        )

    made = fit(40)
    assert made.pills is not None
    weight = dict(zip(FEATURES, zip(made.fusion.weights, made.pills.weights, strict=True), strict=True))
    assert weight["pill_votes"][0] == weight["cosine"][1] == 0
    assert weight["pill_votes"][1] > 0 < weight["cosine"][0]
    fresh = candidate_pairs(sample(20, seed=1), PillScorer(), asking(10), lambda done, total, text: None)
    probability = made.probability(fresh.features)
    assert probability[fresh.same].min() > 0.9 > 0.1 > probability[~fresh.same].max()
    assert {*made.thresholds} == {"match", "match_pills", "pair"}
    assert fit(2 * LEAST_PRODUCTS - 2).pills is None


def test_a_sample_that_is_large_enough_shows_its_false_accept_rate() -> None:
    assert fitted(sample(20, 5), target_far=0.02).facts["far_shown"] is True


@pytest.mark.parametrize("target", [0.02, 0.1, 0.3])
def test_the_threshold_holds_the_target_on_other_products(target: float) -> None:
    calibration = fitted(sample(100, blur=3.0), target_far=target)
    found = pairs(sample(100, blur=3.0, seed=1))
    probability = calibration.probability(found.features)
    worst = [probability[(found.query == q) & ~found.same].max() for q in np.unique(found.query)]
    accepted = float(np.mean(np.array(worst) >= calibration.thresholds["match"]))
    assert accepted == pytest.approx(target, abs=0.03 + target / 3)


def test_no_product_judges_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_on: list[set[int]] = []
    judged: list[set[int]] = []
    fit, logits = Fusion.fit, Fusion.logits

    def watched_fit(x: NDArray[np.float64], *rest: Any, **named: Any) -> Fusion:
        if x.shape[1] == len(FEATURES):  # not that of one column, which corrects the logits
            fitted_on.append({round(1000 * p) for p in x[:, 4]})
        return fit(x, *rest, **named)

    def watched_logits(self: Fusion, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if x.shape[1] == len(FEATURES):
            judged.append({round(1000 * p) for p in x[:, 4]})
        return logits(self, x)

    monkeypatch.setattr(Fusion, "fit", watched_fit)
    monkeypatch.setattr(Fusion, "logits", watched_logits)
    fitted(sample(21, singles=4))
    *parts, whole = fitted_on
    assert len(parts) == room.FOLDS
    assert all(not part & asked and part | asked == whole for part, asked in zip(parts, judged, strict=True))
    assert whole == set(range(25))


def test_distractors_are_candidates_but_do_not_ask() -> None:
    of = sample(10, singles=4)
    last = frozenset(range(30, 34))
    marked = Sample(of.skus, of.described, last)
    assert last <= set(np.unique(pairs(of, 33).query).tolist())
    found = pairs(marked, 33)
    assert not last & set(np.unique(found.query).tolist())
    assert (np.bincount(found.query, minlength=34)[:30] == 33).all()
    # Two photos under the SKU of a distractor are no product with several photos.
    assert Sample(["a", "a", "b", "b"], of.described[:4], frozenset({2, 3})).several == ["a"]


def test_what_agrees_in_keypoints_is_a_candidate_too() -> None:
    random = np.random.default_rng(0)
    skus: list[str] = []
    described: list[Any] = []
    for product in range(12):
        for _ in range(2):
            keypoints = np.zeros(40, KEYPOINT)
            keypoints["bits"] = np.random.default_rng(product % 6).integers(0, 256, (40, 32))
            vector = random.normal(size=16)
            photo: Look = {
                "siamese": (vector / np.linalg.norm(vector)).astype(np.float32), "orb": keypoints,
                "product": np.array([product]), "blur": np.array([0.1]), "mark": np.array([len(skus)]),
            }  # fmt: skip
            described.append(Description(photo))
            skus.append(f"sku{product:02}")
    found = pairs(Sample(skus, described), candidates=1)
    alike = [
        {*np.flatnonzero([s in (f"sku{p:02}" for p in range(12) if p % 6 == int(sku[3:]) % 6) for s in skus])} - {i}
        for i, sku in enumerate(skus)
    ]
    assert all((found.query == i).sum() >= len(alike[i]) == 3 for i in range(len(skus)))


def test_of_single_photos_at_most_so_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SINGLES", 5)
    of = sample(8, singles=13)
    alone = [q for q in np.unique(pairs(of).query).tolist() if of.skus.count(of.skus[q]) == 1]
    assert 0 < len(alone) <= 5
    assert not any(pairs(of).same[pairs(of).query == alone[0]])


def test_the_order_of_the_photos_does_not_matter_and_it_repeats() -> None:
    of = sample(12)
    calibration = fitted(of)
    assert fitted(of) == calibration
    back = fitted(Sample(of.skus[::-1], of.described[::-1]))
    np.testing.assert_allclose(back.fusion.weights, calibration.fusion.weights, rtol=1e-6)
    assert back.thresholds["match"] == pytest.approx(calibration.thresholds["match"], rel=1e-6)


def test_too_few_products_are_refused() -> None:
    for of in (sample(LEAST_PRODUCTS - 1, singles=30), Sample([], [])):
        with pytest.raises(TrainingError, match=rf"needs 8 or more products .* has {len(of.several)}$"):
            fitted(of)
    fitted(sample(LEAST_PRODUCTS))


def test_candidates_without_a_wrong_one_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"all 2 candidates .* query\.candidates"):
        fitted(sample(10, 6, blur=0.0), candidates=2)


def test_right_photos_that_the_lookup_misses_are_pairs_too() -> None:
    of = sample(10, 6)
    found = pairs(of, candidates=3)
    for q in np.unique(found.query):
        assert found.same[found.query == q].sum() == 5
