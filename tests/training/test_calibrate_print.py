"""What print adds to a probability, fitted on comparisons that a test writes down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simsearch.core.errors import TrainingError
from simsearch.recognition.calibration import LOGIT, Calibration
from simsearch.recognition.printed import FALLING, PRINT_FEATURES
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.training.calibrate import Sample
from simsearch.training.calibrate_print import COLUMNS, PrintPairs, fit, with_print

PRODUCTS, EACH = 20, 3
BASE = Calibration(Fusion(("cosine",), (0.0,), (1.0,), (1.0,), 0.0), Monotone(), {"match": 0.99, "pair": 0.5}, {}, {})
SAMPLE = Sample([f"p{i // EACH}" for i in range(PRODUCTS * EACH)], [])


def pairs(seed: int = 7) -> PrintPairs:
    """Each photo asks: its product's next photo agrees in print, and the next product's does not."""
    rng = np.random.default_rng(seed)
    photos = np.arange(len(SAMPLE.skus))
    right = photos // EACH * EACH + (photos + 1) % EACH
    wrong = (photos + EACH) % len(photos)
    same = np.repeat([True, False], len(photos))
    rows = rng.normal(0.0, 1.0, (len(same), len(COLUMNS)))
    rows[:, COLUMNS.index("text_likeness")] += 6.0 * same
    none = np.zeros(len(same), bool)
    return PrintPairs(rows, same, none, none, np.concatenate([photos, photos]), np.concatenate([right, wrong]))


def test_print_separates_what_looks_alike() -> None:
    made = with_print(BASE, pairs(), SAMPLE, 0.01, {"table": "t.csv"})
    assert made.printed is not None
    assert made.printed.names == COLUMNS == (LOGIT, *PRINT_FEATURES)
    p = made.printed.probability(pairs(8).rows)
    assert (p[pairs().same] > 0.5).mean() > 0.95
    assert (p[~pairs().same] < 0.5).mean() > 0.95
    assert made.thresholds["match"] == 0.99
    assert 0.1 < made.thresholds["match_print"] < 1
    assert made.facts["print"]["photos"] == PRODUCTS * EACH
    assert made.facts["print"]["table"] == "t.csv"


def test_two_fits_are_equal() -> None:
    made = [with_print(BASE, pairs(), SAMPLE, 0.01, {}) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].digest() == made[1].digest() != BASE.digest()


def test_columns_keep_their_direction() -> None:
    found = pairs()
    rows = found.rows.copy()
    for column in FALLING:  # a sample that says the contrary
        rows[:, COLUMNS.index(column)] += 2.0 * found.same
    weights = dict(zip(COLUMNS, fit(rows, found.same).weights, strict=True))
    assert all(weights[column] <= 0 for column in FALLING)
    assert weights["text_likeness"] > 0


def test_the_threshold_is_that_of_photos_whose_product_is_missing() -> None:
    found = pairs()
    made = with_print(BASE, found, SAMPLE, 0.05, {})
    assert made.printed is not None
    wrong = made.printed.probability(found.rows[~found.same])
    assert (wrong >= made.thresholds["match_print"]).mean() <= 0.1


def test_what_print_contradicts_takes_no_part() -> None:
    found = pairs()
    certain = found.rows.copy()
    certain[~found.same] += 100.0  # would turn the fit round
    ruled_out = replace(found, rows=np.where(found.same[:, None], found.rows, certain), contradicted=~found.same)
    kept = replace(
        found,
        **{
            name: np.concatenate([getattr(ruled_out, name), getattr(found, name)])
            for name in ("rows", "same", "contradicted", "doubted", "query", "other")
        },
    )
    made = with_print(BASE, kept, SAMPLE, 0.05, {})
    assert made.facts["print"]["contradicted_wrong_pairs"] == len(SAMPLE.skus)
    assert made.printed is not None
    assert (made.printed.probability(found.rows[~found.same]) < 0.5).mean() > 0.9


def test_pairs_in_doubt_teach_and_do_not_raise_the_threshold() -> None:
    found = pairs()
    rows = found.rows.copy()
    wrong = np.flatnonzero(~found.same)[:6]
    rows[wrong, COLUMNS.index("text_likeness")] += 8.0  # as alike as right ones
    plain, doubted = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    doubted[wrong] = True
    made = [with_print(BASE, replace(found, rows=rows, doubted=each), SAMPLE, 0.02, {}) for each in (plain, doubted)]
    assert made[0].printed == made[1].printed
    assert made[1].thresholds["match_print"] < made[0].thresholds["match_print"]
    assert (made[1].facts["print"]["doubted_right_pairs"], made[1].facts["print"]["doubted_wrong_pairs"]) == (0, 6)


def test_too_few_products_are_refused() -> None:
    few = Sample([f"p{i // EACH}" for i in range(6)], [])
    found = pairs()
    here = np.flatnonzero((found.query < 6) & (found.other < 6))
    part = PrintPairs(*(getattr(found, n)[here] for n in ("rows", "same", "contradicted", "doubted", "query", "other")))
    with pytest.raises(TrainingError, match="the calibration of print needs 8 or more products"):
        with_print(BASE, part, few, 0.01, {})
