"""What print says alone, fitted on readings that a test writes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from simsearch.core.errors import TrainingError
from simsearch.core.types import Description
from simsearch.features.reading import encode
from simsearch.recognition.calibration import NOTHING, Calibration
from simsearch.recognition.print_alone import ALONE_FALLING, ALONE_FEATURES
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.recognition.verification import Verifier
from simsearch.testing.readers import reading
from simsearch.training.calibrate import Sample
from simsearch.training.calibrate_alone import alone_pairs, fit_alone, with_alone

BASE = Calibration(Fusion(("cosine",), (0.0,), (1.0,), (1.0,), 0.0), Monotone(), {"match": 0.99, "pair": 0.5}, {}, {})
SYLLABLES = "bex quiv velo xilo ibra orbi penta acto zint mora luna keto".split()
NAMES = [f"{a}{b}an" for a in SYLLABLES for b in SYLLABLES if a != b]


@dataclass
class Points:
    """A verifier that finds the same number of agreeing points in any two pictures."""

    inliers: int = 0

    def geometry(self, query: Description, other: Description) -> Any:
        return self


def described(text: str) -> Description:
    return Description({"reading": encode(reading(text))})


def sample(products: int = 20) -> Sample:
    """Of each product a carton and a strip; and as many cartons of products of which there is one photo."""
    skus, photos = [], []
    for i in range(products):
        name, drug, maker = NAMES[i].upper(), f"{NAMES[60 + i]}il", f"{NAMES[110 - i % 5]}ex"
        skus += [f"p{i}", f"p{i}", f"u{i}"]
        dose = f"{100 + 10 * i} mg"
        photos += [
            described(f"{name}\n{drug} {dose}\n{maker} pharma\n30 film coated tablets"),
            described(f"{name} {dose}\n{drug} tablets\n30 tablets"),
            described(f"{NAMES[40 + i].upper()}\n{drug} {dose}\n{maker} pharma\n20 film coated tablets"),
        ]
    return Sample(skus, photos)


def verifier(inliers: int = 0) -> Verifier:
    return cast("Verifier", Points(inliers))


def test_faces_are_told_by_their_words() -> None:
    of = sample()
    pairs = alone_pairs(of, verifier(), 5)
    assert pairs.rows.shape == (len(pairs.same), len(ALONE_FEATURES))
    made = with_alone(BASE, pairs, of, 0.05, {"table": "t.csv"})
    assert made.alone is not None
    assert made.alone.names == ALONE_FEATURES
    p = made.alone.probability(pairs.rows)
    assert p[pairs.same].min() > max(0.5, p[~pairs.same].max())
    assert made.thresholds["match"] == 0.99
    assert 0 < made.thresholds["match_alone"] < 0.99
    facts = made.facts["print_alone"]
    assert (facts["table"], facts["photos"], facts["right_accepted"]) == ("t.csv", 60, 1.0)
    assert made == with_alone(BASE, alone_pairs(of, verifier(), 5), of, 0.05, {"table": "t.csv"})


def test_only_a_pair_with_name_strength_and_pack_can_match() -> None:
    of = sample()
    pairs = alone_pairs(of, verifier(), 5)
    assert pairs.may_match[pairs.same].all()
    assert not pairs.may_match[~pairs.same].any()  # the brand differs
    bare = [
        described(f"{NAMES[i // 3].upper()} {100 + 10 * (i // 3)} mg") if i % 3 == 1 else d
        for i, d in enumerate(of.described)
    ]
    assert not alone_pairs(Sample(of.skus, bare), verifier(), 5).may_match.any(), "no pack"
    weak = Sample(
        of.skus, [described("tablets\n10 mg\n30 tablets") if i % 3 == 1 else d for i, d in enumerate(of.described)]
    )
    found = alone_pairs(weak, verifier(), 5)
    assert not found.may_match[found.same].any()


def test_a_wrong_pair_whose_pictures_agree_is_judged_by_them() -> None:
    twins = [described("QUIVIRAN 40 mg\nomeprazole\n14 capsules") for _ in range(2)]
    of = sample()
    both = Sample([*of.skus, "a", "b"], [*of.described, *twins])

    def may(inliers: int) -> int:
        pairs = alone_pairs(both, verifier(inliers), 5)
        return int((pairs.may_match & ~pairs.same).sum())

    assert (may(0), may(9), may(10)) == (2, 2, 0)


def test_a_threshold_lets_no_more_through_than_is_asked_for() -> None:
    of = sample()
    twins = [described("QUIVIRAN 40 mg\nomeprazole tablets\nkestrel\n14 tablets") for _ in range(2)]
    both = Sample([*of.skus, "a", "b"], [*of.described, *twins])
    made = with_alone(BASE, alone_pairs(both, verifier(), 5), both, 0.005, {})
    assert not made.facts["print_alone"]["far_shown"]
    assert made.alone is not None
    pairs = alone_pairs(both, verifier(), 5)
    wrong = made.alone.probability(pairs.rows[pairs.may_match & ~pairs.same])
    assert wrong.max() < made.thresholds["match_alone"] <= NOTHING


def test_columns_keep_their_direction() -> None:
    pairs = alone_pairs(sample(), verifier(), 5)
    rows = pairs.rows.copy()
    for column in ALONE_FALLING:  # a sample that says the contrary
        rows[:, ALONE_FEATURES.index(column)] += 2.0 * pairs.same
    weights = dict(zip(ALONE_FEATURES, fit_alone(rows, pairs.same).weights, strict=True))
    assert all(weights[column] <= 0 for column in ALONE_FALLING)


def test_too_few_products_are_refused() -> None:
    few = sample(6)
    with pytest.raises(TrainingError, match="the calibration of print alone needs 8 or more products"):
        with_alone(BASE, alone_pairs(few, verifier(), 5), few, 0.05, {})


def test_photos_of_other_faces_take_part_in_no_other_fit() -> None:
    of = Sample(
        ["a", "a", "b", "c"], [Description({"n": np.array([i])}) for i in range(4)], frozenset({3}), frozenset({1})
    )
    rest, places = of.without_faces()
    assert (list(rest.skus), places) == (["a", "b", "c"], [0, 2, 3])
    assert (rest.distractors, rest.faces) == (frozenset({2}), frozenset())
    assert [int(d["n"][0]) for d in rest.described] == [0, 2, 3]
    assert (of.several, rest.several) == (["a"], [])
